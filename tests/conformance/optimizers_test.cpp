#include <gtest/gtest.h>

#include <map>
#include <set>

#include "conformance/run_graph.h"
#include "core/json_fields.h"
#include "optimizers/optimizer_impl.h"
#include "support/compare.h"
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
  if (backend == "reference" && !has_norm) return {};
  return {.of_element = 2e-7, .of_largest = 0, .absolute = 1e-9};
}

const std::set<std::string> kClasses = {"SGD", "RMSprop", "Adam"};

/// Cases of optimizers that fovea does not have.
const std::set<std::string> kOtherClasses = {
    "adadelta", "adadelta_options",      "adagrad", "adagrad_options", "adamax", "adamax_options",
    "adamw",    "adamw_options_amsgrad", "lion",    "lion_options",    "nadam",  "nadam_options"};

/// Cases with options that it refuses, and the words in which it does.
const std::map<std::string, std::string> kRefused = {
    {"sgd_cosine_decay", "'learning_rate' must be a number"},
    {"sgd_cosine_decay_restarts", "'learning_rate' must be a number"},
    {"sgd_cosine_decay_warmup", "'learning_rate' must be a number"},
    {"sgd_exponential_decay", "'learning_rate' must be a number"},
    {"sgd_exponential_decay_staircase", "'learning_rate' must be a number"},
    {"sgd_inverse_time_decay", "'learning_rate' must be a number"},
    {"sgd_piecewise_constant", "'learning_rate' must be a number"},
    {"sgd_polynomial_decay", "'learning_rate' must be a number"},
    {"sgd_polynomial_decay_cycle", "'learning_rate' must be a number"},
    {"sgd_ema", "Optimizer SGD: the option 'use_ema' is not supported"},
    {"sgd_ema_overwrite", "Optimizer SGD: the option 'use_ema' is not supported"},
    {"sgd_gradient_accumulation",
     "Optimizer SGD: the option 'gradient_accumulation_steps' is not supported"}};

std::string class_of(const Json& file) { return file.at("optimizer").at("class_name").get<std::string>(); }

std::vector<std::string> covered_cases() {
  std::vector<std::string> names;
  for (const std::string& name : golden_cases("optimizers")) {
    if (kOtherClasses.count(name) == 0 && kRefused.count(name) == 0) names.push_back(name);
  }
  return names;
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
    EXPECT_EQ(steps.optimizer->name + "/" + kept[i].name(), slots[i].at("path").get<std::string>());
    EXPECT_TRUE(near(kept[i].value(), tensor_from(slots[i].at("array")), tolerance)) << kept[i].name();
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, GoldenOptimizers,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(covered_cases())), CaseName());

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

INSTANTIATE_TEST_SUITE_P(Optimizers, OptimizerConfigs, ::testing::ValuesIn(covered_cases()), CaseName());

TEST(GoldenOptimizers, OfOtherClassesAreKnownByName) {
  std::set<std::string> others;
  for (const std::string& name : golden_cases("optimizers")) {
    if (kClasses.count(class_of(golden("optimizers", name))) == 0) others.insert(name);
  }
  EXPECT_EQ(others, kOtherClasses);
  for (const std::string& name : kOtherClasses) {
    const std::string class_name = class_of(golden("optimizers", name));
    EXPECT_THROW(Optimizer{class_name}, Error) << "it is known now: run its cases";
  }
}

TEST(GoldenOptimizers, WithOptionsThatFoveaLacksAreRefused) {
  for (const auto& [name, words] : kRefused) {
    SCOPED_TRACE(name);
    try {
      optimizer_from(golden("optimizers", name).at("optimizer"));
      ADD_FAILURE() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace fovea::testing
