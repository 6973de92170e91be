#include "ops/pool2d.h"

#include <algorithm>
#include <vector>

#include "backends/reference/reference.h"

namespace fovea {
namespace {

/// Calls window(index in y, channel-free list of (offset in the window, index in x)) for every output
/// element.
template <class Visit>
void for_each_window(const ops::Pool2DAttributes& a, const Shape& x, const Shape& y, Visit visit) {
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t oh = 0; oh < y[1]; ++oh)
      for (std::int64_t ow = 0; ow < y[2]; ++ow)
        for (std::int64_t c = 0; c < y[3]; ++c) {
          const std::int64_t output = ((n * y[1] + oh) * y[2] + ow) * y[3] + c;
          const std::int64_t top = oh * a.strides.height - a.padding.top,
                             left = ow * a.strides.width - a.padding.left;
          const auto elements = [&](auto element) {
            for (std::int64_t kh = 0; kh < a.window.height; ++kh)
              for (std::int64_t kw = 0; kw < a.window.width; ++kw) {
                const std::int64_t h = top + kh, w = left + kw;
                if (h < 0 || h >= x[1] || w < 0 || w >= x[2]) continue;
                element(kh * a.window.width + kw, ((n * x[1] + h) * x[2] + w) * x[3] + c);
              }
          };
          visit(output, elements);
        }
}

}  // namespace

void reference_Pool2D(const ReferenceCall& call) {
  const auto& a = static_cast<const Pool2DOp&>(call.op).attributes;
  const bool marks_dead = static_cast<const Pool2DOp&>(call.op).marks_dead;
  const Shape &x = call.input_specs[0].shape, &y = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const T* xs = call.input<T>(0);
    for_each_window(a, x, y, [&](std::int64_t o, auto elements) {
      if (a.kind == ops::PoolKind::average) {
        double sum = 0;
        std::int64_t count = 0;
        elements([&](std::int64_t, std::int64_t i) {
          sum += static_cast<double>(xs[i]);
          ++count;
        });
        call.output<T>()[o] = static_cast<T>(sum / static_cast<double>(count));
        return;
      }
      std::int64_t winner = -1, best = 0;
      elements([&](std::int64_t offset, std::int64_t i) {
        const bool wins = winner < 0 || (a.kind == ops::PoolKind::max ? xs[i] > xs[best] : xs[i] < xs[best]);
        if (!wins) return;
        winner = offset;
        best = i;
      });
      call.output<T>()[o] = xs[best];
      if (marks_dead && xs[best] <= T{0}) winner = kDeadWindow;
      if (call.outputs[1] == nullptr) return;
      if (call.output_specs[1].dtype == DType::uint8) {
        call.output<std::uint8_t>(1)[o] = static_cast<std::uint8_t>(winner);
      } else {
        call.output<std::int32_t>(1)[o] = static_cast<std::int32_t>(winner);
      }
    });
  });
}

void reference_Pool2DBackward(const ReferenceCall& call) {
  const auto& a = static_cast<const Pool2DBackwardOp&>(call.op).attributes;
  const Shape &y = call.input_specs[0].shape, &x = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const T* dys = call.input<T>(0);
    std::vector<Sum<T>> sums(static_cast<std::size_t>(x.elements()));
    Sum<T>* const dxs = sums.data();
    for_each_window(a, x, y, [&](std::int64_t o, auto elements) {
      if (a.kind == ops::PoolKind::average) {
        std::int64_t count = 0;
        elements([&](std::int64_t, std::int64_t) { ++count; });
        elements([&](std::int64_t, std::int64_t i) { dxs[i] += dys[o] / static_cast<Sum<T>>(count); });
        return;
      }
      const bool bytes = call.input_specs[1].dtype == DType::uint8;
      const std::int64_t winner = bytes ? call.input<std::uint8_t>(1)[o] : call.input<std::int32_t>(1)[o];
      elements([&](std::int64_t offset, std::int64_t i) {
        if (offset == winner) dxs[i] += dys[o];
      });
    });
    std::transform(sums.begin(), sums.end(), call.output<T>(),
                   [](Sum<T> sum) { return static_cast<T>(sum); });
  });
}

}  // namespace fovea
