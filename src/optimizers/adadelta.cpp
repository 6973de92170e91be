#include "optimizers/optimizer_support.h"

// a moves towards g^2, d towards the square of the step, which is -sqrt(d + epsilon) / sqrt(a + epsilon) g;
// w += lr step. Source: Zeiler 2012. Source: keras/src/optimizers/adadelta.py.

namespace fovea {
namespace {

class AdadeltaOptimizer final : public OptimizerImpl {
 public:
  AdadeltaOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Adadelta"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("rho", options.rho);
    visitor.field("epsilon", options.epsilon);
  }
  std::vector<std::string> slot_names() const override {
    return {"accumulated_grad", "accumulated_delta_var"};
  }
  std::size_t interleaved_slots() const override { return 2; }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<AdadeltaUpdateOp>();
    op->rho = options.rho;
    op->epsilon = options.epsilon;
    return op;
  }

  AdadeltaOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_adadelta() { return std::make_shared<AdadeltaOptimizer>(); }

Adadelta::Adadelta(const AdadeltaOptions& options) { impl_ = with_options<AdadeltaOptimizer>(options); }

}  // namespace fovea
