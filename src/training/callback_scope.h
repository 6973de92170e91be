#pragma once

#include <span>

#include "fovea/model.h"

namespace fovea {

/// While it lives, callbacks know the model.
class CallbackScope {
 public:
  CallbackScope(const Model& model, std::span<const CallbackHandle> callbacks,
                const CallbackParameters& parameters)
      : model_(model), callbacks_(callbacks) {
    for (const CallbackHandle& callback : callbacks_) {
      callback->set_model(&model_);
      callback->set_parameters(parameters);
    }
  }
  ~CallbackScope() {
    for (const CallbackHandle& callback : callbacks_) callback->set_model(nullptr);
  }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

 private:
  Model model_;
  std::span<const CallbackHandle> callbacks_;
};

}  // namespace fovea
