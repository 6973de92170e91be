#include <cmath>

#include "training/stepper.h"

// What must hold between data and model before a step can be planned or run.

namespace fovea {

TensorSpec batch_spec(const TensorSpec& sample, std::int64_t count) {
  Shape shape{count};
  for (const std::int64_t size : sample.shape) shape.push_back(size);
  return {shape, sample.dtype};
}

void check_input_specs(const ModelImpl& model, const std::vector<TensorSpec>& inputs) {
  if (inputs.size() != model.inputs().size()) {
    fail("Model '{}' has {} inputs. Received: data with {}", model.shown_name(), model.inputs().size(),
         inputs.size());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape wanted = model.inputs()[i].shape();
    const Shape given = batch_spec(inputs[i], Shape::unknown).shape;
    bool fits = wanted.rank() == given.rank();
    for (std::size_t axis = 1; fits && axis < wanted.rank(); ++axis) {
      const auto at = static_cast<std::ptrdiff_t>(axis);
      fits = wanted[at] == Shape::unknown || wanted[at] == given[at];
    }
    if (!fits) {
      fail("Model '{}': input {} ('{}') takes samples of shape {}. Received: {}", model.shown_name(), i,
           model.inputs()[i].call()->layer->name, wanted.slice(1).str(), inputs[i].shape.str());
    }
  }
}

void Stepper::check_inputs() const {
  check_input_specs(*model_, data_.inputs);
  if (data_.targets.size() != model_->outputs().size()) {
    fail("Model '{}' has {} outputs. Received: data with {} targets", model_->shown_name(),
         model_->outputs().size(), data_.targets.size());
  }
}

namespace {

template <class T>
void check_range(const Tensor& labels, std::int64_t count, const LabelRule& rule, const Loss& loss,
                 const Shape& prediction, const Batch& batch) {
  const std::int64_t width = count == 0 ? 0 : labels.size() / labels.shape()[0];
  const T* data = labels.data<T>();
  for (std::int64_t i = 0; i < count * width; ++i) {
    const auto label = static_cast<double>(data[i]);
    if (rule.except && label == static_cast<double>(*rule.except)) continue;
    if (label >= rule.low && label <= rule.high && (!rule.whole || label == std::floor(label))) continue;
    const auto row = static_cast<std::size_t>(i / width);
    const std::string sample =
        row < batch.sample_ids.size() ? fmt::format(" (sample {})", batch.sample_ids[row]) : "";
    const std::string advice =
        rule.whole ? "the last layer needs one unit for each class"
                   : "for more than two classes use sparse_categorical_crossentropy and a unit for each";
    fail("Label {}{} does not fit the loss {} on predictions of shape {}: labels are {} {} to {}; {}", label,
         sample, loss.impl()->name, prediction.str(), rule.whole ? "whole numbers from" : "numbers from",
         rule.low, rule.high, advice);
  }
}

}  // namespace

void Stepper::check_labels(const Batch& batch) const {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!compiled_->losses[i]) continue;
    const Shape& prediction = model_->outputs()[i].shape();
    const std::optional<LabelRule> rule = compiled_->losses[i].impl()->label_rule(prediction);
    if (!rule) continue;
    const Tensor& y = batch.targets[i];
    const auto check = [&]<class T>() {
      check_range<T>(y, batch.count, *rule, compiled_->losses[i], prediction, batch);
    };
    switch (y.dtype()) {
      case DType::float32:
        check.template operator()<float>();
        break;
      case DType::float64:
        check.template operator()<double>();
        break;
      case DType::int32:
        check.template operator()<std::int32_t>();
        break;
      case DType::int64:
        check.template operator()<std::int64_t>();
        break;
      case DType::uint8:
        check.template operator()<std::uint8_t>();
        break;
      case DType::bfloat16:
        check.template operator()<bfloat16>();
        break;
    }
  }
}

}  // namespace fovea
