#include "ops/random.h"

#include "fovea/dtype_policy.h"

namespace fovea {
namespace {

template <class Enum>
void visit_enum(FieldVisitor& visitor, std::string_view name, Enum& value) {
  auto number = static_cast<std::int64_t>(value);
  visitor.field(name, number);
  value = static_cast<Enum>(number);
}

void require_state(const Op& op, const TensorSpec& state) {
  if (!(state == TensorSpec{{2}, DType::int64}))
    fail("Op {}: the random state must be int64 (2,). Received: {}", op.class_name(), state.str());
}

}  // namespace

void RandomOp::fields(FieldVisitor& visitor) {
  visit_enum(visitor, "kind", kind);
  visitor.field("shape", shape);
  std::string text(name(dtype));
  visitor.field("dtype", text);
  dtype = dtype_from_name(text);
  visitor.field("stream", stream);
}

std::vector<TensorSpec> RandomOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  if (!is_floating(dtype) || !shape.is_known())
    fail("Op Random: expected floats of a known shape. Received: {}", TensorSpec{shape, dtype}.str());
  require_state(*this, inputs[0]);
  return {{shape, dtype}};
}

std::vector<Value> RandomOp::differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const {
  return {Value{}};
}

void RandomTransformOp::fields(FieldVisitor& visitor) {
  visit_enum(visitor, "kind", kind);
  visitor.field("samples", samples);
  visitor.field("image", image);
  visitor.field("low", low);
  visitor.field("high", high);
  visitor.field("width_low", width_low);
  visitor.field("width_high", width_high);
  visitor.field("tied", tied);
  visitor.field("stream", stream);
}

std::vector<TensorSpec> RandomTransformOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 1);
  require_state(*this, inputs[0]);
  return {{{samples, 6}, DType::float32}};
}

std::vector<Value> RandomTransformOp::differentiate(GraphBuilder&, const OpCall&,
                                                    std::span<const Value>) const {
  return {Value{}};
}

void AffineTransformOp::fields(FieldVisitor& visitor) {
  visitor.field("size", size);
  visitor.field("bilinear", bilinear);
  visit_enum(visitor, "fill_mode", fill_mode);
  visitor.field("fill_value", fill_value);
}

std::vector<TensorSpec> AffineTransformOp::infer(std::span<const TensorSpec> inputs) const {
  require_inputs(*this, inputs, 2);
  require_image(*this, inputs[0]);
  const Shape& x = inputs[0].shape;
  if (!(inputs[1].shape == Shape{x[0], 6}) || !is_floating(inputs[1].dtype)) {
    fail("Op AffineTransform: matrices must be floats of shape {}. Received: {}", Shape{x[0], 6}.str(),
         inputs[1].str());
  }
  if (size.height < 1 || size.width < 1) {
    fail("Op AffineTransform: the size must be at least 1. Received: ({}, {})", size.height, size.width);
  }
  return {{{x[0], size.height, size.width, x[3]}, inputs[0].dtype}};
}

std::vector<Value> AffineTransformOp::differentiate(GraphBuilder&, const OpCall&,
                                                    std::span<const Value>) const {
  return {Value{}, Value{}};
}

Value random_state(GraphBuilder& b) { return b.feed("random_state", {{2}, DType::int64}); }

}  // namespace fovea
