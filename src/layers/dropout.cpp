#include "layers/layer_support.h"

// In training y = x / (1 - rate) with probability 1 - rate, else 0; otherwise y = x. A frozen Dropout still
// drops. Source: Srivastava et al., JMLR 2014; keras/src/layers/regularization/dropout.py.

namespace fovea {
namespace {

class DropoutLayer final : public LayerImpl {
 public:
  std::string_view class_name() const override { return "Dropout"; }
  KerasTraits keras_traits() const override { return {.training_off = true}; }
  void fields(FieldVisitor& visitor) override {
    visitor.field("rate", rate);
    visitor.field("seed", seed);
    null_option(visitor, *this, "noise_shape");
  }
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override {
    if (!(rate >= 0 && rate <= 1)) fail_rule(fmt::format("rate must be in [0, 1]. Received: rate={}", rate));
    return {require_one(*this, inputs)};
  }
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override {
    if (!context.training || rate == 0) return {inputs[0]};
    if (rate == 1) return {ops::scale(context.graph, inputs[0], 0)};
    const std::uint64_t stream = context.stream ^ static_cast<std::uint64_t>(seed.value_or(0));
    return {ops::dropout(context.graph, inputs[0], rate, stream)};
  }

  double rate = 0.5;
  std::optional<std::int64_t> seed;
};

}  // namespace

std::shared_ptr<LayerImpl> make_Dropout() { return std::make_shared<DropoutLayer>(); }

Dropout::Dropout(double rate, const NameOption& options) {
  auto impl = make_impl<DropoutLayer>(options);
  impl->rate = rate;
  impl_ = impl;
}

}  // namespace fovea
