#include "optimizers/optimizer_support.h"

// v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + epsilon), through the momentum. Source: Hinton's lecture
// 6e. Source: keras/src/optimizers/rmsprop.py.

namespace fovea {
namespace {

class RMSpropOptimizer final : public OptimizerImpl {
 public:
  RMSpropOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "RMSprop"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("rho", options.rho);
    visitor.field("momentum", options.momentum);
    visitor.field("epsilon", options.epsilon);
    visitor.field("centered", options.centered);
  }
  std::vector<std::string> slot_names() const override {
    std::vector<std::string> names = {"velocity"};
    if (options.momentum > 0) names.push_back("momentum");
    if (options.centered) names.push_back("average_gradient");
    return names;
  }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<RmspropUpdateOp>();
    op->rho = options.rho;
    op->momentum = options.momentum;
    op->epsilon = options.epsilon;
    op->centered = options.centered;
    return op;
  }

  RMSpropOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_rmsprop() { return std::make_shared<RMSpropOptimizer>(); }

RMSprop::RMSprop(const RMSpropOptions& options) { impl_ = with_options<RMSpropOptimizer>(options); }

}  // namespace fovea
