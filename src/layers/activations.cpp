#include "layers/activations.h"

#include <string>

#include "core/format.h"
#include "fovea/ops.h"

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

Value lower_activation(GraphBuilder& graph, std::string_view activation, Value x) {
  require_activation("activation", activation);
  return find(activation)->lower(graph, x);
}

}  // namespace fovea
