#include "optimizers/optimizer_support.h"

// Follow the regularised leader, in the form of McMahan et al. 2013. Source: keras/src/optimizers/ftrl.py.

namespace fovea {
namespace {

class FtrlOptimizer final : public OptimizerImpl {
 public:
  FtrlOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Ftrl"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("learning_rate_power", options.learning_rate_power);
    visitor.field("initial_accumulator_value", options.initial_accumulator_value);
    visitor.field("l1_regularization_strength", options.l1_regularization_strength);
    visitor.field("l2_regularization_strength", options.l2_regularization_strength);
    visitor.field("l2_shrinkage_regularization_strength", options.l2_shrinkage_regularization_strength);
    visitor.field("beta", options.beta);
    check();
  }
  void check() const override {
    OptimizerImpl::check();
    if (!(options.learning_rate_power <= 0)) {
      fail("Optimizer Ftrl: learning_rate_power must not be above 0. Received: {}",
           options.learning_rate_power);
    }
    const std::pair<const char*, double> others[] = {
        {"initial_accumulator_value", options.initial_accumulator_value},
        {"l1_regularization_strength", options.l1_regularization_strength},
        {"l2_regularization_strength", options.l2_regularization_strength},
        {"l2_shrinkage_regularization_strength", options.l2_shrinkage_regularization_strength}};
    for (const auto& [option, value] : others) {
      if (!(value >= 0)) fail("Optimizer Ftrl: {} must not be below 0. Received: {}", option, value);
    }
  }
  std::vector<std::string> slot_names() const override { return {"accumulator", "linear"}; }
  std::size_t interleaved_slots() const override { return 2; }
  double slot_start(std::size_t slot) const override {
    return slot == 0 ? options.initial_accumulator_value : 0;
  }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<FtrlUpdateOp>();
    op->power = options.learning_rate_power;
    op->l1 = options.l1_regularization_strength;
    op->l2 = options.l2_regularization_strength;
    op->shrinkage = options.l2_shrinkage_regularization_strength;
    op->beta = options.beta;
    return op;
  }

  FtrlOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_ftrl() { return std::make_shared<FtrlOptimizer>(); }

Ftrl::Ftrl(const FtrlOptions& options) { impl_ = with_options<FtrlOptimizer>(options); }

}  // namespace fovea
