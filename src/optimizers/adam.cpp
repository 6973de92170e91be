#include "optimizers/optimizer_support.h"

// m and v move towards g and g^2; w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon). Source: Kingma
// & Ba 2015. Source: keras/src/optimizers/adam.py.

namespace fovea {
namespace {

class AdamOptimizer final : public OptimizerImpl {
 public:
  AdamOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Adam"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("beta_1", options.beta_1);
    visitor.field("beta_2", options.beta_2);
    visitor.field("epsilon", options.epsilon);
    visitor.field("amsgrad", options.amsgrad);
  }
  std::vector<std::string> slot_names() const override {
    std::vector<std::string> names = {"momentum", "velocity"};
    if (options.amsgrad) names.push_back("velocity_hat");
    return names;
  }
  std::size_t interleaved_slots() const override { return 2; }
  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<AdamUpdateOp>();
    op->beta_1 = options.beta_1;
    op->beta_2 = options.beta_2;
    op->epsilon = options.epsilon;
    op->amsgrad = options.amsgrad;
    return op;
  }

  AdamOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_adam() { return std::make_shared<AdamOptimizer>(); }

Adam::Adam(const AdamOptions& options) {
  auto impl = std::make_shared<AdamOptimizer>();
  impl->options = options;
  set_common(*impl, options);
  impl_ = impl;
}

}  // namespace fovea
