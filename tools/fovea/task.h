#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/data.h"
#include "fovea/model.h"

namespace fovea::program {

enum class LabelForm : std::uint8_t { integer, binary, one_hot };

/// What a classifier is asked for: how many outputs, which loss, and labels in which form.
struct Task {
  std::int64_t outputs = 1;
  std::string loss;
  bool from_logits = false;  ///< the model's outputs are no probabilities yet
  LabelForm labels = LabelForm::integer;
  std::string reason;  ///< why this loss, in words
};

/// For a new model: two classes share one sigmoid and binary_crossentropy, more get softmax and
/// sparse_categorical_crossentropy, unless `loss` says otherwise. Throws UsageError when it does not suit.
Task task_for_classes(std::int64_t classes, const std::optional<std::string>& loss);
/// For a model that exists; throws Error when its outputs do not suit the number of classes.
Task task_for_model(const Model& model, std::int64_t classes, const std::optional<std::string>& loss);
/// For a model that was compiled when it was saved: the form of labels its loss wants.
Task task_of_compiled(const Model& model, std::int64_t classes);

Loss loss_of(const Task& task);
/// The dataset with its integer labels in that form.
DatasetPtr with_labels(DatasetPtr dataset, LabelForm form, std::int64_t classes);

/// "softmax", "sigmoid" or "linear": what the model's outputs went through last; "" when that is not known.
std::string final_activation(const Model& model);

}  // namespace fovea::program
