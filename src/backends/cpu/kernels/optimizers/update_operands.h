#pragma once

#include <variant>
#include <vector>

#include "backends/backend.h"
#include "backends/cpu/kernels/optimizers/update.h"
#include "ops/optimizer_update.h"

namespace fovea::cpu {

using AnyUpdateOp = std::variant<SgdUpdateOp, RmspropUpdateOp, AdamUpdateOp, AdagradUpdateOp,
                                 AdadeltaUpdateOp, AdamaxUpdateOp, NadamUpdateOp, LionUpdateOp, FtrlUpdateOp>;

/// An optimizer's update as kernels see it: its hyperparameters, and where the operands of each variable are.
class UpdateOperands {
 public:
  /// `step` is that of the update; its new values are read outside.
  UpdateOperands(const Region& region, std::size_t step);

  std::size_t variables() const { return places_.size(); }
  /// Elements of a variable.
  std::int64_t elements(std::size_t variable) const { return places_[variable].elements; }

  /// Does nothing move in this iteration?
  bool waits(const KernelContext& c) const;
  UpdateStep step(const KernelContext& c) const;
  /// All elements of a variable; the gradient is null where the region computes it.
  UpdateRun whole(const KernelContext& c, std::size_t variable) const;

 private:
  struct Places {
    int from[4], to[4], gradient, divisor;
    std::int64_t elements;
  };
  const OptimizerUpdate& op() const;
  GradientClip clip_of(const KernelContext& c, const Places& places) const;

  AnyUpdateOp op_;
  int rate_ = 0, iteration_ = 0, factor_ = -1, own_scalar_ = -1;
  std::vector<Places> places_;
};

/// Why the vector kernels do not take a region's step, an optimizer's update; empty when they do.
const char* reason_against_update(const Region& region, std::size_t step);

}  // namespace fovea::cpu
