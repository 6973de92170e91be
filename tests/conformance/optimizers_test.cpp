#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "conformance/run_graph.h"
#include "core/json_fields.h"
#include "fovea/dtype_policy.h"
#include "optimizers/optimizer_impl.h"
#include "support/compare.h"
#include "support/errors.h"
#include "support/golden.h"
#include "support/names.h"

// Eight steps of every optimizer with the gradients that Keras had: the variables after each, the slots at
// the end.

namespace fovea::testing {
namespace {

/// The reference computes in float32 in Keras' order of operations and has its bits, but for norms, whose
/// sums are rounded in another order. Other backends may be an ulp or two off.
Tolerance tolerance_of(const OptimizerImpl& optimizer, std::string_view backend) {
  const bool has_norm = optimizer.clipnorm || optimizer.global_clipnorm;
  // Powers and cosines are rounded as the library of the machine does.
  const bool has_power =
      optimizer.schedule || optimizer.class_name() == "Ftrl" || optimizer.class_name() == "Nadam";
  if (backend == "reference" && !has_norm && !has_power) return {};
  // A norm's last bit is in every element, small ones too: those that are left of larger ones.
  return {.of_element = 2e-7, .of_largest = has_norm ? 1e-7 : 0, .absolute = 1e-9};
}

std::shared_ptr<OptimizerImpl> optimizer_from(const Json& object) {
  const auto optimizer = Optimizer(object.at("class_name").get<std::string>()).impl();
  read_config(*optimizer, object.at("config"), "optimizer");
  return optimizer;
}

/// The optimizer's step over the variables, with gradients from the feeds "g0", "g1" and so on.
class Steps {
 public:
  Steps(const Json& file, DType dtype, const Backend& backend)
      : optimizer(optimizer_from(file.at("optimizer"))), backend_(backend), dtype_(dtype) {
    std::vector<Value> gradients;
    for (std::size_t i = 0; i < file.at("initial").size(); ++i) {
      const Tensor initial = tensor_from(file.at("initial")[i]).astype(dtype);
      variables.emplace_back(file.at("names")[i].get<std::string>(), initial.spec());
      variables.back().assign(initial);
      gradients.push_back(graph_.feed("g" + std::to_string(i), initial.spec()));
    }
    optimizer->lower(graph_, variables, gradients);
  }

  void take(const std::vector<Tensor>& gradients) {
    ++iteration_;
    Feeds feeds = {{kLearningRateFeed, Tensor::of<double>({}, {optimizer->rate()}).astype(dtype_)},
                   {kIterationFeed, Tensor::of<std::int64_t>({}, {iteration_})}};
    for (std::size_t i = 0; i < gradients.size(); ++i)
      feeds["g" + std::to_string(i)] = gradients[i].astype(dtype_);
    run(graph_, feeds, backend_);
    optimizer->iterations.assign(Tensor::of<std::int64_t>({}, {iteration_}));
  }

  std::shared_ptr<OptimizerImpl> optimizer;
  std::vector<Variable> variables;

 private:
  const Backend& backend_;
  DType dtype_;
  Graph graph_;
  std::int64_t iteration_ = 0;
};

class GoldenOptimizers : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(GoldenOptimizers, StepAsKerasSteps) {
  const Json file = golden("optimizers", std::get<1>(GetParam()));
  const char* const backend = std::get<0>(GetParam());
  Steps steps(file, DType::float32, backend_named(backend));
  const Tolerance tolerance = tolerance_of(*steps.optimizer, backend);
  for (std::size_t step = 0; step < file.at("gradients").size(); ++step) {
    SCOPED_TRACE(fmt::format("after step {}", step + 1));
    steps.take(tensors_from(file.at("gradients")[step]));
    const std::vector<Tensor> expected = tensors_from(file.at("values")[step]);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(near(steps.variables[i].value(), expected[i], tolerance)) << steps.variables[i].name();
    }
  }
  // "adam/kernel_momentum": the optimizer's name, the variable's, the slot's.
  const std::vector<Variable> kept = steps.optimizer->variables(steps.variables);
  const Json& slots = file.at("slots");
  ASSERT_EQ(kept.size(), slots.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    // What variables share has no path in Keras.
    const std::string prefix = kept[i].name() == "variable" ? "" : steps.optimizer->name + "/";
    EXPECT_EQ(prefix + kept[i].name(), slots[i].at("path").get<std::string>());
    EXPECT_TRUE(near(kept[i].value(), tensor_from(slots[i].at("array")), tolerance)) << kept[i].name();
  }
  EXPECT_EQ(file.contains("finalized"), steps.optimizer->use_ema);
  if (!steps.optimizer->use_ema) return;
  steps.optimizer->finalize(steps.variables);
  const std::vector<Tensor> finalized = tensors_from(file.at("finalized"));
  for (std::size_t i = 0; i < finalized.size(); ++i)
    EXPECT_TRUE(near(steps.variables[i].value(), finalized[i], tolerance)) << steps.variables[i].name();
}

INSTANTIATE_TEST_SUITE_P(Optimizers, GoldenOptimizers,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(golden_cases("optimizers"))),
                         CaseName());

class OptimizerConfigs : public ::testing::TestWithParam<std::string> {};

TEST_P(OptimizerConfigs, AreReadAndWrittenAsKerasWritesThem) {
  const Json object = golden("optimizers", GetParam()).at("optimizer");
  const auto optimizer = optimizer_from(object);
  const Json written = write_config(*optimizer);
  EXPECT_EQ(written.size(), object.at("config").size());
  for (const auto& [key, value] : object.at("config").items()) {
    ASSERT_TRUE(written.contains(key)) << key;
    EXPECT_EQ(written.at(key), value) << key;
  }
  const auto again = optimizer_from({{"class_name", object.at("class_name")}, {"config", written}});
  EXPECT_TRUE(same_options(*again, *optimizer)) << describe(*again) << " read from " << describe(*optimizer);
}

// In double the same steps; rounding to float32 is all that lies between.
TEST_P(OptimizerConfigs, StepInDoubleToo) {
  const Json file = golden("optimizers", GetParam());
  Steps steps(file, DType::float64, reference_backend());
  for (const Json& gradients : file.at("gradients")) steps.take(tensors_from(gradients));
  const std::vector<Tensor> expected = tensors_from(file.at("values").back());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(near(steps.variables[i].value().astype(DType::float32), expected[i],
                     {.of_element = 5e-6, .of_largest = 0, .absolute = 1e-6}));
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, OptimizerConfigs, ::testing::ValuesIn(golden_cases("optimizers")),
                         CaseName());

TEST(OptimizerOptions, ThatMakeNoStepAreRefused) {
  const std::vector<std::pair<std::function<void()>, std::string>> cases = {
      {[] { SGD({.clipnorm = 1, .clipvalue = 1}); },
       "Optimizer SGD: only one of clipnorm, clipvalue and global_clipnorm can be set"},
      {[] { SGD({.use_ema = true, .ema_momentum = 1.5}); },
       "Optimizer SGD: ema_momentum must be in [0, 1]. Received: 1.5"},
      {[] { Adam({.use_ema = true, .ema_overwrite_frequency = -1}); },
       "Optimizer Adam: ema_overwrite_frequency must be at least 1. Received: -1"},
      {[] { Adam({.gradient_accumulation_steps = 1}); },
       "Optimizer Adam: gradient_accumulation_steps must be at least 2. Received: 1"},
      {[] { AdamW({.weight_decay = {}}); }, "Optimizer AdamW: weight_decay must be a number. Received: null"},
      {[] { Lion({.beta_1 = 0}); }, "Optimizer Lion: beta_1 must be above 0 and at most 1. Received: 0"},
      {[] { Ftrl({.learning_rate_power = 0.5}); },
       "Optimizer Ftrl: learning_rate_power must not be above 0. Received: 0.5"},
      {[] { Ftrl({.initial_accumulator_value = -1}); },
       "Optimizer Ftrl: initial_accumulator_value must not be below 0. Received: -1"},
      {[] { Ftrl({.l2_regularization_strength = -1}); },
       "Optimizer Ftrl: l2_regularization_strength must not be below 0. Received: -1"},
      {[] { SGD({.learning_rate = NAN}); }, "Optimizer SGD: the learning rate must be finite. Received: nan"},
      {[] { schedules::ExponentialDecay(0.1, 0, 0.5); },
       "ExponentialDecay: decay_steps must be above 0. Received: 0"},
      {[] { schedules::CosineDecayRestarts(0.1, -2); },
       "CosineDecayRestarts: first_decay_steps must be above 0. Received: -2"},
      {[] {
         schedules::PiecewiseConstantDecay({3, 5}, {0.1, 0.2});
       },
       "PiecewiseConstantDecay: there must be boundaries, and one value more. Received: 2 and 2"},
  };
  for (const auto& [act, expected] : cases) EXPECT_EQ(error_of(act), expected);
}

TEST(OptimizerConfigs, ThatMakeNoOptimizerAreRefused) {
  const auto read = [](const char* class_name, const Json& config) {
    return error_of([&] { optimizer_from({{"class_name", class_name}, {"config", config}}); });
  };
  EXPECT_EQ(read("SGD", {{"loss_scale_factor", -8.0}}),
            "Optimizer SGD: loss_scale_factor must be positive and finite. Received: -8");
  EXPECT_EQ(read("SGD", {{"learning_rate", true}}),
            "optimizer: 'learning_rate' must be a number, or an object with its class_name. Received: true");
  EXPECT_EQ(
      read("SGD", {{"learning_rate", {{"class_name", "Cyclic"}}}}),
      "optimizer: 'learning_rate': There is no learning-rate schedule 'Cyclic'. Known are: "
      "exponential_decay, inverse_time_decay, piecewise_constant_decay, polynomial_decay, cosine_decay, "
      "cosine_decay_restarts");
  EXPECT_EQ(read("SGD", {{"learning_rate", {{"class_name", "CosineDecay"}}}}),
            "CosineDecay: decay_steps must be above 0. Received: 0");
  EXPECT_EQ(read("AdamW", {{"weight_decay", nullptr}}),
            "Optimizer AdamW: weight_decay must be a number. Received: null");
}

TEST(OptimizerOptions, IterationsAreStepsNotBatches) {
  const Adam optimizer({.gradient_accumulation_steps = 3});
  optimizer.impl()->iterations.assign(Tensor::of<std::int64_t>({}, {8}));
  EXPECT_EQ(optimizer.iterations(), 2);
}

TEST(OptimizerNames, AreKerass) {
  for (const char* name :
       {"sgd", "rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax", "nadam", "lion", "ftrl"}) {
    EXPECT_TRUE(Optimizer(name)) << name;
  }
  EXPECT_THROW(Optimizer("muon"), Error);
}

/// Every option of every optimizer is off its default in some case.
TEST(OptimizerConfigs, StandOffTheirDefaultsInSomeCase) {
  std::map<std::string, std::set<std::string>> unchanged;
  for (const std::string& name : golden_cases("optimizers")) {
    const Json object = golden("optimizers", name).at("optimizer");
    const std::string class_name = object.at("class_name").get<std::string>();
    const Json defaults = write_config(*Optimizer(class_name).impl());
    if (unchanged.count(class_name) == 0) {
      for (const auto& [key, value] : defaults.items()) unchanged[class_name].insert(key);
    }
    for (const auto& [key, value] : object.at("config").items()) {
      if (value != defaults.at(key)) unchanged[class_name].erase(key);
    }
  }
  EXPECT_EQ(unchanged.size(), 10U);
  for (const auto& [class_name, keys] : unchanged) {
    EXPECT_EQ(keys, (std::set<std::string>{"name"})) << class_name;
  }
}

TEST(Schedules, CannotBeSet) {
  const SGD optimizer({.learning_rate = schedules::ExponentialDecay(0.5, 10, 0.25)});
  EXPECT_EQ(optimizer.learning_rate(), 0.5);
  optimizer.impl()->iterations.assign(Tensor::of<std::int64_t>({}, {10}));
  EXPECT_EQ(optimizer.learning_rate(), 0.125) << "the rate of the step that comes";
  EXPECT_EQ(
      error_of([&] { optimizer.set_learning_rate(0.1); }),
      "Optimizer SGD: it was created with a LearningRateSchedule (ExponentialDecay) as its learning_rate, "
      "hence its learning rate is not settable. If you need it to be settable, create the optimizer with "
      "a number as learning_rate");
}

// What Keras gives after 12 steps where floatx is float64: rates of float32, as TensorFlow makes of its
// numbers.
TEST(Schedules, ComputeInFloat32AlsoWhereTrainingIsInDouble) {
  set_floatx(DType::float64);
  const std::vector<std::pair<LearningRateSchedule, float>> cases = {
      {schedules::PiecewiseConstantDecay({10, 20}, {0.3, 0.2, 0.1}), 0.20000000298023224F},
      {schedules::CosineDecay(0.001, 50, {.warmup_target = 0.004, .warmup_steps = 40}),
       0.0019000000320374966F},
      {schedules::CosineDecayRestarts(0.004, 7), 0.0028677673544734716F},
      {schedules::ExponentialDecay(0.004, 60, 0.7), 0.0037245997227728367F},
      {schedules::InverseTimeDecay(0.004, 60, 0.7), 0.003508772235363722F},
      {schedules::PolynomialDecay(0.004, 60, {.end_learning_rate = 0.001}), 0.0034000002779066563F},
  };
  for (const auto& [schedule, expected] : cases) {
    const double rate = schedule(12);
    EXPECT_EQ(rate, static_cast<double>(static_cast<float>(rate))) << schedule.impl()->class_name();
    EXPECT_FLOAT_EQ(static_cast<float>(rate), expected) << schedule.impl()->class_name();
  }
  set_floatx(DType::float32);
}

TEST(Schedules, AreReadWithStepsThatHaveAPoint) {
  const auto rate_after = [](const char* class_name, const Json& config, std::int64_t steps) {
    const auto optimizer =
        optimizer_from({{"class_name", "SGD"},
                        {"config", {{"learning_rate", {{"class_name", class_name}, {"config", config}}}}}});
    return optimizer->schedule(steps);
  };
  EXPECT_EQ(rate_after("ExponentialDecay",
                       {{"initial_learning_rate", 0.5}, {"decay_steps", 2.5}, {"decay_rate", 0.25}}, 5),
            0.03125);
  const Json pieces = {{"boundaries", {2.5, 4}}, {"values", {0.5, 0.25, 0.125}}};
  EXPECT_EQ(rate_after("PiecewiseConstantDecay", pieces, 2), 0.5);
  EXPECT_EQ(rate_after("PiecewiseConstantDecay", pieces, 3), 0.25);
}

/// A schedule of one's own.
TEST(Schedules, CanBeOnesOwn) {
  class Falling final : public LearningRateScheduleImpl {
   public:
    std::string_view class_name() const override { return "own>Falling"; }
    double rate(std::int64_t step) const override { return 1.0 / static_cast<double>(step + 1); }
  };
  const SGD optimizer({.learning_rate = LearningRateSchedule(std::make_shared<Falling>())});
  optimizer.impl()->iterations.assign(Tensor::of<std::int64_t>({}, {3}));
  EXPECT_EQ(optimizer.learning_rate(), 0.25);
}

}  // namespace
}  // namespace fovea::testing
