#include "conformance/golden_models.h"

#include "conformance/layer_cases.h"
#include "core/format.h"
#include "optimizers/optimizer_impl.h"

namespace fovea::testing {

Model model_from(const Json& object, DType dtype) {
  if (object.at("class_name") != "Sequential") fail("model_from: only Sequential models are read here");
  std::vector<Layer> layers;
  for (const Json& layer : object.at("config").at("layers")) {
    layers.emplace_back(layer_from(layer.at("class_name").get<std::string>(), layer.at("config"), dtype));
  }
  return Sequential(layers, {.name = object.at("config").at("name").get<std::string>()});
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
