#include "backends/cpu/kernels/batch_norm/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/batch_norm/rows.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/bfloat16/bfloat16-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// Rows whose terms are summed in float before the sum goes to a double.
inline constexpr std::int64_t kRowsInFloat = 64;
/// Channels whose sums, next to what passes by, stay in L1.
inline constexpr std::int64_t kChannelsInOrder = 1024;

HWY_INLINE void add_lanes(Vector total, std::int64_t used, double* sums) {
  alignas(64) float floats[kMaxLanes] = {};
  hn::Store(total, D(), floats);
  for (std::int64_t i = 0; i < used; ++i) sums[i] += static_cast<double>(floats[i]);
}

void batch_norm_distances(const float* x, const float* center, std::int64_t rows, std::int64_t channels,
                          double* sums, double* squares) {
  for_vectors(channels, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
    const Vector middle = load_first(center + c, used);
    for (std::int64_t begin = 0; begin < rows; begin += kRowsInFloat) {
      Vector sum = hn::Zero(D()), square = hn::Zero(D());
      const std::int64_t end = std::min(rows, begin + kRowsInFloat);
      for (std::int64_t row = begin; row < end; ++row) {
        const Vector distance = hn::Sub(load_first(x + row * channels + c, used), middle);
        sum = hn::Add(sum, distance);
        square = hn::MulAdd(distance, distance, square);
      }
      add_lanes(sum, used, sums + c);
      add_lanes(square, used, squares + c);
    }
  });
}

/// Row by row, as memory lies, with the sums in L1.
template <class T>
void gradient_sums(const GradientRows<T>& g, std::int64_t rows, std::int64_t channels, double* sums,
                   double* products) {
  alignas(64) float sum[kChannelsInOrder], product[kChannelsInOrder];
  for (std::int64_t first = 0; first < channels; first += kChannelsInOrder) {
    const std::int64_t count = std::min(kChannelsInOrder, channels - first);
    for (std::int64_t begin = 0; begin < rows; begin += kRowsInFloat) {
      std::fill_n(sum, count, 0.0F);
      std::fill_n(product, count, 0.0F);
      for (std::int64_t row = begin; row < std::min(rows, begin + kRowsInFloat); ++row) {
        for_vectors(count, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
          const std::int64_t at = row * channels + first + c;
          Vector dy = load_first(g.dy + at, used);
          if (g.after != nullptr) {
            dy = counted(dy, load_first(g.after + at, used), g.largest);
            if (g.masked != nullptr) store_first(dy, g.masked + at, used);
          }
          const Vector distance = hn::Sub(load_first(g.x + at, used), load_first(g.mean + first + c, used));
          store_first(hn::Add(load_first(sum + c, used), dy), sum + c, used);
          store_first(hn::MulAdd(dy, distance, load_first(product + c, used)), product + c, used);
        });
      }
      for (std::int64_t c = 0; c < count; ++c) {
        sums[first + c] += static_cast<double>(sum[c]);
        products[first + c] += static_cast<double>(product[c]);
      }
    }
  }
}

HWY_INLINE void put(Vector value, float* to, std::int64_t used, bool stream) {
  if (stream) return hn::Stream(value, D(), to);
  store_first(value, to, used);
}
HWY_INLINE void put(Vector value, bfloat16* to, std::int64_t used, bool /*stream*/) {
  store_first(value, to, used);
}

template <class T>
void normalise(const Normalisation& n, const RowEpilogue<T>& epilogue, const T* x, std::int64_t rows,
               std::int64_t channels, T* y) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t at = row * channels;
    for_vectors(channels, [&](std::int64_t c, std::int64_t used) HWY_ATTR {
      const Vector distance = hn::Sub(hn::Sub(load_first(x + at + c, used), load_first(n.mean + c, used)),
                                      load_first(n.mean_rest + c, used));
      Vector value = hn::MulAdd(distance, load_first(n.factor + c, used), load_first(n.offset + c, used));
      if (epilogue.residual != nullptr) value = hn::Add(value, load_first(epilogue.residual + at + c, used));
      if (epilogue.relu) value = clipped_relu(value, epilogue.largest);
      put(value, y + at + c, used, epilogue.stream);
    });
  }
  if (epilogue.stream) hwy::FlushStream();
}

/// Row by row; the sums of some rows stay in L1 and then go to doubles.
template <class T>
void gradient(const NormalisationGradient& n, const T* x, const T* dy, std::int64_t rows,
              std::int64_t channels, bool stream, T* dx, double* sums) {
  alignas(64) float sum[kChannelsInOrder];
  for (std::int64_t first = 0; first < channels; first += kChannelsInOrder) {
    const std::int64_t count = std::min(kChannelsInOrder, channels - first);
    for (std::int64_t begin = 0; begin < rows; begin += kRowsInFloat) {
      if (sums != nullptr) std::fill_n(sum, count, 0.0F);
      for (std::int64_t row = begin; row < std::min(rows, begin + kRowsInFloat); ++row) {
        for_vectors(count, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
          const std::int64_t c = first + i, at = row * channels + c;
          const Vector distance = hn::Sub(load_first(x + at, used), load_first(n.mean + c, used));
          const Vector centered = hn::Sub(load_first(dy + at, used), load_first(n.dy_mean + c, used));
          const Vector rest = hn::NegMulAdd(distance, load_first(n.slope + c, used), centered);
          const Vector result = hn::Mul(load_first(n.factor + c, used), rest);
          put(result, dx + at, used, stream);
          if (sums != nullptr) store_first(hn::Add(load_first(sum + i, used), result), sum + i, used);
        });
      }
      for (std::int64_t c = 0; sums != nullptr && c < count; ++c)
        sums[first + c] += static_cast<double>(sum[c]);
    }
  }
  if (stream) hwy::FlushStream();
}

void gradient_sums_of_floats(const GradientRows<float>& g, std::int64_t rows, std::int64_t channels,
                             double* sums, double* products) {
  gradient_sums(g, rows, channels, sums, products);
}
void gradient_sums_of_halves(const GradientRows<bfloat16>& g, std::int64_t rows, std::int64_t channels,
                             double* sums, double* products) {
  gradient_sums(g, rows, channels, sums, products);
}
void normalise_floats(const Normalisation& n, const RowEpilogue<float>& epilogue, const float* x,
                      std::int64_t rows, std::int64_t channels, float* y) {
  normalise(n, epilogue, x, rows, channels, y);
}
void normalise_halves(const Normalisation& n, const RowEpilogue<bfloat16>& epilogue, const bfloat16* x,
                      std::int64_t rows, std::int64_t channels, bfloat16* y) {
  normalise(n, epilogue, x, rows, channels, y);
}
void gradient_of_floats(const NormalisationGradient& n, const float* x, const float* dy, std::int64_t rows,
                        std::int64_t channels, bool stream, float* dx, double* sums) {
  gradient(n, x, dy, rows, channels, stream, dx, sums);
}
void gradient_of_halves(const NormalisationGradient& n, const bfloat16* x, const bfloat16* dy,
                        std::int64_t rows, std::int64_t channels, bool stream, bfloat16* dx, double* sums) {
  gradient(n, x, dy, rows, channels, stream, dx, sums);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(batch_norm_distances);
HWY_EXPORT(gradient_sums_of_floats);
HWY_EXPORT(gradient_sums_of_halves);
HWY_EXPORT(normalise_floats);
HWY_EXPORT(normalise_halves);
HWY_EXPORT(gradient_of_floats);
HWY_EXPORT(gradient_of_halves);

void add_distances(const float* x, const float* center, std::int64_t rows, std::int64_t channels,
                   double* sums, double* squares) {
  HWY_DYNAMIC_DISPATCH(batch_norm_distances)(x, center, rows, channels, sums, squares);
}

void add_gradient_sums(const GradientRows<float>& g, std::int64_t rows, std::int64_t channels, double* sums,
                       double* products) {
  HWY_DYNAMIC_DISPATCH(gradient_sums_of_floats)(g, rows, channels, sums, products);
}
void add_gradient_sums(const GradientRows<bfloat16>& g, std::int64_t rows, std::int64_t channels,
                       double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(gradient_sums_of_halves)(g, rows, channels, sums, products);
}

void normalise_rows(const Normalisation& n, const RowEpilogue<float>& epilogue, const float* x,
                    std::int64_t rows, std::int64_t channels, float* y) {
  HWY_DYNAMIC_DISPATCH(normalise_floats)(n, epilogue, x, rows, channels, y);
}
void normalise_rows(const Normalisation& n, const RowEpilogue<bfloat16>& epilogue, const bfloat16* x,
                    std::int64_t rows, std::int64_t channels, bfloat16* y) {
  HWY_DYNAMIC_DISPATCH(normalise_halves)(n, epilogue, x, rows, channels, y);
}

void normalisation_gradient_rows(const NormalisationGradient& n, const float* x, const float* dy,
                                 std::int64_t rows, std::int64_t channels, bool stream, float* dx,
                                 double* sums) {
  HWY_DYNAMIC_DISPATCH(gradient_of_floats)(n, x, dy, rows, channels, stream, dx, sums);
}
void normalisation_gradient_rows(const NormalisationGradient& n, const bfloat16* x, const bfloat16* dy,
                                 std::int64_t rows, std::int64_t channels, bool stream, bfloat16* dx,
                                 double* sums) {
  HWY_DYNAMIC_DISPATCH(gradient_of_halves)(n, x, dy, rows, channels, stream, dx, sums);
}

}  // namespace fovea::cpu
#endif
