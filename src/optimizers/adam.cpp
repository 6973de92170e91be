#include "optimizers/optimizer_support.h"

// m and v move towards g and g^2; w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon). Source: Kingma
// & Ba 2015. AdamW is the same with a decay of the weights. Source: keras/src/optimizers/adam.py, adamw.py.

namespace fovea {
namespace {

/// What both share.
template <class Options>
class AdamLike : public OptimizerImpl {
 public:
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

  Options options;
};

class AdamOptimizer final : public AdamLike<AdamOptions> {
 public:
  AdamOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Adam"; }
};

class AdamWOptimizer final : public AdamLike<AdamWOptions> {
 public:
  AdamWOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "AdamW"; }
  void check() const override {
    OptimizerImpl::check();
    if (!weight_decay) fail("Optimizer AdamW: weight_decay must be a number. Received: null");
  }
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_adam() { return std::make_shared<AdamOptimizer>(); }
std::shared_ptr<OptimizerImpl> make_adamw() { return std::make_shared<AdamWOptimizer>(); }

Adam::Adam(const AdamOptions& options) { impl_ = with_options<AdamOptimizer>(options); }
AdamW::AdamW(const AdamWOptions& options) { impl_ = with_options<AdamWOptimizer>(options); }

}  // namespace fovea
