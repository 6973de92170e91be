#include <algorithm>

#include "graph/graph.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"
#include "ops/matmul.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"
#include "ops/round.h"
#include "ops/shaping.h"
#include "ops/softmax.h"
#include "ops/take.h"
#include "ops/unary.h"

namespace fovea {
namespace {

template <class OpClass>
const OpClass* as(const Op& op) {
  return dynamic_cast<const OpClass*>(&op);
}

class SampleWise {
 public:
  explicit SampleWise(const Graph& graph) : graph_(graph), rows_(graph.value_count()) {}

  bool holds() {
    if (graph_.feeds().empty() || !graph_.assignments().empty()) return false;
    const Shape& first = graph_.spec(graph_.feeds()[0].value).shape;
    if (first.rank() == 0 || first[0] < 1) return false;
    samples_ = first[0];
    for (const Graph::Feed& feed : graph_.feeds()) {
      if (!counts_samples(feed.value)) return false;
      mark(feed.value);
    }
    for (const Graph::Node& node : graph_.nodes()) {
      if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](Value v) { return has_rows(v); }))
        continue;
      if (!keeps_rows(node) ||
          !std::all_of(node.outputs.begin(), node.outputs.end(), [&](Value v) { return counts_samples(v); }))
        return false;
      for (const Value output : node.outputs) mark(output);
    }
    return std::all_of(graph_.outputs().begin(), graph_.outputs().end(),
                       [&](Value v) { return has_rows(v); });
  }

 private:
  /// Does row i of each output follow from row i of those inputs that have rows?
  bool keeps_rows(const Graph::Node& node) const {
    const Op& op = *node.op;
    const std::size_t rank = graph_.spec(node.inputs[0]).shape.rank();
    const auto only_first = [&] {
      return has_rows(node.inputs[0]) &&
             std::none_of(node.inputs.begin() + 1, node.inputs.end(), [&](Value v) { return has_rows(v); });
    };
    if (as<Conv2DOp>(op) || as<Conv2DBackwardInputOp>(op) || as<DepthwiseConv2DOp>(op) || as<Pool2DOp>(op) ||
        as<UnaryOp>(op) || as<CastOp>(op) || as<RoundOp>(op) || as<StopGradientOp>(op))
      return only_first();
    if (as<SoftmaxOp>(op)) return rank > 1;
    if (as<ReshapeOp>(op)) return true;  // rows in order, and as many of them
    if (const auto* product = as<MatMulOp>(op)) return only_first() && !product->transpose_a;
    if (as<BinaryOp>(op)) return broadcasts_rows(node);
    if (const auto* reduce = as<ReduceOp>(op)) return !contains(reduce->axes, 0);
    if (const auto* transpose = as<TransposeOp>(op)) return transpose->permutation[0] == 0;
    if (const auto* pad = as<PadOp>(op)) return pad->axis != 0;
    if (const auto* slice = as<SliceOp>(op)) return slice->axis != 0;
    if (const auto* take = as<TakeOp>(op)) return take->axis != 0;
    if (as<BatchMatMulOp>(op)) return has_rows(node.inputs[0]) && has_rows(node.inputs[1]);
    if (const auto* concatenate = as<ConcatenateOp>(op)) {
      return concatenate->axis != 0 &&
             std::all_of(node.inputs.begin(), node.inputs.end(), [&](Value v) { return has_rows(v); });
    }
    return false;
  }

  /// What has rows lies along the result's rows, what has none is the same for all of them.
  bool broadcasts_rows(const Graph::Node& node) const {
    const std::size_t rank = graph_.spec(node.outputs[0]).shape.rank();
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](Value v) {
      const Shape& shape = graph_.spec(v).shape;
      if (has_rows(v)) return shape.rank() == rank;
      return shape.rank() < rank || shape[0] == 1;
    });
  }

  static bool contains(const std::vector<std::int64_t>& axes, std::int64_t axis) {
    return std::find(axes.begin(), axes.end(), axis) != axes.end();
  }
  bool counts_samples(Value value) const {
    const Shape& shape = graph_.spec(value).shape;
    return shape.rank() > 0 && shape[0] == samples_;
  }
  bool has_rows(Value value) const { return rows_[static_cast<std::size_t>(value.id)]; }
  void mark(Value value) { rows_[static_cast<std::size_t>(value.id)] = true; }

  const Graph& graph_;
  std::vector<bool> rows_;  ///< per value: one for each sample
  std::int64_t samples_ = 0;
};

}  // namespace

bool is_sample_wise(const Graph& graph) { return SampleWise(graph).holds(); }

}  // namespace fovea
