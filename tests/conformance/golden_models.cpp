#include "conformance/golden_models.h"

#include "optimizers/optimizer_impl.h"

namespace fovea::testing {

Model model_from(const Json& object, DType dtype) {
  std::string json = object.dump();
  const std::string from(name(DType::float32)), to(name(dtype));
  for (std::size_t at = json.find(from); at != std::string::npos; at = json.find(from, at + to.size()))
    json.replace(at, from.size(), to);
  return model_from_json(json);
}

Batch batch_of(const Tensor& x, const Tensor& y, const Tensor& weights) {
  Batch batch;
  batch.inputs = {x};
  batch.targets = {y};
  if (!weights.empty()) batch.weights = {weights};
  batch.count = x.shape()[0];
  return batch;
}

TrainedOnce train_once(const Model& model, const Loss& loss, const Batch& batch) {
  model.compile({.optimizer = SGD({.learning_rate = 1, .momentum = 0.5}), .loss = loss});
  TrainedOnce result;
  result.loss = model.train_on_batch(batch)["loss"];
  for (const Variable& variable : model.trainable_weights()) {
    Tensor gradient = model.optimizer().impl()->slots_of(variable)[0].value().clone();
    const auto negate = [&](auto* data) {
      for (std::int64_t i = 0; i < gradient.size(); ++i) data[i] = -data[i];
    };
    if (gradient.dtype() == DType::float64) {
      negate(gradient.data<double>());
    } else {
      negate(gradient.data<float>());
    }
    result.gradients.push_back(gradient);
  }
  return result;
}

}  // namespace fovea::testing
