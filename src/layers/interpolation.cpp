#include "layers/interpolation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "layers/layer_support.h"
#include "ops/round.h"

// Every kind of resampling is a product of one axis with a matrix of weights: column i holds what result i
// takes from each pixel. Result i lies at (i + 1/2) n / size - 1/2. Weights that would fall outside of the
// image are left out and the others scaled to 1. Sources: tensorflow/core/kernels/image/,
// scale_and_translate_ op.cc and resize_bicubic_op.cc; Keys 1981.

namespace fovea {
namespace {

/// A kernel and how far it reaches on both sides.
struct Kernel1D {
  double reach = 1;
  std::function<double(double)> weight;
};

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

double keys_cubic(double x) {
  const double d = std::abs(x);
  if (d >= 2) return 0;
  return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : ((-0.5 * d + 2.5) * d - 4) * d + 2;
}

double lanczos(double x, double reach) {
  if (std::abs(x) >= reach) return 0;
  if (std::abs(x) <= 1e-3) return 1;
  const double angle = std::numbers::pi * x;
  return reach * std::sin(angle) * std::sin(angle / reach) / (angle * angle);
}

Kernel1D kernel_named(const std::string& interpolation) {
  if (interpolation == "bicubic") return {2, keys_cubic};
  if (interpolation == "lanczos3") return {3, [](double x) { return lanczos(x, 3); }};
  if (interpolation == "lanczos5") return {5, [](double x) { return lanczos(x, 5); }};
  return {1, triangle};
}

class Weights {
 public:
  Weights(std::int64_t n, std::int64_t size)
      : n_(n),
        size_(size),
        scale_(static_cast<double>(n) / static_cast<double>(size)),
        values_(static_cast<std::size_t>(n * size)) {}

  /// In float32, as TensorFlow: where a result lies between two pixels, a last digit decides.
  void fill_nearest() {
    const float scale = static_cast<float>(n_) / static_cast<float>(size_);
    for (std::int64_t i = 0; i < size_; ++i) {
      const auto from = static_cast<std::int64_t>(std::floor((static_cast<float>(i) + 0.5F) * scale));
      at(std::min(from, n_ - 1), i) = 1;
    }
  }

  void fill_area() {
    for (std::int64_t i = 0; i < size_; ++i) {
      const double begin = static_cast<double>(i) * scale_, end = begin + scale_;
      for (std::int64_t from = 0; from < n_; ++from) {
        const double left = static_cast<double>(from);
        at(from, i) = std::max(0.0, std::min(end, left + 1) - std::max(begin, left)) / scale_;
      }
    }
  }

  /// `steps`: TensorFlow looks cubic weights up in a table with so many steps between two pixels; 0: it does
  /// not.
  void fill(const Kernel1D& kernel, double widening, int steps) {
    for (std::int64_t i = 0; i < size_; ++i) {
      double centre = (static_cast<double>(i) + 0.5) * scale_ - 0.5;
      if (steps > 0) {
        const double below = std::floor(centre);
        centre = below + std::nearbyint((centre - below) * steps) / steps;
      }
      double sum = 0;
      for (std::int64_t from = 0; from < n_; ++from) {
        const double distance = (static_cast<double>(from) - centre) / widening;
        if (std::abs(distance) >= kernel.reach) continue;
        sum += at(from, i) = kernel.weight(distance);
      }
      for (std::int64_t from = 0; from < n_; ++from) at(from, i) /= sum;
    }
  }

  double& at(std::int64_t from, std::int64_t to) {
    return values_[static_cast<std::size_t>(from * size_ + to)];
  }
  double scale() const { return scale_; }
  Tensor matrix(DType dtype) const { return Tensor::of({n_, size_}, values_).astype(dtype); }

 private:
  std::int64_t n_, size_;
  double scale_;
  std::vector<double> values_;
};

/// resampled(), bilinear, in TensorFlow's own float32 steps: where a result of bytes lies in the middle of
/// two whole numbers, a last digit decides.
Value between(GraphBuilder& g, Value images, std::int64_t axis, std::int64_t size) {
  const std::int64_t n = g.spec(images).shape[axis];
  const float scale = static_cast<float>(n) / static_cast<float>(size);
  std::vector<float> lower(static_cast<std::size_t>(n * size)), upper(lower), shares;
  for (std::int64_t i = 0; i < size; ++i) {
    const float centre = (static_cast<float>(i) + 0.5F) * scale - 0.5F, below = std::floor(centre);
    const auto low = std::max<std::int64_t>(static_cast<std::int64_t>(below), 0);
    const auto high = std::min(static_cast<std::int64_t>(std::ceil(centre)), n - 1);
    lower[static_cast<std::size_t>(low * size + i)] = 1;
    upper[static_cast<std::size_t>(high * size + i)] = 1;
    shares.push_back(centre - below);
  }
  const Value last = axis_to_last(g, images, axis);
  Shape shape = g.spec(last).shape;
  const Value rows = ops::reshape(g, last, {shape.slice(0, -1).elements(), n});
  const Value from = ops::matmul(g, rows, g.constant(Tensor::of({n, size}, lower)));
  const Value to = ops::matmul(g, rows, g.constant(Tensor::of({n, size}, upper)));
  const Value step = ops::multiply(g, ops::subtract(g, to, from), g.constant(Tensor::of({size}, shares)));
  shape.set(-1, size);
  return axis_from_last(g, ops::reshape(g, ops::add(g, from, step), shape), axis);
}

}  // namespace

void require_interpolation(const LayerImpl& layer, const std::string& interpolation) {
  constexpr std::array kKnown{"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"};
  if (std::find(kKnown.begin(), kKnown.end(), interpolation) != kKnown.end()) return;
  layer.fail_rule(
      fmt::format("interpolation must be 'nearest', 'bilinear', 'bicubic', 'lanczos3', "
                  "'lanczos5' or 'area'. Received: '{}'",
                  interpolation));
}

Value resampled(GraphBuilder& g, Value images, std::int64_t axis, std::int64_t size,
                const std::string& interpolation, bool antialias) {
  const TensorSpec spec = g.spec(images);
  const std::int64_t n = spec.shape[axis];
  if (n == size) return images;
  Weights weights(n, size);
  if (interpolation == "nearest") {
    weights.fill_nearest();
  } else if (interpolation == "area") {
    weights.fill_area();
  } else {
    const double widening = antialias ? std::max(1.0, weights.scale()) : 1;
    weights.fill(kernel_named(interpolation), widening, interpolation == "bicubic" && !antialias ? 1024 : 0);
  }
  const Value last = axis_to_last(g, images, axis);
  Shape shape = g.spec(last).shape;
  const Value rows = ops::reshape(g, last, {shape.slice(0, -1).elements(), n});
  const Value product = ops::matmul(g, rows, g.constant(weights.matrix(spec.dtype)));
  shape.set(-1, size);
  return axis_from_last(g, ops::reshape(g, product, shape), axis);
}

Value resampled_whole(GraphBuilder& g, Value images, Size2 size, const std::string& interpolation,
                      DType dtype) {
  const Value floats = ops::cast(g, images, DType::float32);
  const auto along = [&](Value x, std::int64_t axis, std::int64_t to) {
    return interpolation == "bilinear" ? between(g, x, axis, to)
                                       : resampled(g, x, axis, to, interpolation, false);
  };
  const Value result = along(along(floats, 2, size.width), 1, size.height);
  // The largest float32 in each type.
  switch (dtype) {
    case DType::uint8:
      return emit_one(g, RoundOp(0, 255), {result});
    case DType::int32:
      return emit_one(g, RoundOp(-0x1p31, 0x1.fffffep30), {result});
    default:
      return emit_one(g, RoundOp(-0x1p63, 0x1.fffffep62), {result});
  }
}

}  // namespace fovea
