#include "ops/shaping.h"

#include <algorithm>
#include <cstring>

#include "backends/reference/reference.h"
#include "backends/reference/strides.h"
#include "core/convert.h"

// Moving bytes needs no type: elements are copied by their size.

namespace fovea {
namespace {

struct Bytes {
  explicit Bytes(const ReferenceCall& call)
      : size(static_cast<std::int64_t>(size_of(call.output_specs[0].dtype))),
        to(static_cast<std::byte*>(call.outputs[0])) {}
  /// Copies `count` elements.
  void copy(const void* from, std::int64_t source, std::int64_t target, std::int64_t count) const {
    std::memcpy(to + target * size, static_cast<const std::byte*>(from) + source * size,
                static_cast<std::size_t>(count * size));
  }
  std::int64_t size;
  std::byte* to;
};

template <class From, class To>
void cast(const ReferenceCall& call) {
  const From* const from = call.input<From>(0);
  To* const to = call.output<To>();
  std::transform(from, from + call.output_specs[0].shape.elements(), to, converted<To, From>);
}

template <class From>
void cast_from(const ReferenceCall& call) {
  switch (call.output_specs[0].dtype) {
    case DType::float32:
      return cast<From, float>(call);
    case DType::float64:
      return cast<From, double>(call);
    case DType::int32:
      return cast<From, std::int32_t>(call);
    case DType::int64:
      return cast<From, std::int64_t>(call);
    case DType::uint8:
      return cast<From, std::uint8_t>(call);
    case DType::bfloat16:
      return cast<From, bfloat16>(call);
  }
}

}  // namespace

void reference_Reshape(const ReferenceCall& call) {
  if (call.outputs[0] == call.inputs[0]) return;
  Bytes(call).copy(call.inputs[0], 0, 0, call.output_specs[0].shape.elements());
}

void reference_StopGradient(const ReferenceCall& call) { reference_Reshape(call); }

void reference_Transpose(const ReferenceCall& call) {
  const auto& permutation = static_cast<const TransposeOp&>(call.op).permutation;
  const Shape &x = call.input_specs[0].shape, &y = call.output_specs[0].shape;
  const Bytes bytes(call);
  for (std::int64_t flat = 0; flat < y.elements(); ++flat) {
    std::int64_t rest = flat, source = 0;
    for (std::size_t i = permutation.size(); i-- > 0;) {
      const std::int64_t position = rest % y[static_cast<std::ptrdiff_t>(i)];
      rest /= y[static_cast<std::ptrdiff_t>(i)];
      source += position * x.slice(permutation[i] + 1).elements();
    }
    bytes.copy(call.inputs[0], source, flat, 1);
  }
}

void reference_Concatenate(const ReferenceCall& call) {
  const std::int64_t axis = static_cast<const ConcatenateOp&>(call.op).axis;
  const AxisSplit y(call.output_specs[0].shape, axis);
  const Bytes bytes(call);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < call.input_specs.size(); ++i) {
    const std::int64_t size = call.input_specs[i].shape[axis];
    for (std::int64_t outer = 0; outer < y.outer; ++outer) {
      bytes.copy(call.inputs[i], outer * size * y.inner, (outer * y.size + first) * y.inner, size * y.inner);
    }
    first += size;
  }
}

void reference_Slice(const ReferenceCall& call) {
  const auto& op = static_cast<const SliceOp&>(call.op);
  const AxisSplit x(call.input_specs[0].shape, op.axis);
  const Bytes bytes(call);
  for (std::int64_t outer = 0; outer < x.outer; ++outer) {
    bytes.copy(call.inputs[0], (outer * x.size + op.first) * x.inner, outer * op.size * x.inner,
               op.size * x.inner);
  }
}

void reference_Pad(const ReferenceCall& call) {
  const auto& op = static_cast<const PadOp&>(call.op);
  const AxisSplit x(call.input_specs[0].shape, op.axis), y(call.output_specs[0].shape, op.axis);
  const Bytes bytes(call);
  std::memset(call.outputs[0], 0, static_cast<std::size_t>(call.output_specs[0].bytes()));
  for (std::int64_t outer = 0; outer < x.outer; ++outer) {
    bytes.copy(call.inputs[0], outer * x.size * x.inner, (outer * y.size + op.before) * x.inner,
               x.size * x.inner);
  }
}

void reference_Cast(const ReferenceCall& call) {
  switch (call.input_specs[0].dtype) {
    case DType::float32:
      return cast_from<float>(call);
    case DType::float64:
      return cast_from<double>(call);
    case DType::int32:
      return cast_from<std::int32_t>(call);
    case DType::int64:
      return cast_from<std::int64_t>(call);
    case DType::uint8:
      return cast_from<std::uint8_t>(call);
    case DType::bfloat16:
      return cast_from<bfloat16>(call);
  }
}

void reference_OneHot(const ReferenceCall& call) {
  const std::int64_t classes = static_cast<const OneHotOp&>(call.op).classes;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < call.output_specs[0].shape.elements(); ++i) {
      call.output<T>()[i] = call.input<std::int32_t>(0)[i / classes] == i % classes ? T(1) : T(0);
    }
  });
}

}  // namespace fovea
