#include "ops/depthwise_conv2d.h"

#include <algorithm>

#include "backends/reference/reference.h"

namespace fovea {
namespace {

/// Visits every product of the sum: visit(index in x, index in the kernel, index in y).
template <class Visit>
void for_each_product(const ops::DepthwiseConv2DAttributes& a, const Shape& x, const Shape& kernel,
                      const Shape& y, Visit visit) {
  const std::int64_t channels = kernel[2], multiplier = kernel[3];
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t oh = 0; oh < y[1]; ++oh)
      for (std::int64_t ow = 0; ow < y[2]; ++ow)
        for (std::int64_t kh = 0; kh < kernel[0]; ++kh)
          for (std::int64_t kw = 0; kw < kernel[1]; ++kw) {
            const std::int64_t h = oh * a.strides.height + kh * a.dilation.height - a.padding.top;
            const std::int64_t w = ow * a.strides.width + kw * a.dilation.width - a.padding.left;
            if (h < 0 || h >= x[1] || w < 0 || w >= x[2]) continue;
            for (std::int64_t c = 0; c < channels; ++c)
              for (std::int64_t m = 0; m < multiplier; ++m) {
                visit(((n * x[1] + h) * x[2] + w) * channels + c,
                      ((kh * kernel[1] + kw) * channels + c) * multiplier + m,
                      ((n * y[1] + oh) * y[2] + ow) * y[3] + c * multiplier + m);
              }
          }
}

/// The sums of a pass, collected in double so that the judge's own rounding stays out of the way.
template <class T, class Accumulate>
void collect(T* result, std::int64_t size, Accumulate accumulate) {
  std::vector<double> sums(static_cast<std::size_t>(size));
  accumulate(sums);
  std::transform(sums.begin(), sums.end(), result, [](double sum) { return static_cast<T>(sum); });
}

}  // namespace

void reference_DepthwiseConv2D(const ReferenceCall& call) {
  const auto& op = static_cast<const DepthwiseConv2DOp&>(call.op);
  const Shape &x = call.input_specs[0].shape, &kernel = call.input_specs[1].shape,
              &y = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    collect(call.output<T>(), y.elements(), [&](std::vector<double>& sums) {
      const T *xs = call.input<T>(0), *ks = call.input<T>(1);
      for_each_product(op.attributes, x, kernel, y, [&](auto i, auto k, auto o) {
        sums[static_cast<std::size_t>(o)] += static_cast<double>(xs[i]) * static_cast<double>(ks[k]);
      });
    });
  });
}

void reference_DepthwiseConv2DBackwardInput(const ReferenceCall& call) {
  const auto& op = static_cast<const DepthwiseConv2DBackwardInputOp&>(call.op);
  const Shape &y = call.input_specs[0].shape, &kernel = call.input_specs[1].shape,
              &x = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    collect(call.output<T>(), x.elements(), [&](std::vector<double>& sums) {
      const T *dys = call.input<T>(0), *ks = call.input<T>(1);
      for_each_product(op.attributes, x, kernel, y, [&](auto i, auto k, auto o) {
        sums[static_cast<std::size_t>(i)] += static_cast<double>(dys[o]) * static_cast<double>(ks[k]);
      });
    });
  });
}

void reference_DepthwiseConv2DBackwardFilter(const ReferenceCall& call) {
  const auto& op = static_cast<const DepthwiseConv2DBackwardFilterOp&>(call.op);
  const Shape &x = call.input_specs[0].shape, &y = call.input_specs[1].shape,
              &kernel = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    collect(call.output<T>(), kernel.elements(), [&](std::vector<double>& sums) {
      const T *xs = call.input<T>(0), *dys = call.input<T>(1);
      for_each_product(op.attributes, x, kernel, y, [&](auto i, auto k, auto o) {
        sums[static_cast<std::size_t>(k)] += static_cast<double>(xs[i]) * static_cast<double>(dys[o]);
      });
    });
  });
}

}  // namespace fovea
