#include "confusion.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "core/atomic_file.h"
#include "core/csv.h"
#include "fovea/training.h"
#include "metrics/metric_support.h"
#include "models/model_impl.h"
#include "report.h"

namespace fovea::program {
namespace {

class ConfusionMetric final : public MetricImpl {
 public:
  ConfusionMetric(const Task& task, double threshold, std::shared_ptr<ConfusionMatrix> matrix)
      : task_(task), threshold_(threshold), matrix_(std::move(matrix)) {
    name = kConfusion;
  }
  std::string_view class_name() const override { return "Confusion"; }
  void reset() override { matrix_->reset(); }
  void update(const Tensor& y_true, const Tensor& y_pred, const Tensor*) override {
    const Reader labels(y_true), predictions(y_pred);
    const std::int64_t count = y_pred.shape()[0], outputs = task_.outputs;
    const std::int64_t width = task_.labels == LabelForm::one_hot ? outputs : 1;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto label =
          width > 1 ? index_of_largest({labels, i * width, 1}, width) : static_cast<std::int64_t>(labels[i]);
      const auto prediction = outputs > 1 ? index_of_largest({predictions, i * outputs, 1}, outputs)
                                          : static_cast<std::int64_t>(predictions[i] > threshold_);
      matrix_->add(label, prediction, 1);
    }
  }
  /// The share on the diagonal.
  double result() const override {
    double right = 0, all = 0;
    for (std::int64_t i = 0; i < matrix_->classes(); ++i) {
      right += matrix_->at(i, i);
      all += matrix_->of_label(i);
    }
    return all > 0 ? right / all : 0;
  }
  /// Counts into the same matrix, from where its user reads it.
  std::shared_ptr<MetricImpl> fresh() const override {
    matrix_->reset();
    return std::make_shared<ConfusionMetric>(task_, threshold_, matrix_);
  }

 private:
  Task task_;
  double threshold_;
  std::shared_ptr<ConfusionMatrix> matrix_;
};

MetricList with(const MetricList& list, const std::string& output, const Metric& metric) {
  if (!list.by_name().empty()) {
    auto by_name = list.by_name();
    by_name[output].push_back(metric);
    return by_name;
  }
  std::vector<Metric> metrics = list.list();
  metrics.push_back(metric);
  return metrics;
}

std::string share(double part, double all) { return all > 0 ? percent(part / all) : "-"; }

}  // namespace

std::shared_ptr<const ConfusionMatrix> count_confusions(const Model& model, const Task& task,
                                                        std::int64_t classes) {
  const auto& impl = static_cast<const ModelImpl&>(*model.impl());
  auto matrix = std::make_shared<ConfusionMatrix>(classes);
  const double threshold = final_activation(model) == "linear" ? 0 : 0.5;
  CompileOptions options = impl.compiled->options;
  const std::string output = impl.outputs()[0].call()->layer->name;
  options.metrics =
      with(options.metrics, output, Metric(std::make_shared<ConfusionMetric>(task, threshold, matrix)));
  model.compile(options);
  return matrix;
}

void print_confusions(const ConfusionMatrix& matrix, const std::vector<std::string>& class_names) {
  constexpr std::size_t kMostRows = 30, kMostLetters = 18;
  const auto recall = [&](std::int64_t c) {
    const double images = matrix.of_label(c);
    return images > 0 ? matrix.at(c, c) / images : 2;  // what has none comes last
  };
  std::vector<std::int64_t> rows(class_names.size());
  std::iota(rows.begin(), rows.end(), 0);
  const bool all = rows.size() <= kMostRows;
  if (!all) {
    std::stable_sort(rows.begin(), rows.end(),
                     [&](std::int64_t a, std::int64_t b) { return recall(a) < recall(b); });
    rows.resize(kMostRows);
  }
  const auto shown = [&](std::int64_t c) {
    return shortened(class_names[static_cast<std::size_t>(c)], kMostLetters);
  };
  if (!all) {
    fmt::print("\n");
    print_text(fmt::format("The {} classes that are recognised the least often:", kMostRows));
  }
  fmt::print("\n{:<18}  {:>6}  {:>7}  {:>9}  {}\n", "class", "images", "recall", "precision",
             "mostly mistaken for");
  for (const std::int64_t c : rows) {
    std::int64_t other = -1;
    for (std::int64_t p = 0; p < matrix.classes(); ++p) {
      if (p != c && matrix.at(c, p) > (other < 0 ? 0 : matrix.at(c, other))) other = p;
    }
    const std::string instead =
        other < 0 ? "" : fmt::format("{} ({:.0f})", shown(other), matrix.at(c, other));
    const std::string line = fmt::format("{:<18}  {:>6.0f}  {:>7}  {:>9}  {}", shown(c), matrix.of_label(c),
                                         share(matrix.at(c, c), matrix.of_label(c)),
                                         share(matrix.at(c, c), matrix.of_prediction(c)), instead);
    fmt::print("{}\n", std::string_view(line).substr(0, line.find_last_not_of(' ') + 1));
  }
}

void write_confusions(const std::string& path, const ConfusionMatrix& matrix,
                      const std::vector<std::string>& class_names) {
  std::string text = "class";
  for (const std::string& name : class_names) text += ',' + csv_field(name);
  text += "\r\n";
  for (std::int64_t label = 0; label < matrix.classes(); ++label) {
    text += csv_field(class_names[static_cast<std::size_t>(label)]);
    for (std::int64_t c = 0; c < matrix.classes(); ++c) text += fmt::format(",{:.0f}", matrix.at(label, c));
    text += "\r\n";
  }
  write_atomically(path, text);
}

}  // namespace fovea::program
