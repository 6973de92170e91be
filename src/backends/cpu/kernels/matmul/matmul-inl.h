// The register kernel of the matrix product: P rows by V vectors of columns are accumulated in registers. An
// element of a is broadcast, a row of the packed panel of b loaded. Included once per instruction set.

#if defined(FOVEA_MATMUL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_MATMUL_INL_H_
#undef FOVEA_MATMUL_INL_H_
#else
#define FOVEA_MATMUL_INL_H_
#endif

#include "backends/cpu/kernels/vector-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// c[p][j] = start[j] + sum over i < depth of a[p * a_row + i * a_step] * b[i][j].
struct ProductTile {
  const float* a;
  std::int64_t a_row, a_step;
  const float* b;  // rows of V whole vectors, b_row apart
  std::int64_t b_row, depth;
  float* c;
  std::int64_t c_row;
  const float* start;       // null for zero
  bool accumulate;          // start from what c holds
  bool relu;                // max(., 0) at the end, keeping NaN
  std::int64_t last_lanes;  // columns in the last vector
};

template <int P, int V>
HWY_NOINLINE void product_tile(const ProductTile& t) {
  const D d;
  const std::int64_t lanes = lane_count();
  Vector sum[P][V];
  FOVEA_UNROLL
  for (int p = 0; p < P; ++p) {
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) {
      const std::int64_t used = v == V - 1 ? t.last_lanes : lanes;
      if (t.accumulate) {
        sum[p][v] = load_first(t.c + p * t.c_row + v * lanes, used);
      } else {
        sum[p][v] = t.start == nullptr ? hn::Zero(d) : load_first(t.start + v * lanes, used);
      }
    }
  }
  const float* HWY_RESTRICT a = t.a;
  const float* HWY_RESTRICT b = t.b;
  const std::int64_t row = t.a_row, step = t.a_step, b_row = t.b_row;
  for (std::int64_t i = 0; i < t.depth; ++i, a += step, b += b_row) {
    Vector column[V];
    FOVEA_UNROLL
    for (int v = 0; v < V; ++v) column[v] = hn::LoadU(d, b + v * lanes);
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      const Vector x = hn::Set(d, a[p * row]);
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) sum[p][v] = hn::MulAdd(x, column[v], sum[p][v]);
    }
  }
  if (t.relu) {
    FOVEA_UNROLL
    for (int p = 0; p < P; ++p) {
      FOVEA_UNROLL
      for (int v = 0; v < V; ++v) sum[p][v] = hn::IfThenZeroElse(hn::Lt(sum[p][v], hn::Zero(d)), sum[p][v]);
    }
  }
  FOVEA_UNROLL
  for (int p = 0; p < P; ++p) {
    float* c = t.c + p * t.c_row;
    FOVEA_UNROLL
    for (int v = 0; v < V - 1; ++v) hn::StoreU(sum[p][v], d, c + v * lanes);
    store_first(sum[p][V - 1], c + (V - 1) * lanes, t.last_lanes);
  }
}

template <int V>
void product_tile_of(std::int64_t rows, const ProductTile& t) {
  constexpr int kLargest = largest_tile(V);
  switch (rows) {
    case 1:
      return product_tile<1, V>(t);
    case 2:
      return product_tile<2, V>(t);
    case 3:
      return product_tile<3, V>(t);
    case 4:
      return product_tile<4, V>(t);
    case 5:
      return product_tile<5, V>(t);
    case 6:
      return product_tile<6, V>(t);
    case 7:
      return product_tile<HWY_MIN(kLargest, 7), V>(t);
    case 8:
      return product_tile<HWY_MIN(kLargest, 8), V>(t);
    case 9:
      return product_tile<HWY_MIN(kLargest, 9), V>(t);
    case 10:
      return product_tile<HWY_MIN(kLargest, 10), V>(t);
    case 11:
      return product_tile<HWY_MIN(kLargest, 11), V>(t);
    default:
      return product_tile<HWY_MIN(kLargest, 12), V>(t);
  }
}

inline void product_tile_of(std::int64_t vectors, std::int64_t rows, const ProductTile& t) {
  switch (vectors) {
    case 1:
      return product_tile_of<1>(rows, t);
    case 2:
      return product_tile_of<2>(rows, t);
    case 3:
      return product_tile_of<HWY_MIN(kMaxVectors, 3)>(rows, t);
    default:
      return product_tile_of<HWY_MIN(kMaxVectors, 4)>(rows, t);
  }
}

/// Asks for the lines of c that a tile of `rows` rows will write. They are short runs far apart, which no
/// hardware prefetcher finds by itself.
inline void prefetch_tile(const float* c, std::int64_t c_row, std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kLine = 16;  // floats
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < columns; i += kLine) hwy::Prefetch(c + row * c_row + i);
  }
}

/// `rows` rows below each other, in tiles of nearly equal height.
inline void column_of_tiles(std::int64_t vectors, std::int64_t rows, ProductTile t) {
  const EvenParts parts(rows, largest_tile(vectors));
  const std::int64_t columns = (vectors - 1) * lane_count() + t.last_lanes;
  for (std::int64_t part = 0; part < parts.parts; ++part) {
    const std::int64_t height = parts.size(part);
    if (part + 1 < parts.parts) prefetch_tile(t.c + height * t.c_row, t.c_row, parts.size(part + 1), columns);
    product_tile_of(vectors, height, t);
    t.a += height * t.a_row;
    t.c += height * t.c_row;
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
