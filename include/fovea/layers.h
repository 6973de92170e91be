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
  Regularizer activity_regularizer = {};
  Constraint depthwise_constraint = {};
  Constraint bias_constraint = {};
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
  Regularizer activity_regularizer = {};
  Constraint depthwise_constraint = {};
  Constraint pointwise_constraint = {};
  Constraint bias_constraint = {};
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

struct Conv2DTransposeOptions {
  Size2 strides = 1;
  std::string padding = "valid";             ///< "valid" or "same"
  std::optional<Size2> output_padding = {};  ///< rows and columns more, fewer than the strides
  Size2 dilation_rate = 1;
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
  Regularizer activity_regularizer = {};
  Constraint kernel_constraint = {};
  Constraint bias_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// activation(x kernel + bias) over the last axis. Weights: kernel (inputs, units), bias (units).
class Dense : public Layer {
 public:
  explicit Dense(std::int64_t units, const DenseOptions& options = {});
};

struct DropoutOptions {
  /// Of the mask: 1 where all places along an axis share their fate, unknown where the input's size holds.
  std::optional<Shape> noise_shape = {};
  std::optional<std::int64_t> seed = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// In training, zeroes elements with probability `rate` and scales the others by 1 / (1 - rate).
class Dropout : public Layer {
 public:
  explicit Dropout(double rate, const DropoutOptions& options = {});
};
/// Like Dropout, for mean and variance that should stay: elements become what selu tends to far below zero,
/// and the whole is scaled and shifted. Source: Klambauer et al. 2017.
class AlphaDropout : public Layer {
 public:
  explicit AlphaDropout(double rate, const DropoutOptions& options = {});
};

struct NoiseOptions {
  std::optional<std::int64_t> seed = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// A Dropout of whole activation maps.
class SpatialDropout2D : public Layer {
 public:
  explicit SpatialDropout2D(double rate, const NoiseOptions& options = {});
};
/// In training, adds numbers drawn from a normal distribution of that deviation around 0.
class GaussianNoise : public Layer {
 public:
  explicit GaussianNoise(double stddev, const NoiseOptions& options = {});
};
/// In training, multiplies by numbers drawn around 1 with deviation sqrt(rate / (1 - rate)).
class GaussianDropout : public Layer {
 public:
  explicit GaussianDropout(double rate, const NoiseOptions& options = {});
};
/// In training, leaves out a sample's whole tensor with probability drop_path_rate, and scales the others by
/// 1 / (1 - drop_path_rate): keras.applications' ConvNeXt. Source: Huang et al. 2016.
class StochasticDepth : public Layer {
 public:
  explicit StochasticDepth(double drop_path_rate, const NameOption& options = {});
};
/// gamma x, a factor for each channel that starts at init_values: keras.applications' ConvNeXt. Its weight
/// (projection_dim) has no name in Keras: "variable". Source: Touvron et al. 2021.
class LayerScale : public Layer {
 public:
  LayerScale(double init_values, std::int64_t projection_dim, const NameOption& options = {});
};

/// What it is given.
class Identity : public Layer {
 public:
  Identity(const NameOption& options = {});
};

struct ActivityRegularizationOptions {
  double l1 = 0, l2 = 0;
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// What it is given; adds l1 sum|x| + l2 sum x^2 of each sample to the loss, the mean over the batch.
class ActivityRegularization : public Layer {
 public:
  ActivityRegularization(const ActivityRegularizationOptions& options = {});
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
  std::optional<Axes> shared_axes = {};  ///< have one slope for all their places; they count from 1
  Constraint alpha_constraint = {};
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
  Axes axis = -1;  ///< one or more, over which the sum is 1
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class Softmax : public Layer {
 public:
  Softmax(const SoftmaxOptions& options = {});
};

struct BatchNormalizationOptions {
  std::int64_t axis = -1;  ///< the channels'
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
  Constraint beta_constraint = {};
  Constraint gamma_constraint = {};
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
  Axes axis = {-1};  ///< one or more
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  Constraint beta_constraint = {};
  Constraint gamma_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Normalises each sample along axes: gamma (x - mean) / sqrt(variance + epsilon) + beta. Weights: gamma and
/// beta, of the axes' sizes.
class LayerNormalization : public Layer {
 public:
  LayerNormalization(const LayerNormalizationOptions& options = {});
};

struct GroupNormalizationOptions {
  std::int64_t groups = 32;  ///< of channels; -1 for one of each channel
  std::int64_t axis = -1;    ///< the channels'
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Initializer beta_initializer = "zeros";
  Initializer gamma_initializer = "ones";
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  Constraint beta_constraint = {};
  Constraint gamma_constraint = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Normalises each sample over its places and each group of neighbouring channels. Weights: gamma and beta
/// (C). Source: Wu & He 2018.
class GroupNormalization : public Layer {
 public:
  GroupNormalization(const GroupNormalizationOptions& options = {});
};

struct UnitNormalizationOptions {
  Axes axis = -1;  ///< one or more
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// x / max(sqrt(sum x^2 along axis), 1e-12).
class UnitNormalization : public Layer {
 public:
  UnitNormalization(const UnitNormalizationOptions& options = {});
};

struct NormalizationOptions {
  /// The axes that keep statistics of their own; none: one mean and one variance for all.
  Axes axis = {-1};
  std::optional<Numbers> mean = {};      ///< given with the variance, or learned by adapt
  std::optional<Numbers> variance = {};  ///< squares of the deviations
  bool invert = false;                   ///< the way back: x * deviation + mean
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// (x - mean) / max(sqrt(variance), 1e-7). Without a given mean and variance it has them as weights that do
/// not train, and a count: mean and variance (sizes of the axes), count ().
class Normalization : public Layer {
 public:
  Normalization(const NormalizationOptions& options = {});
  /// Takes mean and variance from data of shape (samples, ...): float32, finite. Throws Error where mean and
  /// variance were given, or the data does not fit.
  void adapt(const Tensor& data) const;
};

class ZeroPadding2D : public Layer {
 public:
  ZeroPadding2D(const Padding2& padding = 1, const NameOption& options = {});
};

/// x * scale + offset, numbers for all or one for each channel.
class Rescaling : public Layer {
 public:
  explicit Rescaling(const Numbers& scale, const Numbers& offset = 0, const NameOption& options = {});
};

/// The middle of each image; a smaller one grows, as Resizing with crop_to_aspect_ratio does.
class CenterCrop : public Layer {
 public:
  CenterCrop(std::int64_t height, std::int64_t width, const NameOption& options = {});
};

struct ResizingOptions {
  /// Or "nearest", "bicubic", "lanczos3", "lanczos5", "area"; half-pixel centres.
  std::string interpolation = "bilinear";
  bool crop_to_aspect_ratio = false;  ///< cuts off what would be distorted
  bool pad_to_aspect_ratio = false;   ///< adds borders of fill_value instead
  double fill_value = 0;
  bool antialias = false;  ///< kernels widen where images shrink
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Images of another size.
class Resizing : public Layer {
 public:
  Resizing(std::int64_t height, std::int64_t width, const ResizingOptions& options = {});
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
  /// Or "bilinear", "bicubic", "lanczos3", "lanczos5", "area".
  std::string interpolation = "nearest";
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

struct DotOptions {
  bool normalize = false;  ///< vectors are made of length 1 first: the cosine of their angle
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// Sums of products of two inputs along an axis of each, for each sample: axes is that of both, or one for
/// each. (N, a, c) and (N, c, b) with {2, 1} give (N, a, b).
class Dot : public Layer {
 public:
  explicit Dot(const Axes& axes, const DotOptions& options = {});
};

/// The layers that follow change images at random in training, each sample by itself, and give them
/// unchanged otherwise. They pass no gradient back: they stand in front. A range of numbers is {low, high};
/// one number f means {-f, f} unless said otherwise.

struct RandomFlipOptions {
  std::string mode = "horizontal_and_vertical";  ///< or "horizontal", "vertical": what may happen
  std::optional<std::int64_t> seed = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
class RandomFlip : public Layer {
 public:
  RandomFlip(const RandomFlipOptions& options = {});
};

struct RandomTransformOptions {
  /// What lies outside of the image: "reflect" (d c b a | a b c d | d c b a), "wrap", "constant" (fill_value)
  /// or "nearest".
  std::string fill_mode = "reflect";
  std::string interpolation = "bilinear";  ///< or "nearest"
  double fill_value = 0;
  std::optional<std::int64_t> seed = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// By parts of a full turn, counter-clockwise.
class RandomRotation : public Layer {
 public:
  explicit RandomRotation(const Numbers& factor, const RandomTransformOptions& options = {});
};
/// By parts of the height and the width: positive ones down and to the right.
class RandomTranslation : public Layer {
 public:
  RandomTranslation(const Numbers& height_factor, const Numbers& width_factor,
                    const RandomTransformOptions& options = {});
};
/// Negative ones zoom in, positive ones out: the part of the image that is seen is 1 + factor. Without a
/// width_factor the proportions stay.
class RandomZoom : public Layer {
 public:
  explicit RandomZoom(const Numbers& height_factor, const std::optional<Numbers>& width_factor = {},
                      const RandomTransformOptions& options = {});
};

struct RandomColorOptions {
  std::vector<double> value_range = {0, 255};  ///< of the images; results are cut off there
  std::optional<std::int64_t> seed = {};
  std::string name = {};
  std::optional<DTypePolicy> dtype = {};
};
/// (x - mean) * c + mean for each channel, c from {1 - low, 1 + high}; one number f means {0, f}, as in
/// Keras.
class RandomContrast : public Layer {
 public:
  explicit RandomContrast(const Numbers& factor, const RandomColorOptions& options = {});
};
/// Adds parts of the value range.
class RandomBrightness : public Layer {
 public:
  explicit RandomBrightness(const Numbers& factor, const RandomColorOptions& options = {});
};
/// Another place of the same size each time; CenterCrop's otherwise.
class RandomCrop : public Layer {
 public:
  RandomCrop(std::int64_t height, std::int64_t width, const NoiseOptions& options = {});
};

}  // namespace fovea
