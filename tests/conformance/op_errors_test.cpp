#include <gtest/gtest.h>

#include <set>

#include "graph/graph.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"
#include "ops/matmul.h"
#include "ops/optimizer_update.h"
#include "ops/pool2d.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/round.h"
#include "ops/shaping.h"
#include "ops/softmax.h"
#include "ops/take.h"
#include "ops/unary.h"
#include "support/names.h"

// Inputs that do not fit are refused when the graph is built, with words that name the op, the rule and what
// was received.

namespace fovea::testing {
namespace {

struct Refusal {
  std::string label;
  std::shared_ptr<const Op> op;
  std::vector<TensorSpec> inputs;
  std::string message;
};

TensorSpec f32(const Shape& shape) { return {shape, DType::float32}; }
TensorSpec f64(const Shape& shape) { return {shape, DType::float64}; }
TensorSpec i32(const Shape& shape) { return {shape, DType::int32}; }
TensorSpec i64(const Shape& shape) { return {shape, DType::int64}; }

class Refusals {
 public:
  template <class OpType>
  void add(const std::string& label, OpType op, std::vector<TensorSpec> inputs, const std::string& message) {
    list_.push_back({std::string(op.class_name()) + "/" + label, std::make_shared<OpType>(std::move(op)),
                     std::move(inputs), message});
  }
  const std::vector<Refusal>& list() const { return list_; }

 private:
  std::vector<Refusal> list_;
};

void add_convolutions(Refusals& r) {
  const Shape x{2, 5, 5, 4}, kernel{3, 3, 4, 6}, y{2, 3, 3, 6};
  const std::string floats = "expected floating images (N, H, W, C). Received: ";
  r.add("one_input", Conv2DOp(), {f32(x)}, "Op Conv2D: takes 2 inputs. Received: 1");
  r.add("rank3", Conv2DOp(), {f32({5, 5, 4}), f32(kernel)}, "Op Conv2D: " + floats + "float32 (5, 5, 4)");
  r.add("integers", Conv2DOp(), {i32(x), i32(kernel)}, "Op Conv2D: " + floats + "int32 (2, 5, 5, 4)");
  r.add("dtypes", Conv2DOp(), {f32(x), f64(kernel)},
        "Op Conv2D: the dtypes differ. Received: float32 (2, 5, 5, 4) and float64 (3, 3, 4, 6)");
  r.add("kernel_rank", Conv2DOp(), {f32(x), f32({3, 4, 6})},
        "Op Conv2D: expected a kernel of rank 4. Received: (3, 4, 6)");
  r.add("channels", Conv2DOp(), {f32(x), f32({3, 3, 3, 6})},
        "Op Conv2D: 4 channels do not fit a kernel of shape (3, 3, 3, 6) in 1 groups");
  r.add("groups", Conv2DOp({.groups = 4}), {f32(x), f32({3, 3, 1, 6})},
        "Op Conv2D: 4 channels do not fit a kernel of shape (3, 3, 1, 6) in 4 groups");
  r.add("no_groups", Conv2DOp({.groups = 0}), {f32(x), f32(kernel)}, "in 0 groups");
  r.add("strides0", Conv2DOp({.strides = {1, 0}}), {f32(x), f32(kernel)},
        "Op Conv2D: strides and dilation are at least 1. Received: strides (1, 0) and dilation (1, 1)");
  r.add("dilation0", Conv2DOp({.dilation = {0, 1}}), {f32(x), f32(kernel)},
        "Op Conv2D: strides and dilation are at least 1. Received: strides (1, 1) and dilation (0, 1)");
  r.add("negative_padding", Conv2DOp({.padding = {0, 0, -1, 0}}), {f32(x), f32(kernel)},
        "Op Conv2D: padding is at least 0. Received: ((0, 0), (-1, 0))");
  r.add("reach", Conv2DOp({.dilation = {3, 1}}), {f32(x), f32(kernel)},
        "Op Conv2D: the kernel is larger than the image along the height: it reaches over 7, the image with "
        "its "
        "padding has 5");
  r.add("gradient_shape", Conv2DBackwardInputOp({}, x), {f32({2, 3, 3, 5}), f32(kernel)},
        "Op Conv2DBackwardInput: a gradient of shape (2, 3, 3, 5) does not belong to an input of shape (2, "
        "5, 5, 4) "
        "and a kernel of shape (3, 3, 4, 6)");
  r.add("rank_of_x_shape", Conv2DBackwardInputOp({}, {5, 5, 4}), {f32(y), f32(kernel)},
        "Op Conv2DBackwardInput: expected the shape of an image (N, H, W, C). Received: (5, 5, 4)");
  r.add("dtypes", Conv2DBackwardInputOp({}, x), {f32(y), f64(kernel)},
        "Op Conv2DBackwardInput: the dtypes differ");
  r.add("gradient_shape", Conv2DBackwardFilterOp({}, kernel), {f32(x), f32({2, 4, 3, 6})},
        "Op Conv2DBackwardFilter: a gradient of shape (2, 4, 3, 6) does not belong to an input of shape "
        "(2, 5, 5, 4) and a kernel of shape (3, 3, 4, 6)");
  r.add("rank_of_dy", Conv2DBackwardFilterOp({}, kernel), {f32(x), f32({18, 6})},
        "Op Conv2DBackwardFilter: a gradient of shape (18, 6) does not belong");

  r.add("rank", MatMulOp(), {f32({2, 3, 4}), f32({4, 5})},
        "Op MatMul: expected rank 2. Received: float32 (2, 3, 4)");
  r.add("sizes", MatMulOp(true, false), {f32({2, 3}), f32({3, 5})},
        "Op MatMul: the inner sizes differ. Received: (2, 3) transposed and (3, 5)");
  r.add("batches", BatchMatMulOp(), {f32({2, 3, 4}), f32({3, 4, 5})},
        "Op BatchMatMul: the batches differ. Received: (2, 3, 4) and (3, 4, 5)");
  r.add("rank", BatchMatMulOp(), {f32({3, 4}), f32({4, 5})},
        "Op BatchMatMul: expected rank 3. Received: float32 (3, 4)");
  r.add("sizes", BatchMatMulOp(false, true), {f32({2, 3, 4}), f32({2, 4, 5})},
        "Op BatchMatMul: the inner sizes differ. Received: (2, 3, 4) and (2, 4, 5) transposed");
  r.add("dtypes", MatMulOp(), {f32({2, 3}), f64({3, 5})}, "Op MatMul: the dtypes differ");
  r.add("integers", MatMulOp(), {i32({2, 3}), i32({3, 5})},
        "Op MatMul: expected floats. Received: int32 (2, 3)");
}

void add_depthwise_convolutions(Refusals& r) {
  const Shape x{2, 5, 5, 4}, kernel{3, 3, 4, 2}, y{2, 3, 3, 8};
  r.add("one_input", DepthwiseConv2DOp(), {f32(x)}, "Op DepthwiseConv2D: takes 2 inputs. Received: 1");
  r.add("rank3", DepthwiseConv2DOp(), {f32({5, 5, 4}), f32(kernel)},
        "Op DepthwiseConv2D: expected floating images (N, H, W, C). Received: float32 (5, 5, 4)");
  r.add("integers", DepthwiseConv2DOp(), {i32(x), i32(kernel)},
        "Op DepthwiseConv2D: expected floating images (N, H, W, C). Received: int32 (2, 5, 5, 4)");
  r.add("dtypes", DepthwiseConv2DOp(), {f32(x), f64(kernel)}, "Op DepthwiseConv2D: the dtypes differ");
  r.add("kernel_rank", DepthwiseConv2DOp(), {f32(x), f32({3, 3, 4})},
        "Op DepthwiseConv2D: expected a kernel (height, width, channels, multiplier). Received: (3, 3, 4)");
  r.add("channels", DepthwiseConv2DOp(), {f32(x), f32({3, 3, 1, 4})},
        "Op DepthwiseConv2D: 4 channels do not fit a kernel of shape (3, 3, 1, 4); its third size is the "
        "number of channels");
  r.add("multiplier0", DepthwiseConv2DOp(), {f32(x), f32({3, 3, 4, 0})},
        "Op DepthwiseConv2D: 4 channels do not fit a kernel of shape (3, 3, 4, 0)");
  r.add("strides0", DepthwiseConv2DOp({.strides = {1, 0}}), {f32(x), f32(kernel)},
        "Op DepthwiseConv2D: strides and dilation are at least 1. Received: strides (1, 0) and dilation (1, "
        "1)");
  r.add("dilation0", DepthwiseConv2DOp({.dilation = {0, 1}}), {f32(x), f32(kernel)},
        "Op DepthwiseConv2D: strides and dilation are at least 1");
  r.add("negative_padding", DepthwiseConv2DOp({.padding = {0, 0, -1, 0}}), {f32(x), f32(kernel)},
        "Op DepthwiseConv2D: padding is at least 0. Received: ((0, 0), (-1, 0))");
  r.add("reach", DepthwiseConv2DOp({.dilation = {1, 3}}), {f32(x), f32(kernel)},
        "Op DepthwiseConv2D: the kernel is larger than the image along the width: it reaches over 7");
  r.add("gradient_shape", DepthwiseConv2DBackwardInputOp({}, x), {f32({2, 3, 3, 4}), f32(kernel)},
        "Op DepthwiseConv2DBackwardInput: a gradient of shape (2, 3, 3, 4) does not belong to an input of "
        "shape (2, 5, 5, 4) and a kernel of shape (3, 3, 4, 2)");
  r.add("rank_of_x_shape", DepthwiseConv2DBackwardInputOp({}, {5, 5, 4}), {f32(y), f32(kernel)},
        "Op DepthwiseConv2DBackwardInput: expected the shape of an image (N, H, W, C). Received: (5, 5, 4)");
  r.add("gradient_shape", DepthwiseConv2DBackwardFilterOp({}, kernel), {f32(x), f32({2, 4, 3, 8})},
        "Op DepthwiseConv2DBackwardFilter: a gradient of shape (2, 4, 3, 8) does not belong to an input of "
        "shape (2, 5, 5, 4) and a kernel of shape (3, 3, 4, 2)");
}

void add_pooling(Refusals& r) {
  const TensorSpec x = f32({2, 5, 5, 3});
  r.add("rank", Pool2DOp(), {f32({5, 5, 3})}, "Op Pool2D: expected floating images (N, H, W, C)");
  r.add("window0", Pool2DOp({.window = {0, 2}}), {x},
        "Op Pool2D: window and strides are at least 1. Received: 0 and 2");
  r.add("strides0", Pool2DOp({.strides = {2, 0}}), {x},
        "Op Pool2D: window and strides are at least 1. Received: 2 and 0");
  r.add("large_window", Pool2DOp({.window = {2, 6}}), {x},
        "Op Pool2D: a window of 6 is larger than the image with its padding, 5");
  r.add("padding", Pool2DOp({.padding = {0, 2, 0, 0}}), {x},
        "Op Pool2D: a window of 2 would lie wholly in the padding (0 before, 2 after)");
  r.add("negative_padding", Pool2DOp({.padding = {-1, 0, 0, 0}}), {x},
        "Op Pool2D: padding is at least 0. Received: -1 before, 0 after");
  r.add("gradient_shape", Pool2DBackwardOp({}, x.shape), {f32({2, 2, 3, 3}), i32({2, 2, 3, 3})},
        "Op Pool2DBackward: a gradient of shape (2, 2, 3, 3) does not belong to an input of shape (2, 5, 5, "
        "3)");
  r.add("no_winners", Pool2DBackwardOp({}, x.shape), {f32({2, 2, 2, 3})},
        "Op Pool2DBackward: takes 2 inputs. Received: 1");
  r.add("winners", Pool2DBackwardOp({}, x.shape), {f32({2, 2, 2, 3}), i32({2, 2, 2, 1})},
        "Op Pool2DBackward: the winners must be uint8 (2, 2, 2, 3). Received: int32 (2, 2, 2, 1)");
  r.add("integers", Pool2DBackwardOp({}, x.shape), {i32({2, 2, 2, 3}), i32({2, 2, 2, 3})},
        "Op Pool2DBackward: expected floating images (N, H, W, C). Received: int32 (2, 2, 2, 3)");
}

void add_elementwise(Refusals& r) {
  r.add("shapes", BinaryOp(), {f32({2, 3}), f32({2, 4})},
        "Op Binary: shapes (2, 3) and (2, 4) do not broadcast");
  r.add("dtypes", BinaryOp(), {f32({3}), f64({3})}, "Op Binary: the dtypes differ. Received: float32 (3,)");
  r.add("integers", BinaryOp(), {i32({3}), i32({3})}, "Op Binary: expected floats. Received: int32 (3,)");
  r.add("shapes", SelectGradientOp(), {f32({3}), f32({3}), f32({2})},
        "Op SelectGradient: its inputs must be alike. Received: float32 (3,) and float32 (2,)");
  r.add("integers", UnaryOp(UnaryKind::tanh, {}), {i32({3})},
        "Op tanh: expected floats. Received: int32 (3,)");
  r.add("specs", UnaryBackwardOp(UnaryKind::tanh, {}), {f32({3}), f32({2})},
        "Op UnaryBackward: the specs differ. Received: float32 (3,) and float32 (2,)");
  r.add("integers", UnaryBackwardOp(UnaryKind::tanh, {}), {i32({3}), i32({3})},
        "Op UnaryBackward: expected floats. Received: int32 (3,)");
  r.add("scalar", SoftmaxOp(), {f32({})}, "Op Softmax: expected at least one axis. Received: float32 ()");
  r.add("integers", SoftmaxOp(), {i64({3})}, "Op Softmax: expected floats. Received: int64 (3,)");
  r.add("specs", SoftmaxBackwardOp(), {f32({2, 3}), f32({3})},
        "Op SoftmaxBackward: its inputs must be alike. Received: float32 (2, 3) and float32 (3,)");
  r.add("labels", SoftmaxCrossEntropyOp(), {f32({2, 3}), f32({2, 4})},
        "Op SoftmaxCrossEntropy: logits and labels differ. Received: float32 (2, 3) and float32 (2, 4)");
  r.add("integers", SoftmaxCrossEntropyOp(), {i32({2, 3}), i32({2, 3})},
        "Op SoftmaxCrossEntropy: expected floats. Received: int32 (2, 3)");
  r.add("labels", SigmoidCrossEntropyOp(), {f32({2, 3}), f64({2, 3})},
        "Op SigmoidCrossEntropy: logits and labels differ. Received: float32 (2, 3) and float64 (2, 3)");
  r.add("integers", SigmoidCrossEntropyOp(), {i32({3}), i32({3})},
        "Op SigmoidCrossEntropy: expected floats. Received: int32 (3,)");
}

void add_reductions(Refusals& r) {
  r.add("axis", ReduceOp(ops::ReduceKind::sum, {2}, false), {f32({2, 3})},
        "Op Reduce: float32 (2, 3) has no axis 2");
  r.add("integers", ReduceOp(ops::ReduceKind::sum, {0}, false), {i32({2, 3})},
        "Op Reduce: expected floats. Received: int32 (2, 3)");
  r.add("empty_extreme", ReduceOp(ops::ReduceKind::max, {1}, false), {f32({2, 0})},
        "Op Reduce: float32 (2, 0) has no largest or smallest element along the axes");
  r.add("kept", ReduceExtremeBackwardOp({1}), {f32({2, 3}), f32({2}), f32({2})},
        "Op ReduceExtremeBackward: the extremes and their gradient must be float32 (2, 1). Received: float32 "
        "(2,) and "
        "float32 (2,)");
  r.add("shape", BroadcastToOp({2, 3}), {f32({2, 2})},
        "Op BroadcastTo: shapes (2, 2) and (2, 3) do not broadcast");
  r.add("shrinks", BroadcastToOp({1, 3}), {f32({2, 3})},
        "Op BroadcastTo: float32 (2, 3) does not broadcast to (1, 3)");
  r.add("integers", BroadcastToOp({2, 3}), {i32({3})},
        "Op BroadcastTo: expected floats. Received: int32 (3,)");
}

void add_shaping(Refusals& r) {
  r.add("size", ReshapeOp({4}), {f32({2, 3})}, "Op Reshape: float32 (2, 3) does not fit (4,)");
  r.add("rank", TransposeOp({1, 0}), {f32({2, 3, 4})},
        "Op Transpose: expected rank 2. Received: float32 (2, 3, 4)");
  r.add("twice", TransposeOp({1, 1}), {f32({2, 3})},
        "Op Transpose: every axis of float32 (2, 3) must stand once. Received: axis 1");
  r.add("none", ConcatenateOp(0), {}, "Op Concatenate: takes at least one input");
  r.add("sizes", ConcatenateOp(1), {f32({2, 3}), f32({3, 3})},
        "Op Concatenate: shapes differ outside axis 1. Received: (2, 3) and (3, 3)");
  r.add("ranks", ConcatenateOp(1), {f32({2, 3}), f32({2, 3, 1})},
        "Op Concatenate: shapes differ outside axis 1. Received: (2, 3) and (2, 3, 1)");
  r.add("dtypes", ConcatenateOp(0), {f32({2}), f64({2})}, "Op Concatenate: the dtypes differ");
  r.add("axis", ConcatenateOp(2), {f32({2, 3}), f32({2, 3})}, "Op Concatenate: float32 (2, 3) has no axis 2");
  r.add("outside", SliceOp(1, 2, 3), {f32({2, 4})}, "Op Slice: [2, 5) is outside axis 1 of float32 (2, 4)");
  r.add("axis", SliceOp(2, 0, 1), {f32({2, 4})}, "Op Slice: float32 (2, 4) has no axis 2");
  r.add("negative", PadOp(0, -1, 0), {f32({2})}, "Op Pad: padding is at least 0. Received: -1 and 0");
  r.add("axis", PadOp(1, 1, 0), {f32({2})}, "Op Pad: float32 (2,) has no axis 1");
  r.add("axis", TakeOp(1, {0}), {f32({2})}, "Op Take: float32 (2,) has no axis 1");
  r.add("outside", TakeOp(0, {1, 2}), {f32({2})}, "Op Take: an axis of 2 positions has no position 2");
  r.add("before", TakeOp(0, {-1}), {f32({2})}, "Op Take: an axis of 2 positions has no position -1");
  r.add("outside", TakeBackwardOp(0, {0, 3}, 3), {f32({2})},
        "Op TakeBackward: an axis of 3 positions has no position 3");
  r.add("count", TakeBackwardOp(0, {0, 1}, 3), {f32({3})},
        "Op TakeBackward: 2 positions were taken along axis 0. Received: float32 (3,)");
  r.add("integers", TakeBackwardOp(0, {0, 1}, 3), {i32({2})},
        "Op TakeBackward: expected floats. Received: int32 (2,)");
  r.add("two", CastOp(DType::float64), {f32({2}), f32({2})}, "Op Cast: takes 1 inputs. Received: 2");
  r.add("floats", OneHotOp(3, DType::float32), {f32({2})},
        "Op OneHot: expected int32 indices and at least one class. Received: float32 (2,) and 3");
  r.add("no_class", OneHotOp(0, DType::float32), {i32({2})}, "Received: int32 (2,) and 0");
  r.add("integers", OneHotOp(3, DType::int32), {i32({2})},
        "Op OneHot: its result is floating. Received: int32");
  r.add("two", RoundOp(0, 1), {f32({2}), f32({2})}, "Op Round: takes 1 inputs. Received: 2");
  r.add("integers", RoundOp(0, 1), {i32({2})}, "Op Round");
  r.add("order", RoundOp(1, 0), {f32({2})}, "Op Round: low must not be above high. Received: 1 and 0");
  r.add("two", StopGradientOp(), {f32({2}), f32({2})}, "Op StopGradient: takes 1 inputs. Received: 2");
}

void add_training(Refusals& r) {
  const TensorSpec x = f32({2, 3, 3, 4}), channels = f32({4});
  r.add("rank", BatchNormTrainingOp(), {channels, channels, channels},
        "Op BatchNormTraining: expected rank 2 or more. Received: float32 (4,)");
  r.add("gamma", BatchNormTrainingOp(), {x, f32({3}), channels},
        "Op BatchNormTraining: gamma and beta must be float32 (4,). Received: float32 (3,)");
  r.add("integers", BatchNormTrainingOp(), {i32({2, 3}), i32({3}), i32({3})},
        "Op BatchNormTraining: expected floats. Received: int32 (2, 3)");
  r.add("dy", BatchNormBackwardOp(), {x, channels, channels, channels, f32({2, 3, 3, 3})},
        "Op BatchNormBackward: x and dy must be alike, the others float32 (4,). Received: float32 (2, 3, 3, "
        "4), "
        "float32 (4,), float32 (4,), float32 (4,), float32 (2, 3, 3, 3)");
  r.add("rate1", DropoutOp(1, 0), {x, i64({2})}, "Op Dropout: the rate must be in [0, 1). Received: 1");
  r.add("state", DropoutOp(0.5, 0), {x, i64({3})},
        "Op Dropout: the random state must be int64 (2,). Received: int64 (3,)");
  r.add("integers", DropoutOp(0.5, 0), {i32({3}), i64({2})},
        "Op Dropout: expected floats. Received: int32 (3,)");
  r.add("state", RandomOp(RandomKind::normal, {3}, DType::float32, 0), {i64({3})},
        "Op Random: the random state must be int64 (2,). Received: int64 (3,)");
  r.add("integers", RandomOp(RandomKind::normal, {3}, DType::int32, 0), {i64({2})},
        "Op Random: expected floats of a known shape. Received: int32 (3,)");
  RandomTransformOp turn;
  r.add("state", turn, {i64({3})},
        "Op RandomTransform: the random state must be int64 (2,). Received: int64 (3,)");
  AffineTransformOp affine;
  r.add("rows", affine, {x, f32({2, 5})},
        "Op AffineTransform: matrices must be floats of shape (2, 6). Received: float32 (2, 5)");
  r.add("rank", affine, {f32({2, 5}), f32({2, 6})},
        "Op AffineTransform: expected floating images (N, H, W, C)");
  affine.size = {3, 0};
  r.add("size", affine, {x, f32({2, 6})},
        "Op AffineTransform: the size must be at least 1. Received: (3, 0)");
  r.add("open", RandomOp(RandomKind::normal, {-1}, DType::float32, 0), {i64({2})},
        "Op Random: expected floats of a known shape. Received: float32 (None,)");

  const TensorSpec rate = f32({}), iteration = i64({});
  SgdUpdateOp momentum;
  momentum.momentum = 0.9;
  r.add("inputs", momentum, {rate, iteration, x, x},
        "Op SgdUpdate: takes the rate, the iteration and 3 inputs a variable. Received: 4");
  r.add("rate", SgdUpdateOp(), {f32({1}), iteration, x, x},
        "Op SgdUpdate: the rate is a scalar of float32 or float64, the iteration an int64 one. Received: "
        "float32 (1,) and "
        "int64 ()");
  r.add(
      "rate_dtype", SgdUpdateOp(), {f64({}), iteration, x, x},
      "Op SgdUpdate: the rate must have the variables' dtype. Received: float64 () and float32 (2, 3, 3, 4)");
  r.add("gradient", RmspropUpdateOp(), {rate, iteration, channels, channels, f32({3})},
        "Op RmspropUpdate: a variable, its slots and its gradient have one spec. Received: float32 (4,) and "
        "float32 "
        "(3,)");
  SgdUpdateOp scaled, by_norm;
  scaled.scaled = true;
  by_norm.clip_norm = 0.5;
  r.add("factor", scaled, {rate, iteration, f32({1}), x, x},
        "Op SgdUpdate: the factor is float32 (). Received: float32 (1,)");
  r.add("factor_missing", scaled, {rate, iteration, x, x},
        "Op SgdUpdate: takes the rate, the iteration, a factor and 2 inputs a variable. Received: 4");
  r.add("divisor", by_norm, {rate, iteration, x, x, f64({})},
        "Op SgdUpdate: a divisor is float32 (). Received: float64 ()");
  r.add("iteration", AdamUpdateOp(), {rate, i32({}), x, x, x, x},
        "Op AdamUpdate: the rate is a scalar of float32 or float64, the iteration an int64 one. Received: "
        "float32 () and "
        "int32 ()");
  r.add("own_scalar", NadamUpdateOp(), {rate, iteration, f32({1}), x, x, x, x},
        "Op NadamUpdate: its own scalar is float32 (). Received: float32 (1,)");
  r.add("own_scalar_missing", NadamUpdateOp(), {rate, iteration, x, x, x, x},
        "Op NadamUpdate: takes the rate, the iteration, its own scalar and 4 inputs a variable. Received: 6");
  const std::vector<TensorSpec> no_gradient = {rate, iteration, x, x};
  r.add("inputs", AdagradUpdateOp(), no_gradient,
        "Op AdagradUpdate: takes the rate, the iteration and 3 inputs a variable. Received: 4");
  r.add("inputs", AdadeltaUpdateOp(), no_gradient,
        "Op AdadeltaUpdate: takes the rate, the iteration and 4 inputs a variable. Received: 4");
  r.add("inputs", AdamaxUpdateOp(), no_gradient,
        "Op AdamaxUpdate: takes the rate, the iteration and 4 inputs a variable. Received: 4");
  r.add("inputs", FtrlUpdateOp(), no_gradient,
        "Op FtrlUpdate: takes the rate, the iteration and 4 inputs a variable. Received: 4");
  LionUpdateOp waiting;
  waiting.accumulation_steps = 0;
  r.add("steps", waiting, {rate, iteration, x, x, x},
        "Op LionUpdate: accumulation_steps must be at least 1. Received: 0");
  r.add("product", NadamProductOp(), {i32({}), rate},
        "Op NadamProduct: takes the iteration, an int64 scalar, and a scalar. Received: int32 () and float32 "
        "()");
  r.add("pairs", MovingAverageOp(), {iteration, x},
        "Op MovingAverage: takes the iteration and two inputs a variable. Received: 2");
  r.add("pair_specs", GradientAccumulationOp(), {iteration, x, f32({3})},
        "Op GradientAccumulation: the two inputs of a variable have one spec. Received: float32 (2, 3, 3, 4) "
        "and float32 (3,)");
  r.add("pair_iteration", GradientAccumulationOp(), {rate, x, x},
        "Op GradientAccumulation: the iteration is an int64 scalar. Received: float32 ()");
}

const std::vector<Refusal>& refusals() {
  static const Refusals all = [] {
    Refusals made;
    add_convolutions(made);
    add_depthwise_convolutions(made);
    add_pooling(made);
    add_elementwise(made);
    add_reductions(made);
    add_shaping(made);
    add_training(made);
    return made;
  }();
  return all.list();
}

std::string message_of(const Refusal& refusal) {
  try {
    Graph graph;
    std::vector<Value> inputs;
    for (std::size_t i = 0; i < refusal.inputs.size(); ++i) {
      inputs.push_back(graph.feed("input" + std::to_string(i), refusal.inputs[i]));
    }
    graph.emit(refusal.op, inputs);
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(OpErrors, NameTheOpTheRuleAndWhatWasReceived) {
  for (const Refusal& refusal : refusals()) {
    SCOPED_TRACE(refusal.label);
    EXPECT_NE(message_of(refusal).find(refusal.message), std::string::npos)
        << "expected: " << refusal.message << "\ngot:      " << message_of(refusal);
  }
}

TEST(OpErrors, CoverEveryOpOfTheList) {
  std::set<std::string> covered, listed;
  for (const Refusal& refusal : refusals()) covered.emplace(refusal.op->class_name());
#define FOVEA_OP(Name) listed.emplace(#Name);
#include "ops/ops.inc"
#undef FOVEA_OP
  EXPECT_EQ(covered, listed);
}

template <class Emit>
std::string message_of_emitting(Emit emit) {
  try {
    Graph graph;
    emit(graph, graph.feed("x", f32({2, 3, 4})));
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(OpErrors, OfTheFunctionsThatEmit) {
  EXPECT_EQ(message_of_emitting([](Graph& g, Value x) {
              ops::reshape(g, x, {-1, -1});
            }),
            "Op Reshape: only one size may be -1. Received: (None, None)");
  EXPECT_EQ(message_of_emitting([](Graph& g, Value x) {
              ops::reshape(g, x, {-1, 5});
            }),
            "Op Reshape: float32 (2, 3, 4) does not fit (None, 5)");
  EXPECT_EQ(message_of_emitting([](Graph& g, Value x) { ops::slice(g, x, -4, 0, 1); }),
            "Op Slice: shape (2, 3, 4) has no axis -4");
  EXPECT_EQ(message_of_emitting([](Graph& g, Value x) {
              ops::concatenate(g, {&x, 1}, 3);
            }),
            "Op Concatenate: shape (2, 3, 4) has no axis 3");
  EXPECT_EQ(message_of_emitting([](Graph& g, Value) { ops::concatenate(g, {}, 0); }),
            "ops::concatenate: takes at least one value");
  EXPECT_EQ(message_of_emitting([](Graph& g, Value x) { ops::unary(g, "cosh", x); }),
            "ops::unary: there is no function 'cosh'");
  EXPECT_EQ(message_of_emitting([](Graph& g, Value x) { ops::reduce(g, ops::ReduceKind::sum, x, {-4}); }),
            "Op Reduce: float32 (2, 3, 4) has no axis -4");
}

TEST(OpErrors, StatisticsOfABatchHaveNoGradient) {
  Graph graph;
  const Value x = graph.feed("x", f64({5, 3}));
  const Value gamma = graph.feed("gamma", f64({3})), beta = graph.feed("beta", f64({3}));
  const ops::BatchNormResult result = ops::batch_norm_training(graph, x, gamma, beta, 1e-3);
  const Value both = ops::add(graph, ops::reduce(graph, ops::ReduceKind::sum, result.mean, {0}),
                              ops::reduce(graph, ops::ReduceKind::sum, result.y, {0, 1}));
  EXPECT_THROW(gradients(graph, both, {&x, 1}), Error);
  const Value mean = ops::reduce(graph, ops::ReduceKind::sum, result.mean, {0});
  EXPECT_THROW(gradients(graph, mean, {&x, 1}), Error);
}

}  // namespace
}  // namespace fovea::testing
