#include "optimizers/optimizer_support.h"

// a += g^2; w -= lr g / sqrt(a + epsilon). Source: Duchi et al. 2011. Source:
// keras/src/optimizers/adagrad.py.

namespace fovea {
namespace {

class AdagradOptimizer final : public OptimizerImpl {
 public:
  AdagradOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Adagrad"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("initial_accumulator_value", options.initial_accumulator_value);
    visitor.field("epsilon", options.epsilon);
  }
  std::vector<std::string> slot_names() const override { return {"accumulator"}; }
  double slot_start(std::size_t) const override { return options.initial_accumulator_value; }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<AdagradUpdateOp>();
    op->epsilon = options.epsilon;
    return op;
  }

  AdagradOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_adagrad() { return std::make_shared<AdagradOptimizer>(); }

Adagrad::Adagrad(const AdagradOptions& options) { impl_ = with_options<AdagradOptimizer>(options); }

}  // namespace fovea
