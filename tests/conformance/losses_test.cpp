#include "fovea/losses.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "conformance/golden_models.h"
#include "conformance/run_graph.h"
#include "support/compare.h"
#include "support/errors.h"
#include "support/golden.h"
#include "support/names.h"

// Losses as a training step computes them: their value, reduced and weighted, and the gradient of the
// predictions. The predictions are the weights of a layer, so that nothing stands between them and the loss.

namespace fovea::testing {
namespace {

/// Values are a few float32 sums; gradients at saturated probabilities are a float32 quotient's.
constexpr Tolerance kRounding{.of_element = 2e-6, .of_largest = 3e-7, .absolute = 0};

const std::string kBypass = "logit_bypass_";

std::vector<std::string> cases(bool bypass, bool reduced = true) {
  std::vector<std::string> names;
  for (const std::string& name : golden_cases("losses")) {
    if ((name.rfind(kBypass, 0) == 0) != bypass) continue;
    if (!bypass) {
      const Json file = golden("losses", name);
      const bool none = file.at("loss").at("config").at("reduction") == "none";
      if (none == reduced) continue;
    }
    names.push_back(name);
  }
  return names;
}

Loss loss_from(const Json& object) {
  Loss loss(object.at("class_name").get<std::string>());
  read_config(*loss.impl(), object.at("config"), "loss");
  return loss;
}

/// A case's loss, with the options that Keras does not save.
Json loss_object(const Json& file) {
  Json object = file.at("loss");
  if (file.contains("unsaved_options")) object.at("config").update(file.at("unsaved_options"));
  return object;
}

/// Its only weight is what it puts out, whatever it is called on.
class PredictionsLayer final : public LayerImpl {
 public:
  explicit PredictionsLayer(const Tensor& predictions) : predictions_(predictions) {
    dtype_policy = predictions.dtype();
  }
  std::string_view class_name() const override { return "Predictions"; }
  void fields(FieldVisitor&) override {}
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    Shape shape = predictions_.shape();
    shape.set(0, inputs[0][0]);
    return {shape};
  }
  std::vector<ParameterSpec> parameters(std::span<const Shape>) const override {
    return {{.name = "predictions", .shape = predictions_.shape()}};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value>) const override {
    return {context.weight(0)};
  }

 private:
  Tensor predictions_;
};

Model model_of(const Tensor& predictions) {
  const Layer layer(std::make_shared<PredictionsLayer>(predictions));
  const Model model = Sequential({Input({1}, {.dtype = predictions.dtype()}), layer});
  model.set_weights({predictions});
  return model;
}

Tensor scalar_of(double value, DType dtype) { return Tensor::of<double>({}, {value}).astype(dtype); }

void expect_as_keras(const Json& file, DType dtype) {
  const Tensor predictions = tensor_from(file.at("y_pred")).astype(dtype);
  const Tensor labels = tensor_from(file.at("y_true"));
  const Json& weights = file.at("sample_weight");
  const Model model = model_of(predictions);
  const Batch batch = batch_of(Tensor({predictions.shape()[0], 1}, dtype),
                               is_floating(labels.dtype()) ? labels.astype(dtype) : labels,
                               weights.is_null() ? Tensor() : tensor_from(weights));
  const TrainedOnce got = train_once(model, loss_from(loss_object(file)), batch);
  EXPECT_TRUE(near(scalar_of(got.loss, DType::float32), tensor_from(file.at("value")), kRounding));
  EXPECT_TRUE(
      near(got.gradients[0].astype(DType::float32), tensor_from(file.at("y_pred_gradient")), kRounding));
  // evaluate has the same loss from the same predictions.
  model.set_weights({predictions});
  EXPECT_TRUE(near(scalar_of(model.test_on_batch(batch)["loss"], DType::float32),
                   tensor_from(file.at("value")), kRounding));
}

class GoldenLosses : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(GoldenLosses, AreWhatKerasComputes) {
  const BackendScope scope(std::get<0>(GetParam()));
  expect_as_keras(golden("losses", std::get<1>(GetParam())), DType::float32);
}

INSTANTIATE_TEST_SUITE_P(Losses, GoldenLosses,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(cases(false))), CaseName());

class GoldenLossesInDouble : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenLossesInDouble, AreWhatKerasComputes) {
  // In float32 the largest probability, 1 - 1e-7, is 1 - 1.19e-7.
  if (GetParam() == "binary_crossentropy_extreme" || GetParam() == "binary_focal_crossentropy_extreme")
    GTEST_SKIP();
  expect_as_keras(golden("losses", GetParam()), DType::float64);
}

INSTANTIATE_TEST_SUITE_P(Losses, GoldenLossesInDouble, ::testing::ValuesIn(cases(false)), CaseName());

class UnreducedLosses : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(UnreducedLosses, AreWhatKerasComputes) {
  const Json file = golden("losses", std::get<1>(GetParam()));
  const Tensor y_true = tensor_from(file.at("y_true")), y_pred = tensor_from(file.at("y_pred"));
  const Loss loss = loss_from(loss_object(file));
  Graph graph;
  const Value p = graph.feed("y_pred", y_pred.spec());
  Value values = loss.impl()->values(graph, graph.feed("y_true", y_true.spec()), p, {});
  if (!file.at("sample_weight").is_null()) {
    values = ops::multiply(graph, values, graph.constant(tensor_from(file.at("sample_weight"))));
  }
  graph.add_output(values);
  const Tensor ones =
      Tensor::of<float>(graph.spec(values).shape,
                        std::vector<float>(static_cast<std::size_t>(graph.spec(values).shape.elements()), 1));
  graph.add_output(gradients(graph, weighted_sum(graph, values, ones), {&p, 1})[0]);
  const std::vector<Tensor> got =
      run(graph, {{"y_true", y_true}, {"y_pred", y_pred}}, backend_named(std::get<0>(GetParam())));
  EXPECT_TRUE(near(got[0], tensor_from(file.at("value")), kRounding));
  EXPECT_TRUE(near(got[1], tensor_from(file.at("y_pred_gradient")), kRounding));
}

INSTANTIATE_TEST_SUITE_P(Losses, UnreducedLosses,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(cases(false, false))), CaseName());

TEST(UnreducedLosses, CannotBeTrained) {
  const Json file = golden("losses", "mean_squared_error_none");
  const Model model = model_of(tensor_from(file.at("y_pred")));
  EXPECT_THROW(
      train_once(model, loss_from(file.at("loss")), batch_of(Tensor({4, 1}), tensor_from(file.at("y_true")))),
      Error);
}

class LossConfigs : public ::testing::TestWithParam<std::string> {};

TEST_P(LossConfigs, AreReadAndWrittenAsKerasWritesThem) {
  const Json object = loss_object(golden("losses", GetParam()));
  const Loss loss = loss_from(object);
  EXPECT_EQ(loss.impl()->class_name(), object.at("class_name").get<std::string>());
  EXPECT_EQ(write_config(*loss.impl()), object.at("config")) << "the same options in the same order";
}

std::vector<std::string> all_cases() {
  std::vector<std::string> names = cases(false), unreduced = cases(false, false);
  names.insert(names.end(), unreduced.begin(), unreduced.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Losses, LossConfigs, ::testing::ValuesIn(all_cases()), CaseName());

TEST(LossConfigs, StandOffTheirDefaultsInSomeCase) {
  std::map<std::string, std::set<std::string>> unchanged;
  for (const std::string& name : all_cases()) {
    const Json object = loss_object(golden("losses", name));
    const std::string class_name = object.at("class_name").get<std::string>();
    const Json defaults = write_config(*Loss(class_name).impl());
    if (unchanged.count(class_name) == 0) {
      for (const auto& [key, value] : defaults.items()) unchanged[class_name].insert(key);
    }
    for (const auto& [key, value] : object.at("config").items()) {
      if (!defaults.contains(key) || value != defaults.at(key)) unchanged[class_name].erase(key);
    }
  }
  for (const auto& [class_name, keys] : unchanged) {
    EXPECT_EQ(keys, std::set<std::string>{"name"}) << class_name;
  }
}

/// Options that are not in the config at their defaults.
TEST(LossConfigs, KeepWhatKerasDoesNotSave) {
  const auto again = [](const Loss& loss) {
    return loss_from({{"class_name", loss.impl()->class_name()}, {"config", write_config(*loss.impl())}});
  };
  for (const Loss& loss : {losses::Huber({.delta = 2.5}), losses::CosineSimilarity({.axis = 1}),
                           losses::CategoricalFocalCrossentropy({.alpha = {0.1, 0.4}})}) {
    EXPECT_TRUE(same_options(*again(loss).impl(), *loss.impl())) << describe(*loss.impl());
    EXPECT_FALSE(same_options(*Loss(loss.impl()->class_name()).impl(), *loss.impl()));
  }
}

TEST(LossNames, AreKerass) {
  const std::map<std::string, std::set<std::string>> names = {
      {"BinaryCrossentropy", {"binary_crossentropy", "bce", "BCE"}},
      {"BinaryFocalCrossentropy", {"binary_focal_crossentropy"}},
      {"CategoricalCrossentropy", {"categorical_crossentropy"}},
      {"CategoricalFocalCrossentropy", {"categorical_focal_crossentropy"}},
      {"SparseCategoricalCrossentropy", {"sparse_categorical_crossentropy"}},
      {"MeanSquaredError", {"mean_squared_error", "mse", "MSE"}},
      {"MeanAbsoluteError", {"mean_absolute_error", "mae", "MAE"}},
      {"MeanAbsolutePercentageError", {"mean_absolute_percentage_error", "mape", "MAPE"}},
      {"MeanSquaredLogarithmicError", {"mean_squared_logarithmic_error", "msle", "MSLE"}},
      {"Huber", {"huber"}},
      {"LogCosh", {"log_cosh"}},
      {"Poisson", {"poisson"}},
      {"KLDivergence", {"kl_divergence", "kld", "KLD"}},
      {"CosineSimilarity", {"cosine_similarity"}},
      {"Hinge", {"hinge"}},
      {"SquaredHinge", {"squared_hinge"}},
      {"CategoricalHinge", {"categorical_hinge"}}};
  for (const auto& [class_name, others] : names) {
    EXPECT_EQ(Loss(class_name).impl()->class_name(), class_name);
    for (const std::string& name : others) EXPECT_EQ(Loss(name).impl()->class_name(), class_name) << name;
  }
  EXPECT_THROW(Loss("huber_loss"), Error) << "that is the object's name, not its function's";
}

TEST(LossOptions, ThatMakeNoLossAreRefused) {
  EXPECT_EQ(error_of([] { losses::BinaryFocalCrossentropy({.gamma = -1}); }),
            "Loss binary_focal_crossentropy: gamma must not be below 0. Received: -1");
  EXPECT_EQ(error_of([] { losses::CategoricalFocalCrossentropy({.gamma = -0.5}); }),
            "Loss categorical_focal_crossentropy: gamma must not be below 0. Received: -0.5");
  EXPECT_EQ(error_of([] { losses::CategoricalFocalCrossentropy({.alpha = {}}); }),
            "Loss categorical_focal_crossentropy: alpha must be a number or a list of numbers");
  Graph graph;
  const Value p = graph.feed("p", {{4, 5}, DType::float32}), y = graph.feed("y", {{4, 5}, DType::float32});
  const auto values = [&](const Loss& loss, Value labels) { loss.impl()->values(graph, labels, p, {}); };
  EXPECT_EQ(error_of([&] {
              values(losses::CategoricalFocalCrossentropy({.alpha = {0.5, 1}}), y);
            }),
            "Loss categorical_focal_crossentropy: alpha must hold one weight, or one for each of the 5 "
            "classes. Received: 2");
  const Value other = graph.feed("other", {{4, 3}, DType::float32});
  EXPECT_EQ(error_of([&] { values("huber", other); }),
            "Loss: labels and predictions must have one shape. Received: labels of shape (4, 3), predictions "
            "of shape (4, 5)");
}

class LogitBypass : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(LogitBypass, IsKerass) {
  const BackendScope scope(std::get<0>(GetParam()));
  const Json file = golden("losses", std::get<1>(GetParam()));
  const Model model = model_from(file.at("model"));
  std::vector<Tensor> weights;
  for (const Json& weight : file.at("weights")) weights.push_back(tensor_from(weight.at("array")));
  model.set_weights(weights);
  const Tensor x = tensor_from(file.at("x"));
  const Batch batch = batch_of(x, tensor_from(file.at("y")));
  EXPECT_TRUE(
      near(model.predict(x), tensor_from(file.at("predictions")), {.of_element = 2e-6, .absolute = 1e-38}));
  const Json& loss = file.at("loss");
  const TrainedOnce got =
      train_once(model, loss.is_string() ? Loss(loss.get<std::string>()) : loss_from(loss), batch);
  EXPECT_TRUE(near(scalar_of(got.loss, DType::float32), tensor_from(file.at("training_loss")), kRounding));
  ASSERT_EQ(got.gradients.size(), file.at("weight_gradients").size());
  for (std::size_t i = 0; i < got.gradients.size(); ++i) {
    EXPECT_TRUE(near(got.gradients[i], tensor_from(file.at("weight_gradients")[i]), kRounding));
  }
  model.set_weights(weights);
  EXPECT_TRUE(near(scalar_of(model.test_on_batch(batch)["loss"], DType::float32),
                   tensor_from(file.at("evaluate")), kRounding));
}

INSTANTIATE_TEST_SUITE_P(Losses, LogitBypass, ::testing::Combine(kBackends, ::testing::ValuesIn(cases(true))),
                         CaseName());

}  // namespace
}  // namespace fovea::testing
