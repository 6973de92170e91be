#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fovea/tensor.h"
#include "fovea/variable.h"

namespace fovea {

class OptimizerImpl;

/// A copyable handle; built from Keras' names "sgd", "rmsprop", "adam" or as an object: Adam({.learning_rate
/// = 1e-4}).
class Optimizer {
 public:
  Optimizer() = default;
  /// Throws Error for an unknown name.
  Optimizer(std::string_view name);
  Optimizer(const char* name) : Optimizer(std::string_view(name)) {}
  Optimizer(const std::string& name) : Optimizer(std::string_view(name)) {}
  explicit Optimizer(std::shared_ptr<OptimizerImpl> impl) : impl_(std::move(impl)) {}

  const std::string& name() const;
  double learning_rate() const;
  /// Takes effect at the next step.
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
  double learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};         ///< largest norm of one gradient
  std::optional<double> clipvalue = {};        ///< largest absolute element
  std::optional<double> global_clipnorm = {};  ///< largest norm of all gradients together
  std::string name = {};
};
class SGD : public Optimizer {
 public:
  SGD(const SGDOptions& options = {});
};

struct RMSpropOptions {
  double learning_rate = 0.001;
  double rho = 0.9;
  double momentum = 0;
  double epsilon = 1e-7;
  bool centered = false;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  std::string name = {};
};
class RMSprop : public Optimizer {
 public:
  RMSprop(const RMSpropOptions& options = {});
};

struct AdamOptions {
  double learning_rate = 0.001;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  bool amsgrad = false;
  std::optional<double> weight_decay = {};
  std::optional<double> clipnorm = {};
  std::optional<double> clipvalue = {};
  std::optional<double> global_clipnorm = {};
  std::string name = {};
};
class Adam : public Optimizer {
 public:
  Adam(const AdamOptions& options = {});
};

}  // namespace fovea
