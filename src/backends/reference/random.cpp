#include "ops/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/reference/reference.h"
#include "core/philox.h"

namespace fovea {
namespace {

template <class RandomOpClass>
PhiloxStream stream_for(const RandomOpClass& op, const std::int64_t* state) {
  return {static_cast<std::uint64_t>(state[0]), static_cast<std::uint64_t>(op.stream),
          static_cast<std::uint32_t>(state[1])};
}

double uniform(const PhiloxStream& random, std::int64_t element) {
  return random.at(static_cast<std::uint64_t>(element)) * 0x1p-32;
}

/// Two numbers from each pair of words: the length from one of (0, 1], the angle from the other.
double normal(const PhiloxStream& random, std::int64_t element) {
  const std::int64_t pair = element / 2 * 2;
  const double length = std::sqrt(-2 * std::log(uniform(random, pair) + 0x1p-32));
  const double angle = 2 * std::numbers::pi * uniform(random, pair + 1);
  return length * (element % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

struct Matrix {
  double m[6];
};

/// Turned, scaled or moved about the middle of the image. `a` and `b` are the numbers drawn.
Matrix matrix_of(const RandomTransformOp& op, double a, double b) {
  const auto height = static_cast<double>(op.image.height), width = static_cast<double>(op.image.width);
  const double middle_x = (width - 1) / 2, middle_y = (height - 1) / 2;
  switch (op.kind) {
    case TransformKind::rotate: {
      const double c = std::cos(2 * std::numbers::pi * a), s = std::sin(2 * std::numbers::pi * a);
      return {{c, -s, middle_x - middle_x * c + middle_y * s, s, c, middle_y - middle_x * s - middle_y * c}};
    }
    case TransformKind::translate:
      return {{1, 0, -b * width, 0, 1, -a * height}};
    case TransformKind::zoom:
      return {{1 + b, 0, -middle_x * b, 0, 1 + a, -middle_y * a}};
    case TransformKind::flip: {
      const bool x = b > 0.5, y = a > 0.5;
      return {{x ? -1.0 : 1, 0, x ? width - 1 : 0, 0, y ? -1.0 : 1, y ? height - 1 : 0}};
    }
    case TransformKind::crop:
      return {{1, 0, std::floor(b), 0, 1, std::floor(a)}};
  }
  return {};
}

/// Where a place outside of [0, n) is taken from.
float mapped(float at, std::int64_t n, FillMode mode) {
  const auto last = static_cast<float>(n - 1), size = static_cast<float>(n);
  if (mode == FillMode::constant) return at;
  if (n <= 1) return 0;
  if (mode == FillMode::reflect) {
    const float period = 2 * size;
    if (at < 0) {
      at += period * std::trunc(-at / period);
      at = at < -size ? at + period : -at - 1;
    } else if (at > last) {
      at -= period * std::trunc(at / period);
      if (at >= size) at = period - at - 1;
    }
  } else if (mode == FillMode::wrap) {
    if (at < 0) {
      at += size * (std::trunc(-at / last) + 1);
    } else if (at > last) {
      at -= size * std::trunc(at / last);
    }
  }
  return std::clamp(at, 0.0F, last);
}

/// One image, whose pixels outside have one value.
template <class T>
struct Image {
  const T* pixels;
  std::int64_t height, width, channels;
  double fill;

  double at(float y, float x, std::int64_t c) const {
    // Floats are compared: a place may be further away than an integer can say, or no number.
    if (!(y >= 0 && y < static_cast<float>(height) && x >= 0 && x < static_cast<float>(width))) return fill;
    const auto row = static_cast<std::int64_t>(y), column = static_cast<std::int64_t>(x);
    return static_cast<double>(pixels[(row * width + column) * channels + c]);
  }
  double nearest(float y, float x, std::int64_t c) const { return at(std::round(y), std::round(x), c); }
  double between(float y, float x, std::int64_t c) const {
    const float top = std::floor(y), left = std::floor(x);
    const double down = y - top, right = x - left;
    const double upper = (1 - right) * at(top, left, c) + right * at(top, left + 1, c);
    const double lower = (1 - right) * at(top + 1, left, c) + right * at(top + 1, left + 1, c);
    return (1 - down) * upper + down * lower;
  }
};

}  // namespace

void reference_Random(const ReferenceCall& call) {
  const auto& op = static_cast<const RandomOp&>(call.op);
  const PhiloxStream random = stream_for(op, call.input<std::int64_t>(0));
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < call.output_specs[0].shape.elements(); ++i) {
      call.output<T>()[i] =
          static_cast<T>(op.kind == RandomKind::normal ? normal(random, i) : uniform(random, i));
    }
  });
}

void reference_RandomTransform(const ReferenceCall& call) {
  const auto& op = static_cast<const RandomTransformOp&>(call.op);
  const PhiloxStream random = stream_for(op, call.input<std::int64_t>(0));
  for (std::int64_t sample = 0; sample < op.samples; ++sample) {
    const std::int64_t draw = op.kind == TransformKind::crop ? 0 : 2 * sample;
    const double first = uniform(random, draw), second = op.tied ? first : uniform(random, draw + 1);
    const Matrix matrix = matrix_of(op, op.low + first * (op.high - op.low),
                                    op.width_low + second * (op.width_high - op.width_low));
    for (int i = 0; i < 6; ++i) call.output<float>()[6 * sample + i] = static_cast<float>(matrix.m[i]);
  }
}

void reference_AffineTransform(const ReferenceCall& call) {
  const auto& op = static_cast<const AffineTransformOp&>(call.op);
  const Shape &x = call.input_specs[0].shape, &y = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    T* result = call.output<T>();
    for (std::int64_t n = 0; n < x[0]; ++n) {
      float m[6];
      with_float_type(call.input_specs[1].dtype, [&]<class M>() {
        for (int i = 0; i < 6; ++i) m[i] = static_cast<float>(call.input<M>(1)[6 * n + i]);
      });
      const Image<T> image{call.input<T>(0) + n * x[1] * x[2] * x[3], x[1], x[2], x[3], op.fill_value};
      for (std::int64_t row = 0; row < y[1]; ++row) {
        for (std::int64_t column = 0; column < y[2]; ++column) {
          const auto across = static_cast<float>(column), down = static_cast<float>(row);
          const float from_x = mapped(m[0] * across + m[1] * down + m[2], x[2], op.fill_mode);
          const float from_y = mapped(m[3] * across + m[4] * down + m[5], x[1], op.fill_mode);
          for (std::int64_t c = 0; c < x[3]; ++c) {
            *result++ = static_cast<T>(op.bilinear ? image.between(from_y, from_x, c)
                                                   : image.nearest(from_y, from_x, c));
          }
        }
      }
    }
  });
}

}  // namespace fovea
