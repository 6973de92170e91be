#include "layers/rows.h"

// ZeroPadding1D: zeros before and after a row. Cropping1D: a row without some steps at its ends.
// UpSampling1D: each step several times. Sources: keras/src/layers/reshaping/.

namespace fovea {
namespace {

/// Two numbers, or one for both; Error for others.
void ends_field(FieldVisitor& visitor, const LayerImpl& layer, std::string_view name, Padding1& ends) {
  std::optional<Axes> given = Axes{ends.before, ends.after};
  visitor.field(name, given);
  if (!visitor.reads()) return;
  if (!given || given->empty() || given->size() > 2)
    layer.fail_rule(fmt::format("{} must be one number, or two: before and after", name));
  ends = {given->values.front(), given->values.back()};
}

void require_ends(const LayerImpl& layer, std::string_view option, Padding1 ends) {
  if (ends.before >= 0 && ends.after >= 0) return;
  layer.fail_rule(fmt::format("{} must be at least 0 at both ends. Received: {}=({}, {})", option, option,
                              ends.before, ends.after));
}

class ZeroPadding1DLayer final : public RowLayer {
 public:
  std::string_view class_name() const override { return "ZeroPadding1D"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override {
    ends_field(visitor, *this, "padding", padding);
    data_format_field(visitor);
  }

  Padding1 padding = 1;

 private:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    Shape x = require_images(*this, inputs);
    require_ends(*this, "padding", padding);
    if (x[2] != Shape::unknown) x.set(2, padding.before + x[2] + padding.after);
    return {x};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    return {ops::zero_padding2d(context.graph, inputs[0], {0, 0, padding.before, padding.after})};
  }
  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("length {} + {} + {}", padding.before, inputs[0][2], padding.after);
  }
};

class Cropping1DLayer final : public RowLayer {
 public:
  std::string_view class_name() const override { return "Cropping1D"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override { ends_field(visitor, *this, "cropping", cropping); }

  Padding1 cropping = 1;

 private:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    Shape x = require_images(*this, inputs);
    require_ends(*this, "cropping", cropping);
    if (x[2] == Shape::unknown) return {x};
    if (cropping.before + cropping.after >= x[2]) {
      fail_rule(fmt::format("nothing is left of {} steps when {} and {} are cut off. Received: shape {}",
                            x[2], cropping.before, cropping.after, from_images(x).str()));
    }
    x.set(2, x[2] - cropping.before - cropping.after);
    return {x};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    const std::int64_t length = context.graph.spec(inputs[0]).shape[2];
    return {
        ops::slice(context.graph, inputs[0], 2, cropping.before, length - cropping.before - cropping.after)};
  }
  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("length {} - {} - {}", inputs[0][2], cropping.before, cropping.after);
  }
};

class UpSampling1DLayer final : public RowLayer {
 public:
  std::string_view class_name() const override { return "UpSampling1D"; }
  KerasTraits keras_traits() const override { return {.builds = true}; }
  WholeNumbers whole_numbers(DType, bool) const override { return WholeNumbers::kept; }
  void fields(FieldVisitor& visitor) override { visitor.field("size", size); }

  std::int64_t size = 2;

 private:
  std::vector<Shape> image_shapes(std::span<const Shape> inputs) const override {
    Shape x = require_images(*this, inputs);
    require_at_least_one(*this, "size", size);
    if (x[2] != Shape::unknown) x.set(2, x[2] * size);
    return {x};
  }
  std::vector<Value> lower_images(const LoweringContext& context,
                                  std::span<const Value> inputs) const override {
    GraphBuilder& g = context.graph;
    const Shape x = g.spec(inputs[0]).shape;
    const Value apart = ops::reshape(g, inputs[0], {x[0], x[2], 1, x[3]});
    const Value repeated = ops::broadcast_to(g, apart, {x[0], x[2], size, x[3]});
    return {ops::reshape(g, repeated, {x[0], 1, x[2] * size, x[3]})};
  }
  std::string explain_image_shape(std::span<const Shape> inputs) const override {
    return fmt::format("length {} * {}", inputs[0][2], size);
  }
};

}  // namespace

std::shared_ptr<LayerImpl> make_ZeroPadding1D() { return std::make_shared<ZeroPadding1DLayer>(); }
std::shared_ptr<LayerImpl> make_Cropping1D() { return std::make_shared<Cropping1DLayer>(); }
std::shared_ptr<LayerImpl> make_UpSampling1D() { return std::make_shared<UpSampling1DLayer>(); }

ZeroPadding1D::ZeroPadding1D(Padding1 padding, const NameOption& options) {
  auto impl = make_impl<ZeroPadding1DLayer>(options);
  impl->padding = padding;
  impl_ = impl;
}

Cropping1D::Cropping1D(Padding1 cropping, const NameOption& options) {
  auto impl = make_impl<Cropping1DLayer>(options);
  impl->cropping = cropping;
  impl_ = impl;
}

UpSampling1D::UpSampling1D(std::int64_t size, const NameOption& options) {
  auto impl = make_impl<UpSampling1DLayer>(options);
  impl->size = size;
  impl_ = impl;
}

}  // namespace fovea
