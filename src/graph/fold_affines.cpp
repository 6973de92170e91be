#include <optional>

#include "graph/sole_readers.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"
#include "ops/matmul.h"
#include "ops/shaping.h"

// ((v * w) + b) * s + t = v * (w s) + (b s + t), for a convolution or matrix product * with one s and t a
// filter. What follows a convolution, a bias and a BatchNormalization that infers, becomes its weights. In
// bfloat16 the numbers are folded in float32, as they come, and then rounded; casts on the way are left out.

namespace fovea {
namespace {

class AffineFolder {
 public:
  explicit AffineFolder(const Graph& graph)
      : old_(graph),
        fixed_(fixed_values(graph)),
        part_of_chain_(graph.nodes().size()),
        readers_(graph),
        chain_ends_(graph.nodes().size()),
        values_(graph.value_count()) {}

  Graph fold() {
    for (std::size_t i = 0; i < old_.nodes().size(); ++i) find_chain(i);
    for (std::size_t i = 0; i < old_.nodes().size(); ++i) copy(i);
    for (const Value output : old_.outputs()) new_.add_output(copied(output));
    for (const Graph::Assignment& assignment : old_.assignments())
      new_.assign(assignment.variable, copied(assignment.value));
    return std::move(new_);
  }

 private:
  /// A convolution or product, and the additions and multiplications after it.
  struct Chain {
    std::size_t product;
    std::vector<std::size_t> affine;
  };

  static std::size_t index(Value value) { return static_cast<std::size_t>(value.id); }
  const Graph::Node& node(std::size_t i) const { return old_.nodes()[i]; }

  void find_chain(std::size_t product) {
    const Op* const op = node(product).op.get();
    const bool is_product = dynamic_cast<const Conv2DOp*>(op) != nullptr ||
                            dynamic_cast<const DepthwiseConv2DOp*>(op) != nullptr ||
                            dynamic_cast<const MatMulOp*>(op) != nullptr;
    if (!is_product || !fixed_[index(node(product).inputs[1])] || fixed_[index(node(product).inputs[0])])
      return;
    Chain chain{product, {}};
    std::size_t folded = 0;  // up to the last multiplication and what is added to it
    for (Value value = node(product).outputs[0];;) {
      const std::size_t next = readers_.of(value);
      if (next == SoleReaders::none) break;
      const bool casts = is_cast(next);
      if (!casts && !is_affine(next, value)) break;
      chain.affine.push_back(next);
      value = node(next).outputs[0];
      if (folded > 0 || (!casts && kind(next) == BinaryKind::multiply)) folded = chain.affine.size();
    }
    chain.affine.resize(folded);
    if (folded == 0) return;
    part_of_chain_[product] = true;
    for (const std::size_t i : chain.affine) part_of_chain_[i] = true;
    chain_ends_[chain.affine.back()] = std::move(chain);
  }

  /// Between bfloat16 and float32?
  bool is_cast(std::size_t i) const {
    if (dynamic_cast<const CastOp*>(node(i).op.get()) == nullptr) return false;
    const DType from = old_.spec(node(i).inputs[0]).dtype, to = old_.spec(node(i).outputs[0]).dtype;
    return (from == DType::bfloat16 && to == DType::float32) ||
           (from == DType::float32 && to == DType::bfloat16);
  }
  /// What it was before it was cast.
  Value uncast(Value value) const {
    const Graph::ValueInfo& info = old_.info(value);
    const auto i = static_cast<std::size_t>(info.index);
    return info.source == Graph::Source::op && is_cast(i) ? node(i).inputs[0] : value;
  }

  BinaryKind kind(std::size_t i) const { return static_cast<const BinaryOp&>(*node(i).op).kind; }
  Value other_operand(std::size_t i, Value value) const {
    return node(i).inputs[node(i).inputs[0] == value ? 1 : 0];
  }

  /// Does it add to `value`, or multiply it by, one fixed number a filter?
  bool is_affine(std::size_t i, Value value) const {
    if (dynamic_cast<const BinaryOp*>(node(i).op.get()) == nullptr) return false;
    if (kind(i) != BinaryKind::add && kind(i) != BinaryKind::multiply) return false;
    const Value other = other_operand(i, value);
    const Shape& numbers = old_.spec(other).shape;
    return fixed_[index(other)] && numbers.rank() > 0 && numbers.elements() == numbers[-1] &&
           numbers[-1] == old_.spec(value).shape[-1] && old_.spec(node(i).outputs[0]) == old_.spec(value);
  }

  Value copied(Value value) {
    Value& place = values_[index(value)];
    if (place) return place;
    const Graph::ValueInfo& info = old_.info(value);
    const auto i = static_cast<std::size_t>(info.index);
    if (info.source == Graph::Source::feed) place = new_.feed(old_.feeds()[i].name, info.spec);
    if (info.source == Graph::Source::constant) place = new_.constant(old_.constants()[i]);
    if (info.source == Graph::Source::variable) place = new_.variable(old_.variables()[i]);
    return place;
  }

  void copy(std::size_t i) {
    if (chain_ends_[i]) {
      values_[index(node(i).outputs[0])] = emit_folded(*chain_ends_[i]);
    } else if (!part_of_chain_[i]) {
      std::vector<Value> inputs;
      for (const Value input : node(i).inputs) inputs.push_back(copied(input));
      new_.set_layer(node(i).layer);
      const std::vector<Value> outputs = new_.emit(node(i).op, inputs);
      for (std::size_t k = 0; k < outputs.size(); ++k) values_[index(node(i).outputs[k])] = outputs[k];
    }
  }

  Value emit_folded(const Chain& chain) {
    const Graph::Node& product = node(chain.product);
    new_.set_layer(product.layer);
    Value factor, offset;
    Value value = product.outputs[0];
    const DType dtype = old_.spec(value).dtype, precise = ops::statistics_dtype(dtype);
    for (const std::size_t i : chain.affine) {
      if (is_cast(i)) {
        value = node(i).outputs[0];
        continue;
      }
      const Value given = ops::cast(new_, copied(uncast(other_operand(i, value))), precise);
      const Value numbers = ops::reshape(new_, given, {new_.spec(given).shape[-1]});
      if (kind(i) == BinaryKind::add) {
        offset = offset ? ops::add(new_, offset, numbers) : numbers;
      } else {
        factor = factor ? ops::multiply(new_, factor, numbers) : numbers;
        if (offset) offset = ops::multiply(new_, offset, numbers);
      }
      value = node(i).outputs[0];
    }
    const auto* matmul = dynamic_cast<const MatMulOp*>(product.op.get());
    if (matmul != nullptr && matmul->transpose_b)  // its filters are the rows
      factor = ops::reshape(new_, factor, {new_.spec(factor).shape[0], 1});
    if (dynamic_cast<const DepthwiseConv2DOp*>(product.op.get()) != nullptr) {
      const Shape& kernel = old_.spec(product.inputs[1]).shape;  // (height, width, channels, multiplier)
      factor = ops::reshape(new_, factor, {kernel[2], kernel[3]});
    }
    const Value kernel = ops::cast(new_, copied(uncast(product.inputs[1])), precise);
    const Value weights = ops::cast(new_, ops::multiply(new_, kernel, factor), dtype);
    if (offset) offset = ops::cast(new_, offset, dtype);
    const Value inputs[] = {copied(product.inputs[0]), weights};
    Value result = new_.emit(product.op, inputs)[0];
    if (offset) result = ops::add(new_, result, offset);
    return ops::cast(new_, result, old_.spec(value).dtype);
  }

  const Graph& old_;
  Graph new_;
  const std::vector<bool> fixed_;
  std::vector<bool> part_of_chain_;
  const SoleReaders readers_;
  std::vector<std::optional<Chain>> chain_ends_;
  std::vector<Value> values_;  ///< in the new graph
};

}  // namespace

Graph fold_affines(const Graph& graph) { return AffineFolder(graph).fold(); }

}  // namespace fovea
