#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/callbacks.h"
#include "fovea/data.h"
#include "fovea/losses.h"
#include "fovea/metrics.h"
#include "fovea/optimizers.h"

namespace fovea {

/// Something for each output of a model: one for all there are, a list in their order, or by their layers'
/// names.
template <class T>
class PerOutput {
 public:
  PerOutput() = default;
  template <class From, class = std::enable_if_t<std::is_convertible_v<From, T>>>
  PerOutput(const From& one) : list_{T(one)} {}
  PerOutput(std::initializer_list<T> list) : list_(list) {}
  PerOutput(std::vector<T> list) : list_(std::move(list)) {}
  PerOutput(std::map<std::string, T> by_name) : by_name_(std::move(by_name)) {}
  PerOutput(std::initializer_list<std::pair<const std::string, T>> by_name) : by_name_(by_name) {}

  bool empty() const { return list_.empty() && by_name_.empty(); }
  const std::vector<T>& list() const { return list_; }
  const std::map<std::string, T>& by_name() const { return by_name_; }

 private:
  std::vector<T> list_;
  std::map<std::string, T> by_name_;
};

/// The metrics of a model: a list for its one output, {"acc", "mse"}; by output, {{"age", {"mae"}}, {"face",
/// {"acc"}}}.
class MetricList {
 public:
  MetricList() = default;
  MetricList(const char* one) : list_{Metric(one)} {}
  MetricList(const std::string& one) : list_{Metric(one)} {}
  MetricList(std::initializer_list<Metric> list) : list_(list) {}
  MetricList(std::vector<Metric> list) : list_(std::move(list)) {}
  MetricList(std::initializer_list<std::pair<const std::string, std::vector<Metric>>> by_name)
      : by_name_(by_name) {}
  MetricList(std::map<std::string, std::vector<Metric>> by_name) : by_name_(std::move(by_name)) {}

  bool empty() const { return list_.empty() && by_name_.empty(); }
  const std::vector<Metric>& list() const { return list_; }
  const std::map<std::string, std::vector<Metric>>& by_name() const { return by_name_; }

 private:
  std::vector<Metric> list_;
  std::map<std::string, std::vector<Metric>> by_name_;
};

struct CompileOptions {
  Optimizer optimizer = "rmsprop";
  PerOutput<Loss> loss = {};
  PerOutput<double> loss_weights = {};
  MetricList metrics = {};           ///< do not see sample weights
  MetricList weighted_metrics = {};  ///< do
};

/// How often a class counts in the loss; one that is not named counts once.
using ClassWeights = std::map<std::int64_t, double>;

struct FitOptions {
  std::int64_t batch_size = 32;
  std::int64_t epochs = 1;
  double validation_split = 0;  ///< the last part of the data, before any shuffle
  DatasetPtr validation_data = {};
  std::int64_t validation_batch_size = 0;  ///< 0: as batch_size
  std::int64_t validation_steps = 0;       ///< 0: all
  std::int64_t validation_freq = 1;
  bool shuffle = true;
  ClassWeights class_weight = {};
  Tensor sample_weight = {};  ///< (N), for fit on arrays; a Dataset brings its own
  std::int64_t initial_epoch = 0;
  std::int64_t steps_per_epoch = 0;  ///< 0: all batches
  int verbose = 0;                   ///< 1: a progress bar on standard output, 2: a line an epoch
  std::vector<CallbackHandle> callbacks = {};
  int workers = 1;  ///< threads that load ahead; 0: none
};

struct EvaluateOptions {
  std::int64_t batch_size = 32;
  Tensor sample_weight = {};  ///< (N), for evaluate on arrays
  std::int64_t steps = 0;     ///< 0: all batches
  std::vector<CallbackHandle> callbacks = {};
  int workers = 1;
};

struct PredictOptions {
  std::int64_t batch_size = 32;
  std::int64_t steps = 0;
  std::vector<CallbackHandle> callbacks = {};
};

/// Threads that models compute with; 0, the default, means one per core. Results do not depend on it.
void set_threads(int threads);
/// "cpu" (the default) or "reference": slow formulas that the fast kernels are judged by.
void set_backend(std::string_view name);
/// Whether models that predict and evaluate keep weights in the forms that kernels read (folded, packed,
/// transformed) beside their own, which is the default, or make them again in each run: that takes one to
/// two and a half sizes of the weights less memory and is slower, most of all with single images. For what
/// is predicted from now on.
void set_prepacking(bool wanted);

}  // namespace fovea
