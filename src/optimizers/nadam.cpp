#include "optimizers/optimizer_support.h"

// Adam, whose momentum looks one step ahead and warms up by u_t = b1 (1 - 0.96^t / 2). The product of all u_t
// is kept beside the slots. Source: Dozat 2016. Source: keras/src/optimizers/nadam.py.

namespace fovea {
namespace {

class NadamOptimizer final : public OptimizerImpl {
 public:
  NadamOptimizer() { set_common(*this, options); }
  std::string_view class_name() const override { return "Nadam"; }

  void fields(FieldVisitor& visitor) override {
    OptimizerImpl::fields(visitor);
    visitor.field("beta_1", options.beta_1);
    visitor.field("beta_2", options.beta_2);
    visitor.field("epsilon", options.epsilon);
  }
  std::vector<std::string> slot_names() const override { return {"momentum", "velocity"}; }
  std::size_t interleaved_slots() const override { return 2; }
  Variable shared_scalar(DType dtype) override {
    // Keras gives it no name.
    if (!product_) {
      product_ = Variable("variable", {{}, dtype});
      product_.assign(Tensor::of<double>({}, {1.0}));
    }
    return product_;
  }
  Value next_shared_scalar(GraphBuilder& b, Value iteration, Value scalar) const override {
    auto op = std::make_shared<NadamProductOp>();
    op->beta_1 = options.beta_1;
    op->accumulation_steps = accumulation_steps();
    const Value inputs[] = {iteration, scalar};
    return b.emit(op, inputs)[0];
  }

  std::shared_ptr<OptimizerUpdate> update() const override {
    auto op = std::make_shared<NadamUpdateOp>();
    op->beta_1 = options.beta_1;
    op->beta_2 = options.beta_2;
    op->epsilon = options.epsilon;
    return op;
  }

  NadamOptions options;

 private:
  Variable product_;
};

}  // namespace

std::shared_ptr<OptimizerImpl> make_nadam() { return std::make_shared<NadamOptimizer>(); }

Nadam::Nadam(const NadamOptions& options) { impl_ = with_options<NadamOptimizer>(options); }

}  // namespace fovea
