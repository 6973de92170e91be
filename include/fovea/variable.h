#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "fovea/tensor.h"

namespace fovea {

/// A named tensor that outlives steps: a weight, a moving statistic, an optimizer's slot. Copies are the same
/// variable.
class Variable {
 public:
  Variable() = default;
  /// Zeros until assigned. Memory is taken when the value is first asked for, by any thread.
  Variable(std::string name, const TensorSpec& spec);

  explicit operator bool() const { return state_ != nullptr; }
  const std::string& name() const;
  const TensorSpec& spec() const;
  /// The storage itself, not a copy. Who writes through it calls `touch` afterwards.
  Tensor value() const;
  /// Copies `value` in, converting the dtype. Throws Error, naming the variable, when the shapes differ.
  void assign(const Tensor& value);
  /// Grows with every change; what was derived from the value (packed or folded weights) compares it.
  std::uint64_t version() const;
  void touch();

  bool operator==(const Variable& other) const { return state_ == other.state_; }
  /// Identity, for maps.
  const void* id() const { return state_.get(); }

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace fovea
