// How kernels make ResultSums. Included once per instruction set.

#if defined(FOVEA_RESULT_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_RESULT_SUMS_INL_H_
#undef FOVEA_RESULT_SUMS_INL_H_
#else
#define FOVEA_RESULT_SUMS_INL_H_
#endif

#include "backends/cpu/kernels/batch_norm/result_sums.h"
#include "backends/cpu/kernels/vector-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

/// The sums of one piece for some channels, from `channel` on.
struct BlockSums {
  BlockSums(const ResultSums& sums, std::int64_t piece, std::int64_t channel, std::int64_t channels)
      : all(&sums),
        mean(sums.mean == nullptr ? nullptr : sums.mean + channel),
        center(sums.center(piece) + channel),
        first(sums.first(piece) + channel),
        second(sums.second(piece) + channel) {
    std::fill_n(first, channels, 0.0F);
    std::fill_n(second, channels, 0.0F);
  }
  const ResultSums* all;
  const float* mean;
  float *center, *first, *second;
  bool begun = false;  ///< is `center` known?
};

/// Those of one vector of channels, in registers while some results pass.
class VectorSums {
 public:
  /// For `used` channels from `channel` of the block on.
  HWY_INLINE VectorSums(const BlockSums& block, std::int64_t channel, std::int64_t used)
      : block_(block),
        channel_(channel),
        used_(used),
        center_(hn::Zero(D())),
        first_(hn::Zero(D())),
        second_(hn::Zero(D())) {}

  /// With the first result that will be added.
  HWY_INLINE void begin(Vector result) {
    if (block_.all->x != nullptr) {
      center_ = load_first(block_.mean + channel_, used_);
    } else if (block_.begun) {
      center_ = load_first(block_.center + channel_, used_);
    } else {
      center_ = result;
      store_first(result, block_.center + channel_, used_);
    }
  }

  /// A result that will stand at `to`; what is to be written there.
  HWY_INLINE Vector add(Vector result, const float* to) {
    const ResultSums& all = *block_.all;
    if (all.x == nullptr) {
      const Vector distance = hn::Sub(result, center_);
      first_ = hn::Add(first_, distance);
      second_ = hn::MulAdd(distance, distance, second_);
      return result;
    }
    const std::int64_t at = to - all.results;
    if (all.after != nullptr) result = counted(result, load_first(all.after + at, used_), all.largest);
    first_ = hn::Add(first_, result);
    second_ = hn::MulAdd(result, hn::Sub(load_first(all.x + at, used_), center_), second_);
    return result;
  }

  /// What add() will read for a result at `to`.
  HWY_INLINE void prefetch(const float* to) const {
    const ResultSums& all = *block_.all;
    if (all.x == nullptr) return;
    const std::int64_t at = to - all.results;
    hwy::Prefetch(all.x + at);
    if (all.after != nullptr) hwy::Prefetch(all.after + at);
  }

  /// Adds them to the block's.
  HWY_INLINE void finish() const {
    float *const first = block_.first + channel_, *const second = block_.second + channel_;
    store_first(hn::Add(load_first(first, used_), first_), first, used_);
    store_first(hn::Add(load_first(second, used_), second_), second, used_);
  }

 private:
  const BlockSums& block_;
  std::int64_t channel_, used_;
  Vector center_, first_, second_;
};

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
