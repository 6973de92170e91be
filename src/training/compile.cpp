#include "training/runtime.h"

namespace fovea {

void Model::compile(const CompileOptions& options) const {
  ModelImpl& impl = model();
  impl.compiled = make_compiled(impl, options);
  const std::lock_guard lock(impl.runtime_mutex);
  impl.runtime.reset();
}

}  // namespace fovea
