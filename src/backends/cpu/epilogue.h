#pragma once

#include <variant>

#include "backends/backend.h"
#include "ops/unary.h"

namespace fovea::cpu {

/// What follows the first op of a region, each at most once and in this order: a bias over the last axis,
/// another tensor of the result's shape, an activation.
struct Epilogue {
  int bias = -1;                        ///< position among the region's inputs; -1 for none
  int residual = -1;                    ///< likewise
  const UnaryOp* activation = nullptr;  ///< null for none
  int result = -1;                      ///< the region's one output
};

/// Reads all steps but the first; `value` is what the first one makes. Declines any other step, and values
/// between the steps that are read outside.
std::variant<Epilogue, Declined> read_epilogue(const Region& region, int value);

/// The first `count` steps as a region of their own, whose result is `result`.
Region first_steps(const Region& region, std::size_t count, int result);

/// Where that step adds to `value` another tensor of its shape, an input of the region: its position. Else
/// -1.
int added_tensor(const Region& region, std::size_t step, int value);

/// What an activation, a ReLU perhaps clipped, or null for none, means for `relu` and `largest`.
template <class Fixed>
void set_relu(const UnaryOp* activation, Fixed& epilogue) {
  if (activation == nullptr) return;
  epilogue.relu = true;
  const double largest = activation->parameters.beta;
  if (largest > 0) epilogue.largest = static_cast<float>(largest);
}

/// Is that step the sum of `value` over all axes but the last: the gradient of a bias?
bool sums_columns(const Region& region, std::size_t step, int value);

}  // namespace fovea::cpu
