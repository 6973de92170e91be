#include "saving/gallery.h"

#include "fovea/error.h"

namespace fovea::testing {
namespace {

/// The study notes' convnet, small.
Model sequential() {
  Sequential model(
      {Input({15, 15, 3}), Rescaling(1.0 / 255), Conv2D(4, 3, {.activation = "relu"}), MaxPooling2D(),
       Conv2D(6, 3, {.activation = "relu", .name = "second"}), BatchNormalization(), MaxPooling2D(2),
       Flatten(), Dropout(0.5), Dense(8, {.activation = "relu"}), Dense(1, {.activation = "sigmoid"})},
      {.name = "cats_and_dogs"});
  model.info().class_names = {"cat", "dog"};
  model.info().preprocessing = ImageOptions{.image_size = {15, 15},
                                            .interpolation = "nearest",
                                            .pad_to_aspect_ratio = true,
                                            .scaled_decoding = true};
  return model;
}

/// Every layer with every option off its default.
Model options() {
  const SymbolicTensor x = Input({12, 10, 4}, {.name = "image"});
  const Regularizer penalty{.l1 = 0.01, .l2 = 0.02};
  SymbolicTensor y = ZeroPadding2D({1, 2, 3, 0}, {.name = "pad"})(x);
  y = Conv2D(6, {3, 2},
             {.strides = {2, 1},
              .padding = "same",
              .groups = 2,
              .activation = "swish",
              .kernel_initializer = initializers::RandomNormal({.mean = 0.1, .stddev = 0.2, .seed = 7}),
              .bias_initializer = initializers::Constant(0.25),
              .kernel_regularizer = penalty,
              .bias_regularizer = {.l1 = 0.5, .l2 = 0},
              .name = "conv"})(y);
  y = Conv2D(4, 3,
             {.dilation_rate = {1, 2},
              .use_bias = false,
              .kernel_initializer = initializers::VarianceScaling(
                  {.scale = 2, .mode = "fan_avg", .distribution = "uniform", .seed = 3}),
              .name = "dilated"})(y);
  y = BatchNormalization({.momentum = 0.9,
                          .epsilon = 0.01,
                          .center = false,
                          .gamma_initializer = initializers::RandomUniform({.minval = 0.5, .maxval = 1.5}),
                          .moving_mean_initializer = initializers::TruncatedNormal({.stddev = 0.3}),
                          .moving_variance_initializer = initializers::Constant(1.5),
                          .gamma_regularizer = {.l1 = 0, .l2 = 0.03},
                          .name = "norm"})(y);
  y = BatchNormalization({.scale = false, .beta_initializer = "ones", .beta_regularizer = penalty})(y);
  y = ReLU({.max_value = 5, .negative_slope = 0.1, .threshold = 0.2, .name = "relu"})(y);
  y = MaxPooling2D({2, 1}, {.strides = {1, 2}, .padding = "same", .name = "max"})(y);
  y = AveragePooling2D(2, {.strides = 1, .padding = "same", .name = "mean"})(y);
  y = Softmax({.axis = 2, .name = "soft"})(y);
  y = Rescaling(2.5, -0.5, {.name = "scale"})(y);
  const SymbolicTensor means = GlobalAveragePooling2D({.keepdims = true, .name = "means"})(y);
  const SymbolicTensor largest = GlobalMaxPooling2D({.name = "largest"})(y);
  y = Multiply({.name = "times"})({y, means});
  y = Concatenate({.axis = 1, .name = "rows"})({y, y});
  y = Reshape({-1, 4}, {.name = "list"})(y);
  y = Activation("elu", {.name = "elu"})(y);
  y = Flatten({.name = "flat"})(y);
  y = Dropout(0.25, {.name = "drop"})(y);
  y = Concatenate({.name = "all"})({y, largest});
  y = Dense(5, {.activation = "tanh",
                .use_bias = false,
                .kernel_initializer = initializers::Orthogonal({.gain = 1.5, .seed = 1}),
                .kernel_regularizer = {.l1 = 0, .l2 = 0.1},
                .name = "dense"})(y);
  y = Dense(3, {.activation = "softmax", .kernel_initializer = "he_normal", .bias_initializer = "ones"})(y);
  return Model({x}, {y}, {.name = "options"});
}

/// Depthwise convolutions, alone and in separable ones.
Model separable() {
  const Regularizer penalty{.l1 = 0.01, .l2 = 0.02};
  const SymbolicTensor x = Input({13, 11, 3}, {.name = "image"});
  SymbolicTensor y = DepthwiseConv2D({3, 2}, {.strides = 2,
                                              .padding = "same",
                                              .depth_multiplier = 2,
                                              .activation = "relu6",
                                              .depthwise_initializer = "he_normal",
                                              .bias_initializer = initializers::Constant(0.25),
                                              .depthwise_regularizer = penalty,
                                              .bias_regularizer = {.l1 = 0.5, .l2 = 0},
                                              .name = "first"})(x);
  y = DepthwiseConv2D(3,
                      {.padding = "same", .dilation_rate = {1, 2}, .use_bias = false, .name = "second"})(y);
  y = SeparableConv2D(5, {3, 2},
                      {.padding = "same",
                       .dilation_rate = 2,
                       .depth_multiplier = 2,
                       .activation = "swish",
                       .depthwise_initializer = initializers::RandomNormal({.stddev = 0.2, .seed = 7}),
                       .pointwise_initializer = "he_uniform",
                       .bias_initializer = "ones",
                       .depthwise_regularizer = penalty,
                       .pointwise_regularizer = {.l1 = 0, .l2 = 0.1},
                       .bias_regularizer = {.l1 = 0.5, .l2 = 0},
                       .name = "mixed"})(y);
  y = SeparableConv2D(4, 3, {.strides = 2, .use_bias = false})(y);
  return Model({x}, {Dense(2)(GlobalAveragePooling2D()(y))}, {.name = "separable"});
}

/// Convolutions and sizes of rows, with every option off its default somewhere.
Model rows() {
  const Regularizer penalty{.l1 = 0, .l2 = 0.1};
  const SymbolicTensor x = Input({12, 4}, {.name = "steps"});
  SymbolicTensor y = ZeroPadding1D({1, 2}, {.name = "pad"})(x);
  y = DepthwiseConv1D(3, {.strides = 2,
                          .padding = "same",
                          .depth_multiplier = 2,
                          .activation = "relu6",
                          .depthwise_initializer = "he_normal",
                          .depthwise_regularizer = penalty,
                          .name = "each"})(y);
  y = SpatialDropout1D(0.25, {.seed = 3, .name = "drop"})(y);
  y = SeparableConv1D(5, 3,
                      {.padding = "same",
                       .dilation_rate = 2,
                       .use_bias = false,
                       .pointwise_initializer = "he_uniform",
                       .pointwise_regularizer = penalty,
                       .name = "mixed"})(y);
  y = UpSampling1D(3, {.name = "longer"})(y);
  y = Conv1DTranspose(
      4, 2,
      {.strides = 3, .output_padding = 1, .activation = "swish", .bias_initializer = "ones", .name = "back"})(
      y);
  y = Cropping1D({2, 1}, {.name = "shorter"})(y);
  return Model({x}, {Dense(2)(GlobalAveragePooling1D()(y))}, {.name = "rows"});
}

/// Branches, of which the shorter is written first; a call argument.
Model branches() {
  const SymbolicTensor x = Input({6, 6, 2}, {.name = "image"});
  const SymbolicTensor stem = Conv2D(4, 1, {.name = "stem"})(x);
  const SymbolicTensor skip = Conv2D(4, 1, {.name = "skip"})(stem);
  SymbolicTensor y = Conv2D(4, 3, {.padding = "same", .name = "first"})(stem);
  y = BatchNormalization({.name = "frozen_statistics"})(y, {.training = false});
  y = Conv2D(4, 3, {.padding = "same", .name = "last"})(Activation("relu")(y));
  y = Add()({skip, y, stem});
  return Model({x}, {Dense(2)(GlobalAveragePooling2D()(y))}, {.name = "branches"});
}

/// How layers are called.
Model calls() {
  const Sequential base({Input({4}), BatchNormalization()}, {.name = "base"});
  const SymbolicTensor x = Input({4}, {.name = "x"});
  SymbolicTensor y = base(x, {.training = false});
  y = Dropout(0.5, {.name = "always"})(y, {.training = true});
  y = Dropout(0.5, {.name = "never"})(y, {.training = false});
  y = Dropout(0.5, {.name = "training_only"})(y);
  y = BatchNormalization({.name = "norm"})(y, {.training = true});
  return Model({x}, {y}, {.name = "calls"});
}

/// One encoder on two inputs, its layers called twice, and a layer called at two depths.
Model shared() {
  const SymbolicTensor a = Input({5}, {.name = "left"}), b = Input({5}, {.name = "right"});
  const Layer encoder = Dense(4, {.activation = "tanh", .name = "encoder"});
  const Layer twice = Dense(4, {.name = "twice"});
  const SymbolicTensor right = encoder(b);  // the second input first
  const SymbolicTensor left = encoder(a);
  const SymbolicTensor y = Add()({twice(left), twice(twice(right))});
  return Model({a, b}, {Dense(1)(y)}, {.name = "siamese"});
}

/// Models in models, one of them frozen, one called in inference mode and twice; an output right out of one.
Model nested() {
  const Sequential inner({Input({4}), Dense(4, {.activation = "relu"}), BatchNormalization()},
                         {.name = "inner"});
  const SymbolicTensor base_input = Input({4}, {.name = "base_input"});
  const Model base({base_input}, {Dense(4, {.name = "top"})(inner(base_input))}, {.name = "base"});
  const Sequential head({Input({4}), Dropout(0.5), Dense(2)}, {.name = "head"});
  const SymbolicTensor x = Input({4}, {.name = "x"});
  const SymbolicTensor first = base(x, {.training = false});
  const SymbolicTensor second = base(first);
  const Model model({x}, {head(second), base(second)}, {.name = "outer"});
  inner.set_trainable(false);
  return model;
}

/// Two inputs, two outputs, losses, weights and metrics by name.
Model several() {
  const SymbolicTensor image = Input({4, 4, 1}, {.name = "image"}), facts = Input({3}, {.name = "facts"});
  const SymbolicTensor both = Concatenate({.name = "both"})({Flatten()(image), facts});
  const SymbolicTensor age = Dense(1, {.name = "age"})(both);
  const SymbolicTensor face = Dense(1, {.activation = "sigmoid", .name = "face"})(both);
  return Model({image, facts}, {age, face}, {.name = "several"});
}

Model in_float64() {
  set_floatx(DType::float64);
  const Sequential model({Input({6, 6, 1}), Conv2D(3, 3, {.activation = "relu"}), BatchNormalization(),
                          Flatten(), Dense(2, {.activation = "softmax"})},
                         {.name = "in_float64"});
  set_floatx(DType::float32);
  return model;
}

/// All in bfloat16 but for the last layer, and one in the middle.
Model mixed_bfloat16() {
  set_dtype_policy("mixed_bfloat16");
  const SymbolicTensor x = Input({9, 8, 3}, {.name = "x"});
  SymbolicTensor y = Rescaling(1.0 / 4)(x);
  y = Conv2D(6, 3, {.padding = "same", .activation = "relu"})(y);
  y = BatchNormalization()(y);
  const SymbolicTensor left = MaxPooling2D(2)(y), right = Conv2D(6, 2, {.strides = 2, .dtype = "float32"})(y);
  y = GlobalAveragePooling2D()(Activation("swish")(Add()({left, right})));
  const Model model({x}, {Dense(3, {.activation = "softmax", .dtype = "float32"})(y)},
                    {.name = "mixed_bfloat16"});
  set_dtype_policy("float32");
  return model;
}

/// A class that Keras does not have.
Model min_pooling() {
  return Sequential({Input({7, 7, 2}), Conv2D(3, 3), MinPooling2D(3, {.strides = 2, .padding = "same"}),
                     MinPooling2D(), Flatten(), Dense(1)},
                    {.name = "min_pooling"});
}

/// One layer in two nested models. (Keras writes such models, and cannot read them.)
Model shared_by_models() {
  const Layer layer = Dense(3, {.name = "shared"});
  const Sequential a({Input({3}), layer, Dense(2)}, {.name = "a"}),
      b({Input({3}), Dense(3), layer}, {.name = "b"});
  const SymbolicTensor x = Input({3}, {.name = "x"});
  return Model({x}, {a(x), b(x)}, {.name = "shared_by_models"});
}

struct Entry {
  const char* name;
  Model (*make)();
};
constexpr Entry kEntries[] = {
    {"sequential", sequential},
    {"options", options},
    {"separable", separable},
    {"rows", rows},
    {"branches", branches},
    {"calls", calls},
    {"shared", shared},
    {"nested", nested},
    {"several", several},
    {"float64", in_float64},
    {"mixed_bfloat16", mixed_bfloat16},
    {"min_pooling", min_pooling},
    {"shared_by_models", shared_by_models},
};

}  // namespace

std::vector<std::string> gallery_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) names.emplace_back(entry.name);
  return names;
}

Model gallery_model(const std::string& name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry.make();
  }
  throw Error("There is no model '" + name + "'");
}

}  // namespace fovea::testing
