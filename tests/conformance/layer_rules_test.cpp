#include <gtest/gtest.h>

#include "fovea/error.h"
#include "fovea/layers.h"

// What depthwise convolutions say of options and inputs that do not fit, and of their numbers.

namespace fovea::testing {
namespace {

struct BrokenRule {
  Layer layer;
  Shape input;
  const char* message;
};

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
}

}  // namespace
}  // namespace fovea::testing
