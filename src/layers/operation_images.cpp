#include "core/json_fields.h"
#include "layers/image_layer.h"
#include "layers/interpolation.h"
#include "layers/operation_base.h"
#include "ops/axes.h"

// Operations of keras.ops on images: those that are a layer's too are done by that layer. Sources:
// keras/src/ops/nn.py, image.py.

namespace fovea {
namespace {

/// What a layer with some options does, under the operation's name.
class LayerOperation : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    return made(require_one(*this, inputs).rank())->output_shapes(inputs);
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    return made(context.graph.spec(inputs[0]).shape.rank())->lower(context, inputs);
  }

 protected:
  /// For an input of that rank, the layer's class and its options.
  virtual std::pair<std::string, Json> layer(std::size_t rank) const = 0;
  static Json json(const Axes& axes) { return axes.is_list ? Json(axes.values) : Json(axes.values.at(0)); }

 private:
  std::shared_ptr<LayerImpl> made(std::size_t rank) const {
    const auto [class_name, options] = layer(rank);
    std::shared_ptr<LayerImpl> result = make_layer(class_name);
    result->name = name;
    read_config(*result, options, fmt::format("Layer '{}' ({})", name, this->class_name()));
    return result;
  }
};

class PoolOperation final : public LayerOperation {
 public:
  using LayerOperation::LayerOperation;
  void fields(FieldVisitor& visitor) override {
    one_or_many_field(visitor, "pool_size", size_);
    visitor.field("strides", strides_);
    visitor.field("padding", padding_);
    visitor.field("data_format", data_format_);
  }

 private:
  std::pair<std::string, Json> layer(std::size_t rank) const override {
    const std::string kind = this->kind() == "MaxPool" ? "MaxPooling" : "AveragePooling";
    if (rank != 3 && rank != 4) fail_rule(fmt::format("takes rows or images. Received: rank {}", rank));
    return {fmt::format("{}{}D", kind, rank - 2),
            {{"pool_size", json(size_)},
             {"strides", json(strides_.value_or(size_))},
             {"padding", padding_},
             {"data_format", data_format_.value_or("channels_last")}}};
  }

  Axes size_ = 2;
  std::optional<Axes> strides_;
  std::string padding_ = "valid";
  std::optional<std::string> data_format_;
};

class ResizeOperation final : public LayerOperation {
 public:
  using LayerOperation::LayerOperation;
  void fields(FieldVisitor& visitor) override {
    visitor.field("size", size_);
    visitor.field("interpolation", interpolation_);
    visitor.field("antialias", antialias_);
    visitor.field("crop_to_aspect_ratio", crop_);
    visitor.field("pad_to_aspect_ratio", pad_);
    visitor.field("fill_mode", fill_mode_);
    visitor.field("fill_value", fill_value_);
    visitor.field("data_format", data_format_);
  }
  /// Rounded, unlike what the layer makes of them.
  WholeNumbers whole_numbers(DType, bool) const override {
    const bool plain = !crop_ && !pad_ && !antialias_ && data_format_ != "channels_first";
    return plain ? WholeNumbers::kept : WholeNumbers::refused;
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (!context.whole_dtype || interpolation_ == "nearest") return LayerOperation::lower(context, inputs);
    return {resampled_whole(context.graph, inputs[0], size_, interpolation_, *context.whole_dtype)};
  }

 private:
  std::pair<std::string, Json> layer(std::size_t) const override {
    return {"Resizing",
            {{"height", size_.height},
             {"width", size_.width},
             {"interpolation", interpolation_},
             {"antialias", antialias_},
             {"crop_to_aspect_ratio", crop_},
             {"pad_to_aspect_ratio", pad_},
             {"fill_mode", fill_mode_},
             {"fill_value", fill_value_},
             {"data_format", data_format_.value_or("channels_last")}}};
  }

  Size2 size_;
  std::string interpolation_ = "bilinear", fill_mode_ = "constant";
  bool antialias_ = false, crop_ = false, pad_ = false;
  double fill_value_ = 0;
  std::optional<std::string> data_format_;
};

/// DepthToSpace: channel (i * block + j) * C + c of a place becomes channel c of the place in row i and
/// column j of its block; SpaceToDepth is the way back.
class BlocksOperation final : public NamedOperation {
 public:
  using NamedOperation::NamedOperation;
  void fields(FieldVisitor& visitor) override {
    visitor.field("block_size", block_);
    visit_data_format(visitor, *this, data_format_);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    const Shape& x = require_images(*this, inputs);
    require_at_least_one(*this, "block_size", block_);
    require_possible_size(*this, "block_size", block_ * std::min<std::int64_t>(block_, 1 << 20));
    const bool first = data_format_ == "channels_first";
    const std::ptrdiff_t height = first ? 2 : 1, width = first ? 3 : 2, channels = first ? 1 : 3;
    Shape result = x;
    if (kind() == "DepthToSpace") {
      result.set(height, times(x[height], block_));
      result.set(width, times(x[width], block_));
      result.set(channels, parts(x, channels, block_ * block_));
    } else {
      result.set(height, parts(x, height, block_));
      result.set(width, parts(x, width, block_));
      result.set(channels, times(x[channels], block_ * block_));
    }
    return {result};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const bool first = data_format_ == "channels_first";
    const Value images = first ? axis_to_last(g, inputs[0], 1) : inputs[0];
    const Shape x = g.spec(images).shape;
    Shape apart{x[0], x[1], x[2], block_, block_, x[3] / (block_ * block_)};
    Shape result{x[0], x[1] * block_, x[2] * block_, x[3] / (block_ * block_)};
    if (kind() == "SpaceToDepth") {
      apart = {x[0], x[1] / block_, block_, x[2] / block_, block_, x[3]};
      result = {x[0], x[1] / block_, x[2] / block_, x[3] * block_ * block_};
    }
    const Value turned = ops::transpose(g, ops::reshape(g, images, apart), {0, 1, 3, 2, 4, 5});
    const Value together = ops::reshape(g, turned, result);
    return {first ? axis_from_last(g, together, 1) : together};
  }

 private:
  std::int64_t times(std::int64_t size, std::int64_t factor) const {
    if (size == Shape::unknown) return size;
    require_possible_size(*this, "block_size", size);
    require_possible_size(*this, "block_size", size * factor);
    return size * factor;
  }
  std::int64_t parts(const Shape& x, std::ptrdiff_t axis, std::int64_t count) const {
    if (x[axis] == Shape::unknown) return Shape::unknown;
    if (x[axis] % count != 0)
      fail_rule(fmt::format("axis {} of shape {} does not come in {} parts", axis, x.str(), count));
    return x[axis] / count;
  }

  std::int64_t block_ = 2;
  std::string data_format_ = "channels_last";
};

}  // namespace

std::shared_ptr<OperationLayer> make_pool_operation(std::string_view class_name) {
  return std::make_shared<PoolOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_resize_operation(std::string_view class_name) {
  return std::make_shared<ResizeOperation>(class_name);
}
std::shared_ptr<OperationLayer> make_blocks_operation(std::string_view class_name) {
  return std::make_shared<BlocksOperation>(class_name);
}

}  // namespace fovea
