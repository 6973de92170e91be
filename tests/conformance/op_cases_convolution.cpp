#include "conformance/op_cases.h"
#include "ops/conv2d.h"
#include "ops/depthwise_conv2d.h"
#include "ops/matmul.h"

// A convolution's three passes are each other's gradients, so the numeric check of the two backward passes is
// the second order of the forward one. Odd sizes, and channel counts beside the multiples of a vector's
// width.

namespace fovea::testing {
namespace {

struct Convolution {
  const char* label;
  Shape x, kernel;
  ops::Conv2DAttributes attributes;
};

std::vector<Convolution> convolutions() {
  return {
      {"plain", {2, 5, 7, 3}, {3, 3, 3, 4}, {}},
      {"kernel1", {2, 3, 5, 5}, {1, 1, 5, 7}, {}},
      {"kernel2x3", {1, 5, 6, 2}, {2, 3, 2, 3}, {}},
      {"strides2x3", {1, 7, 8, 2}, {3, 2, 2, 3}, {.strides = {2, 3}}},
      {"strides_beyond_kernel", {1, 9, 7, 2}, {2, 2, 2, 3}, {.strides = {4, 3}}},
      {"rest_of_the_image_unread", {1, 6, 8, 2}, {3, 3, 2, 2}, {.strides = 2}},
      {"padding1", {1, 4, 5, 2}, {3, 3, 2, 3}, {.padding = 1}},
      {"asymmetric_padding", {1, 4, 3, 2}, {3, 3, 2, 3}, {.strides = 2, .padding = {0, 1, 2, 1}}},
      {"padding_beyond_kernel", {1, 3, 3, 1}, {2, 2, 1, 2}, {.padding = {3, 2, 0, 4}}},
      {"dilation2x1", {1, 7, 5, 2}, {3, 3, 2, 2}, {.dilation = {2, 1}}},
      {"dilation_strides_padding",
       {1, 9, 8, 2},
       {2, 3, 2, 3},
       {.strides = {2, 1}, .padding = {1, 0, 2, 1}, .dilation = {3, 2}}},
      {"groups2", {1, 5, 4, 6}, {3, 2, 3, 4}, {.groups = 2}},
      {"groups3_strides_padding", {2, 5, 6, 3}, {3, 3, 1, 6}, {.strides = 2, .padding = 1, .groups = 3}},
      {"depthwise", {1, 5, 5, 5}, {3, 3, 1, 5}, {.padding = 1, .groups = 5}},
      {"channels17_filters19", {1, 3, 4, 17}, {2, 2, 17, 19}, {}},
      {"one_pixel", {3, 1, 1, 4}, {1, 1, 4, 3}, {}},
      {"kernel_is_the_image", {2, 4, 3, 3}, {4, 3, 3, 5}, {}},
  };
}

Shape output_shape(const Convolution& c) {
  const TensorSpec inputs[] = {{c.x, DType::float64}, {c.kernel, DType::float64}};
  return Conv2DOp(c.attributes).infer(inputs)[0].shape;
}

struct Depthwise {
  const char* label;
  Shape x, kernel;
  ops::DepthwiseConv2DAttributes attributes;
};

std::vector<Depthwise> depthwise_convolutions() {
  return {
      {"plain", {2, 5, 7, 3}, {3, 3, 3, 1}, {}},
      {"multiplier2", {1, 5, 4, 5}, {3, 2, 5, 2}, {}},
      {"multiplier3_one_channel", {2, 4, 4, 1}, {2, 2, 1, 3}, {.padding = 1}},
      {"kernel1", {2, 3, 5, 5}, {1, 1, 5, 1}, {}},
      {"strides2_same", {1, 8, 7, 3}, {3, 3, 3, 1}, {.strides = 2, .padding = {0, 1, 1, 1}}},
      {"strides2_multiplier2", {1, 7, 7, 3}, {3, 3, 3, 2}, {.strides = 2, .padding = 1}},
      {"strides_beyond_kernel", {1, 9, 7, 2}, {2, 2, 2, 1}, {.strides = {4, 3}}},
      {"padding_beyond_kernel", {1, 3, 3, 1}, {2, 2, 1, 1}, {.padding = {3, 2, 0, 4}}},
      {"dilation2", {1, 7, 6, 2}, {3, 3, 2, 1}, {.padding = 2, .dilation = 2}},
      {"dilation_strides",
       {1, 9, 8, 2},
       {2, 3, 2, 2},
       {.strides = {2, 1}, .padding = {1, 0, 2, 1}, .dilation = {3, 2}}},
      // From here on as many channels as fill a vector, and more.
      {"channels16", {1, 8, 9, 16}, {3, 3, 16, 1}, {.padding = 1}},
      {"channels17_strides2", {2, 9, 8, 17}, {3, 3, 17, 1}, {.strides = 2, .padding = 1}},
      {"channels19_kernel5", {1, 7, 8, 19}, {5, 5, 19, 1}, {.padding = 2}},
      {"channels16_kernel7_strides2", {1, 9, 15, 16}, {7, 7, 16, 1}, {.strides = 2, .padding = 3}},
      {"one_pixel", {3, 1, 1, 20}, {3, 3, 20, 1}, {.padding = 1}},
      {"kernel_is_the_image", {2, 4, 3, 3}, {4, 3, 3, 2}, {}},
  };
}

void add_depthwise_cases(OpCases& cases) {
  for (const Depthwise& c : depthwise_convolutions()) {
    const TensorSpec specs[] = {{c.x, DType::float64}, {c.kernel, DType::float64}};
    const Shape y = DepthwiseConv2DOp(c.attributes).infer(specs)[0].shape;
    cases.add(c.label, DepthwiseConv2DOp(c.attributes), {normal(c.x), normal(c.kernel)});
    cases.add(c.label, DepthwiseConv2DBackwardInputOp(c.attributes, c.x), {normal(y), normal(c.kernel)});
    cases.add(c.label, DepthwiseConv2DBackwardFilterOp(c.attributes, c.kernel), {normal(c.x), normal(y)});
  }
}

}  // namespace

void add_convolution_cases(OpCases& cases) {
  for (const Convolution& c : convolutions()) {
    const Shape y = output_shape(c);
    cases.add(c.label, Conv2DOp(c.attributes), {normal(c.x), normal(c.kernel)});
    cases.add(c.label, Conv2DBackwardInputOp(c.attributes, c.x), {normal(y), normal(c.kernel)});
    cases.add(c.label, Conv2DBackwardFilterOp(c.attributes, c.kernel), {normal(c.x), normal(y)});
  }
  add_depthwise_cases(cases);
  cases.add("plain", MatMulOp(), {normal({3, 5}), normal({5, 7})});
  cases.add("a_transposed", MatMulOp(true, false), {normal({5, 3}), normal({5, 7})});
  cases.add("b_transposed", MatMulOp(false, true), {normal({3, 5}), normal({7, 5})});
  cases.add("both_transposed", MatMulOp(true, true), {normal({5, 3}), normal({7, 5})});
  cases.add("row_by_column", MatMulOp(), {normal({1, 17}), normal({17, 1})});
  cases.add("column_by_row", MatMulOp(), {normal({9, 1}), normal({1, 11})});
  cases.add("plain", BatchMatMulOp(), {normal({2, 3, 5}), normal({2, 5, 7})});
  cases.add("a_transposed", BatchMatMulOp(true, false), {normal({2, 5, 3}), normal({2, 5, 7})});
  cases.add("b_transposed", BatchMatMulOp(false, true), {normal({2, 3, 5}), normal({2, 7, 5})});
  cases.add("both_transposed", BatchMatMulOp(true, true), {normal({3, 5, 3}), normal({3, 7, 5})});
  cases.add("odd", MatMulOp(), {normal({13, 67}), normal({67, 35})});
}

}  // namespace fovea::testing
