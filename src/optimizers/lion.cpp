#include "optimizers/optimizer_support.h"

// w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g. Source: Chen et al. 2023. Source:
// keras/src/optimizers/lion.py.

namespace fovea {
namespace {

class LionOptimizer final : public OptimizerImpl {
 public:
  LionOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Lion"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("beta_1", options.beta_1);
    visitor.field("beta_2", options.beta_2);
    check();
  }
  void check() const override {
    OptimizerImpl::check();
    if (!(options.beta_1 > 0 && options.beta_1 <= 1))
      fail("Optimizer Lion: beta_1 must be above 0 and at most 1. Received: {}", options.beta_1);
  }
  std::vector<std::string> slot_names() const override { return {"momentum"}; }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<LionUpdateOp>();
    op->beta_1 = options.beta_1;
    op->beta_2 = options.beta_2;
    return op;
  }

  LionOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_lion() { return std::make_shared<LionOptimizer>(); }

Lion::Lion(const LionOptions& options) { impl_ = with_options<LionOptimizer>(options); }

}  // namespace fovea
