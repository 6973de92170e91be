#include <algorithm>
#include <optional>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/optimizers/update_operands.h"

// Optimizer steps: one op for all variables. Their elements are cut into runs at construction, and runs that
// are short together form a piece.

namespace fovea::cpu {
namespace {

/// Elements of a piece: each is read and written in several tensors.
constexpr std::int64_t kPieceElements = kPieceFloats / 4;

/// Runs of elements of several variables; runs that are short together form a piece.
class Runs {
 public:
  struct Run {
    std::size_t variable;
    std::int64_t begin, count;
  };

  /// Adds the runs of the next variable: to the last piece as long as that is short.
  void add(std::int64_t elements) {
    const EvenParts parts(elements, kPieceElements);
    for (std::int64_t i = 0; i < parts.parts; ++i) {
      if (pieces_.empty() || in_piece_ + parts.size(i) > kPieceElements) {
        pieces_.push_back(runs_.size());
        in_piece_ = 0;
      }
      in_piece_ += parts.size(i);
      runs_.push_back({variables_, parts.begin(i), parts.size(i)});
    }
    ++variables_;
  }

  template <class Function>
  void for_each(ThreadPool& threads, Function&& function) const {
    threads.parallel_for(static_cast<std::int64_t>(pieces_.size()), [&](std::int64_t piece) {
      const auto first = static_cast<std::size_t>(piece);
      const std::size_t end = first + 1 < pieces_.size() ? pieces_[first + 1] : runs_.size();
      for (std::size_t i = pieces_[first]; i < end; ++i) function(runs_[i]);
    });
  }

 private:
  std::vector<Run> runs_;
  std::vector<std::size_t> pieces_;  ///< first run of each
  std::size_t variables_ = 0;
  std::int64_t in_piece_ = 0;
};

class Update final : public Kernel {
 public:
  explicit Update(const Region& region) : operands_(region, 0) {
    for (std::size_t v = 0; v < operands_.variables(); ++v) runs_.add(operands_.elements(v));
  }

  std::string_view name() const override { return "optimizer:one_pass"; }

  void run(const KernelContext& c) const override {
    const bool waits = operands_.waits(c);
    const UpdateStep step = operands_.step(c);
    runs_.for_each(c.threads, [&](const Runs::Run& run) {
      const UpdateRun part = part_of(operands_.whole(c, run.variable), run.begin, run.count);
      if (waits) {
        keep(part);
      } else {
        update_run(step, part);
      }
    });
  }

 private:
  static void keep(const UpdateRun& run) {
    for (int i = 0; i < 4 && run.from[i] != nullptr; ++i) {
      if (run.to[i] != run.from[i]) std::copy_n(run.from[i], run.count, run.to[i]);
    }
  }

  UpdateOperands operands_;
  Runs runs_;
};

/// The gradients' sums before an update, or the variables' averages behind it.
class Pairs final : public Kernel {
 public:
  explicit Pairs(const Region& region) {
    const Region::Step& step = region.steps[0];
    if (const auto* op = op_as<GradientAccumulationOp>(region, 0)) accumulation_ = *op;
    if (const auto* op = op_as<MovingAverageOp>(region, 0)) average_ = *op;
    iteration_ = position_of(region.inputs, step.inputs[0]);
    for (std::size_t i = 0; i < step.outputs.size(); i += 2) {
      places_.push_back(
          {position_of(region.inputs, step.inputs[i + 1]), position_of(region.inputs, step.inputs[i + 2]),
           position_of(region.outputs, step.outputs[i]), position_of(region.outputs, step.outputs[i + 1])});
      runs_.add(spec_of(region, step.outputs[i]).shape.elements());
    }
  }

  std::string_view name() const override { return "optimizer:pairs"; }

  void run(const KernelContext& c) const override {
    const std::int64_t iteration = *input<std::int64_t>(c, iteration_);
    runs_.for_each(c.threads, [&](const Runs::Run& run) {
      const Places& at = places_[run.variable];
      const float *const first = input<float>(c, at.first) + run.begin, *const second =
                                                                            input<float>(c, at.second) +
                                                                            run.begin;
      float *const new_first = output<float>(c, at.new_first) + run.begin, *const new_second =
                                                                               output<float>(c,
                                                                                             at.new_second) +
                                                                               run.begin;
      if (accumulation_) {
        accumulation_run(first, second, new_first, new_second, static_cast<float>(accumulation_->steps),
                         iteration % accumulation_->steps == 0, run.count);
      } else {
        const float momentum =
            average_->steps_before(iteration) == 0 ? 0.0F : static_cast<float>(average_->momentum);
        moving_average_run(first, second, new_first, new_second, momentum, average_->overwrites(iteration),
                           run.count);
      }
    });
  }

 private:
  struct Places {
    int first, second, new_first, new_second;
  };
  std::optional<GradientAccumulationOp> accumulation_;
  std::optional<MovingAverageOp> average_;
  int iteration_ = 0;
  std::vector<Places> places_;
  Runs runs_;
};

Implementation make_pairs(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  for (const int value : region.steps[0].outputs) {
    if (spec_of(region, value).dtype != DType::float32) return decline("takes float32 only");
    if (position_of(region.outputs, value) < 0) return decline("a new value is not read");
  }
  return std::make_unique<Pairs>(region);
}

Implementation make_update(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (const char* reason = reason_against_update(region, 0)) return decline("{}", reason);
  return std::make_unique<Update>(region);
}

}  // namespace

Implementation make_sgd(const Region& region) { return make_update(region); }
Implementation make_rmsprop(const Region& region) { return make_update(region); }
Implementation make_adam(const Region& region) { return make_update(region); }
Implementation make_adagrad(const Region& region) { return make_update(region); }
Implementation make_adadelta(const Region& region) { return make_update(region); }
Implementation make_adamax(const Region& region) { return make_update(region); }
Implementation make_nadam(const Region& region) { return make_update(region); }
Implementation make_lion(const Region& region) { return make_update(region); }
Implementation make_ftrl(const Region& region) { return make_update(region); }
Implementation make_gradient_accumulation(const Region& region) { return make_pairs(region); }
Implementation make_moving_average(const Region& region) { return make_pairs(region); }

}  // namespace fovea::cpu
