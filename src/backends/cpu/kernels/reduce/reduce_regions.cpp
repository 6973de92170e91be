#include <algorithm>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/reduce/reduce.h"
#include "ops/reduce.h"

// Which regions the reductions take: one op alone whose reduced axes stand side by side.

namespace fovea::cpu {
namespace {

/// Axes of size 1 are on neither side. Declines what is not (kept, reduced, kept).
std::variant<ReduceShape, Declined> shape_of(const Shape& x, const std::vector<std::int64_t>& axes) {
  ReduceShape s;
  bool seen = false, behind = false;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    const std::int64_t size = x[static_cast<std::ptrdiff_t>(i)];
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) != axes.end();
    if (size == 1) continue;
    if (reduced && behind) return decline("the reduced axes of {} do not stand side by side", x.str());
    if (reduced) {
      seen = true;
      s.size *= size;
    } else {
      behind = seen;
      (seen ? s.inner : s.outer) *= size;
    }
  }
  return s;
}

class Reduce final : public Kernel {
 public:
  explicit Reduce(const ReduceShape& shape) : shape_(shape) {}
  std::string_view name() const override { return "reduce:parts"; }
  std::size_t workspace_bytes() const override { return reduce_workspace(shape_); }
  void run(const KernelContext& c) const override {
    reduce(shape_, input<float>(c, 0), output<float>(c, 0), c.workspace, c.threads);
  }

 private:
  ReduceShape shape_;
};

class ExtremeBackward final : public Kernel {
 public:
  ExtremeBackward(const ReduceShape& shape, int x, int y, int dy) : shape_(shape), x_(x), y_(y), dy_(dy) {}
  std::string_view name() const override { return "reduce_extreme_backward:rows"; }
  std::size_t workspace_bytes() const override { return reduce_extreme_backward_workspace(shape_); }
  void run(const KernelContext& c) const override {
    reduce_extreme_backward(shape_, input<float>(c, x_), input<float>(c, y_), input<float>(c, dy_),
                            output<float>(c, 0), c.workspace, c.threads);
  }

 private:
  ReduceShape shape_;
  int x_, y_, dy_;
};

}  // namespace

Implementation make_reduce(const Region& region) {
  const auto& op = *op_as<ReduceOp>(region, 0);
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (!all_float32(region)) return decline("takes float32 only");
  auto shape = shape_of(spec_of(region, region.inputs[0]).shape, op.axes);
  if (const auto* declined = std::get_if<Declined>(&shape)) return *declined;
  ReduceShape s = std::get<ReduceShape>(shape);
  s.kind = op.kind;
  const bool extreme = op.kind == ops::ReduceKind::max || op.kind == ops::ReduceKind::min;
  if (extreme && s.size == 0) return decline("the extreme of nothing");
  return std::make_unique<Reduce>(s);
}

Implementation make_reduce_extreme_backward(const Region& region) {
  const auto& op = *op_as<ReduceExtremeBackwardOp>(region, 0);
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (!all_float32(region)) return decline("takes float32 only");
  const std::vector<int>& inputs = region.steps[0].inputs;
  const auto shape = shape_of(spec_of(region, inputs[0]).shape, op.axes);
  if (const auto* declined = std::get_if<Declined>(&shape)) return *declined;
  return std::make_unique<ExtremeBackward>(
      std::get<ReduceShape>(shape), position_of(region.inputs, inputs[0]),
      position_of(region.inputs, inputs[1]), position_of(region.inputs, inputs[2]));
}

}  // namespace fovea::cpu
