#include "fovea/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "conformance/golden_models.h"
#include "core/format.h"
#include "support/compare.h"
#include "support/golden.h"
#include "support/names.h"

// Metrics batch by batch, and what a string in compile's metrics becomes.

namespace fovea::testing {
namespace {

/// Keras sums in float32, ours in double.
constexpr Tolerance kRounding{.of_element = 1e-6, .of_largest = 0, .absolute = 1e-9};

const std::set<std::string> kClasses = {"BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy",
                                        "MeanSquaredError", "MeanAbsoluteError"};

/// Cases of metrics that fovea does not have.
const std::set<std::string> kOtherClasses = {"auc",
                                             "auc_sample_weight",
                                             "binary_crossentropy",
                                             "binary_crossentropy_sample_weight",
                                             "categorical_crossentropy",
                                             "categorical_crossentropy_sample_weight",
                                             "compiled_string_bce",
                                             "compiled_string_binary_crossentropy",
                                             "precision",
                                             "precision_sample_weight",
                                             "precision_threshold",
                                             "precision_threshold_sample_weight",
                                             "recall",
                                             "recall_sample_weight",
                                             "root_mean_squared_error",
                                             "root_mean_squared_error_sample_weight",
                                             "sparse_categorical_crossentropy",
                                             "sparse_categorical_crossentropy_sample_weight",
                                             "sparse_top_k_categorical_accuracy_k2",
                                             "sparse_top_k_categorical_accuracy_k2_sample_weight",
                                             "top_k_categorical_accuracy_k2",
                                             "top_k_categorical_accuracy_k2_sample_weight"};

std::vector<std::string> cases(bool compiled) {
  std::vector<std::string> names;
  for (const std::string& name : golden_cases("metrics")) {
    if (kOtherClasses.count(name) == 0 && (name.rfind("compiled_", 0) == 0) == compiled)
      names.push_back(name);
  }
  return names;
}

Tensor scalar_of(double value) { return Tensor::of<float>({}, {static_cast<float>(value)}); }

Metric metric_from(const Json& object) {
  Metric metric(object.at("class_name").get<std::string>());
  read_config(*metric.impl(), object.at("config"), "metric");
  return metric;
}

Tensor weights_of(const Json& batch) {
  return batch.at("sample_weight").is_null() ? Tensor() : tensor_from(batch.at("sample_weight"));
}

class GoldenMetrics : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenMetrics, AreWhatKerasComputesAfterEachBatch) {
  const Json file = golden("metrics", GetParam());
  const auto metric = metric_from(file.at("metric")).impl();
  EXPECT_EQ(metric->class_name(), file.at("class_name").get<std::string>());
  for (const bool again : {false, true}) {
    metric->reset();
    for (std::size_t i = 0; i < file.at("batches").size(); ++i) {
      SCOPED_TRACE(fmt::format("batch {}{}", i, again ? ", after a reset" : ""));
      const Json& batch = file.at("batches")[i];
      const Tensor weights = weights_of(batch);
      metric->update(tensor_from(batch.at("y_true")), tensor_from(batch.at("y_pred")),
                     weights.empty() ? nullptr : &weights);
      EXPECT_TRUE(near(scalar_of(metric->result()), tensor_from(file.at("results")[i]), kRounding));
    }
  }
  EXPECT_EQ(metric->fresh()->result(), 0) << "a fresh one has seen nothing";
  EXPECT_TRUE(same_options(*metric->fresh(), *metric));
}

TEST_P(GoldenMetrics, AreReadAndWrittenAsKerasWritesThem) {
  const Json object = golden("metrics", GetParam()).at("metric");
  EXPECT_EQ(write_config(*metric_from(object).impl()), object.at("config"));
}

INSTANTIATE_TEST_SUITE_P(Metrics, GoldenMetrics, ::testing::ValuesIn(cases(false)), CaseName());

/// A model that hands its input on, so that x is the prediction.
Model identity(const Tensor& predictions) {
  return Sequential({Input(predictions.shape().slice(1)), Activation("linear")});
}

class CompiledMetrics : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(CompiledMetrics, BecomeWhatKerasMakesOfThem) {
  const BackendScope scope(std::get<0>(GetParam()));
  const Json file = golden("metrics", std::get<1>(GetParam()));
  const std::string string = file.at("metric").get<std::string>(),
                    key = file.at("log_key").get<std::string>();
  const bool weighted = file.at("argument") == "weighted_metrics";
  const Model model = identity(tensor_from(file.at("batches")[0].at("y_pred")));
  const MetricList list = {Metric(string)};
  model.compile({.optimizer = "sgd",
                 .loss = file.at("compiled_loss").get<std::string>(),
                 .metrics = weighted ? MetricList{} : list,
                 .weighted_metrics = weighted ? list : MetricList{}});
  for (std::size_t i = 0; i < file.at("batches").size(); ++i) {
    SCOPED_TRACE(fmt::format("batch {}", i));
    const Json& batch = file.at("batches")[i];
    const Tensor y_true = tensor_from(batch.at("y_true")), y_pred = tensor_from(batch.at("y_pred"));
    const auto resolved = Metric(string).resolve(y_true.shape(), y_pred.shape());
    EXPECT_EQ(resolved->class_name(), file.at("class_name").get<std::string>());
    EXPECT_EQ(resolved->name, key);
    const Logs logs = model.test_on_batch(batch_of(y_pred, y_true, weights_of(batch)));
    EXPECT_EQ(logs.size(), 2U);
    EXPECT_TRUE(near(scalar_of(logs["loss"]), tensor_from(file.at("losses")[i]), kRounding));
    EXPECT_TRUE(near(scalar_of(logs[key]), tensor_from(file.at("results")[i]), kRounding));
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, CompiledMetrics,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(cases(true))), CaseName());

TEST(GoldenMetrics, OfOtherClassesAreKnownByName) {
  std::set<std::string> others;
  for (const std::string& name : golden_cases("metrics")) {
    const Json file = golden("metrics", name);
    const std::string class_name = file.at("class_name").get<std::string>();
    if (kClasses.count(class_name) != 0) continue;
    others.insert(name);
    EXPECT_THROW(Metric{class_name}, Error) << class_name << " is known now: run its cases";
  }
  EXPECT_EQ(others, kOtherClasses);
}

}  // namespace
}  // namespace fovea::testing
