#include "conformance/op_cases.h"

namespace fovea::testing {

Draw normal(const Shape& shape) {
  return [shape](const std::string& name) { return random_normal(shape, name, DType::float64); };
}
Draw uniform(const Shape& shape, double low, double high) {
  return [=](const std::string& name) { return random_uniform(shape, low, high, name, DType::float64); };
}
Draw whole(const Shape& shape, std::int64_t bound) { return integers(shape, bound, DType::float64); }
Draw integers(const Shape& shape, std::int64_t bound, DType dtype) {
  return [=](const std::string& name) { return random_integers(shape, bound, name, dtype); };
}
Draw given(Tensor tensor) {
  return [tensor = std::move(tensor)](const std::string&) { return tensor; };
}

const std::vector<OpCase>& op_cases() {
  static const OpCases cases = [] {
    OpCases made;
    add_convolution_cases(made);
    add_pooling_cases(made);
    add_elementwise_cases(made);
    add_reduction_cases(made);
    add_shaping_cases(made);
    add_training_cases(made);
    return made;
  }();
  return cases.all();
}

const OpCase& op_case(const std::string& name) {
  for (const OpCase& candidate : op_cases()) {
    if (candidate.name == name) return candidate;
  }
  fail("there is no case '{}'", name);
}

std::vector<std::string> op_case_names() {
  std::vector<std::string> names;
  for (const OpCase& candidate : op_cases()) names.push_back(candidate.name);
  return names;
}

}  // namespace fovea::testing
