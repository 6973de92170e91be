#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "fovea/fields.h"
#include "fovea/graph.h"

/// Ops: what layers are made of. Each function adds one op to the graph and returns its result; every op
/// knows its gradient. Images are (N, H, W, C), convolution kernels (kernel height, kernel width, in channels
/// / groups, filters). A wrong shape, dtype or option throws Error.
namespace fovea::ops {

struct Conv2DAttributes {
  Size2 strides = 1;
  Padding2 padding = 0;
  Size2 dilation = 1;
  std::int64_t groups = 1;
};

/// Cross-correlation, as every CNN calls convolution. Size along an axis: (n + before + after - ((k-1)*d +
/// 1)) / stride + 1.
Value conv2d(GraphBuilder& b, Value x, Value kernel, const Conv2DAttributes& attributes = {});
/// The gradient of conv2d with respect to its input of shape `x_shape`.
Value conv2d_backward_input(GraphBuilder& b, Value dy, Value kernel, const Shape& x_shape,
                            const Conv2DAttributes& attributes);
/// The gradient of conv2d with respect to its kernel of shape `kernel_shape`.
Value conv2d_backward_filter(GraphBuilder& b, Value x, Value dy, const Shape& kernel_shape,
                             const Conv2DAttributes& attributes);

struct DepthwiseConv2DAttributes {
  Size2 strides = 1;
  Padding2 padding = 0;
  Size2 dilation = 1;
};

/// Each channel with kernels of its own: (N, H, W, C) and a kernel (kernel height, kernel width, C,
/// multiplier) give (N, H', W', C * multiplier), in which channel c * multiplier + m is channel c with its
/// m-th kernel. Sizes are conv2d's.
Value depthwise_conv2d(GraphBuilder& b, Value x, Value kernel,
                       const DepthwiseConv2DAttributes& attributes = {});
/// The gradient of depthwise_conv2d with respect to its input of shape `x_shape`.
Value depthwise_conv2d_backward_input(GraphBuilder& b, Value dy, Value kernel, const Shape& x_shape,
                                      const DepthwiseConv2DAttributes& attributes);
/// The gradient of depthwise_conv2d with respect to its kernel of shape `kernel_shape`.
Value depthwise_conv2d_backward_filter(GraphBuilder& b, Value x, Value dy, const Shape& kernel_shape,
                                       const DepthwiseConv2DAttributes& attributes);

enum class PoolKind : std::uint8_t { max, average, min };
struct Pool2DAttributes {
  PoolKind kind = PoolKind::max;
  Size2 window = 2;
  Size2 strides = 2;
  Padding2 padding = 0;
};
/// Padding never wins a maximum or minimum, and does not count in an average. Among equals the first in the
/// window takes the gradient.
Value pool2d(GraphBuilder& b, Value x, const Pool2DAttributes& attributes);

/// a: (..., K) or its transpose; both of rank 2. (M, K) x (K, N) -> (M, N).
Value matmul(GraphBuilder& b, Value a, Value c, bool transpose_a = false, bool transpose_b = false);

/// Elementwise with NumPy's broadcasting.
Value add(GraphBuilder& b, Value x, Value y);
Value subtract(GraphBuilder& b, Value x, Value y);
Value multiply(GraphBuilder& b, Value x, Value y);
Value divide(GraphBuilder& b, Value x, Value y);
Value maximum(GraphBuilder& b, Value x, Value y);
Value minimum(GraphBuilder& b, Value x, Value y);

/// An elementwise function by its name: "relu" (alpha: slope below the threshold, beta: largest value, 0 for
/// none, gamma: threshold), "sigmoid", "tanh", "exponential", "log", "sqrt", "rsqrt", "square", "absolute",
/// "negative", "elu" (alpha), "selu", "celu" (alpha), "softplus", "softsign", "silu", "gelu" (exact),
/// "gelu_tanh", "hard_sigmoid", "hard_silu", "mish", "scale" (alpha * x + beta).
struct UnaryParameters {
  double alpha = 0, beta = 0, gamma = 0;
};
Value unary(GraphBuilder& b, std::string_view function, Value x, const UnaryParameters& parameters = {});
Value relu(GraphBuilder& b, Value x);
Value sigmoid(GraphBuilder& b, Value x);
/// alpha * x + beta.
Value scale(GraphBuilder& b, Value x, double alpha, double beta = 0);

/// Over the last axis.
Value softmax(GraphBuilder& b, Value x);
Value log_softmax(GraphBuilder& b, Value x);

enum class ReduceKind : std::uint8_t { sum, mean, max, min };
/// Over `axes` (negative ones count from the end); `keepdims` leaves sizes of 1. Equal maxima share the
/// gradient.
Value reduce(GraphBuilder& b, ReduceKind kind, Value x, std::vector<std::int64_t> axes,
             bool keepdims = false);

/// One size may be -1.
Value reshape(GraphBuilder& b, Value x, const Shape& shape);
Value transpose(GraphBuilder& b, Value x, std::vector<std::int64_t> permutation);
Value broadcast_to(GraphBuilder& b, Value x, const Shape& shape);
Value concatenate(GraphBuilder& b, std::span<const Value> values, std::int64_t axis = -1);
/// [first, first + size) of one axis.
Value slice(GraphBuilder& b, Value x, std::int64_t axis, std::int64_t first, std::int64_t size);
/// The positions `indices` of one axis, in their order; each may stand there several times, or never.
Value take(GraphBuilder& b, Value x, std::int64_t axis, std::vector<std::int64_t> indices);
/// Zeros around the H and W axes of an image.
Value zero_padding2d(GraphBuilder& b, Value x, const Padding2& padding);
Value cast(GraphBuilder& b, Value x, DType dtype);
/// Integers (...) to (..., classes): 1 where the index is the value; a value out of range gives zeros.
Value one_hot(GraphBuilder& b, Value indices, std::int64_t classes, DType dtype);

/// The type of means, variances, gammas and betas beside data of a type: float32 beside bfloat16.
DType statistics_dtype(DType dtype);
struct BatchNormResult {
  Value y, mean, variance;  ///< statistics of the batch; the variance is the population's
};
/// Normalisation over all axes but the last with the batch's own statistics; gamma and beta of shape (C), of
/// statistics_dtype.
BatchNormResult batch_norm_training(GraphBuilder& b, Value x, Value gamma, Value beta, double epsilon);

/// Zero with probability `rate`, otherwise x / (1 - rate). The mask is Philox(seed, stream, step, element),
/// seed and step from the feed "random_state" (int64, (2)).
Value dropout(GraphBuilder& b, Value x, double rate, std::uint64_t stream);

/// -(y log sigmoid(x) + (1 - y) log(1 - sigmoid(x))), elementwise, for any x without overflow.
Value sigmoid_cross_entropy(GraphBuilder& b, Value logits, Value labels);
/// -sum(labels * log_softmax(logits)) over the last axis; labels need not sum to 1. (..., C) -> (...).
Value softmax_cross_entropy(GraphBuilder& b, Value logits, Value labels);

/// x, without a gradient.
Value stop_gradient(GraphBuilder& b, Value x);

}  // namespace fovea::ops
