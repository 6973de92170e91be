#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ops/op.h"
#include "support/random.h"

namespace fovea::testing {

/// One use of an op: its options, and data to run it on. Floats are double and are rounded for float32 runs.
struct OpCase {
  std::string name;  ///< "Conv2D/groups2"
  std::shared_ptr<const Op> op;
  std::vector<Tensor> inputs;
  double step = 1e-5;  ///< of the central differences
};

/// Draws an input; the argument names it.
using Draw = std::function<Tensor(const std::string& name)>;
Draw normal(const Shape& shape);
Draw uniform(const Shape& shape, double low, double high);
/// Whole numbers of a float type: many are equal.
Draw whole(const Shape& shape, std::int64_t bound);
Draw integers(const Shape& shape, std::int64_t bound, DType dtype = DType::int32);
Draw given(Tensor tensor);

class OpCases {
 public:
  template <class OpType>
  void add(const std::string& label, OpType op, const std::vector<Draw>& inputs, double step = 1e-5) {
    OpCase made{std::string(op.class_name()) + "/" + label, nullptr, {}, step};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      made.inputs.push_back(inputs[i](made.name + "/" + std::to_string(i)));
    }
    made.op = std::make_shared<OpType>(std::move(op));
    cases_.push_back(std::move(made));
  }
  const std::vector<OpCase>& all() const { return cases_; }

 private:
  std::vector<OpCase> cases_;
};

void add_convolution_cases(OpCases& cases);
void add_pooling_cases(OpCases& cases);
void add_elementwise_cases(OpCases& cases);
void add_reduction_cases(OpCases& cases);
void add_shaping_cases(OpCases& cases);
void add_training_cases(OpCases& cases);

/// Every case; made once.
const std::vector<OpCase>& op_cases();
const OpCase& op_case(const std::string& name);
/// All their names, for tests that run once for each.
std::vector<std::string> op_case_names();

}  // namespace fovea::testing
