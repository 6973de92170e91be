#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/fields.h"
#include "fovea/tensor.h"
#include "fovea/variable.h"

namespace fovea {

class OptimizerImpl;

/// A learning rate that depends on the steps taken. Derive from it to bring your own.
class LearningRateScheduleImpl : public Configurable {
 public:
  /// The rate of the step that follows `step` steps. Keras' own compute in float32.
  virtual double rate(std::int64_t step) const = 0;
  /// Throws Error for options that make no schedule.
  virtual void check() const {}
  void fields(FieldVisitor& visitor) override;

  std::string name;
};

/// A handle; see the namespace schedules.
class LearningRateSchedule {
 public:
  LearningRateSchedule() = default;
  explicit LearningRateSchedule(std::shared_ptr<LearningRateScheduleImpl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<LearningRateScheduleImpl>& impl() const { return impl_; }
  explicit operator bool() const { return impl_ != nullptr; }
  /// The rate of the step that follows `step` steps.
  double operator()(std::int64_t step) const { return impl_->rate(step); }

 private:
  std::shared_ptr<LearningRateScheduleImpl> impl_;
};

/// A number or a schedule.
class LearningRate {
 public:
  LearningRate(double number) : number_(number) {}
  LearningRate(LearningRateSchedule schedule) : schedule_(std::move(schedule)) {}
  double number() const { return number_; }  ///< without a schedule
  const LearningRateSchedule& schedule() const { return schedule_; }

 private:
  double number_ = 0;
  LearningRateSchedule schedule_;
};

/// A copyable handle; built from Keras' names "sgd", "rmsprop", "adam", "adamw", ... or as an object:
/// Adam({.learning_rate = 1e-4}).
class Optimizer {
 public:
  Optimizer() = default;
  /// Throws Error for an unknown name.
  Optimizer(std::string_view name);
  Optimizer(const char* name) : Optimizer(std::string_view(name)) {}
  Optimizer(const std::string& name) : Optimizer(std::string_view(name)) {}
  explicit Optimizer(std::shared_ptr<OptimizerImpl> impl) : impl_(std::move(impl)) {}

  const std::string& name() const;
  /// Of the next step.
  double learning_rate() const;
  /// Takes effect at the next step. Throws Error when the rate follows a schedule.
  void set_learning_rate(double rate) const;
  /// Steps taken.
  std::int64_t iterations() const;

  const std::shared_ptr<OptimizerImpl>& impl() const { return impl_; }
  explicit operator bool() const { return impl_ != nullptr; }

 protected:
  std::shared_ptr<OptimizerImpl> impl_;
};

/// What every optimizer takes, with Keras' names; see keras.optimizers.Optimizer. At most one of the three
/// clips is set.
struct SGDOptions {
  LearningRate learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  std::optional<double> weight_decay = {};     ///< w -= w * weight_decay * learning_rate before a step
  std::optional<double> clipnorm = {};         ///< largest norm of one gradient
  std::optional<double> clipvalue = {};        ///< largest absolute element
  std::optional<double> global_clipnorm = {};  ///< largest norm of all gradients together
  bool use_ema = false;  ///< keep a moving average of the weights, which they become when fit ends
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};  ///< and after every so many steps
  /// The gradients are those of the loss times this, divided by it again.
  std::optional<double> loss_scale_factor = {};
  /// A step is taken with the mean gradient of so many batches.
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
class SGD : public Optimizer {
 public:
  SGD(const SGDOptions& options = {});
};

struct RMSpropOptions {
  LearningRate learning_rate = 0.001;
  double rho = 0.9;
  double momentum = 0;
  double epsilon = 1e-7;
  bool centered = false;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
class RMSprop : public Optimizer {
 public:
  RMSprop(const RMSpropOptions& options = {});
};

struct AdamOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  bool amsgrad = false;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
class Adam : public Optimizer {
 public:
  Adam(const AdamOptions& options = {});
};

struct AdamWOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  bool amsgrad = false;
  std::optional<double> weight_decay = 0.004;
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Adam with a decay of the weights, which must be given. Source: Loshchilov & Hutter 2019.
class AdamW : public Optimizer {
 public:
  AdamW(const AdamWOptions& options = {});
};

struct AdagradOptions {
  LearningRate learning_rate = 0.001;
  double initial_accumulator_value = 0.1;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Steps get smaller the more a weight has moved. Source: Duchi et al. 2011.
class Adagrad : public Optimizer {
 public:
  Adagrad(const AdagradOptions& options = {});
};

struct AdadeltaOptions {
  LearningRate learning_rate = 0.001;
  double rho = 0.95;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Source: Zeiler 2012, who has no rate: that is a learning_rate of 1.
class Adadelta : public Optimizer {
 public:
  Adadelta(const AdadeltaOptions& options = {});
};

struct AdamaxOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Adam with the largest gradient in place of the mean square. Source: Kingma & Ba 2015.
class Adamax : public Optimizer {
 public:
  Adamax(const AdamaxOptions& options = {});
};

struct NadamOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Adam with Nesterov's momentum. Source: Dozat 2016.
class Nadam : public Optimizer {
 public:
  Nadam(const NadamOptions& options = {});
};

struct LionOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9;  ///< above 0
  double beta_2 = 0.99;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Steps of one size, in the direction of a mean gradient. Source: Chen et al. 2023.
class Lion : public Optimizer {
 public:
  Lion(const LionOptions& options = {});
};

struct FtrlOptions {
  LearningRate learning_rate = 0.001;
  double learning_rate_power = -0.5;  ///< not above 0
  double initial_accumulator_value = 0.1;
  double l1_regularization_strength = 0;
  double l2_regularization_strength = 0;
  double l2_shrinkage_regularization_strength = 0;
  double beta = 0;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<std::int64_t> ema_overwrite_frequency = {};
  std::optional<double> loss_scale_factor = {};
  std::optional<std::int64_t> gradient_accumulation_steps = {};
  std::string name = {};
};
/// Follow the regularised leader. Source: McMahan et al. 2013.
class Ftrl : public Optimizer {
 public:
  Ftrl(const FtrlOptions& options = {});
};

/// Keras' learning-rate schedules, t being the steps taken. Sources: keras.optimizers.schedules.
namespace schedules {

struct DecayOptions {
  bool staircase = false;  ///< whole decays only: t / decay_steps is rounded down
  std::string name = {};
};
/// initial_learning_rate * decay_rate^(t / decay_steps).
LearningRateSchedule ExponentialDecay(double initial_learning_rate, std::int64_t decay_steps,
                                      double decay_rate, const DecayOptions& options = {});
/// initial_learning_rate / (1 + decay_rate * t / decay_steps).
LearningRateSchedule InverseTimeDecay(double initial_learning_rate, std::int64_t decay_steps,
                                      double decay_rate, const DecayOptions& options = {});

/// values[0] as long as t <= boundaries[0], then values[1] and so on; there is one value more than
/// boundaries.
LearningRateSchedule PiecewiseConstantDecay(const std::vector<std::int64_t>& boundaries,
                                            const std::vector<double>& values, const std::string& name = {});

struct PolynomialDecayOptions {
  double end_learning_rate = 1e-4;
  double power = 1;
  bool cycle = false;  ///< decay_steps grows to its next multiple when t has passed it
  std::string name = {};
};
/// (initial - end) * (1 - t / decay_steps)^power + end.
LearningRateSchedule PolynomialDecay(double initial_learning_rate, std::int64_t decay_steps,
                                     const PolynomialDecayOptions& options = {});

struct CosineDecayOptions {
  double alpha = 0;  ///< the share of the rate that is left in the end
  std::optional<double> warmup_target = {};
  std::int64_t warmup_steps = 0;
  std::string name = {};
};
/// Half a cosine from initial_learning_rate down in decay_steps; with a warmup_target the rate first climbs
/// to that in a line.
LearningRateSchedule CosineDecay(double initial_learning_rate, std::int64_t decay_steps,
                                 const CosineDecayOptions& options = {});

struct CosineDecayRestartsOptions {
  double t_mul = 2;  ///< how much longer each decay is than the one before
  double m_mul = 1;  ///< how much higher it begins
  double alpha = 0;
  std::string name = {};
};
/// Decays of a cosine, one after the other. Source: Loshchilov & Hutter 2017.
LearningRateSchedule CosineDecayRestarts(double initial_learning_rate, std::int64_t first_decay_steps,
                                         const CosineDecayRestartsOptions& options = {});

}  // namespace schedules
}  // namespace fovea
