#include "optimizers/optimizer_support.h"

// m moves towards g, u = max(b2 u, |g|); w -= lr / (1 - b1^t) m / (u + epsilon). Source: Kingma & Ba 2015,
// section 7. Source: keras/src/optimizers/adamax.py.

namespace fovea {
namespace {

class AdamaxOptimizer final : public OptimizerImpl {
 public:
  AdamaxOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Adamax"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("beta_1", options.beta_1);
    visitor.field("beta_2", options.beta_2);
    visitor.field("epsilon", options.epsilon);
  }
  std::vector<std::string> slot_names() const override { return {"momentum", "norm"}; }
  std::size_t interleaved_slots() const override { return 2; }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<AdamaxUpdateOp>();
    op->beta_1 = options.beta_1;
    op->beta_2 = options.beta_2;
    op->epsilon = options.epsilon;
    return op;
  }

  AdamaxOptions options;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_adamax() { return std::make_shared<AdamaxOptimizer>(); }

Adamax::Adamax(const AdamaxOptions& options) { impl_ = with_options<AdamaxOptimizer>(options); }

}  // namespace fovea
