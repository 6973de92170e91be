#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "fovea/fields.h"

namespace fovea {

/// Fills a new weight. Numbers come from Philox(seed, stream), so a weight's start depends on the seed and
/// its path alone.
class InitializerImpl : public Configurable {
 public:
  virtual void fill(Tensor& weight, std::uint64_t seed, std::uint64_t stream) const = 0;
};

/// A handle; built from Keras' names: "glorot_uniform", "GlorotUniform", "zeros", "he_normal", ...
class Initializer {
 public:
  Initializer() = default;
  /// Throws Error for an unknown name.
  Initializer(std::string_view name);
  Initializer(const char* name) : Initializer(std::string_view(name)) {}
  explicit Initializer(std::shared_ptr<InitializerImpl> impl) : impl_(std::move(impl)) {}

  InitializerImpl* get() const { return impl_.get(); }
  explicit operator bool() const { return impl_ != nullptr; }

 private:
  std::shared_ptr<InitializerImpl> impl_;
};

/// Visits an initializer as a nested object, as Keras' configs hold it.
void field(FieldVisitor& visitor, std::string_view name, Initializer& value);

/// A penalty on a weight, added to the loss: l1 * sum|w| + l2 * sum w^2 (Keras' L1L2; "l1", "l2" and "l1_l2"
/// use 0.01).
struct Regularizer {
  double l1 = 0, l2 = 0;
  constexpr bool empty() const { return l1 == 0 && l2 == 0; }
};

void field(FieldVisitor& visitor, std::string_view name, Regularizer& value);

}  // namespace fovea
