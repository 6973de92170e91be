#include "optimizers/optimizer_support.h"

// m = momentum m - lr g; w += m, or with Nesterov w += momentum m - lr g. Without momentum: w -= lr g.
// Source: keras/src/optimizers/sgd.py.

namespace fovea {
namespace {

class SGDOptimizer final : public OptimizerImpl {
 public:
  SGDOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "SGD"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("momentum", options.momentum);
    visitor.field("nesterov", options.nesterov);
  }
  std::vector<std::string> slot_names() const override {
    if (options.momentum > 0) return {"momentum"};
    return {};
  }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<SgdUpdateOp>();
    op->momentum = options.momentum;
    op->nesterov = options.nesterov;
    return op;
  }

  SGDOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_sgd() { return std::make_shared<SGDOptimizer>(); }

SGD::SGD(const SGDOptions& options) { impl_ = with_options<SGDOptimizer>(options); }

}  // namespace fovea
