#pragma once

#include <optional>
#include <string>

#include "fovea/layer.h"

/// Convolutions and pooling, of fovea/layers.h, which says what holds for all layers.
namespace fovea {

struct Conv2DOptions {
  Size2 strides = 1;
  std::string padding = "valid";  ///< "valid" or "same"
  Size2 dilation_rate = 1;
  std::int64_t groups = 1;
  std::string activation = "linear";
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint kernel_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Slides `filters` kernels over the image, one activation map each. Weights: kernel (kh, kw, C / groups,
/// filters), bias (filters).
class Conv2D : public Layer {
 public:
  Conv2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& options = {});
};

template <class Size>
struct DepthwiseConvOptions {
  Size strides = 1;
  std::string padding = "valid";  ///< "valid" or "same"
  std::int64_t depth_multiplier = 1;
  Size dilation_rate = 1;
  std::string activation = "linear";
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint depthwise_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
using DepthwiseConv2DOptions = DepthwiseConvOptions<Size2>;
/// Slides `depth_multiplier` kernels over each channel by itself: channels do not mix. (N, H, W, C) gives C *
/// depth_multiplier channels, those of one input channel side by side. Weights: kernel (kh, kw, C,
/// depth_multiplier), bias (C * depth_multiplier). As in Keras, strides and dilation may go together; strides
/// may differ, which Keras on TensorFlow refuses on a CPU.
class DepthwiseConv2D : public Layer {
 public:
  explicit DepthwiseConv2D(Size2 kernel_size, const DepthwiseConv2DOptions& options = {});
};

template <class Size>
struct SeparableConvOptions {
  Size strides = 1;
  std::string padding = "valid";  ///< "valid" or "same"
  Size dilation_rate = 1;
  std::int64_t depth_multiplier = 1;
  std::string activation = "linear";
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer pointwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {};
  Regularizer pointwise_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint depthwise_constraint = {};
  Constraint pointwise_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
using SeparableConv2DOptions = SeparableConvOptions<Size2>;
/// A DepthwiseConv2D without bias and activation, then `filters` 1x1 kernels that mix its channels. Strides,
/// padding and dilation are the first one's. Weights: depthwise_kernel (kh, kw, C, depth_multiplier),
/// pointwise_kernel (1, 1, C * depth_multiplier, filters), bias (filters). Source: Chollet 2017, "Xception".
class SeparableConv2D : public Layer {
 public:
  SeparableConv2D(std::int64_t filters, Size2 kernel_size, const SeparableConv2DOptions& options = {});
};

template <class Size>
struct ConvTransposeOptions {
  Size strides = 1;
  std::string padding = "valid";            ///< "valid" or "same"
  std::optional<Size> output_padding = {};  ///< rows and columns, or steps, more; fewer than the strides
  Size dilation_rate = 1;
  std::string activation = "linear";
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint kernel_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
using Conv2DTransposeOptions = ConvTransposeOptions<Size2>;
/// A convolution's way back, by which images grow: each pixel adds a kernel to the result, `strides` apart.
/// Sizes are n * stride ("same") or (n - 1) * stride + kernel ("valid"), or as output_padding says. Weights:
/// kernel (kh, kw, filters, C), bias (filters).
class Conv2DTranspose : public Layer {
 public:
  Conv2DTranspose(std::int64_t filters, Size2 kernel_size, const Conv2DTransposeOptions& options = {});
};

struct Pooling2DOptions {
  Size2 strides = 0;  ///< 0: as the pool size
  std::string padding = "valid";
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class MaxPooling2D : public Layer {
 public:
  MaxPooling2D(Size2 pool_size = 2, const Pooling2DOptions& options = {});
};
/// With "same" padding, the padding does not count in the mean.
class AveragePooling2D : public Layer {
 public:
  AveragePooling2D(Size2 pool_size = 2, const Pooling2DOptions& options = {});
};
/// The smallest of each window. Keras has no such layer: it is saved as "fovea>MinPooling2D".
class MinPooling2D : public Layer {
 public:
  MinPooling2D(Size2 pool_size = 2, const Pooling2DOptions& options = {});
};

struct Conv1DOptions {
  std::int64_t strides = 1;
  std::string padding = "valid";  ///< "valid", "same" or "causal": zeros in front alone
  std::int64_t dilation_rate = 1;
  std::int64_t groups = 1;
  std::string activation = "linear";
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint kernel_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Slides `filters` kernels along rows: (N, L, C) to (N, L', filters). Weights: kernel (k, C / groups,
/// filters), bias (filters).
class Conv1D : public Layer {
 public:
  Conv1D(std::int64_t filters, std::int64_t kernel_size, const Conv1DOptions& options = {});
};

using DepthwiseConv1DOptions = DepthwiseConvOptions<std::int64_t>;
/// DepthwiseConv2D along rows: (N, L, C) to (N, L', C * depth_multiplier). Weights: kernel (k, C,
/// depth_multiplier), bias (C * depth_multiplier).
class DepthwiseConv1D : public Layer {
 public:
  explicit DepthwiseConv1D(std::int64_t kernel_size, const DepthwiseConv1DOptions& options = {});
};

using SeparableConv1DOptions = SeparableConvOptions<std::int64_t>;
/// SeparableConv2D along rows: (N, L, C) to (N, L', filters). Weights: depthwise_kernel (k, C,
/// depth_multiplier), pointwise_kernel (1, C * depth_multiplier, filters), bias (filters).
class SeparableConv1D : public Layer {
 public:
  SeparableConv1D(std::int64_t filters, std::int64_t kernel_size, const SeparableConv1DOptions& options = {});
};

using Conv1DTransposeOptions = ConvTransposeOptions<std::int64_t>;
/// Conv2DTranspose along rows: (N, L, C) to (N, L', filters), L' by the same rule. Weights: kernel (k,
/// filters, C), bias (filters).
class Conv1DTranspose : public Layer {
 public:
  Conv1DTranspose(std::int64_t filters, std::int64_t kernel_size, const Conv1DTransposeOptions& options = {});
};

struct Pooling1DOptions {
  std::int64_t strides = 0;  ///< 0: as the pool size
  std::string padding = "valid";
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Of rows (N, L, C).
class MaxPooling1D : public Layer {
 public:
  MaxPooling1D(std::int64_t pool_size = 2, const Pooling1DOptions& options = {});
};
/// With "same" padding, the padding does not count in the mean.
class AveragePooling1D : public Layer {
 public:
  AveragePooling1D(std::int64_t pool_size = 2, const Pooling1DOptions& options = {});
};

struct GlobalPooling2DOptions {
  bool keepdims = false;
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class GlobalAveragePooling2D : public Layer {
 public:
  GlobalAveragePooling2D(const GlobalPooling2DOptions& options = {});
};
class GlobalMaxPooling2D : public Layer {
 public:
  GlobalMaxPooling2D(const GlobalPooling2DOptions& options = {});
};

using GlobalPooling1DOptions = GlobalPooling2DOptions;
/// Over rows: (N, L, C) to (N, C).
class GlobalAveragePooling1D : public Layer {
 public:
  GlobalAveragePooling1D(const GlobalPooling1DOptions& options = {});
};
class GlobalMaxPooling1D : public Layer {
 public:
  GlobalMaxPooling1D(const GlobalPooling1DOptions& options = {});
};

}  // namespace fovea
