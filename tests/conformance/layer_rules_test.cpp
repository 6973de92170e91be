#include <gtest/gtest.h>

#include <span>

#include "fovea/error.h"
#include "fovea/layers.h"

// What depthwise convolutions, and layers of rows, say of options and inputs that do not fit, and of their
// numbers.

namespace fovea::testing {
namespace {

struct BrokenRule {
  Layer layer;
  Shape input;
  const char* message;
};

void expect_refusals(std::span<const BrokenRule> cases) {
  for (const BrokenRule& broken : cases) {
    SCOPED_TRACE(broken.message);
    try {
      broken.layer.impl()->output_shapes({&broken.input, 1});
      ADD_FAILURE() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(broken.message), std::string::npos) << error.what();
    }
  }
}

TEST(LayerRules, OfDepthwiseConvolutionsNameWhatBreaksThem) {
  const Shape images{-1, 5, 7, 3};
  const BrokenRule cases[] = {
      {DepthwiseConv2D(3, {.depth_multiplier = 0, .name = "a"}), images,
       "Layer 'a' (DepthwiseConv2D): depth_multiplier must be at least 1. Received: depth_multiplier=0"},
      {DepthwiseConv2D({3, 0}, {.name = "a"}), images,
       "Layer 'a' (DepthwiseConv2D): kernel_size must be at least 1. Received: kernel_size=(3, 0)"},
      {DepthwiseConv2D(3, {.strides = {0, 1}}), images,
       "Layer DepthwiseConv2D: strides must be at least 1. Received: strides=(0, 1)"},
      {DepthwiseConv2D(3, {.dilation_rate = 0}), images,
       "dilation_rate must be at least 1. Received: dilation_rate=(0, 0)"},
      {DepthwiseConv2D(3, {.padding = "causal"}), images,
       "padding must be 'valid' or 'same'. Received: padding='causal'"},
      {DepthwiseConv2D(6), images,
       "the window is larger than the image: along the height it reaches over 6 pixels and the image has 5"},
      {DepthwiseConv2D(3, {.dilation_rate = {1, 4}}), images, "along the width it reaches over 9 pixels"},
      {DepthwiseConv2D(3),
       {-1, 5, 7, -1},
       "its weights need channels of a known size. Give the input's last"},
      {DepthwiseConv2D(3), {-1, 5}, "expected images (N, H, W, C). Received: shape (None, 5)"},
      {DepthwiseConv2D(3, {.activation = "rule"}), images, "rule"},
      {SeparableConv2D(0, 3, {.name = "b"}), images,
       "Layer 'b' (SeparableConv2D): filters must be at least 1. Received: filters=0"},
      {SeparableConv2D(2, 3, {.depth_multiplier = -1}), images,
       "Layer SeparableConv2D: depth_multiplier must be at least 1. Received: depth_multiplier=-1"},
      {SeparableConv2D(2, {0, 3}), images, "kernel_size must be at least 1. Received: kernel_size=(0, 3)"},
      {SeparableConv2D(2, 3, {.strides = 0}), images, "strides must be at least 1. Received: strides=(0, 0)"},
      {SeparableConv2D(2, 3), {-1, 5, 7, -1}, "its weights need channels of a known size"},
      {SeparableConv2D(2, 3), {-1, 2, 7, 3}, "along the height it reaches over 3 pixels and the image has 2"},
  };
  expect_refusals(cases);
}

TEST(LayerRules, OfRowsNameWhatBreaksThem) {
  const Shape rows{-1, 5, 3};
  const BrokenRule cases[] = {
      {DepthwiseConv1D(0), rows,
       "Layer DepthwiseConv1D: kernel_size must be at least 1. Received: kernel_size=0"},
      {DepthwiseConv1D(2, {.padding = "causal"}), rows, "padding must be 'valid' or 'same'"},
      {DepthwiseConv1D(4, {.dilation_rate = 2}), rows,
       "the window is larger than the row: along the length it reaches over 7 steps and the row has 5"},
      {SeparableConv1D(2, 3), {-1, 5, -1}, "its weights need channels of a known size"},
      {Conv1DTranspose(2, 3, {.strides = 2, .output_padding = 2}), rows,
       "output_padding must be at least 0 and below the strides. Received: output_padding=2, strides=2"},
      {Conv1DTranspose(2, 3), {-1, 5, 4, 3}, "expected rows (N, L, C). Received: shape (None, 5, 4, 3)"},
      {ZeroPadding1D({1, -1}), rows, "padding must be at least 0 at both ends. Received: padding=(1, -1)"},
      {Cropping1D({-1, 1}), rows, "cropping must be at least 0 at both ends. Received: cropping=(-1, 1)"},
      {Cropping1D({2, 3}), rows,
       "nothing is left of 5 steps when 2 and 3 are cut off. Received: shape (None, 5, 3)"},
      {UpSampling1D(0), rows, "size must be at least 1. Received: size=0"},
      {SpatialDropout1D(1.5), rows, "rate must be in [0, 1]"},
  };
  expect_refusals(cases);
}

TEST(LayerExplanations, OfDepthwiseConvolutionsDeriveTheirNumbers) {
  const Shape images{-1, 14, 15, 6};
  const DepthwiseConv2D depthwise(3, {.strides = 2, .padding = "same", .depth_multiplier = 2});
  EXPECT_EQ(depthwise.impl()->explain_shape({&images, 1}),
            "height ceil(14 / 2) = 7; width ceil(15 / 2) = 8; 6 channels with 2 kernels each give 12 "
            "activation maps");
  EXPECT_EQ(depthwise.impl()->explain_parameters({&images, 1}),
            "(3*3 + 1)*6*2 = 120: a 3x3 kernel, one bias, for each of 6 channels times 2");
  const SeparableConv2D separable(10, {3, 5}, {.use_bias = false});
  EXPECT_EQ(separable.impl()->explain_shape({&images, 1}),
            "height (14 - 3) / 1 + 1 = 12; width (15 - 5) / 1 + 1 = 11; 10 filters over 6 channels give 10 "
            "activation maps");
  EXPECT_EQ(separable.impl()->explain_parameters({&images, 1}),
            "3*5*6*1 + 6*10 = 150: a 3x5 kernel for each of 6 channels times 1, then a 1x1 kernel over 6 "
            "channels, for each of 10 filters");
  EXPECT_EQ(Conv2DTranspose(10, {3, 5}).impl()->explain_parameters({&images, 1}),
            "((3*5)*6 + 1)*10 = 910: a 3x5 kernel over 6 channels, one bias, for each of 10 filters");
}

TEST(LayerExplanations, OfRowsDeriveTheirNumbers) {
  const Shape rows{-1, 15, 6};
  const DepthwiseConv1D depthwise(3, {.strides = 2, .padding = "same", .depth_multiplier = 2});
  EXPECT_EQ(depthwise.impl()->explain_shape({&rows, 1}),
            "length ceil(15 / 2) = 8; 6 channels with 2 kernels each give 12 activation maps");
  EXPECT_EQ(depthwise.impl()->explain_parameters({&rows, 1}),
            "(3 + 1)*6*2 = 48: a kernel of 3, one bias, for each of 6 channels times 2");
  const SeparableConv1D separable(10, 5, {.dilation_rate = 2});
  EXPECT_EQ(separable.impl()->explain_shape({&rows, 1}),
            "length (15 - 9) / 1 + 1 = 7; 10 filters over 6 channels give 10 activation maps");
  EXPECT_EQ(
      separable.impl()->explain_parameters({&rows, 1}),
      "5*6*1 + (6 + 1)*10 = 100: a kernel of 5 for each of 6 channels times 1, then a kernel of 1 over 6 "
      "channels, one bias, for each of 10 filters");
  const Conv1DTranspose transposed(4, 3, {.strides = 2, .output_padding = 1});
  EXPECT_EQ(transposed.impl()->explain_shape({&rows, 1}),
            "length (15 - 1) * 2 + 3 + 1 = 32; 4 filters give 4 activation maps");
  EXPECT_EQ(transposed.impl()->explain_parameters({&rows, 1}),
            "(3*6 + 1)*4 = 76: a kernel of 3 over 6 channels, one bias, for each of 4 filters");
  EXPECT_EQ(ZeroPadding1D({1, 2}).impl()->explain_shape({&rows, 1}), "length 1 + 15 + 2");
  EXPECT_EQ(Cropping1D({1, 2}).impl()->explain_shape({&rows, 1}), "length 15 - 1 - 2");
  EXPECT_EQ(UpSampling1D(3).impl()->explain_shape({&rows, 1}), "length 15 * 3");
}

}  // namespace
}  // namespace fovea::testing
