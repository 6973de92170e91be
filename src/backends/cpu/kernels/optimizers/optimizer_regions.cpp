#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/optimizers/update_operands.h"

// Optimizer steps: one op for all variables. Their elements are cut into runs at construction, and runs that
// are short together form a piece.

namespace fovea::cpu {
namespace {

/// Elements of a piece: each is read and written in several tensors.
constexpr std::int64_t kPieceElements = kPieceFloats / 4;

class Update final : public Kernel {
 public:
  explicit Update(const Region& region) : operands_(region, 0) {
    for (std::size_t v = 0; v < operands_.variables(); ++v) cut(v, operands_.elements(v));
    pieces_.push_back(runs_.size());
  }

  std::string_view name() const override { return "optimizer:one_pass"; }

  void run(const KernelContext& c) const override {
    const UpdateStep step = operands_.step(c);
    c.threads.parallel_for(static_cast<std::int64_t>(pieces_.size()) - 1, [&](std::int64_t piece) {
      const auto first = static_cast<std::size_t>(piece);
      for (std::size_t i = pieces_[first]; i < pieces_[first + 1]; ++i) {
        const Run& run = runs_[i];
        update_run(step, part_of(operands_.whole(c, run.variable), run.begin, run.count));
      }
    });
  }

 private:
  struct Run {
    std::size_t variable;
    std::int64_t begin, count;
  };

  /// Adds the runs of a variable: to the last piece as long as that is short.
  void cut(std::size_t variable, std::int64_t elements) {
    const EvenParts parts(elements, kPieceElements);
    for (std::int64_t i = 0; i < parts.parts; ++i) {
      if (pieces_.empty() || in_piece_ + parts.size(i) > kPieceElements) {
        pieces_.push_back(runs_.size());
        in_piece_ = 0;
      }
      in_piece_ += parts.size(i);
      runs_.push_back({variable, parts.begin(i), parts.size(i)});
    }
  }

  UpdateOperands operands_;
  std::vector<Run> runs_;
  std::vector<std::size_t> pieces_;  ///< first run of each, and behind the last
  std::int64_t in_piece_ = 0;
};

Implementation make_update(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (const char* reason = reason_against_update(region, 0)) return decline("{}", reason);
  return std::make_unique<Update>(region);
}

}  // namespace

Implementation make_sgd(const Region& region) { return make_update(region); }
Implementation make_rmsprop(const Region& region) { return make_update(region); }
Implementation make_adam(const Region& region) { return make_update(region); }

}  // namespace fovea::cpu
