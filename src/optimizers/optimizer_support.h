#pragma once

#include "core/names.h"
#include "fovea/ops.h"
#include "optimizers/optimizer_impl.h"

namespace fovea {

// One function per row of the list in optimizer.cpp.
std::shared_ptr<OptimizerImpl> make_sgd();
std::shared_ptr<OptimizerImpl> make_rmsprop();
std::shared_ptr<OptimizerImpl> make_adam();

/// Copies what every optimizer's options share.
template <class Options>
void set_common(OptimizerImpl& impl, const Options& options) {
  impl.set_rate(options.learning_rate);
  impl.weight_decay = options.weight_decay;
  impl.clipnorm = options.clipnorm;
  impl.clipvalue = options.clipvalue;
  impl.global_clipnorm = options.global_clipnorm;
  impl.name = options.name.empty() ? snake_case(impl.class_name()) : options.name;
  impl.check();
}

}  // namespace fovea
