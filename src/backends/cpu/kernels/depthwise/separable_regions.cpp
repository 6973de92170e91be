#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/conv2d/regions.h"
#include "backends/cpu/kernels/conv2d/strided_convolution.h"
#include "backends/cpu/kernels/depthwise/channelwise.h"
#include "backends/cpu/kernels/depthwise/regions.h"
#include "core/thread_scratch.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"

// depthwise convolution [+ bias] [+ ReLU] + 1x1 convolution [+ bias] [+ residual] [+ ReLU] as one kernel:
// some rows of the depthwise result at a time are made in the thread's scratch memory, which lies in L2, and
// read there.

namespace fovea::cpu {
namespace {

/// How rows form strips, the same for every instruction set and number of threads.
struct StripCut {
  /// Of the depthwise result at a time: a quarter of L2, as the weights of both pass through it too.
  static constexpr std::int64_t kStripFloats = 64 * 1024;
  /// Wanted where there is little work.
  static constexpr std::int64_t kWantedStrips = 4;

  explicit StripCut(const DepthwiseShape& s)
      : row_floats(s.out_width * s.channels),
        strips(s.out_height,
               std::clamp<std::int64_t>(
                   std::min(kStripFloats / row_floats, ceil_div(s.batch * s.out_height, kWantedStrips)), 1,
                   s.out_height)) {}
  std::int64_t row_floats;
  EvenParts strips;  ///< of the rows of an image
};

class SeparableForward final : public Kernel {
 public:
  /// Positions among the region's inputs.
  struct Places {
    int bias = -1, pointwise = -1, pointwise_bias = -1, residual = -1;
  };
  SeparableForward(const DepthwiseShape& depthwise, DepthwiseActivation between, const Conv2DShape& pointwise,
                   const ConvEpilogue& epilogue, Places places)
      : depthwise_(depthwise), between_(between), pointwise_(pointwise), fixed_(epilogue), places_(places) {}
  std::string_view name() const override { return "depthwise_conv2d:separable"; }
  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(channelwise_workspace(depthwise_)) * sizeof(float);
  }
  int packed_input() const override { return places_.pointwise; }
  std::string packed_form() const override { return conv2d_packed_form(pointwise_); }
  std::size_t packed_bytes() const override { return conv2d_packed_bytes(pointwise_); }
  void pack(const void* weights, void* packed, ThreadPool& threads) const override {
    conv2d_pack(pointwise_, static_cast<const float*>(weights), packed, threads);
  }
  void run(const KernelContext& c) const override {
    ChannelwiseConvolution depthwise;
    depthwise.shape = depthwise_;
    depthwise.in = input<float>(c, 0);
    depthwise.weights = input<float>(c, 1);
    depthwise.bias = input<float>(c, places_.bias);
    depthwise.activation = between_;
    depthwise.read_at_once = true;
    depthwise.workspace = static_cast<float*>(c.workspace);
    pack_channelwise_weights(depthwise);
    const StripCut cut(depthwise_);
    c.threads.parallel_for(depthwise_.batch * cut.strips.parts, [&](std::int64_t piece) {
      const std::int64_t image = piece / cut.strips.parts;
      const Range rows = cut.strips.range(piece % cut.strips.parts);
      const std::int64_t first = (image * depthwise_.out_height + rows.begin) * depthwise_.out_width;
      ChannelwiseConvolution some_rows = depthwise;
      some_rows.out = reinterpret_cast<float*>(thread_scratch() + channelwise_scratch_bytes(depthwise_));
      some_rows.first_pixel = first;
      compute_channelwise_rows(some_rows, image, rows);
      multiply(c, some_rows.out, first, rows.size() * depthwise_.out_width);
    });
  }

 private:
  /// The 1x1 convolution of some pixels.
  void multiply(const KernelContext& c, const float* in, std::int64_t first, std::int64_t pixels) const {
    ConvEpilogue epilogue = fixed_;
    epilogue.bias = input<float>(c, places_.pointwise_bias);
    epilogue.residual = input<float>(c, places_.residual);
    if (epilogue.residual != nullptr) epilogue.residual += first * pointwise_.filters;
    Conv2DShape shape = pointwise_;
    shape.batch = shape.height = shape.out_height = 1;
    shape.width = shape.out_width = pixels;
    StridedConvolution convolution = forward_convolution(shape, in, c.packed, epilogue);
    convolution.out = output<float>(c, 0) + first * pointwise_.filters;
    run_strided_convolution(convolution);
  }

  DepthwiseShape depthwise_;
  DepthwiseActivation between_;
  Conv2DShape pointwise_;
  ConvEpilogue fixed_;
  Places places_;
};

/// A map of an image that stays in L2 beside the weights.
constexpr std::int64_t kSmallFloats = 128 * 1024;

bool is_pointwise(const Conv2DShape& s) {
  return s.kernel_h == 1 && s.kernel_w == 1 && s.stride_h == 1 && s.stride_w == 1 && s.groups == 1 &&
         s.height == s.out_height && s.width == s.out_width;
}

bool fits_scratch(const DepthwiseShape& s) {
  const StripCut cut(s);
  const std::int64_t rows = cut.strips.size(0);
  return channelwise_scratch_bytes(s) + rows * cut.row_floats * static_cast<std::int64_t>(sizeof(float)) <=
         static_cast<std::int64_t>(kThreadScratchBytes);
}

}  // namespace

Implementation make_separable_forward(const Region& region) {
  if (!all_float32(region) || !reads_two_tensors(region))
    return decline("takes two different float32 tensors");
  const Region::Step& first = region.steps[0];
  std::size_t at = 1;
  while (at < region.steps.size() && op_as<Conv2DOp>(region, at) == nullptr) ++at;
  if (at == region.steps.size()) return decline("no convolution follows");
  const Region::Step& second = region.steps[at];
  Region behind = region;
  behind.steps.erase(behind.steps.begin(), behind.steps.begin() + static_cast<std::ptrdiff_t>(at));
  const auto of_depthwise = read_epilogue(first_steps(region, at, second.inputs[0]), first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&of_depthwise)) return *declined;
  const auto of_pointwise = read_epilogue(behind, second.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&of_pointwise)) return *declined;
  const auto& inner = std::get<Epilogue>(of_depthwise);
  const auto& outer = std::get<Epilogue>(of_pointwise);
  const auto between = depthwise_activation(inner.activation);
  if (const auto* declined = std::get_if<Declined>(&between)) return *declined;
  if (outer.activation != nullptr && !outer.activation->is_clipped_relu())
    return decline("the last activation is no ReLU without slope and threshold");
  if (position_of(region.outputs, second.inputs[0]) >= 0)
    return decline("what is between the two is read outside");
  if (inner.residual >= 0) return decline("a tensor is added between the two");
  const int weights = position_of(region.inputs, second.inputs[1]);
  if (weights < 0) return decline("the convolution's weights are no input");
  const Shape& map = spec_of(region, second.inputs[0]).shape;
  const DepthwiseShape depthwise =
      depthwise_shape(op_as<DepthwiseConv2DOp>(region, 0)->attributes, spec_of(region, first.inputs[0]).shape,
                      spec_of(region, first.inputs[1]).shape, map);
  const Conv2DShape pointwise =
      conv2d_shape(op_as<Conv2DOp>(region, at)->attributes, map, spec_of(region, second.inputs[1]).shape,
                   spec_of(region, outer.result).shape);
  if (!is_pointwise(pointwise)) return decline("the convolution is not 1x1");
  if (depthwise.multiplier != 1) return decline("each channel has several results");
  if (map.elements() == 0 || !depthwise_takes(depthwise) || !fits_scratch(depthwise))
    return decline("a row does not fit into the scratch memory");
  if (map.slice(1).elements() <= kSmallFloats) return decline("an image's map stays in L2 as it is");
  ConvEpilogue epilogue;
  set_relu(outer.activation, epilogue);
  return std::make_unique<SeparableForward>(
      depthwise, std::get<DepthwiseActivation>(between), pointwise, epilogue,
      SeparableForward::Places{inner.bias, weights, outer.bias, outer.residual});
}

}  // namespace fovea::cpu
