#pragma once

#include <span>
#include <vector>

#include "core/format.h"
#include "fovea/graph.h"
#include "fovea/ops.h"

namespace fovea {

/// One use of an op in a graph, as its gradient sees it.
struct OpCall {
  std::span<const Value> inputs;
  std::span<const Value> outputs;
  const std::vector<bool>& wanted;  ///< per input: does anything need its gradient?
};

/// What is computed, without saying how: attributes, shapes and the gradient. Backends supply the code.
class Op : public Configurable {
 public:
  /// Specs of the outputs. Throws Error when the inputs do not fit.
  virtual std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const = 0;
  /// Emits the gradient: one value per input, an empty Value where there is none. An empty output gradient is
  /// zero.
  virtual std::vector<Value> differentiate(GraphBuilder& b, const OpCall& call,
                                           std::span<const Value> output_gradients) const;
  /// The input whose memory output `index` may overwrite, -1 for none: elementwise ops.
  virtual int in_place(int /*output*/) const { return -1; }
  /// The output is the input's bytes under another shape.
  virtual bool is_view() const { return false; }
};

/// Fails unless the op got that many inputs.
void require_inputs(const Op& op, std::span<const TensorSpec> inputs, std::size_t count);
/// Fails unless x is floating; an image is of rank 4 too.
void require_floats(const Op& op, const TensorSpec& x);
void require_image(const Op& op, const TensorSpec& x);
void require_rank(const Op& op, const TensorSpec& x, std::size_t rank);
/// Fails unless 0 <= axis < rank.
void require_axis(const Op& op, const TensorSpec& x, std::int64_t axis);
/// Fails unless all inputs are floating and have one spec.
void require_alike(const Op& op, std::span<const TensorSpec> inputs);
void require_same_dtype(const Op& op, const TensorSpec& a, const TensorSpec& b);

/// The shape two shapes broadcast to; Error names `op` when they do not.
Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b);
/// Sums `value` over the axes along which `shape` was broadcast.
Value reduce_to_shape(GraphBuilder& b, Value value, const Shape& shape);

template <class OpType>
Value emit_one(GraphBuilder& b, OpType op, std::initializer_list<Value> inputs) {
  return b.emit(std::make_shared<OpType>(std::move(op)),
                std::span<const Value>(inputs.begin(), inputs.size()))[0];
}

}  // namespace fovea
