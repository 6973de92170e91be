// The transforms of F(4x4, 3x3), of one line of vectors at a time. Included once per instruction set.
//
// The points 0, +-a, +-b and infinity at which the polynomials are evaluated decide the rounding errors:
// a = 5/8, b = 3/2 keep them at less than half of those of the usual 1 and 2.

#if defined(FOVEA_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_WINOGRAD_INL_H_
#undef FOVEA_WINOGRAD_INL_H_
#else
#define FOVEA_WINOGRAD_INL_H_
#endif

#include <type_traits>

#include "backends/cpu/kernels/bfloat16/bfloat16-inl.h"
#include "backends/cpu/kernels/conv2d/pooled_gradient.h"
#include "backends/cpu/kernels/conv2d/winograd_cut.h"
#include "backends/cpu/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace points {
inline constexpr double a = 0.625, b = 1.5;
inline constexpr double a2 = a * a, b2 = b * b, a3 = a2 * a, b3 = b2 * b;
// Shares of the polynomials that vanish at all other points: 1 / product of the differences.
inline constexpr double at_zero = 1 / (a2 * b2), at_a = 1 / (2 * a2 * (a2 - b2)),
                        at_b = 1 / (2 * b2 * (b2 - a2));
}  // namespace points

HWY_INLINE Vector winograd_number(double value) { return hn::Set(D(), static_cast<float>(value)); }

/// Inputs to the 6 positions, B^T d, in vectors of any length.
template <class Tag>
HWY_INLINE void transform_inputs(Tag tag, const hn::Vec<Tag> d[6], hn::Vec<Tag> t[6]) {
  using namespace points;
  using V = hn::Vec<Tag>;
  const auto number = [&](double value) HWY_ATTR { return hn::Set(tag, static_cast<float>(value)); };
  const V kSum = number(a2 + b2), kProduct = number(a2 * b2);
  const V even_a = hn::NegMulAdd(number(b2), d[2], d[4]);
  const V odd_a = hn::Mul(number(a), hn::NegMulAdd(number(b2), d[1], d[3]));
  const V even_b = hn::NegMulAdd(number(a2), d[2], d[4]);
  const V odd_b = hn::Mul(number(b), hn::NegMulAdd(number(a2), d[1], d[3]));
  t[0] = hn::MulAdd(kProduct, d[0], hn::NegMulAdd(kSum, d[2], d[4]));
  t[1] = hn::Add(even_a, odd_a);
  t[2] = hn::Sub(even_a, odd_a);
  t[3] = hn::Add(even_b, odd_b);
  t[4] = hn::Sub(even_b, odd_b);
  t[5] = hn::MulAdd(kProduct, d[1], hn::NegMulAdd(kSum, d[3], d[5]));
}

/// The 3 weights to the 6 positions, G g.
HWY_INLINE void transform_weights(const Vector g[3], Vector t[6]) {
  using namespace points;
  const Vector even_a = hn::Mul(winograd_number(at_a), hn::MulAdd(winograd_number(a2), g[2], g[0]));
  const Vector odd_a = hn::Mul(winograd_number(at_a * a), g[1]);
  const Vector even_b = hn::Mul(winograd_number(at_b), hn::MulAdd(winograd_number(b2), g[2], g[0]));
  const Vector odd_b = hn::Mul(winograd_number(at_b * b), g[1]);
  t[0] = hn::Mul(winograd_number(at_zero), g[0]);
  t[1] = hn::Add(even_a, odd_a);
  t[2] = hn::Sub(even_a, odd_a);
  t[3] = hn::Add(even_b, odd_b);
  t[4] = hn::Sub(even_b, odd_b);
  t[5] = g[2];
}

/// 6 positions to 4 outputs, A^T m.
HWY_INLINE void transform_products(const Vector m[6], Vector y[4]) {
  using namespace points;
  const Vector sum_a = hn::Add(m[1], m[2]), difference_a = hn::Sub(m[1], m[2]);
  const Vector sum_b = hn::Add(m[3], m[4]), difference_b = hn::Sub(m[3], m[4]);
  y[0] = hn::Add(hn::Add(m[0], sum_a), sum_b);
  y[1] = hn::MulAdd(winograd_number(a), difference_a, hn::Mul(winograd_number(b), difference_b));
  y[2] = hn::MulAdd(winograd_number(a2), sum_a, hn::Mul(winograd_number(b2), sum_b));
  y[3] = hn::MulAdd(winograd_number(a3), difference_a, hn::MulAdd(winograd_number(b3), difference_b, m[5]));
}

/// 4 gradients of outputs to the 6 positions, A dy.
HWY_INLINE void transform_gradients(const Vector y[4], Vector t[6]) {
  using namespace points;
  const Vector even_a = hn::MulAdd(winograd_number(a2), y[2], y[0]);
  const Vector odd_a = hn::MulAdd(winograd_number(a3), y[3], hn::Mul(winograd_number(a), y[1]));
  const Vector even_b = hn::MulAdd(winograd_number(b2), y[2], y[0]);
  const Vector odd_b = hn::MulAdd(winograd_number(b3), y[3], hn::Mul(winograd_number(b), y[1]));
  t[0] = y[0];
  t[1] = hn::Add(even_a, odd_a);
  t[2] = hn::Sub(even_a, odd_a);
  t[3] = hn::Add(even_b, odd_b);
  t[4] = hn::Sub(even_b, odd_b);
  t[5] = y[3];
}

/// 6 positions to the gradients of the 3 weights, G^T u.
HWY_INLINE void transform_weight_gradients(const Vector u[6], Vector g[3]) {
  using namespace points;
  const Vector sum_a = hn::Add(u[1], u[2]), difference_a = hn::Sub(u[1], u[2]);
  const Vector sum_b = hn::Add(u[3], u[4]), difference_b = hn::Sub(u[3], u[4]);
  g[0] = hn::MulAdd(winograd_number(at_zero), u[0],
                    hn::MulAdd(winograd_number(at_a), sum_a, hn::Mul(winograd_number(at_b), sum_b)));
  g[1] =
      hn::MulAdd(winograd_number(at_a * a), difference_a, hn::Mul(winograd_number(at_b * b), difference_b));
  g[2] = hn::MulAdd(winograd_number(at_a * a2), sum_a, hn::MulAdd(winograd_number(at_b * b2), sum_b, u[5]));
}

/// Both ways through a square of values: value(row, column) for kFrom x kFrom of them, result(row, column,
/// value) for kTo x kTo.
template <int kFrom, int kTo, class Line, class Value, class Result>
HWY_INLINE void transform_square(Line&& line, Value&& value, Result&& result) {
  Vector half[kFrom][kTo];
  FOVEA_UNROLL
  for (int row = 0; row < kFrom; ++row) {
    Vector from[kFrom];
    FOVEA_UNROLL
    for (int column = 0; column < kFrom; ++column) from[column] = value(row, column);
    line(from, half[row]);
  }
  FOVEA_UNROLL
  for (int column = 0; column < kTo; ++column) {
    Vector from[kFrom], to[kTo];
    FOVEA_UNROLL
    for (int row = 0; row < kFrom; ++row) from[row] = half[row][column];
    line(from, to);
    FOVEA_UNROLL
    for (int row = 0; row < kTo; ++row) result(row, column, to[row]);
  }
}

/// A kSize x kSize square of pixels of an image whose first one is (top, left), zero where it hangs over.
template <int kSize, class T = float>
class ImageTile {
 public:
  /// `image` has rows of `width` pixels with all `channels`.
  ImageTile(const T* image, std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t top,
            std::int64_t left)
      : first_(image + (top * width + left) * channels),
        row_(width * channels),
        pixel_(channels),
        rows_(intersection({-top, height - top}, {0, kSize})),
        columns_(intersection({-left, width - left}, {0, kSize})) {}

  std::int64_t channels() const { return pixel_; }
  /// value(row, column) of `used` channels from c on.
  template <class Use>
  HWY_INLINE void read(std::int64_t c, std::int64_t used, Use&& use) const {
    const T* const from = first_ + c;
    if (rows_.size() == kSize && columns_.size() == kSize) {
      return use([&](int row, int column)
                     HWY_ATTR { return load_first(from + row * row_ + column * pixel_, used); });
    }
    use([&](int row, int column) HWY_ATTR {
      const bool inside =
          row >= rows_.begin && row < rows_.end && column >= columns_.begin && column < columns_.end;
      return inside ? load_first(from + row * row_ + column * pixel_, used) : hn::Zero(D());
    });
  }

 private:
  const T* first_;
  std::int64_t row_, pixel_;
  Range rows_, columns_;  ///< that lie inside
};

/// The same of a gradient that only a pooling knows. kOddTop and kOddLeft: does the tile begin inside of a
/// window?
template <int kSize, int kOddTop, int kOddLeft, class Gradient>
class PooledTile {
 public:
  /// Of the pooled map of an image, height x width windows.
  PooledTile(const Gradient& gradient, std::int64_t image, std::int64_t height, std::int64_t width,
             std::int64_t channels, std::int64_t top, std::int64_t left)
      : gradient_(gradient),
        image_(image * height * width * channels),
        channels_(channels),
        width_(width),
        window_top_(floor_div(top, 2)),
        window_left_(floor_div(left, 2)),
        rows_(intersection({-window_top_, height - window_top_}, {0, kDown})),
        columns_(intersection({-window_left_, width - window_left_}, {0, kAcross})) {}

  std::int64_t channels() const { return channels_; }
  template <class Use>
  HWY_INLINE void read(std::int64_t c, std::int64_t used, Use&& use) const {
    const D d;
    const DInt di;
    Vector g[kDown][kAcross];
    IntVector winners[kDown][kAcross];
    FOVEA_UNROLL
    for (int i = 0; i < kDown; ++i) {
      FOVEA_UNROLL
      for (int j = 0; j < kAcross; ++j) {
        g[i][j] = hn::Zero(d);
        winners[i][j] = hn::Zero(di);
        if (i < rows_.begin || i >= rows_.end || j < columns_.begin || j >= columns_.end) continue;
        const std::int64_t at = image_ + ((window_top_ + i) * width_ + window_left_ + j) * channels_ + c;
        g[i][j] = load_first(gradient_.dy + at, used);
        winners[i][j] = load_bytes(gradient_.winners + at, used);
        if (gradient_.after == nullptr) continue;
        const auto counts = hn::Gt(load_first(gradient_.after + at, used), hn::Zero(d));
        g[i][j] = hn::Mul(hn::IfThenElseZero(counts, hn::Set(d, 1.0F)), g[i][j]);
      }
    }
    use([&](int row, int column) HWY_ATTR {
      const int y = row + kOddTop, x = column + kOddLeft;
      const auto won = hn::Eq(winners[y / 2][x / 2], hn::Set(di, y % 2 * 2 + x % 2));
      return hn::IfThenElseZero(hn::RebindMask(d, won), g[y / 2][x / 2]);
    });
  }

 private:
  static constexpr int kDown = kSize / 2 + kOddTop, kAcross = kSize / 2 + kOddLeft;
  const Gradient& gradient_;
  std::int64_t image_, channels_, width_;
  std::int64_t window_top_, window_left_;
  Range rows_, columns_;  ///< windows that there are
};

/// use(PooledTile of the right kind).
template <int kSize, class Gradient, class Use>
HWY_INLINE void with_pooled_tile(const Gradient& gradient, std::int64_t image, std::int64_t height,
                                 std::int64_t width, std::int64_t channels, std::int64_t top,
                                 std::int64_t left, Use&& use) {
  const auto make = [&](auto odd_top, auto odd_left) HWY_ATTR {
    use(PooledTile<kSize, decltype(odd_top)::value, decltype(odd_left)::value, Gradient>(
        gradient, image, height, width, channels, top, left));
  };
  constexpr std::integral_constant<int, 0> even;
  constexpr std::integral_constant<int, 1> odd;
  if (top % 2 == 0) return left % 2 == 0 ? make(even, even) : make(even, odd);
  left % 2 == 0 ? make(odd, even) : make(odd, odd);
}

/// Writes the transform of a kSize x kSize tile as position p of channel c at to[p * position + c]; channels
/// are filled up with zeros to whole vectors.
template <int kSize, class Tile, class Line>
HWY_INLINE void transform_tile(const Tile& tile, Line&& line, float* to, std::int64_t position) {
  const D d;
  for_vectors(tile.channels(), [&](std::int64_t c, std::int64_t used) HWY_ATTR {
    tile.read(c, used, [&](auto&& value) HWY_ATTR {
      transform_square<kSize, kTileInputs>(line, value, [&](int row, int column, Vector result) HWY_ATTR {
        hn::StoreU(result, d, to + (row * kTileInputs + column) * position + c);
      });
    });
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
