#include "bench/model_case.h"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace fovea::bench {
namespace {

Model read_model(const std::string& net, bool bfloat16) {
  if (bfloat16) set_dtype_policy("mixed_bfloat16");
  if (std::filesystem::path(net).extension() != ".json") return applications::make(net, {.outputs = 1});
  std::ifstream file(net);
  if (!file) throw Error("cannot read " + net);
  std::string json{std::istreambuf_iterator<char>(file), {}};
  // As bench/compare/workloads.py does.
  const std::string from = R"("config": {"name": "float32"})", to = R"("config": {"name": "mixed_bfloat16"})";
  for (std::size_t at = json.find(from); bfloat16 && at != std::string::npos; at = json.find(from, at))
    json.replace(at, from.size(), to);
  return model_from_json(json);
}

}  // namespace

ModelCase make_model_case(const std::string& net, std::int64_t batch, double pixels, bool bfloat16) {
  const Model model = read_model(net, bfloat16);
  Shape shape = model.inputs().at(0).shape();
  shape.set(0, batch);
  const std::int64_t outputs = model.outputs().at(0).shape()[-1];
  ModelCase made{model, Tensor(shape), Tensor({batch, 1}),
                 outputs == 1 ? "binary_crossentropy" : "sparse_categorical_crossentropy"};
  std::uint32_t state = 1;
  const auto next = [&] { return state = state * 1664525U + 1013904223U; };
  const auto scale = static_cast<float>(pixels / 255);
  for (std::int64_t i = 0; i < made.x.size(); ++i) {
    made.x.data<float>()[i] = static_cast<float>(next() >> 24) * scale;
  }
  const auto classes = static_cast<std::uint32_t>(outputs == 1 ? 2 : outputs);
  for (std::int64_t i = 0; i < batch; ++i) {
    made.y.data<float>()[i] = static_cast<float>((next() >> 8) % classes);
  }
  return made;
}

Optimizer make_optimizer(const std::string& name) {
  if (name == "adam") return Adam({.learning_rate = 0.001});
  if (name == "momentum") return SGD({.learning_rate = 0.001, .momentum = 0.9});
  throw Error("the optimizer must be adam or momentum. Received: " + name);
}

}  // namespace fovea::bench
