#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fovea/fields.h"

namespace fovea {

/// Fills a new weight. Numbers come from Philox(seed, stream), so a weight's start depends on the seed and
/// its path alone.
class InitializerImpl : public Configurable {
 public:
  virtual void fill(Tensor& weight, std::uint64_t seed, std::uint64_t stream) const = 0;
};

/// A handle; built from Keras' names: "glorot_uniform", "GlorotUniform", "zeros", "he_normal", ... Those that
/// take options are in namespace fovea::initializers.
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

namespace initializers {

/// Every element is `value`.
Initializer Constant(double value);

struct RandomUniformOptions {
  double minval = -0.05, maxval = 0.05;
  std::optional<std::int64_t> seed = {};  ///< of its own; otherwise the model's
};
Initializer RandomUniform(const RandomUniformOptions& options = {});

struct RandomNormalOptions {
  double mean = 0, stddev = 0.05;
  std::optional<std::int64_t> seed = {};
};
Initializer RandomNormal(const RandomNormalOptions& options = {});
/// Normal, drawn again beyond two standard deviations.
Initializer TruncatedNormal(const RandomNormalOptions& options = {});

struct VarianceScalingOptions {
  double scale = 1;
  std::string mode = "fan_in";                    ///< "fan_in", "fan_out" or "fan_avg"
  std::string distribution = "truncated_normal";  ///< or "untruncated_normal", "uniform"
  std::optional<std::int64_t> seed = {};
};
/// Of variance scale / fan.
Initializer VarianceScaling(const VarianceScalingOptions& options = {});

struct OrthogonalOptions {
  double gain = 1;
  std::optional<std::int64_t> seed = {};
};
/// Columns (or rows, where there are fewer) of length `gain`, at right angles to each other.
Initializer Orthogonal(const OrthogonalOptions& options = {});

}  // namespace initializers

/// Visits an initializer as a nested object, as Keras' configs hold it.
void field(FieldVisitor& visitor, std::string_view name, Initializer& value);

/// A penalty on a weight, added to the loss: l1 * sum|w| + l2 * sum w^2 (Keras' L1, L2 and L1L2).
struct Regularizer {
  double l1 = 0, l2 = 0;
  constexpr bool empty() const { return l1 == 0 && l2 == 0; }
};

void field(FieldVisitor& visitor, std::string_view name, Regularizer& value);

}  // namespace fovea
