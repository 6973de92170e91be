#include "training/runtime.h"

namespace fovea {

void Model::compile(const CompileOptions& options) const {
  ModelImpl& impl = model();
  impl.compiled = make_compiled(impl, options);
  const std::lock_guard lock(impl.runtime_mutex);
  impl.runtime.reset();
}

bool Model::compiled() const { return model().compiled != nullptr; }

Optimizer Model::optimizer() const {
  if (!compiled()) fail("Model '{}': compile it first", name());
  return model().compiled->options.optimizer;
}

void Model::set_stop_training(bool stop) const { model().stop_training = stop; }
bool Model::stop_training() const { return model().stop_training; }
ModelInfo& Model::info() const { return model().info; }

}  // namespace fovea
