#include "ops/conv2d.h"

#include "backends/reference/convolution_passes.h"

namespace fovea {
namespace {

/// Visits every product of the sum: visit(index in x, index in the kernel, index in y).
template <class Visit>
void for_each_product(const ops::Conv2DAttributes& a, const Shape& x, const Shape& kernel, const Shape& y,
                      Visit visit) {
  const std::int64_t channels = kernel[2], filters = kernel[3], per_group = filters / a.groups;
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t oh = 0; oh < y[1]; ++oh)
      for (std::int64_t ow = 0; ow < y[2]; ++ow)
        for (std::int64_t kh = 0; kh < kernel[0]; ++kh)
          for (std::int64_t kw = 0; kw < kernel[1]; ++kw) {
            const std::int64_t h = oh * a.strides.height + kh * a.dilation.height - a.padding.top;
            const std::int64_t w = ow * a.strides.width + kw * a.dilation.width - a.padding.left;
            if (h < 0 || h >= x[1] || w < 0 || w >= x[2]) continue;
            for (std::int64_t f = 0; f < filters; ++f)
              for (std::int64_t c = 0; c < channels; ++c) {
                const std::int64_t channel = f / per_group * channels + c;
                visit(((n * x[1] + h) * x[2] + w) * x[3] + channel,
                      ((kh * kernel[1] + kw) * channels + c) * filters + f,
                      ((n * y[1] + oh) * y[2] + ow) * filters + f);
              }
          }
}

/// The products of an op with these attributes, for convolution_passes.h.
auto products_of(const ops::Conv2DAttributes& attributes) {
  return [&attributes](const Shape& x, const Shape& kernel, const Shape& y, auto visit) {
    for_each_product(attributes, x, kernel, y, visit);
  };
}

}  // namespace

void reference_Conv2D(const ReferenceCall& call) {
  convolution_forward(call, products_of(static_cast<const Conv2DOp&>(call.op).attributes));
}

void reference_Conv2DBackwardInput(const ReferenceCall& call) {
  convolution_backward_input(call,
                             products_of(static_cast<const Conv2DBackwardInputOp&>(call.op).attributes));
}

void reference_Conv2DBackwardFilter(const ReferenceCall& call) {
  convolution_backward_filter(call,
                              products_of(static_cast<const Conv2DBackwardFilterOp&>(call.op).attributes));
}

}  // namespace fovea
