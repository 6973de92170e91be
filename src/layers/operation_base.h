#pragma once

#include "layers/layer_support.h"
#include "layers/operation.h"

namespace fovea {

/// What all of them share: where Keras keeps the class, and one tensor unless they say otherwise.
class NamedOperation : public OperationLayer {
 public:
  explicit NamedOperation(std::string_view class_name) : class_name_(class_name) {}
  std::string_view class_name() const override { return class_name_; }
  KerasTraits keras_traits() const override {
    return {.takes_list = takes_tensors(),
            .shows_dtype = true,
            .module = class_name_.substr(0, class_name_.find('>'))};
  }
  /// Of operation_dtypes.cpp, which lists them.
  WholeNumbers whole_numbers(DType dtype, bool training) const override;
  DType output_dtype(std::size_t index, std::span<const DType> inputs, bool training) const override;
  void fields(FieldVisitor&) override {}
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    return {require_one(*this, inputs)};
  }

 protected:
  std::string_view kind() const { return class_name_.substr(class_name_.find('>') + 1); }

 private:
  std::string_view class_name_;
};

inline std::int64_t from_front(const LayerImpl& layer, std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  const std::int64_t result = axis < 0 ? axis + size : axis;
  if (result < 0 || result >= size)
    layer.fail_rule(fmt::format("a tensor of rank {} has no axis {}", rank, axis));
  return result;
}

/// Axes from the front in ascending order; all of them for None.
std::vector<std::int64_t> resolved_axes(const LayerImpl& layer, const std::optional<Axes>& axes,
                                        std::size_t rank);
/// The shape without these axes, or with sizes of 1 there.
Shape without_axes(const Shape& x, const std::vector<std::int64_t>& axes, bool keepdims);
/// As NumPy aligns shapes, from their last axis.
Shape broadcast(const LayerImpl& layer, const Shape& a, const Shape& b);
/// The arguments of a call, tensors or what was written in their place, in the type of the first tensor.
std::vector<Value> argument_values(GraphBuilder& g, const std::vector<Operand>& operands,
                                   std::span<const Value> tensors);
/// x^exponent, as products.
Value whole_power(GraphBuilder& g, Value x, std::int64_t exponent);
/// Refuses more positions along an axis than tensors have, or more tensors than anybody means.
void require_possible_size(const LayerImpl& layer, std::string_view option, std::int64_t size);
void require_possible_count(const LayerImpl& layer, std::string_view option, std::int64_t count);

// Each of operation_<family>.cpp.
std::shared_ptr<OperationLayer> make_reshape_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_transpose_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_axis_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_join_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_reduction_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_variance_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_norm_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_normalize_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_get_item_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_flip_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_roll_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_repeat_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_tile_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_split_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_unstack_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_pad_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_matmul_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_conv_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_pool_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_resize_operation(std::string_view class_name);
std::shared_ptr<OperationLayer> make_blocks_operation(std::string_view class_name);

}  // namespace fovea
