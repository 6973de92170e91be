#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metrics/confusion_matrix.h"
#include "task.h"

namespace fovea::program {

/// Key of the metric that count_confusions() adds.
inline constexpr const char* kConfusion = "confusion";

/// Compiles the model anew with one metric more, which counts how often each class was taken for each in the
/// evaluation that follows.
std::shared_ptr<const ConfusionMatrix> count_confusions(const Model& model, const Task& task,
                                                        std::int64_t classes);

/// A line for each class, or for those that were recognised the least often of many: images, recall,
/// precision, and for what it was mostly taken instead.
void print_confusions(const ConfusionMatrix& matrix, const std::vector<std::string>& class_names);

/// As a .csv: a row for each class, a column for each that it was taken for.
void write_confusions(const std::string& path, const ConfusionMatrix& matrix,
                      const std::vector<std::string>& class_names);

}  // namespace fovea::program
