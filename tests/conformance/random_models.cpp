#include "conformance/random_models.h"

#include <array>

#include "core/philox.h"
#include "support/random.h"

namespace fovea::testing {
namespace {

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed, stream_id("random_model")) {}

  RandomModel make(const std::string& name, DType dtype) {
    const std::int64_t batch = between(1, 5);
    const Shape image{between(5, 13), between(5, 13), between(1, 5)};
    const SymbolicTensor input = Input(image);
    SymbolicTensor t = input;
    for (std::int64_t i = between(2, 6); i > 0; --i) t = chance(0.3) ? branch(t) : one(t);
    RandomModel result;
    const SymbolicTensor output = head(t, batch, name, dtype, result);
    result.model = Model({input}, {output});
    Shape x{batch};
    for (const std::int64_t size : image) x.push_back(size);
    result.x = random_normal(x, name + "/x").astype(dtype);
    return result;
  }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool chance(double probability) { return static_cast<double>(random_.uniform()) < probability; }
  template <std::size_t N>
  const char* one_of(const std::array<const char*, N>& names) {
    return names[static_cast<std::size_t>(random_.below(N))];
  }
  std::string activation() {
    return one_of(std::array{"linear", "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "elu", "selu",
                             "softplus", "softsign", "silu", "gelu", "hard_sigmoid", "mish", "softmax"});
  }
  std::string padding() { return chance(0.5) ? "same" : "valid"; }
  /// At most `largest`, and within the image.
  Size2 window(const Shape& image, std::int64_t largest) {
    return {std::min(between(1, largest), image[1]), std::min(between(1, largest), image[2])};
  }

  SymbolicTensor convolution(const SymbolicTensor& t) {
    const Shape& image = t.shape();
    Conv2DOptions options{.padding = padding(), .activation = activation(), .use_bias = chance(0.7)};
    const Size2 kernel = window(image, 3);
    if (chance(0.4)) {
      options.strides = {between(1, 2), between(1, 2)};
    } else if (chance(0.3) && image[1] >= 5 && image[2] >= 5) {
      options.dilation_rate = 2;
    }
    std::int64_t filters = between(1, 19);
    if (chance(0.3)) {
      options.groups = image[3];
      filters = image[3] * between(1, 2);
    }
    return Conv2D(filters, kernel, options)(t);
  }

  SymbolicTensor depthwise_convolution(const SymbolicTensor& t) {
    const Size2 kernel = window(t.shape(), 3), strides = chance(0.4) ? Size2(2) : Size2(1);
    const std::int64_t multiplier = between(1, 2);
    if (chance(0.3)) {
      return SeparableConv2D(between(1, 9), kernel,
                             {.strides = strides, .padding = padding(), .depth_multiplier = multiplier})(t);
    }
    return DepthwiseConv2D(kernel, {.strides = strides,
                                    .padding = padding(),
                                    .depth_multiplier = multiplier,
                                    .activation = activation(),
                                    .use_bias = chance(0.7)})(t);
  }

  SymbolicTensor pooling(const SymbolicTensor& t) {
    const Size2 size = window(t.shape(), 3);
    const Pooling2DOptions options{.strides = chance(0.5) ? Size2(0) : Size2(between(1, 2)),
                                   .padding = padding()};
    switch (between(0, 2)) {
      case 0:
        return MaxPooling2D(size, options)(t);
      case 1:
        return AveragePooling2D(size, options)(t);
      default:
        return MinPooling2D(size, options)(t);
    }
  }

  /// A layer from images to images.
  SymbolicTensor one(const SymbolicTensor& t) {
    switch (between(0, 9)) {
      case 0:
      case 1:
        return convolution(t);
      case 2:
        return depthwise_convolution(t);
      case 3:
      case 4:
        return pooling(t);
      case 5:
        return BatchNormalization({.epsilon = 0.1, .center = chance(0.8), .scale = chance(0.8)})(t);
      case 6:
        return ZeroPadding2D({between(0, 2), between(0, 2), between(0, 2), between(0, 2)})(t);
      case 7:
        return Activation(activation())(t);
      case 8:
        return Dropout(0.25)(t);
      default:
        return Rescaling(0.7, 0.2)(t);
    }
  }

  /// Two ways that join again: sums and products need one shape, or one that broadcasts.
  SymbolicTensor branch(const SymbolicTensor& t) {
    const std::int64_t channels = t.shape()[3];
    const SymbolicTensor side =
        Conv2D(channels, 3, {.padding = "same", .activation = chance(0.5) ? "tanh" : "relu"})(t);
    switch (between(0, 3)) {
      case 0:
        return Add()({t, side});
      case 1:
        return Multiply()({t, Activation("sigmoid")(side)});
      case 2:
        return Multiply()({t, GlobalAveragePooling2D({.keepdims = true})(side)});
      default:
        return Concatenate()({t, side, t});
    }
  }

  SymbolicTensor head(SymbolicTensor t, std::int64_t batch, const std::string& name, DType dtype,
                      RandomModel& result) {
    switch (between(0, 2)) {
      case 0:
        t = Flatten()(t);
        break;
      case 1:
        t = GlobalAveragePooling2D()(t);
        break;
      default:
        t = GlobalMaxPooling2D()(t);
    }
    if (chance(0.5)) t = Dense(between(1, 17), {.activation = activation()})(t);
    switch (between(0, 3)) {
      case 0:
        result.loss = "mse";
        result.y = random_normal({batch, 3}, name + "/y").astype(dtype);
        return Dense(3)(t);
      case 1:
        result.loss = "binary_crossentropy";
        result.y = random_integers({batch, 2}, 2, name + "/y", dtype);
        return Dense(2, {.activation = "sigmoid"})(t);
      case 2:
        result.loss = "sparse_categorical_crossentropy";
        result.y = random_integers({batch}, 5, name + "/y");
        return Dense(5, {.activation = "softmax"})(t);
      default:
        result.loss = losses::CategoricalCrossentropy({.label_smoothing = 0.1});
        result.y = random_uniform({batch, 4}, 0, 0.25, name + "/y").astype(dtype);
        return Dense(4, {.activation = "softmax"})(t);
    }
  }

  PhiloxStream random_;
};

}  // namespace

RandomModel random_model(std::uint64_t seed, DType dtype) {
  const DType before = floatx();
  set_floatx(dtype);
  RandomModel result = Maker(seed).make("random_model/" + std::to_string(seed), dtype);
  set_floatx(before);
  return result;
}

}  // namespace fovea::testing
