#include "losses/loss_support.h"

// -sum(y p) over an axis, y and p divided by their lengths there. Source: keras/src/losses/losses.py.

namespace fovea {
namespace {

class CosineSimilarityLoss final : public LossImpl {
 public:
  CosineSimilarityLoss() { name = options.name; }
  std::string_view class_name() const override { return "CosineSimilarity"; }

  void fields(FieldVisitor& visitor) override {
    LossImpl::fields(visitor);
    if (visitor.reads() || options.axis != -1) visitor.field("axis", options.axis);
  }

  Value values(GraphBuilder& b, Value y_true, Value y_pred, Value) const override {
    const SameShape same = same_shape(b, y_true, y_pred);
    const Value product = ops::multiply(b, direction(b, same.y_true), direction(b, same.y_pred));
    return ops::unary(b, "negative", ops::reduce(b, ops::ReduceKind::sum, product, {options.axis}));
  }

  losses::CosineSimilarityOptions options;

 private:
  /// x min(1 / |x|, 1e7), as keras.ops.nn.normalize.
  Value direction(GraphBuilder& b, Value x) const {
    const Value sum = ops::reduce(b, ops::ReduceKind::sum, ops::unary(b, "square", x), {options.axis}, true);
    const Value inverse = ops::minimum(b, ops::unary(b, "rsqrt", sum), scalar(b, x, 1 / kEpsilon));
    return ops::multiply(b, x, inverse);
  }
};

}  // namespace

std::shared_ptr<LossImpl> make_cosine_similarity() { return std::make_shared<CosineSimilarityLoss>(); }

Loss losses::CosineSimilarity(const CosineSimilarityOptions& options) {
  auto impl = std::make_shared<CosineSimilarityLoss>();
  impl->options = options;
  return with_options(impl, options);
}

}  // namespace fovea
