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
    const auto direction = [&](Value y) { return of_length_one(b, y, {options.axis}, kEpsilon); };
    const Value product = ops::multiply(b, direction(same.y_true), direction(same.y_pred));
    return ops::unary(b, "negative", ops::reduce(b, ops::ReduceKind::sum, product, {options.axis}));
  }

  losses::CosineSimilarityOptions options;
};

}  // namespace

std::shared_ptr<LossImpl> make_cosine_similarity() { return std::make_shared<CosineSimilarityLoss>(); }

Loss losses::CosineSimilarity(const CosineSimilarityOptions& options) {
  auto impl = std::make_shared<CosineSimilarityLoss>();
  impl->options = options;
  return with_options(impl, options);
}

}  // namespace fovea
