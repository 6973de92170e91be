#include "fovea/metrics.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "conformance/golden_models.h"
#include "core/format.h"
#include "support/compare.h"
#include "support/errors.h"
#include "support/golden.h"
#include "support/names.h"

// Metrics batch by batch, and what a string in compile's metrics becomes.

namespace fovea::testing {
namespace {

/// Keras sums in float32, ours in double; its areas are differences of sums of about 1.
constexpr Tolerance kRounding{.of_element = 1e-6, .of_largest = 0, .absolute = 1e-9};
constexpr Tolerance kAreas{.of_element = 1e-6, .of_largest = 0, .absolute = 1e-7};

std::vector<std::string> cases(bool compiled) {
  std::vector<std::string> names;
  for (const std::string& name : golden_cases("metrics")) {
    if ((name.rfind("compiled_", 0) == 0) == compiled) names.push_back(name);
  }
  return names;
}

Tensor scalar_of(double value) { return Tensor::of<float>({}, {static_cast<float>(value)}); }

/// Read as a file's is: the string "Accuracy" alone means another.
Metric metric_from(const Json& object) {
  class Holder final : public Configurable {
   public:
    std::string_view class_name() const override { return "Holder"; }
    void fields(FieldVisitor& visitor) override { field(visitor, "metric", metric); }
    Metric metric;
  } holder;
  read_config(holder, {{"metric", object}}, "case");
  return holder.metric;
}

/// A case's metric, with the options that Keras does not save.
Json metric_object(const Json& file) {
  Json object = file.at("metric");
  if (file.contains("unsaved_options")) object.at("config").update(file.at("unsaved_options"));
  return object;
}

Tensor results_of(const MetricImpl& metric) {
  const std::vector<double> values = metric.results();
  const std::vector<float> rounded(values.begin(), values.end());
  return Tensor::of<float>(metric.is_single() ? Shape{} : Shape{static_cast<std::int64_t>(values.size())},
                           rounded);
}

Tensor weights_of(const Json& batch) {
  return batch.at("sample_weight").is_null() ? Tensor() : tensor_from(batch.at("sample_weight"));
}

class GoldenMetrics : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenMetrics, AreWhatKerasComputesAfterEachBatch) {
  const Json file = golden("metrics", GetParam());
  const auto metric = metric_from(metric_object(file)).impl();
  EXPECT_EQ(metric->class_name(), file.at("class_name").get<std::string>());
  for (const bool again : {false, true}) {
    metric->reset();
    for (std::size_t i = 0; i < file.at("batches").size(); ++i) {
      SCOPED_TRACE(fmt::format("batch {}{}", i, again ? ", after a reset" : ""));
      const Json& batch = file.at("batches")[i];
      const Tensor weights = weights_of(batch);
      metric->update(tensor_from(batch.at("y_true")), tensor_from(batch.at("y_pred")),
                     weights.empty() ? nullptr : &weights);
      EXPECT_TRUE(near(results_of(*metric), tensor_from(file.at("results")[i]),
                       metric->class_name() == "AUC" ? kAreas : kRounding));
    }
  }
  for (const double result : metric->fresh()->results()) EXPECT_EQ(result, 0) << "it has seen nothing";
  if (!metric->is_single()) {
    EXPECT_THROW(metric->result(), Error);
  }
  EXPECT_TRUE(same_options(*metric->fresh(), *metric));
}

TEST_P(GoldenMetrics, AreReadAndWrittenAsKerasWritesThem) {
  const Json object = metric_object(golden("metrics", GetParam()));
  EXPECT_EQ(write_config(*metric_from(object).impl()), object.at("config"));
}

INSTANTIATE_TEST_SUITE_P(Metrics, GoldenMetrics, ::testing::ValuesIn(cases(false)), CaseName());

/// Every class that Keras has a case of, every option off its default in some case.
TEST(MetricConfigs, StandOffTheirDefaultsInSomeCase) {
  std::map<std::string, std::set<std::string>> unchanged;
  for (const std::string& name : cases(false)) {
    const Json object = metric_object(golden("metrics", name));
    const std::string class_name = object.at("class_name").get<std::string>();
    const Json defaults = write_config(*metric_from({{"class_name", class_name}}).impl());
    if (unchanged.count(class_name) == 0) {
      for (const auto& [key, value] : defaults.items()) unchanged[class_name].insert(key);
    }
    for (const auto& [key, value] : object.at("config").items()) {
      if (!defaults.contains(key) || value != defaults.at(key)) unchanged[class_name].erase(key);
    }
  }
  for (const auto& [class_name, keys] : unchanged) {
    for (const std::string& key : keys) {
      // TensorFlow knows classes along the last axis only.
      const bool is_fixed = class_name == "SparseCategoricalCrossentropy" && key == "axis";
      EXPECT_TRUE(key == "name" || key == "dtype" || is_fixed) << class_name << " " << key;
    }
  }
}

/// A model that hands its input on, so that x is the prediction; or what goes into an activation.
Model identity(const Tensor& x, const std::string& activation) {
  return Sequential({Input(x.shape().slice(1)), Activation(activation)});
}

class CompiledMetrics : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(CompiledMetrics, BecomeWhatKerasMakesOfThem) {
  const BackendScope scope(std::get<0>(GetParam()));
  const Json file = golden("metrics", std::get<1>(GetParam()));
  const std::string string = file.at("metric").get<std::string>(),
                    key = file.at("log_key").get<std::string>();
  const bool weighted = file.at("argument") == "weighted_metrics";
  const Model model = identity(tensor_from(file.at("batches")[0].at("y_pred")),
                               file.value("activation", std::string("linear")));
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
    // A training step sees the same predictions: nothing here is trained.
    EXPECT_TRUE(near(scalar_of(model.train_on_batch(batch_of(y_pred, y_true, weights_of(batch)))[key]),
                     tensor_from(file.at("results")[i]), kRounding));
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, CompiledMetrics,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(cases(true))), CaseName());

TEST(MetricNames, AreKerass) {
  const std::map<std::string, std::string> names = {
      {"bce", "BinaryCrossentropy"},
      {"BCE", "BinaryCrossentropy"},
      {"mse", "MeanSquaredError"},
      {"MAE", "MeanAbsoluteError"},
      {"mape", "MeanAbsolutePercentageError"},
      {"MAPE", "MeanAbsolutePercentageError"},
      {"msle", "MeanSquaredLogarithmicError"},
      {"MSLE", "MeanSquaredLogarithmicError"},
      {"auc", "AUC"},
      {"f1_score", "F1Score"},
      {"f_beta_score", "FBetaScore"},
      {"binary_io_u", "BinaryIoU"},
      {"log_cosh_error", "LogCoshError"},
      {"kl_divergence", "KLDivergence"},
      {"true_positives", "TruePositives"},
      {"top_k_categorical_accuracy", "TopKCategoricalAccuracy"}};
  for (const auto& [name, class_name] : names) EXPECT_EQ(Metric(name).impl()->class_name(), class_name);
  EXPECT_THROW(Metric("log_cosh"), Error) << "that is a loss's name";
}

/// What mode "auto" of a callback goes by. Keras has no direction for counts; here right ones should grow.
TEST(MetricDirections, AreKerass) {
  const std::set<std::string> larger = {"Accuracy",
                                        "BinaryAccuracy",
                                        "CategoricalAccuracy",
                                        "SparseCategoricalAccuracy",
                                        "TopKCategoricalAccuracy",
                                        "SparseTopKCategoricalAccuracy",
                                        "CosineSimilarity",
                                        "Precision",
                                        "Recall",
                                        "PrecisionAtRecall",
                                        "RecallAtPrecision",
                                        "SensitivityAtSpecificity",
                                        "SpecificityAtSensitivity",
                                        "AUC",
                                        "F1Score",
                                        "FBetaScore",
                                        "IoU",
                                        "MeanIoU",
                                        "OneHotIoU",
                                        "OneHotMeanIoU",
                                        "BinaryIoU",
                                        "TruePositives",
                                        "TrueNegatives"};
  std::set<std::string> classes, found;
  for (const std::string& name : cases(false)) {
    const auto metric = metric_from(metric_object(golden("metrics", name))).impl();
    classes.emplace(metric->class_name());
    if (metric->larger_is_better()) found.emplace(metric->class_name());
  }
  EXPECT_EQ(classes.size(), 39U) << "every class has a case";
  EXPECT_EQ(found, larger);
}

TEST(MetricOptions, ThatMakeNoMetricAreRefused) {
  using namespace metrics;
  const std::vector<std::pair<std::function<void()>, std::string>> cases = {
      {[] {
         Precision({.thresholds = {0.5, 1.5}});
       },
       "Metric 'precision': thresholds must be in [0, 1]. Received: 1.5"},
      {[] { TruePositives({.thresholds = {-0.1}, .name = "tp"}); },
       "Metric 'tp': thresholds must be in [0, 1]. Received: -0.1"},
      {[] { Recall({.top_k = 0}); }, "Metric 'recall': top_k must be at least 1. Received: 0"},
      {[] { PrecisionAtRecall(1.5); },
       "Metric 'precision_at_recall': recall must be in [0, 1]. Received: 1.5"},
      {[] { SensitivityAtSpecificity(0.5, {.num_thresholds = 0}); },
       "Metric 'sensitivity_at_specificity': num_thresholds must be at least 1. Received: 0"},
      {[] { Metric("recall_at_precision").resolve({2}, {2}); },
       "Metric 'recall_at_precision': precision must be in [0, 1]. Received: nothing"},
      {[] { AUC({.num_thresholds = 1}); }, "Metric 'auc': num_thresholds must be at least 2. Received: 1"},
      {[] { AUC({.curve = "roc curve"}); },
       "Metric 'auc': curve must be one of 'ROC', 'PR', 'PRGAIN'. Received: 'roc curve'"},
      {[] { AUC({.summation_method = "sum"}); },
       "Metric 'auc': summation_method must be one of 'interpolation', 'majoring', 'minoring'. Received: "
       "'sum'"},
      {[] { AUC({.num_labels = 3}); }, "Metric 'auc': num_labels is for multi_label only. Received: 3"},
      {[] { F1Score({.average = "mean"}); },
       "Metric 'f1_score': average must be 'micro', 'macro', 'weighted' or nothing. Received: 'mean'"},
      {[] { FBetaScore({.beta = 0}); }, "Metric 'fbeta_score': beta must be above 0. Received: 0"},
      {[] { F1Score({.threshold = 0}); }, "Metric 'f1_score': threshold must be in (0, 1]. Received: 0"},
      {[] {
         IoU(3, {1, 3});
       },
       "Metric 'io_u': target class 3 is not one of the 3 classes"},
      {[] { IoU(3, {}); }, "Metric 'io_u': target_class_ids must be given"},
      {[] { Metric("MeanIoU").resolve({2}, {2}); },
       "Metric 'mean_io_u': num_classes must be given, and at least 1. Received: 0"},
  };
  for (const auto& [act, expected] : cases) EXPECT_EQ(error_of(act), expected);
}

TEST(MetricUpdates, ThatDoNotFitAreRefused) {
  using namespace metrics;
  const auto update = [](const Metric& metric, const Shape& y_true, const Shape& y_pred,
                         const Shape& weights) {
    return error_of([&] {
      const Tensor w(weights);
      metric.resolve(y_true, y_pred)
          ->update(Tensor(y_true), Tensor(y_pred), weights.rank() == 0 ? nullptr : &w);
    });
  };
  EXPECT_EQ(update(AUC(), {4, 2}, {4, 3}, {}),
            "Metric 'auc': labels of shape (4, 2) do not fit predictions of shape (4, 3)");
  EXPECT_EQ(update(AUC(), {4, 3}, {4, 3}, {5}), "Metric 'auc': 5 weights do not fit 4 samples");
  EXPECT_EQ(update(AUC({.multi_label = true}), {4, 3, 2}, {4, 3, 2}, {}),
            "Metric 'auc': with multi_label predictions are of shape (N, 2). Received: (4, 3, 2)");
  EXPECT_EQ(update(AUC({.multi_label = true, .num_labels = 2}), {4, 3}, {4, 3}, {}),
            "Metric 'auc': num_labels is 2, but predictions have 3 labels");
  EXPECT_EQ(update(AUC({.label_weights = {1, 2}}), {4, 3}, {4, 3}, {}),
            "Metric 'auc': 2 label_weights for predictions of shape (4, 3)");
  EXPECT_EQ(update(AUC({.multi_label = true, .label_weights = {1, 2}}), {4, 3}, {4, 3}, {}),
            "Metric 'auc': 2 label_weights for predictions of 3 labels");
  EXPECT_EQ(update(Precision({.class_id = 3}), {4, 3}, {4, 3}, {}),
            "Metric 'precision': class_id 3 needs predictions of shape (N, classes) with more classes. "
            "Received: (4, 3)");
  EXPECT_EQ(update(Precision({.top_k = 4}), {4, 3}, {4, 3}, {}),
            "Metric 'precision': top_k is 4, of predictions of shape (4, 3)");
  EXPECT_EQ(update(F1Score(), {4}, {4, 3}, {}),
            "Metric 'f1_score': labels and predictions are of shape (N, classes). Received: (4,) and (4, 3)");
  EXPECT_EQ(update(MeanIoU(3), {4}, {4, 3}, {}),
            "Metric 'mean_io_u': labels of shape (4,) do not fit predictions of shape (4, 3)");
  EXPECT_EQ(update(CosineSimilarity({.axis = 2}), {4, 3}, {4, 3}, {}),
            "Metric 'cosine_similarity': axis 2 is out of range for predictions of shape (4, 3)");
}

TEST(CompiledMetrics, HaveOneFigureEach) {
  const Model model = identity(Tensor({4, 3}), "linear");
  const auto compile = [&](const Metric& metric) {
    return error_of([&] { model.compile({.loss = "mse", .weighted_metrics = {metric}}); });
  };
  EXPECT_EQ(compile(metrics::F1Score({.average = "macro"})), "");
  EXPECT_EQ(compile(metrics::F1Score()),
            "compile: weighted_metrics holds 'f1_score', which has several figures, one for each class or "
            "threshold, and logs hold one for each metric; give it an average, or one threshold. Received: "
            "F1Score");
  EXPECT_NE(compile(metrics::Recall({.thresholds = {0.1, 0.2}})), "");
}

TEST(ConfusionMatrix, CountsWhatWasTakenForWhat) {
  const Tensor labels = Tensor::of<std::int32_t>({5}, {0, 2, 2, 1, 0}),
               predictions = Tensor::of<float>({5}, {0, 2, 1, 1, 2});
  const Tensor counts = metrics::confusion_matrix(labels, predictions);
  EXPECT_EQ(counts.spec(), (TensorSpec{{3, 3}, DType::int32}));
  const std::vector<std::int32_t> expected = {1, 0, 1, 0, 1, 0, 0, 1, 1};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), counts.data<std::int32_t>()));
  const Tensor weighted = metrics::confusion_matrix(
      labels, predictions, {.num_classes = 4, .weights = Tensor::of<float>({5}, {1, 2, 4, 8, 0.5F})});
  EXPECT_EQ(weighted.spec(), (TensorSpec{{4, 4}, DType::float64}));
  EXPECT_EQ(weighted.data<double>()[2], 0.5);
  EXPECT_EQ(weighted.data<double>()[4 + 1], 8);
  EXPECT_EQ(weighted.data<double>()[2 * 4 + 1], 4);
}

TEST(ConfusionMatrix, RefusesWhatIsNoClass) {
  const auto of = [](const Tensor& labels, const Tensor& predictions,
                     const metrics::ConfusionMatrixOptions& options) {
    return error_of([&] { metrics::confusion_matrix(labels, predictions, options); });
  };
  const Tensor two = Tensor::of<float>({2}, {0, 1});
  EXPECT_EQ(of(two, two, {.num_classes = 1}), "confusion_matrix: 1 is not one of 1 classes, from 0 to 0");
  EXPECT_EQ(of(two, Tensor::of<float>({2}, {0, -1}), {}),
            "confusion_matrix: predictions must be whole numbers from 0. Received: -1");
  EXPECT_EQ(of(Tensor::of<float>({2}, {0, 0.5F}), two, {}),
            "confusion_matrix: labels must be whole numbers from 0. Received: 0.5");
  EXPECT_EQ(of(two, Tensor({3}), {}),
            "confusion_matrix: labels and predictions must be of one shape (N). Received: (2,) and (3,)");
  EXPECT_EQ(of(two, two, {.weights = Tensor({3})}),
            "confusion_matrix: weights must have the labels' shape (2,). Received: (3,)");
}

}  // namespace
}  // namespace fovea::testing
