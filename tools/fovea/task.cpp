#include "task.h"

#include <utility>

#include "core/format.h"
#include "core/json_fields.h"
#include "errors.h"
#include "models/model_impl.h"

namespace fovea::program {
namespace {

class Relabelled final : public Dataset {
 public:
  Relabelled(DatasetPtr base, LabelForm form, std::int64_t classes)
      : base_(std::move(base)), form_(form), classes_(classes) {}

  std::int64_t size() const override { return base_->size(); }
  std::vector<TensorSpec> inputs() const override { return base_->inputs(); }
  std::vector<TensorSpec> targets() const override {
    return {{Shape{form_ == LabelForm::binary ? 1 : classes_}, DType::float32}};
  }
  std::int64_t sample_id(std::int64_t position) const override { return base_->sample_id(position); }
  std::vector<std::string> class_names() const override { return base_->class_names(); }

  void load(std::int64_t position, std::int64_t row, Batch& into) const override {
    // The base writes inputs in place, but its label into integers of this thread.
    thread_local Tensor labels(Shape{64}, DType::int32);
    if (labels.size() <= row) labels = Tensor(Shape{2 * row}, DType::int32);
    Batch below;
    below.inputs = into.inputs;
    below.targets = {labels};
    base_->load(position, row, below);
    const std::int32_t label = labels.data<std::int32_t>()[row];
    const std::span<float> out = row_of<float>(into.targets[0], row);
    if (form_ == LabelForm::binary) {
      out[0] = static_cast<float>(label);
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    out[static_cast<std::size_t>(label)] = 1;
  }

 private:
  DatasetPtr base_;
  LabelForm form_;
  std::int64_t classes_;
};

bool is(const Loss& loss, std::string_view class_name) { return loss.impl()->class_name() == class_name; }

/// The form of labels that a loss wants on so many outputs.
LabelForm labels_for(const Loss& loss, std::int64_t outputs) {
  if (is(loss, "SparseCategoricalCrossentropy")) return LabelForm::integer;
  return outputs == 1 ? LabelForm::binary : LabelForm::one_hot;
}

std::string default_loss(std::int64_t outputs) {
  return outputs == 1 ? "binary_crossentropy" : "sparse_categorical_crossentropy";
}

std::string reason_for(const std::optional<std::string>& loss, std::int64_t classes, std::int64_t outputs) {
  if (loss) return "as asked";
  return outputs == 1 ? "two classes: one output" : fmt::format("{} classes: an output for each", classes);
}

void require_outputs(const Model& model, std::int64_t outputs, std::int64_t classes) {
  if (outputs == classes || (outputs == 1 && classes == 2)) return;
  fail("the data has {} classes, but model '{}' has {} {}; `fovea finetune` gives a model a new head",
       classes, model.name(), outputs, outputs == 1 ? "output, which tells two apart" : "outputs");
}

std::int64_t outputs_of(const Model& model) {
  if (model.outputs().size() != 1 || model.outputs()[0].shape().rank() != 2) {
    fail("model '{}' is no classifier: it must have one output of shape (None, classes)", model.name());
  }
  return model.outputs()[0].shape()[1];
}

}  // namespace

Task task_for_classes(std::int64_t classes, const std::optional<std::string>& wanted) {
  Task task;
  task.outputs = classes == 2 ? 1 : classes;
  if (wanted) {
    const Loss loss(*wanted);
    if (is(loss, "BinaryCrossentropy") && classes != 2) {
      usage_error("--loss {} is for two classes, the data has {}; leave --loss out", *wanted, classes);
    }
    if (is(loss, "CategoricalCrossentropy") || is(loss, "SparseCategoricalCrossentropy"))
      task.outputs = classes;
  }
  task.loss = wanted.value_or(default_loss(task.outputs));
  task.labels = labels_for(Loss(task.loss), task.outputs);
  task.reason = reason_for(wanted, classes, task.outputs);
  return task;
}

Task task_for_model(const Model& model, std::int64_t classes, const std::optional<std::string>& wanted) {
  Task task;
  task.outputs = outputs_of(model);
  require_outputs(model, task.outputs, classes);
  task.loss = wanted.value_or(default_loss(task.outputs));
  task.from_logits = final_activation(model) == "linear";
  task.labels = labels_for(Loss(task.loss), task.outputs);
  task.reason = reason_for(wanted, classes, task.outputs);
  if (task.from_logits) task.reason += "; the model ends without an activation, so it gives logits";
  return task;
}

Task task_of_compiled(const Model& model, std::int64_t classes) {
  Task task;
  task.outputs = outputs_of(model);
  require_outputs(model, task.outputs, classes);
  const auto& impl = static_cast<const ModelImpl&>(*model.impl());
  const Loss& loss = impl.compiled->losses[0];
  if (!loss) fail("model '{}' was compiled without a loss", model.name());
  task.loss = loss.impl()->name;
  task.labels = labels_for(loss, task.outputs);
  task.reason = "the model's own";
  return task;
}

Loss loss_of(const Task& task) {
  const Loss loss(task.loss);
  if (!task.from_logits) return loss;
  if (is(loss, "BinaryCrossentropy")) return losses::BinaryCrossentropy({.from_logits = true});
  if (is(loss, "CategoricalCrossentropy")) return losses::CategoricalCrossentropy({.from_logits = true});
  if (is(loss, "SparseCategoricalCrossentropy")) {
    return losses::SparseCategoricalCrossentropy({.from_logits = true});
  }
  return loss;
}

DatasetPtr with_labels(DatasetPtr dataset, LabelForm form, std::int64_t classes) {
  if (!dataset || form == LabelForm::integer) return dataset;
  return std::make_shared<Relabelled>(std::move(dataset), form, classes);
}

std::string final_activation(const Model& model) {
  std::shared_ptr<LayerImpl> layer = model.impl();
  while (const ModelImpl* inner = as_model(*layer)) layer = inner->outputs()[0].call()->layer;
  if (layer->class_name() == "Softmax") return "softmax";
  const Json config = write_config(*layer);
  const auto found = config.find("activation");
  return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace fovea::program
