#pragma once

#include <span>

#include "core/format.h"
#include "ops/op.h"

namespace fovea {

/// One op with its data. An output nobody reads is null.
struct ReferenceCall {
  const Op& op;
  std::span<const TensorSpec> input_specs;
  std::span<const TensorSpec> output_specs;
  const void* const* inputs;
  void* const* outputs;

  template <class T>
  const T* input(std::size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* output(std::size_t i = 0) const {
    return static_cast<T*>(outputs[i]);
  }
};

// reference_<Op>(call) for every row of ops.inc, each defined in the file named after the op's own.
#define FOVEA_OP(Name) void reference_##Name(const ReferenceCall& call);
#include "ops/ops.inc"
#undef FOVEA_OP

/// What is summed in: the type itself, or float for bfloat16.
template <class T>
using Sum = std::conditional_t<std::is_same_v<T, bfloat16>, float, T>;

/// Calls function.operator()<T>() with the float type of `dtype`. Formulas in bfloat16 are computed in float
/// or double and rounded once, where the op's result is written.
template <class Function>
void with_float_type(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::float32:
      return function.template operator()<float>();
    case DType::float64:
      return function.template operator()<double>();
    case DType::bfloat16:
      return function.template operator()<bfloat16>();
    default:
      fail("reference backend: expected float32, float64 or bfloat16. Received: {}", name(dtype));
  }
}

}  // namespace fovea
