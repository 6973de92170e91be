#pragma once

#include <string_view>

#include "fovea/tensor.h"

namespace fovea {

/// What a layer computes in, and what its weights are kept in. Keras' policies: "float32", "float64" (runs on
/// the reference backend), and "mixed_bfloat16": inputs and weights are cast to bfloat16 and outputs are
/// bfloat16, while weights, optimizers, losses, metrics and what BatchNormalization computes are float32.
class DTypePolicy {
 public:
  /// One type for both.
  DTypePolicy(DType dtype = DType::float32) : compute_dtype_(dtype), variable_dtype_(dtype) {}
  /// Throws Error for a name that is neither "mixed_bfloat16" nor that of a type.
  DTypePolicy(std::string_view name);
  DTypePolicy(const char* name) : DTypePolicy(std::string_view(name)) {}

  DType compute_dtype() const { return compute_dtype_; }
  DType variable_dtype() const { return variable_dtype_; }
  std::string_view name() const;
  bool operator==(const DTypePolicy&) const = default;

 private:
  DType compute_dtype_, variable_dtype_;
};

/// The policy of layers made from now on, unless their `dtype` says otherwise; "float32" at first. Throws
/// Error for one that layers cannot have.
void set_dtype_policy(const DTypePolicy& policy);
DTypePolicy dtype_policy();

/// The same with one type for both: "float32" or "float64".
void set_floatx(DType dtype);
/// What weights and inputs made from now on are: the policy's variable_dtype().
DType floatx();

/// Throws Error, naming `where`, unless layers can have this policy: floats, and weights that are no
/// bfloat16.
void require_layer_policy(const DTypePolicy& policy, std::string_view where);

}  // namespace fovea
