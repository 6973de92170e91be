#include "bench/onednn.h"

#include <omp.h>

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

namespace fovea::bench {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dims = memory::dims;

struct Tensors {
  memory::desc x, w, bias, y;
  dims strides, dilations, before, after;
};

Tensors describe(const cpu::Conv2DShape& s) {
  constexpr auto f32 = memory::data_type::f32;
  constexpr auto any = memory::format_tag::any;
  const auto padding_after = [](std::int64_t out, std::int64_t stride, std::int64_t kernel,
                                std::int64_t dilation, std::int64_t in, std::int64_t before) {
    return (out - 1) * stride + (kernel - 1) * dilation + 1 - in - before;
  };
  Tensors t;
  t.x = {{s.batch, s.in_channels, s.height, s.width}, f32, any};
  t.y = {{s.batch, s.filters, s.out_height, s.out_width}, f32, any};
  const std::int64_t channels = s.in_channels / s.groups;
  t.w = s.groups == 1
            ? memory::desc({s.filters, channels, s.kernel_h, s.kernel_w}, f32, any)
            : memory::desc({s.groups, s.filters / s.groups, channels, s.kernel_h, s.kernel_w}, f32, any);
  t.bias = {{s.filters}, f32, memory::format_tag::x};
  t.strides = {s.stride_h, s.stride_w};
  t.dilations = {s.dilation_h - 1, s.dilation_w - 1};
  t.before = {s.pad_top, s.pad_left};
  t.after = {padding_after(s.out_height, s.stride_h, s.kernel_h, s.dilation_h, s.height, s.pad_top),
             padding_after(s.out_width, s.stride_w, s.kernel_w, s.dilation_w, s.width, s.pad_left)};
  return t;
}

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

memory filled(const memory::desc& desc) {
  memory result(desc, engine());
  auto* const data = static_cast<float*>(result.get_data_handle());
  for (std::size_t i = 0; i < desc.get_size() / sizeof(float); ++i)
    data[i] = static_cast<float>(i % 17) / 17 - 0.5F;
  return result;
}

/// A primitive with its arguments; waits for its end.
template <class Primitive>
std::function<void()> runner(Primitive primitive, std::unordered_map<int, memory> arguments) {
  dnnl::stream stream(engine());
  return [primitive, arguments, stream]() mutable {
    primitive.execute(stream, arguments);
    stream.wait();
  };
}

using Forward = dnnl::convolution_forward;

Forward::primitive_desc forward_desc(const Tensors& t, algorithm how) {
  dnnl::post_ops relu;
  relu.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(relu);
  return {{dnnl::prop_kind::forward_training, how, t.x, t.w, t.bias, t.y, t.strides, t.dilations, t.before,
           t.after},
          attributes,
          engine()};
}

std::function<void()> forward(const Tensors& t, algorithm how) {
  const Forward::primitive_desc desc = forward_desc(t, how);
  return runner(Forward(desc), {{DNNL_ARG_SRC, filled(desc.src_desc())},
                                {DNNL_ARG_WEIGHTS, filled(desc.weights_desc())},
                                {DNNL_ARG_BIAS, filled(desc.bias_desc())},
                                {DNNL_ARG_DST, filled(desc.dst_desc())}});
}

std::function<void()> by_input(const Tensors& t, algorithm how) {
  using Pass = dnnl::convolution_backward_data;
  const Pass::primitive_desc desc({how, t.x, t.w, t.y, t.strides, t.dilations, t.before, t.after}, engine(),
                                  forward_desc(t, how));
  return runner(Pass(desc), {{DNNL_ARG_DIFF_SRC, filled(desc.diff_src_desc())},
                             {DNNL_ARG_WEIGHTS, filled(desc.weights_desc())},
                             {DNNL_ARG_DIFF_DST, filled(desc.diff_dst_desc())}});
}

std::function<void()> by_weights(const Tensors& t, algorithm how) {
  using Pass = dnnl::convolution_backward_weights;
  const Pass::primitive_desc desc({how, t.x, t.w, t.bias, t.y, t.strides, t.dilations, t.before, t.after},
                                  engine(), forward_desc(t, how));
  return runner(Pass(desc), {{DNNL_ARG_SRC, filled(desc.src_desc())},
                             {DNNL_ARG_DIFF_WEIGHTS, filled(desc.diff_weights_desc())},
                             {DNNL_ARG_DIFF_BIAS, filled(desc.diff_bias_desc())},
                             {DNNL_ARG_DIFF_DST, filled(desc.diff_dst_desc())}});
}

}  // namespace

void add_onednn_rows(const cpu::Conv2DShape& shape, int threads,
                     const std::function<void(const std::string&, std::function<void()>)>& add) {
  omp_set_num_threads(threads);
  const Tensors tensors = describe(shape);
  struct Way {
    const char* suffix;
    algorithm how;
  };
  for (const Way& way : {Way{"_onednn", algorithm::convolution_auto},
                         Way{"_onednn_winograd", algorithm::convolution_winograd}}) {
    struct Pass {
      const char* name;
      std::function<void()> (*make)(const Tensors&, algorithm);
    };
    for (const Pass& pass :
         {Pass{"forward", forward}, Pass{"backward_input", by_input}, Pass{"backward_filter", by_weights}}) {
      try {
        add(std::string(pass.name) + way.suffix, pass.make(tensors, way.how));
      } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;  // no such algorithm for this shape or machine
      }
    }
  }
}

}  // namespace fovea::bench
