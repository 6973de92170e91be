#pragma once

#include "core/names.h"
#include "fovea/ops.h"
#include "optimizers/optimizer_impl.h"

namespace fovea {

// One function per row of the list in optimizer.cpp.
std::shared_ptr<OptimizerImpl> make_sgd();
std::shared_ptr<OptimizerImpl> make_rmsprop();
std::shared_ptr<OptimizerImpl> make_adam();
std::shared_ptr<OptimizerImpl> make_adamw();
std::shared_ptr<OptimizerImpl> make_adagrad();
std::shared_ptr<OptimizerImpl> make_adadelta();
std::shared_ptr<OptimizerImpl> make_adamax();
std::shared_ptr<OptimizerImpl> make_nadam();
std::shared_ptr<OptimizerImpl> make_lion();
std::shared_ptr<OptimizerImpl> make_ftrl();

/// A schedule of a class of keras.optimizers.schedules, with nothing set yet. Throws Error for another.
std::shared_ptr<LearningRateScheduleImpl> make_schedule(std::string_view class_name);

/// Copies what every optimizer's options share.
template <class Options>
void set_common(OptimizerImpl& impl, const Options& options) {
  impl.set_rate(options.learning_rate);
  impl.weight_decay = options.weight_decay;
  impl.clipnorm = options.clipnorm;
  impl.clipvalue = options.clipvalue;
  impl.global_clipnorm = options.global_clipnorm;
  impl.use_ema = options.use_ema;
  impl.ema_momentum = options.ema_momentum;
  impl.ema_overwrite_frequency = options.ema_overwrite_frequency;
  impl.loss_scale_factor = options.loss_scale_factor;
  impl.gradient_accumulation_steps = options.gradient_accumulation_steps;
  impl.name = options.name.empty() ? snake_case(impl.class_name()) : options.name;
  impl.check();
}

/// An optimizer's handle: its implementation with these options.
template <class Impl, class Options>
std::shared_ptr<OptimizerImpl> with_options(const Options& options) {
  auto impl = std::make_shared<Impl>();
  impl->options = options;
  set_common(*impl, options);
  return impl;
}

}  // namespace fovea
