// What becomes of the products of a tile: outputs, or windows of a pooling. Included once per instruction
// set.

#if defined(FOVEA_WINOGRAD_OUTPUTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_WINOGRAD_OUTPUTS_INL_H_
#undef FOVEA_WINOGRAD_OUTPUTS_INL_H_
#else
#define FOVEA_WINOGRAD_OUTPUTS_INL_H_
#endif

#include "backends/cpu/kernels/conv2d/winograd-inl.h"
#include "backends/cpu/kernels/conv2d/winograd_convolution.h"
#include "ops/pool2d.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// The transformed weights: [block of filters][position][channel][filter]. For few channels, a block is one
/// vector.
struct WinogradWeights {
  explicit WinogradWeights(const StridedConvolution& c)
      : width((c.channels <= kFewChannels ? 1 : kMaxVectors) * lane_count()),
        filters(round_up(c.filters, lane_count())),
        channels(c.channels),
        packed(c.packed) {}

  std::int64_t block_width(std::int64_t b) const { return std::min(width, filters - b * width); }
  float* block(std::int64_t b) const { return packed + kPositions * channels * b * width; }

  std::int64_t width;  ///< filters of a whole block
  std::int64_t filters, channels;
  float* packed;
};

/// What becomes of the sums of a tile, and where that goes: numbers of type T. `Pooled` is PooledOutput or
/// its like.
template <class T, class Pooled>
struct WinogradEnd {
  const float* bias = nullptr;
  const T* residual = nullptr;
  bool relu = false;
  float largest = 0;
  T* out = nullptr;
  const Pooled* pooled = nullptr;  ///< instead of `out`: max, min or mean over 2x2 windows
};

struct StoreFirst {
  template <class T>
  HWY_INLINE void operator()(Vector value, T* to, std::int64_t used) const {
    store_first(value, to, used);
  }
};

/// `Store` writes the first lanes of a vector.
template <class T, class Pooled, class Store>
class WinogradOutputs {
 public:
  WinogradOutputs(const StridedConvolution& sizes, const WinogradEnd<T, Pooled>& destination)
      : c(sizes), end(destination) {}

  /// The outputs of a tile for `used` filters from `first` on; product(row, column) are those of a position.
  template <class Product>
  HWY_INLINE void write(const WinogradTiles::Place& at, std::int64_t first, std::int64_t used,
                        Product&& product) const {
    end.pooled == nullptr ? write_map(at, first, used, product) : write_pooled(at, first, used, product);
  }

  /// The four windows of a pooling in a tile.
  template <class Product>
  HWY_INLINE void write_pooled(const WinogradTiles::Place& at, std::int64_t first, std::int64_t used,
                               Product&& product) const {
    const std::int64_t height = c.out_height / 2, width = c.out_width / 2;
    const std::int64_t top = at.top / 2, left = at.left / 2;
    Vector y[kTileOutputs][kTileOutputs];
    outputs(first, used, product,
            [&](int row, int column, Vector value) HWY_ATTR { y[row][column] = activated(value); });
    FOVEA_UNROLL
    for (int row = 0; row < 2; ++row) {
      FOVEA_UNROLL
      for (int column = 0; column < 2; ++column) {
        if (top + row >= height || left + column >= width) continue;
        const std::int64_t pixel = (at.image * height + top + row) * width + left + column;
        write_window({y[2 * row][2 * column], y[2 * row][2 * column + 1], y[2 * row + 1][2 * column],
                      y[2 * row + 1][2 * column + 1]},
                     pixel * c.filters + first, used);
      }
    }
  }

 private:
  /// result(row, column, value) of each output of a tile, the bias included.
  template <class Product, class Result>
  HWY_INLINE void outputs(std::int64_t first, std::int64_t used, Product&& product, Result&& result) const {
    const D d;
    const Vector bias = end.bias == nullptr ? hn::Zero(d) : load_first(end.bias + first, used);
    transform_square<kTileInputs, kTileOutputs>(
        [](const Vector* from, Vector* to) HWY_ATTR { transform_products(from, to); }, product,
        [&](int row, int column, Vector value) HWY_ATTR { result(row, column, hn::Add(value, bias)); });
  }

  HWY_INLINE Vector activated(Vector value) const {
    return end.relu ? clipped_relu(value, end.largest) : value;
  }

  template <class Product>
  HWY_INLINE void write_map(const WinogradTiles::Place& at, std::int64_t first, std::int64_t used,
                            Product&& product) const {
    const std::int64_t rows = std::min(kTileOutputs, c.out_height - at.top),
                       columns = std::min(kTileOutputs, c.out_width - at.left);
    const std::int64_t begin = at.image * c.out_image + at.top * c.out_row + at.left * c.out_pixel + first;
    outputs(first, used, product, [&](int row, int column, Vector value) HWY_ATTR {
      if (row >= rows || column >= columns) return;
      const std::int64_t to = begin + row * c.out_row + column * c.out_pixel;
      if (end.residual != nullptr) value = hn::Add(value, load_first(end.residual + to, used));
      Store()(activated(value), end.out + to, used);
    });
  }

  struct PoolWindow {
    Vector value[4];
  };

  HWY_INLINE void write_window(const PoolWindow& w, std::int64_t to, std::int64_t used) const {
    const D d;
    const DInt di;
    const Pooled& p = *end.pooled;
    if (p.kind == ops::PoolKind::average) {
      const Vector sum = hn::Add(hn::Add(hn::Add(w.value[0], w.value[1]), w.value[2]), w.value[3]);
      return Store()(hn::Mul(sum, hn::Set(d, 0.25F)), p.y + to, used);
    }
    const bool max = p.kind == ops::PoolKind::max;
    if (max && p.relu && p.marks_dead && p.winners != nullptr) return write_alive(w, to, used);
    Vector best = w.value[0];
    IntVector winner = hn::Zero(di);
    FOVEA_UNROLL
    for (int i = 1; i < 4; ++i) {
      const auto wins = max ? hn::Gt(w.value[i], best) : hn::Lt(w.value[i], best);
      best = hn::IfThenElse(wins, w.value[i], best);
      winner = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, i), winner);
    }
    if (p.marks_dead) {
      winner =
          hn::IfThenElse(hn::RebindMask(di, hn::Le(best, hn::Zero(d))), hn::Set(di, kDeadWindow), winner);
    }
    if (p.relu) best = hn::IfThenZeroElse(hn::Lt(best, hn::Zero(d)), best);
    Store()(best, p.y + to, used);
    if (p.winners != nullptr) store_bytes(winner, p.winners + to, used);
  }

  /// The same where dead windows are marked and a ReLU follows: an element must be larger than zero to win,
  /// and a first one that is NaN wins.
  HWY_INLINE void write_alive(const PoolWindow& w, std::int64_t to, std::int64_t used) const {
    const D d;
    const DInt di;
    const auto none = hn::Le(w.value[0], hn::Zero(d));
    Vector best = hn::IfThenZeroElse(none, w.value[0]);
    IntVector winner = hn::IfThenElseZero(hn::RebindMask(di, none), hn::Set(di, kDeadWindow));
    FOVEA_UNROLL
    for (int i = 1; i < 4; ++i) {
      const auto wins = hn::Gt(w.value[i], best);
      best = hn::IfThenElse(wins, w.value[i], best);
      winner = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, i), winner);
    }
    Store()(best, end.pooled->y + to, used);
    store_bytes(winner, end.pooled->winners + to, used);
  }

  const StridedConvolution& c;
  const WinogradEnd<T, Pooled> end;
};

using FloatOutputs = WinogradOutputs<float, PooledOutput, StoreFirst>;

inline FloatOutputs outputs_of(const StridedConvolution& c) {
  const ConvEpilogue& e = c.epilogue;
  return {c, {e.bias, e.residual, e.relu, e.largest, c.out, c.pooled}};
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
