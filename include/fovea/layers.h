#pragma once

#include <string>
#include <vector>

#include "fovea/layer.h"

/// The layers, with Keras' names, arguments and defaults. Options are aggregates with every field defaulted:
/// `Conv2D(32, 3, {.activation = "relu"})`. `name` empty means an automatic one,
/// `dtype` is the layer's policy, by default the global one. Images are (N, H, W, C).
namespace fovea {

struct InputOptions {
  DType dtype = floatx();
  std::string name = {};
};
/// The input of a model; `shape` is one sample's, without the batch. Used in a Sequential's list or as a
/// symbolic tensor.
class Input : public Layer {
 public:
  Input(const Shape& shape, const InputOptions& options = {});
  operator SymbolicTensor() const;
};

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
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Slides `filters` kernels over the image, one activation map each. Weights: kernel (kh, kw, C / groups,
/// filters), bias (filters).
class Conv2D : public Layer {
 public:
  Conv2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& options = {});
};

struct DepthwiseConv2DOptions {
  Size2 strides = 1;
  std::string padding = "valid";  ///< "valid" or "same"
  std::int64_t depth_multiplier = 1;
  Size2 dilation_rate = 1;
  std::string activation = "linear";
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Slides `depth_multiplier` kernels over each channel by itself: channels do not mix. (N, H, W, C) gives C *
/// depth_multiplier channels, those of one input channel side by side. Weights: kernel (kh, kw, C,
/// depth_multiplier), bias (C * depth_multiplier). As in Keras, strides and dilation may go together; strides
/// may differ, which Keras on TensorFlow refuses on a CPU.
class DepthwiseConv2D : public Layer {
 public:
  explicit DepthwiseConv2D(Size2 kernel_size, const DepthwiseConv2DOptions& options = {});
};

struct SeparableConv2DOptions {
  Size2 strides = 1;
  std::string padding = "valid";  ///< "valid" or "same"
  Size2 dilation_rate = 1;
  std::int64_t depth_multiplier = 1;
  std::string activation = "linear";
  bool use_bias = true;
  Initializer depthwise_initializer = "glorot_uniform";
  Initializer pointwise_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer depthwise_regularizer = {};
  Regularizer pointwise_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// A DepthwiseConv2D without bias and activation, then `filters` 1x1 kernels that mix its channels. Strides,
/// padding and dilation are the first one's. Weights: depthwise_kernel (kh, kw, C, depth_multiplier),
/// pointwise_kernel (1, 1, C * depth_multiplier, filters), bias (filters). Source: Chollet 2017, "Xception".
class SeparableConv2D : public Layer {
 public:
  SeparableConv2D(std::int64_t filters, Size2 kernel_size, const SeparableConv2DOptions& options = {});
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

struct NameOption {
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class Flatten : public Layer {
 public:
  Flatten(const NameOption& options = {});
};

struct DenseOptions {
  std::string activation = "linear";
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// activation(x kernel + bias) over the last axis. Weights: kernel (inputs, units), bias (units).
class Dense : public Layer {
 public:
  explicit Dense(std::int64_t units, const DenseOptions& options = {});
};

/// In training, zeroes elements with probability `rate` and scales the others by 1 / (1 - rate).
class Dropout : public Layer {
 public:
  explicit Dropout(double rate, const NameOption& options = {});
};

/// An activation by Keras' name: "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "softmax", "log_softmax",
/// "elu", "selu", "softplus", "softsign", "silu"/"swish", "gelu", "hard_sigmoid", "hard_silu"/"hard_swish",
/// "exponential", "mish", "linear", "celu", "log_sigmoid", "hard_tanh", "tanh_shrink", "soft_shrink",
/// "hard_shrink", "squareplus", "sparse_plus", "sparse_sigmoid".
class Activation : public Layer {
 public:
  explicit Activation(const std::string& activation, const NameOption& options = {});
};

struct ReLUOptions {
  std::optional<double> max_value = {};
  double negative_slope = 0;
  double threshold = 0;
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class ReLU : public Layer {
 public:
  ReLU(const ReLUOptions& options = {});
};

struct LeakyReLUOptions {
  double negative_slope = 0.3;
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// x where it is positive, negative_slope * x elsewhere.
class LeakyReLU : public Layer {
 public:
  LeakyReLU(const LeakyReLUOptions& options = {});
};

struct PReLUOptions {
  Initializer alpha_initializer = "zeros";
  Regularizer alpha_regularizer = {};
  std::optional<std::vector<std::int64_t>> shared_axes =
      {};  ///< have one slope for all their places; they count from 1
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// x where it is positive, alpha * x elsewhere. Weight: alpha, a sample's shape with 1 for the shared axes.
class PReLU : public Layer {
 public:
  PReLU(const PReLUOptions& options = {});
};

struct ELUOptions {
  double alpha = 1;
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// x where it is positive, alpha * (exp(x) - 1) elsewhere.
class ELU : public Layer {
 public:
  ELU(const ELUOptions& options = {});
};

struct SoftmaxOptions {
  std::int64_t axis = -1;
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class Softmax : public Layer {
 public:
  Softmax(const SoftmaxOptions& options = {});
};

struct BatchNormalizationOptions {
  double momentum = 0.99;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Initializer moving_mean_initializer = "zeros";
  Initializer moving_variance_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Normalises each channel by its batch's statistics in training, by moving averages otherwise, or when
/// frozen.
class BatchNormalization : public Layer {
 public:
  BatchNormalization(const BatchNormalizationOptions& options = {});
};

struct LayerNormalizationOptions {
  std::vector<std::int64_t> axis = {-1};  ///< one or more
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Normalises each sample along axes: gamma (x - mean) / sqrt(variance + epsilon) + beta. Weights: gamma and
/// beta, of the axes' sizes.
class LayerNormalization : public Layer {
 public:
  LayerNormalization(const LayerNormalizationOptions& options = {});
};

class ZeroPadding2D : public Layer {
 public:
  ZeroPadding2D(const Padding2& padding = 1, const NameOption& options = {});
};

/// x * scale + offset.
class Rescaling : public Layer {
 public:
  explicit Rescaling(double scale, double offset = 0, const NameOption& options = {});
};

/// To (N, target_shape...); one size may be -1.
class Reshape : public Layer {
 public:
  explicit Reshape(const Shape& target_shape, const NameOption& options = {});
};

/// (N, ...) to the axes in that order; they count from 1, behind the batch: (2, 1) swaps a sample's two.
class Permute : public Layer {
 public:
  explicit Permute(const std::vector<std::int64_t>& dims, const NameOption& options = {});
};

/// (N, F) to (N, n, F).
class RepeatVector : public Layer {
 public:
  explicit RepeatVector(std::int64_t n, const NameOption& options = {});
};

/// Cuts rows and columns off an image's sides.
class Cropping2D : public Layer {
 public:
  Cropping2D(const Padding2& cropping = 0, const NameOption& options = {});
};

struct UpSampling2DOptions {
  std::string interpolation = "nearest";  ///< or "bilinear"
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Each pixel `size` times, or what lies between pixels, half-pixel centres: (N, H, W, C) to (N, H * height,
/// W * width, C).
class UpSampling2D : public Layer {
 public:
  UpSampling2D(Size2 size = 2, const UpSampling2DOptions& options = {});
};

/// All inputs of a merging layer broadcast against each other.
class Add : public Layer {
 public:
  Add(const NameOption& options = {});
};
/// The first input less the second.
class Subtract : public Layer {
 public:
  Subtract(const NameOption& options = {});
};
class Multiply : public Layer {
 public:
  Multiply(const NameOption& options = {});
};
class Average : public Layer {
 public:
  Average(const NameOption& options = {});
};
class Maximum : public Layer {
 public:
  Maximum(const NameOption& options = {});
};
class Minimum : public Layer {
 public:
  Minimum(const NameOption& options = {});
};

struct ConcatenateOptions {
  std::int64_t axis = -1;
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class Concatenate : public Layer {
 public:
  Concatenate(const ConcatenateOptions& options = {});
};

}  // namespace fovea
