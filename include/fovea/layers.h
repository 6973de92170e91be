#pragma once

#include <string>
#include <vector>

#include "fovea/convolution_layers.h"
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
/// Of rows (N, L, C): of whole channels.
class SpatialDropout1D : public Layer {
 public:
  explicit SpatialDropout1D(double rate, const NoiseOptions& options = {});
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
/// Of rows: (N, L, C) to (N, before + L + after, C).
class ZeroPadding1D : public Layer {
 public:
  ZeroPadding1D(Padding1 padding = 1, const NameOption& options = {});
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
/// Of rows: (N, L, C) to (N, L - before - after, C).
class Cropping1D : public Layer {
 public:
  Cropping1D(Padding1 cropping = 1, const NameOption& options = {});
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
/// Each step of a row `size` times: (N, L, C) to (N, L * size, C).
class UpSampling1D : public Layer {
 public:
  UpSampling1D(std::int64_t size = 2, const NameOption& options = {});
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
