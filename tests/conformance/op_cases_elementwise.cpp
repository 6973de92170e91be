#include "conformance/op_cases.h"
#include "ops/binary.h"
#include "ops/round.h"
#include "ops/softmax.h"
#include "ops/unary.h"

namespace fovea::testing {
namespace {

struct Function {
  UnaryKind kind;
  const char* label;
  ops::UnaryParameters parameters;
  double low, high;
};

/// Every kind, and every parameter that a kind reads.
std::vector<Function> functions() {
  return {
      {UnaryKind::relu, "plain", {}, -2, 2},
      {UnaryKind::relu, "slope", {.alpha = 0.3}, -2, 2},
      {UnaryKind::relu, "largest", {.beta = 1.5}, -3, 3},
      {UnaryKind::relu, "threshold", {.gamma = 0.7}, -2, 2},
      {UnaryKind::relu, "everything", {.alpha = 0.1, .beta = 2, .gamma = 0.5}, -4, 4},
      {UnaryKind::sigmoid, "plain", {}, -8, 8},
      {UnaryKind::tanh, "plain", {}, -3, 3},
      {UnaryKind::exponential, "plain", {}, -3, 3},
      {UnaryKind::log, "plain", {}, 0.1, 4},
      {UnaryKind::sqrt, "plain", {}, 0.1, 4},
      {UnaryKind::rsqrt, "plain", {}, 0.1, 4},
      {UnaryKind::square, "plain", {}, -3, 3},
      {UnaryKind::absolute, "plain", {}, -3, 3},
      {UnaryKind::negative, "plain", {}, -3, 3},
      {UnaryKind::elu, "alpha1", {.alpha = 1}, -3, 3},
      {UnaryKind::elu, "alpha_half", {.alpha = 0.5}, -3, 3},
      {UnaryKind::selu, "plain", {}, -3, 3},
      {UnaryKind::celu, "alpha1", {.alpha = 1}, -3, 3},
      {UnaryKind::celu, "alpha2", {.alpha = 2}, -3, 3},
      {UnaryKind::softplus, "plain", {}, -4, 4},
      {UnaryKind::softsign, "plain", {}, -4, 4},
      {UnaryKind::silu, "plain", {}, -5, 5},
      {UnaryKind::gelu, "plain", {}, -4, 4},
      {UnaryKind::gelu_tanh, "plain", {}, -4, 4},
      {UnaryKind::hard_sigmoid, "plain", {}, -5, 5},
      {UnaryKind::hard_silu, "plain", {}, -5, 5},
      {UnaryKind::mish, "plain", {}, -5, 5},
      {UnaryKind::scale, "alpha", {.alpha = -2.5}, -3, 3},
      {UnaryKind::scale, "alpha_beta", {.alpha = 0.3, .beta = -1.7}, -3, 3},
  };
}

}  // namespace

void add_elementwise_cases(OpCases& cases) {
  const std::vector<double> halves = {-1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, -300, 255.5};
  cases.add("bytes", RoundOp(0, 255), {given(Tensor::of({8}, halves))}, 0);
  cases.add("signed", RoundOp(-100, 1000), {given(Tensor::of({2, 4}, halves))}, 0);

  for (const Function& f : functions()) {
    const std::string label = std::string(name(f.kind)) + "_" + f.label;
    const UnaryOp op(f.kind, f.parameters);
    cases.add(label, op, {uniform({3, 5, 7}, f.low, f.high)});
    // What the gradient reads is y of functions whose derivative follows from it: then it is drawn from y's
    // range.
    const bool of_y = op.gradient_uses_output();
    cases.add(label, UnaryBackwardOp(f.kind, f.parameters),
              {of_y ? uniform({3, 5, 7}, 0.05, 0.95) : uniform({3, 5, 7}, f.low, f.high), normal({3, 5, 7})});
  }

  const std::pair<BinaryKind, const char*> kinds[] = {
      {BinaryKind::add, "add"},       {BinaryKind::subtract, "subtract"}, {BinaryKind::multiply, "multiply"},
      {BinaryKind::divide, "divide"}, {BinaryKind::maximum, "maximum"},   {BinaryKind::minimum, "minimum"}};
  const std::tuple<const char*, Shape, Shape> shapes[] = {{"same", {2, 3, 5}, {2, 3, 5}},
                                                          {"bias", {2, 3, 5, 7}, {7}},
                                                          {"first_lower_rank", {5}, {2, 3, 5}},
                                                          {"inner_ones", {2, 1, 5}, {2, 3, 5}},
                                                          {"ones_in_both", {2, 1, 5}, {1, 3, 1}},
                                                          {"scalar_second", {3, 5}, {}},
                                                          {"scalar_first", {}, {3, 5}},
                                                          {"both_scalars", {}, {}},
                                                          {"channels", {2, 3, 3, 5}, {2, 1, 1, 5}}};
  for (const auto& [kind, kind_name] : kinds) {
    for (const auto& [label, x, y] : shapes) {
      // Away from 0, so that quotients and their differences are tame.
      cases.add(std::string(kind_name) + "_" + label, BinaryOp(kind), {normal(x), uniform(y, 0.5, 2)});
    }
  }
  for (const bool largest : {true, false}) {
    for (const bool first : {true, false}) {
      const std::string label =
          std::string(largest ? "largest_" : "smallest_") + (first ? "first" : "second");
      cases.add(label, SelectGradientOp(largest, first), {normal({3, 5}), normal({3, 5}), normal({3, 5})});
      cases.add(label + "_ties", SelectGradientOp(largest, first),
                {whole({4, 9}, 2), whole({4, 9}, 2), normal({4, 9})});
    }
  }

  for (const bool log : {false, true}) {
    const std::string label = log ? "log_" : "";
    cases.add(label + "rows", SoftmaxOp(log), {normal({3, 7})});
    cases.add(label + "row", SoftmaxOp(log), {normal({5})});
    cases.add(label + "one_class", SoftmaxOp(log), {normal({3, 1})});
    cases.add(label + "images", SoftmaxOp(log), {normal({2, 3, 3, 5})});
    cases.add(label + "rows", SoftmaxBackwardOp(log),
              {log ? uniform({3, 7}, -4, -0.1) : uniform({3, 7}, 0, 1), normal({3, 7})});
  }
  // Labels need not sum to 1, nor be 0 or 1.
  cases.add("rows", SoftmaxCrossEntropyOp(), {normal({4, 5}), uniform({4, 5}, 0, 1)});
  cases.add("images", SoftmaxCrossEntropyOp(), {normal({2, 3, 2, 5}), uniform({2, 3, 2, 5}, 0, 1)});
  cases.add("large", SoftmaxCrossEntropyOp(), {uniform({3, 5}, -200, 200), uniform({3, 5}, 0, 1)});
  cases.add("rows", SigmoidCrossEntropyOp(), {normal({4, 5}), uniform({4, 5}, 0, 1)});
  cases.add("large", SigmoidCrossEntropyOp(), {uniform({3, 5}, -200, 200), uniform({3, 5}, 0, 1)});
}

}  // namespace fovea::testing
