#include "layers/activations.h"

#include <string>

#include "core/format.h"
#include "fovea/ops.h"
#include "layers/layer_support.h"
#include "ops/composites.h"

namespace fovea {
namespace {

struct Row {
  std::string_view name;
  Value (*lower)(GraphBuilder&, Value);
};

template <const char* Function>
Value plain(GraphBuilder& graph, Value x) {
  return ops::unary(graph, Function, x);
}

constexpr char kSigmoid[] = "sigmoid", kTanh[] = "tanh", kExponential[] = "exponential", kSelu[] = "selu",
               kSoftplus[] = "softplus", kSoftsign[] = "softsign", kSilu[] = "silu",
               kHardSigmoid[] = "hard_sigmoid", kHardSilu[] = "hard_silu", kMish[] = "mish", kGelu[] = "gelu";

/// -log(1 + exp(-x))
Value log_sigmoid(GraphBuilder& g, Value x) {
  return ops::unary(g, "negative", ops::unary(g, "softplus", ops::unary(g, "negative", x)));
}

/// x where |x| > 1/2, else 0.
Value hard_shrink(GraphBuilder& g, Value x) {
  const auto above = [&](Value v) { return ops::unary(g, "relu", v, {.alpha = 0, .beta = 0, .gamma = 0.5}); };
  return ops::subtract(g, above(x), above(ops::unary(g, "negative", x)));
}

/// (x + sqrt(x^2 + 4)) / 2
/// 0 within 0.5 of 0, nearer to 0 by that beyond. Of two ReLUs, whose gradient is 0 in between: x - clip(x)
/// takes it from itself there, which leaves its rounding where x has another use.
Value soft_shrink(GraphBuilder& g, Value x) {
  return ops::subtract(g, ops::relu(g, ops::scale(g, x, 1, -0.5)), ops::relu(g, ops::scale(g, x, -1, -0.5)));
}

Value squareplus(GraphBuilder& g, Value x) {
  const Value root = ops::unary(g, "sqrt", ops::scale(g, ops::unary(g, "square", x), 1, 4));
  return ops::scale(g, ops::add(g, x, root), 0.5);
}

/// 0 up to -1, (x + 1)^2 / 4 up to 1, then x.
Value sparse_plus(GraphBuilder& g, Value x) {
  const Value bow = ops::scale(g, ops::unary(g, "square", ops::scale(g, clip(g, x, -1, 1), 1, 1)), 0.25);
  return ops::add(g, bow, ops::relu(g, ops::scale(g, x, 1, -1)));
}

// keras.activations, with its default arguments.
constexpr Row kActivations[] = {
    {"linear", [](GraphBuilder&, Value x) { return x; }},
    {"relu", ops::relu},
    {"relu6",
     [](GraphBuilder& g, Value x) { return ops::unary(g, "relu", x, {.alpha = 0, .beta = 6, .gamma = 0}); }},
    {"leaky_relu", [](GraphBuilder& g,
                      Value x) { return ops::unary(g, "relu", x, {.alpha = 0.2, .beta = 0, .gamma = 0}); }},
    {"sigmoid", plain<kSigmoid>},
    {"softmax", ops::softmax},
    {"log_softmax", ops::log_softmax},
    {"tanh", plain<kTanh>},
    {"elu",
     [](GraphBuilder& g, Value x) { return ops::unary(g, "elu", x, {.alpha = 1, .beta = 0, .gamma = 0}); }},
    {"celu",
     [](GraphBuilder& g, Value x) { return ops::unary(g, "celu", x, {.alpha = 1, .beta = 0, .gamma = 0}); }},
    {"selu", plain<kSelu>},
    {"softplus", plain<kSoftplus>},
    {"softsign", plain<kSoftsign>},
    {"silu", plain<kSilu>},
    {"swish", plain<kSilu>},
    {"gelu", plain<kGelu>},
    {"hard_sigmoid", plain<kHardSigmoid>},
    {"hard_silu", plain<kHardSilu>},
    {"hard_swish", plain<kHardSilu>},
    {"exponential", plain<kExponential>},
    {"mish", plain<kMish>},
    {"log_sigmoid", log_sigmoid},
    {"hard_tanh", [](GraphBuilder& g, Value x) { return clip(g, x, -1, 1); }},
    {"tanh_shrink", [](GraphBuilder& g, Value x) { return ops::subtract(g, x, ops::unary(g, "tanh", x)); }},
    {"soft_shrink", soft_shrink},
    {"hard_shrink", hard_shrink},
    {"squareplus", squareplus},
    {"sparse_plus", sparse_plus},
    // 0 up to -1, 1 from 1 on, a line between them.
    {"sparse_sigmoid",
     [](GraphBuilder& g, Value x) { return ops::unary(g, "hard_sigmoid", ops::scale(g, x, 3)); }},
};

const Row* find(std::string_view name) {
  for (const Row& row : kActivations) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace

void require_activation(std::string_view who, std::string_view activation) {
  if (find(activation) != nullptr) return;
  std::string known;
  for (const Row& row : kActivations) known += (known.empty() ? "" : ", ") + std::string(row.name);
  fail("{}: there is no activation '{}'. Known are: {}", who, activation, known);
}

WholeNumbers whole_numbers_of_activation(std::string_view activation) {
  if (activation == "linear" || activation == "relu" || activation == "relu6") return WholeNumbers::kept;
  const bool has_floats = activation == "leaky_relu" || activation == "tanh" || activation == "exponential";
  return has_floats ? WholeNumbers::floats : WholeNumbers::refused;
}

Value lower_activation(GraphBuilder& graph, std::string_view activation, Value x) {
  require_activation("activation", activation);
  return find(activation)->lower(graph, x);
}

Value lower_activation_of_images(GraphBuilder& graph, std::string_view activation, Value images,
                                 std::string_view data_format) {
  const bool along_an_axis = activation == "softmax" || activation == "log_softmax";
  if (data_format == "channels_last" || !along_an_axis) return lower_activation(graph, activation, images);
  return axis_from_last(graph, lower_activation(graph, activation, axis_to_last(graph, images, 2)), 2);
}

}  // namespace fovea
