#pragma once

#include "ops/op.h"

namespace fovea {

enum class RandomKind : std::uint8_t { normal, uniform };

/// Random numbers, of a standard normal distribution (Box and Muller) or uniform in [0, 1), from Philox(seed,
/// stream, step, element). Input: random_state = {seed, step}.
class RandomOp final : public Op {
 public:
  RandomOp() = default;
  RandomOp(RandomKind kind_, const Shape& shape_, DType dtype_, std::uint64_t stream_)
      : kind(kind_), shape(shape_), dtype(dtype_), stream(static_cast<std::int64_t>(stream_)) {}
  std::string_view class_name() const override { return "Random"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  RandomKind kind = RandomKind::normal;
  Shape shape;
  DType dtype = DType::float32;
  std::int64_t stream = 0;
};

/// How the affine transforms of RandomTransform come about.
enum class TransformKind : std::uint8_t {
  rotate,     ///< about the middle, by parts of a full turn
  translate,  ///< by parts of the height and the width
  zoom,       ///< to parts of the image about its middle
  flip,       ///< along the axes whose range is not empty, or not at all
  crop        ///< whole pixels to move by, the same for all samples; ranges are numbers of places
};

/// The matrix of an affine transform for each sample, (N, 6) in float32: result (x, y) is taken from (m0 x +
/// m1 y + m2, m3 x + m4 y + m5). Input: random_state.
class RandomTransformOp final : public Op {
 public:
  std::string_view class_name() const override { return "RandomTransform"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  TransformKind kind = TransformKind::rotate;
  std::int64_t samples = 1;
  Size2 image = 1;
  double low = 0, high = 0;              ///< of the angle, or what goes on along the height
  double width_low = 0, width_high = 0;  ///< along the width
  bool tied = false;                     ///< the width takes the height's number
  std::int64_t stream = 0;
};

enum class FillMode : std::uint8_t { constant, nearest, reflect, wrap };

/// Inputs: images (N, H, W, C) and matrices (N, 6) as RandomTransform gives them, used in float32. Images of
/// `size`, each pixel between its four neighbours (bilinear) or the nearest one. No gradient: it stands in
/// front of what is trained. Source: tensorflow/core/kernels/image/image_ops.h.
class AffineTransformOp final : public Op {
 public:
  std::string_view class_name() const override { return "AffineTransform"; }
  void fields(FieldVisitor& visitor) override;
  std::vector<TensorSpec> infer(std::span<const TensorSpec> inputs) const override;
  std::vector<Value> differentiate(GraphBuilder&, const OpCall&, std::span<const Value>) const override;

  Size2 size = 1;
  bool bilinear = true;
  FillMode fill_mode = FillMode::reflect;
  double fill_value = 0;
};

/// The feed that says which random numbers a step draws.
Value random_state(GraphBuilder& b);

}  // namespace fovea
