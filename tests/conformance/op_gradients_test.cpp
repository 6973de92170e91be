#include <gtest/gtest.h>

#include <set>

#include "conformance/op_cases.h"
#include "conformance/run_graph.h"
#include "support/compare.h"
#include "support/names.h"

// Gradients of every op: against central differences in double, and in float32 on every backend against
// those.

namespace fovea::testing {
namespace {

/// Ops that are gradients or updates themselves; theirs does not exist.
const std::set<std::string_view> kWithoutGradient = {
    "SelectGradient", "UnaryBackward",         "SoftmaxBackward",
    "Pool2DBackward", "ReduceExtremeBackward", "BatchNormBackward",
    "SgdUpdate",      "RmspropUpdate",         "AdamUpdate",
    "AdagradUpdate",  "AdadeltaUpdate",        "AdamaxUpdate",
    "NadamUpdate",    "NadamProduct",          "LionUpdate",
    "FtrlUpdate",     "GradientAccumulation",  "MovingAverage"};

/// The op's first output times fixed weights, summed: a scalar to take gradients of.
struct Target {
  Graph graph;
  std::vector<Value> inputs;
  Value scalar;
  Feeds feeds;
};

void build(Target& target, const OpCase& c, DType dtype) {
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const Tensor& given = c.inputs[i];
    const Tensor input = is_floating(given.dtype()) ? given.astype(dtype) : given;
    const std::string name = "input" + std::to_string(i);
    target.inputs.push_back(target.graph.feed(name, input.spec()));
    target.feeds[name] = input;
  }
  const Value output = target.graph.emit(c.op, target.inputs)[0];
  const TensorSpec spec = target.graph.spec(output);
  if (!is_floating(spec.dtype)) return;
  target.scalar =
      weighted_sum(target.graph, output, random_normal(spec.shape, c.name + "/weights", spec.dtype));
}

/// Gradients with respect to the floating inputs; an empty tensor where there is none.
std::vector<Tensor> gradients_of(const OpCase& c, DType dtype, const Backend& backend) {
  Target target;
  build(target, c, dtype);
  if (!target.scalar) return std::vector<Tensor>(c.inputs.size());
  const std::vector<Value> found = gradients(target.graph, target.scalar, target.inputs);
  for (const Value gradient : found) {
    if (gradient) target.graph.add_output(gradient);
  }
  const std::vector<Tensor> outputs = run(target.graph, target.feeds, backend);
  std::vector<Tensor> result;
  std::size_t next = 0;
  for (const Value gradient : found) result.push_back(gradient ? outputs[next++] : Tensor());
  return result;
}

/// (f(x + h) - f(x - h)) / 2h for each element of input `index`.
Tensor central_differences(const OpCase& c, std::size_t index) {
  Target target;
  build(target, c, DType::float64);
  target.graph.add_output(target.scalar);
  Tensor x = target.feeds["input" + std::to_string(index)].clone();
  target.feeds["input" + std::to_string(index)] = x;
  Tensor result(x.spec());
  const auto value = [&] { return element(run(target.graph, target.feeds, reference_backend())[0], 0); };
  for (std::int64_t i = 0; i < x.size(); ++i) {
    double& place = x.data<double>()[i];
    const double kept = place;
    place = kept + c.step;
    const double above = value();
    place = kept - c.step;
    const double below = value();
    place = kept;
    result.data<double>()[i] = (above - below) / (2 * c.step);
  }
  return result;
}

class OpGradients : public ::testing::TestWithParam<std::string> {
 protected:
  const OpCase& op() const { return op_case(GetParam()); }
};

TEST_P(OpGradients, MatchCentralDifferences) {
  if (kWithoutGradient.count(op().op->class_name()) != 0) {
    try {
      gradients_of(op(), DType::float64, reference_backend());
      FAIL() << "it has a gradient now: take it off the list";
    } catch (const Error& error) {
      const std::string expected = "Op " + std::string(op().op->class_name()) + ": it has no gradient";
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    }
    return;
  }
  const std::vector<Tensor> found = gradients_of(op(), DType::float64, reference_backend());
  ASSERT_EQ(found.size(), op().inputs.size());
  const bool stops = op().op->class_name() == "StopGradient" || op().op->class_name() == "AffineTransform";
  for (std::size_t i = 0; i < found.size(); ++i) {
    SCOPED_TRACE(fmt::format("gradient of input {}", i));
    const bool wanted = is_floating(op().inputs[i].dtype()) && !stops;
    if (op().step == 0 && found[i].empty()) continue;
    ASSERT_EQ(!found[i].empty(), wanted);
    if (!wanted || op().step == 0 || op().inputs[i].size() == 0) continue;
    EXPECT_TRUE(near(found[i], central_differences(op(), i),
                     {.of_element = 1e-6, .of_largest = 1e-7, .absolute = 1e-9}));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, OpGradients, ::testing::ValuesIn(op_case_names()), CaseName());

class OpGradientsInFloat32 : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {};

TEST_P(OpGradientsInFloat32, AgreeWithDouble) {
  const OpCase& given = op_case(std::get<1>(GetParam()));
  if (kWithoutGradient.count(given.op->class_name()) != 0) return;  // AgreeWithTheFormulaInDouble has these
  OpCase rounded = given;
  for (Tensor& input : rounded.inputs) {
    if (is_floating(input.dtype())) input = input.astype(DType::float32).astype(DType::float64);
  }
  const std::vector<Tensor> expected = gradients_of(rounded, DType::float64, reference_backend());
  const std::vector<Tensor> got =
      gradients_of(rounded, DType::float32, backend_named(std::get<0>(GetParam())));
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(fmt::format("gradient of input {}", i));
    ASSERT_EQ(got[i].empty(), expected[i].empty());
    if (got[i].empty()) continue;
    EXPECT_TRUE(near(got[i], expected[i].astype(got[i].dtype()),
                     {.of_element = 5e-6, .of_largest = 2e-6, .absolute = 0}));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, OpGradientsInFloat32,
                         ::testing::Combine(kBackends, ::testing::ValuesIn(op_case_names())), CaseName());

}  // namespace
}  // namespace fovea::testing
