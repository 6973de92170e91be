#include "layers/noise.h"

#include <cmath>

#include "layers/layer_support.h"
#include "ops/random.h"

// Noise in training, nothing otherwise. GaussianNoise: x + stddev z. GaussianDropout: x (1 + z sqrt(rate / (1
// - rate))). AlphaDropout: a (x where kept, else p) + b, p what selu tends to, a and b such that mean 0 and
// variance 1 stay. z is standard normal. Sources: keras/src/layers/regularization/; Klambauer et al. 2017.

namespace fovea {
namespace {

Value normals(const LoweringContext& context, Value like, std::uint64_t stream) {
  const TensorSpec& spec = context.graph.spec(like);
  return emit_one(context.graph, RandomOp(RandomKind::normal, spec.shape, spec.dtype, stream),
                  {random_state(context.graph)});
}

class GaussianNoiseLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "GaussianNoise"; }
  KerasTraits keras_traits() const override { return {.usual_training = false}; }
  WholeNumbers whole_numbers(DType, bool training) const override {
    return training && stddev != 0 ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("stddev", stddev);
    visitor.field("seed", seed);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (!(stddev >= 0 && stddev <= 1))  // Keras' rule
      fail_rule(fmt::format("stddev must be in [0, 1]. Received: stddev={}", stddev));
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (!context.training || stddev == 0) return {inputs[0]};
    const Value noise = normals(context, inputs[0], stream_of(context, seed));
    return {ops::add(context.graph, inputs[0], ops::scale(context.graph, noise, stddev))};
  }

  double stddev = 0.1;
  std::optional<std::int64_t> seed;
};

class GaussianDropoutLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "GaussianDropout"; }
  KerasTraits keras_traits() const override { return {.usual_training = false}; }
  WholeNumbers whole_numbers(DType, bool training) const override {
    return training && rate != 0 ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("rate", rate);
    visitor.field("seed", seed);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    require_rate(*this, "rate", rate);
    if (rate == 1) fail_rule("rate must be below 1: the noise would be infinite. Received: rate=1");
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (!context.training || rate == 0) return {inputs[0]};
    const Value noise = normals(context, inputs[0], stream_of(context, seed));
    const double deviation = std::sqrt(rate / (1 - rate));
    return {ops::multiply(context.graph, inputs[0], ops::scale(context.graph, noise, deviation, 1))};
  }

  double rate = 0.5;
  std::optional<std::int64_t> seed;
};

class AlphaDropoutLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "AlphaDropout"; }
  KerasTraits keras_traits() const override { return {.usual_training = false}; }
  WholeNumbers whole_numbers(DType, bool training) const override {
    return training && rate != 0 ? WholeNumbers::refused : WholeNumbers::kept;
  }
  void fields(FieldVisitor& visitor) override {
    visitor.field("rate", rate);
    visitor.field("seed", seed);
    visitor.field("noise_shape", noise_shape);
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    require_rate(*this, "rate", rate);
    if (rate == 1) fail_rule("rate must be below 1: nothing would be kept to scale up. Received: rate=1");
    const Shape& x = require_one(*this, inputs);
    mask_shape(*this, x, noise_shape);
    return {x};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (!context.training || rate == 0) return {inputs[0]};
    GraphBuilder& g = context.graph;
    constexpr double kTendsTo = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;
    const double a = 1 / std::sqrt((1 - rate) * (1 + rate * kTendsTo * kTendsTo));
    const double b = -a * kTendsTo * rate;
    const Shape mask = mask_shape(*this, g.spec(inputs[0]).shape, noise_shape);
    // The factors are 0 or 1 / (1 - rate), and with (1 - rate) of them the kept ones are 1.
    const Value factors = dropout_factors(context, inputs[0], mask, rate, stream_of(context, seed));
    const Value kept = ops::multiply(g, ops::scale(g, inputs[0], a), ops::scale(g, factors, 1 - rate));
    return {ops::add(g, kept, ops::scale(g, factors, -a * kTendsTo * (1 - rate), a * kTendsTo + b))};
  }

  double rate = 0.5;
  std::optional<std::int64_t> seed;
  std::optional<Shape> noise_shape;
};

}  // namespace

std::shared_ptr<LayerImpl> make_GaussianNoise() { return std::make_shared<GaussianNoiseLayer>(); }
std::shared_ptr<LayerImpl> make_GaussianDropout() { return std::make_shared<GaussianDropoutLayer>(); }
std::shared_ptr<LayerImpl> make_AlphaDropout() { return std::make_shared<AlphaDropoutLayer>(); }

GaussianNoise::GaussianNoise(double stddev, const NoiseOptions& options) {
  auto impl = make_impl<GaussianNoiseLayer>(options);
  impl->stddev = stddev;
  impl->seed = options.seed;
  impl_ = impl;
}

GaussianDropout::GaussianDropout(double rate, const NoiseOptions& options) {
  auto impl = make_impl<GaussianDropoutLayer>(options);
  impl->rate = rate;
  impl->seed = options.seed;
  impl_ = impl;
}

AlphaDropout::AlphaDropout(double rate, const DropoutOptions& options) {
  auto impl = make_impl<AlphaDropoutLayer>(options);
  impl->rate = rate;
  impl->seed = options.seed;
  impl->noise_shape = options.noise_shape;
  impl_ = impl;
}

}  // namespace fovea
