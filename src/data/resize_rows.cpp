#include "data/resize_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/resize_rows.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// A column's pixel, channel by channel; -1 times channels is the border.
void stretch_pixel(const std::uint8_t* row, std::int64_t low, std::int64_t high, float weight,
                   std::int64_t channels, float* to) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const float left = low < 0 ? 0.0F : static_cast<float>(row[low + c]);
    const float right = high < 0 ? 0.0F : static_cast<float>(row[high + c]);
    to[c] = left + (right - left) * weight;
  }
}

/// The channels of a pixel in the lanes of one vector: a load, a conversion and three operations for all of
/// them.
void stretch(const std::uint8_t* row, std::int64_t width, std::int64_t channels, std::span<const Tap> columns,
             float* to) {
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  static constexpr std::uint8_t border[4] = {};
  const auto at = [&](std::int64_t offset) HWY_ATTR {
    return hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, offset < 0 ? border : row + offset)));
  };
#endif
  // A load reads four bytes, which the last pixels of a row may not have. One channel is less work alone.
  const bool by_pixel = HWY_TARGET == HWY_SCALAR || channels == 1;
  const std::int64_t last = by_pixel ? -2 : width * channels - 4;
  for (const Tap& column : columns) {
    const std::int64_t low = column.low < 0 ? -1 : column.low * channels,
                       high = column.high < 0 ? -1 : column.high * channels;
    if (low > last || high > last) {
      stretch_pixel(row, low, high, column.weight, channels, to);
    } else {
#if HWY_TARGET != HWY_SCALAR
      const auto left = at(low);
      hn::StoreU(hn::Add(left, hn::Mul(hn::Sub(at(high), left), hn::Set(d, column.weight))), d, to);
#endif
    }
    to += channels;
  }
}

void blend(std::span<const float> top, std::span<const float> bottom, float weight, float* to) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto share = hn::Set(d, weight);
  std::size_t i = 0;
  for (; i + lanes <= top.size(); i += lanes) {
    const auto above = hn::LoadU(d, top.data() + i);
    hn::StoreU(hn::Add(above, hn::Mul(hn::Sub(hn::LoadU(d, bottom.data() + i), above), share)), d, to + i);
  }
  for (; i < top.size(); ++i) to[i] = top[i] + (bottom[i] - top[i]) * weight;
}

}  // namespace fovea::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea {

HWY_EXPORT(stretch);
HWY_EXPORT(blend);

void stretch_row(const std::uint8_t* row, std::int64_t width, std::int64_t channels,
                 std::span<const Tap> columns, float* to) {
  HWY_DYNAMIC_DISPATCH(stretch)(row, width, channels, columns, to);
}

void blend_rows(std::span<const float> top, std::span<const float> bottom, float weight, float* to) {
  HWY_DYNAMIC_DISPATCH(blend)(top, bottom, weight, to);
}

}  // namespace fovea
#endif
