#include "ops/depthwise_conv2d.h"

#include "backends/reference/convolution_passes.h"

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

/// The products of an op with these attributes, for convolution_passes.h.
auto products_of(const ops::DepthwiseConv2DAttributes& attributes) {
  return [&attributes](const Shape& x, const Shape& kernel, const Shape& y, auto visit) {
    for_each_product(attributes, x, kernel, y, visit);
  };
}

}  // namespace

void reference_DepthwiseConv2D(const ReferenceCall& call) {
  convolution_forward(call, products_of(static_cast<const DepthwiseConv2DOp&>(call.op).attributes));
}

void reference_DepthwiseConv2DBackwardInput(const ReferenceCall& call) {
  convolution_backward_input(
      call, products_of(static_cast<const DepthwiseConv2DBackwardInputOp&>(call.op).attributes));
}

void reference_DepthwiseConv2DBackwardFilter(const ReferenceCall& call) {
  convolution_backward_filter(
      call, products_of(static_cast<const DepthwiseConv2DBackwardFilterOp&>(call.op).attributes));
}

}  // namespace fovea
