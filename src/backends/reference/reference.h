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

/// Calls function.operator()<T>() with the float type of `dtype`.
template <class Function>
void with_float_type(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::float32:
      return function.template operator()<float>();
    case DType::float64:
      return function.template operator()<double>();
    default:
      fail("reference backend: expected float32 or float64. Received: {}", name(dtype));
  }
}

}  // namespace fovea
