#include <cmath>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/optimizers/update.h"
#include "ops/optimizer_update.h"

// Optimizer steps: one op for all variables. Their elements are cut into runs at construction, and runs that
// are short together form a piece.

namespace fovea::cpu {
namespace {

UpdateStep step_of(const SgdUpdateOp& op, float rate, std::int64_t) {
  return SgdStep{rate, static_cast<float>(op.weight_decay), static_cast<float>(op.momentum), op.nesterov};
}

UpdateStep step_of(const RmspropUpdateOp& op, float rate, std::int64_t) {
  return RmspropStep{rate,
                     static_cast<float>(op.weight_decay),
                     static_cast<float>(op.rho),
                     static_cast<float>(1 - op.rho),
                     static_cast<float>(op.momentum),
                     static_cast<float>(op.epsilon),
                     op.centered};
}

UpdateStep step_of(const AdamUpdateOp& op, float rate, std::int64_t iteration) {
  const auto beta_1 = static_cast<float>(op.beta_1), beta_2 = static_cast<float>(op.beta_2);
  const auto t = static_cast<float>(iteration);
  const float corrected = rate * std::sqrt(1 - std::pow(beta_2, t)) / (1 - std::pow(beta_1, t));
  return AdamStep{rate,
                  static_cast<float>(op.weight_decay),
                  corrected,
                  static_cast<float>(1 - op.beta_1),
                  static_cast<float>(1 - op.beta_2),
                  static_cast<float>(op.epsilon),
                  op.amsgrad};
}

/// Elements of a piece: each is read and written in several tensors.
constexpr std::int64_t kPieceElements = kPieceFloats / 4;

template <class UpdateOp>
class Update final : public Kernel {
 public:
  Update(const UpdateOp& op, const Region& region) : op_(op) {
    const Region::Step& step = region.steps[0];
    rate_ = position_of(region.inputs, step.inputs[0]);
    iteration_ = position_of(region.inputs, step.inputs[1]);
    const std::size_t kept = op.slots() + 1;
    if (op.scaled) factor_ = position_of(region.inputs, step.inputs[2]);
    for (std::size_t v = 0; v < op.variables(step.inputs.size()); ++v) {
      const std::size_t first = op.head() + v * op.group();
      Places places{};
      for (std::size_t i = 0; i < kept; ++i) {
        places.from[i] = position_of(region.inputs, step.inputs[first + i]);
        places.to[i] = position_of(region.outputs, step.outputs[v * kept + i]);
      }
      places.gradient = position_of(region.inputs, step.inputs[first + kept]);
      if (op.clip_norm > 0) places.divisor = position_of(region.inputs, step.inputs[first + kept + 1]);
      places_.push_back(places);
      cut(v, spec_of(region, step.outputs[v * kept]).shape.elements());
    }
    pieces_.push_back(runs_.size());
  }

  std::string_view name() const override { return "optimizer:one_pass"; }

  void run(const KernelContext& c) const override {
    const UpdateStep step = step_of(op_, *input<float>(c, rate_), *input<std::int64_t>(c, iteration_));
    c.threads.parallel_for(static_cast<std::int64_t>(pieces_.size()) - 1, [&](std::int64_t piece) {
      const auto first = static_cast<std::size_t>(piece);
      for (std::size_t i = pieces_[first]; i < pieces_[first + 1]; ++i) {
        const Places& places = places_[runs_[i].variable];
        const std::int64_t begin = runs_[i].begin;
        UpdateRun update{};
        for (std::size_t k = 0; k <= op_.slots(); ++k) {
          update.from[k] = input<float>(c, places.from[k]) + begin;
          update.to[k] = output<float>(c, places.to[k]) + begin;
        }
        update.gradient = input<float>(c, places.gradient) + begin;
        update.count = runs_[i].count;
        update.clip = clip_of(c, places);
        update_run(step, update);
      }
    });
  }

 private:
  struct Places {
    int from[4], to[4], gradient, divisor;
  };
  struct Run {
    std::size_t variable;
    std::int64_t begin, count;
  };

  GradientClip clip_of(const KernelContext& c, const Places& places) const {
    GradientClip clip;
    if (op_.clip_value > 0) {
      clip.kind = GradientClip::Kind::value;
      clip.limit = static_cast<float>(op_.clip_value);
    } else if (op_.clip_norm > 0) {
      clip.kind = GradientClip::Kind::norm;
      clip.limit = static_cast<float>(op_.clip_norm);
      clip.divisor = *input<float>(c, places.divisor);
    } else if (op_.scaled) {
      clip.kind = GradientClip::Kind::factor;
      clip.limit = *input<float>(c, factor_);
    }
    return clip;
  }

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

  UpdateOp op_;
  int rate_ = 0, iteration_ = 0, factor_ = -1;
  std::vector<Places> places_;
  std::vector<Run> runs_;
  std::vector<std::size_t> pieces_;  ///< first run of each, and behind the last
  std::int64_t in_piece_ = 0;
};

template <class UpdateOp>
Implementation make_update(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  for (const int value : region.steps[0].outputs) {
    if (spec_of(region, value).dtype != DType::float32) return decline("takes float32 only");
    if (position_of(region.outputs, value) < 0) return decline("a new value is not read");
  }
  return std::make_unique<Update<UpdateOp>>(*op_as<UpdateOp>(region, 0), region);
}

}  // namespace

Implementation make_sgd(const Region& region) { return make_update<SgdUpdateOp>(region); }
Implementation make_rmsprop(const Region& region) { return make_update<RmspropUpdateOp>(region); }
Implementation make_adam(const Region& region) { return make_update<AdamUpdateOp>(region); }

}  // namespace fovea::cpu
