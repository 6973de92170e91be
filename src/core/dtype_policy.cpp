#include "fovea/dtype_policy.h"

#include <atomic>

#include "core/format.h"

// Source: keras/src/dtype_policies/dtype_policy.py.

namespace fovea {
namespace {

constexpr std::string_view kMixed = "mixed_bfloat16";
/// What layers compute in tells their policy: bfloat16 is mixed_bfloat16.
std::atomic<DType> global_compute_dtype{DType::float32};

}  // namespace

DTypePolicy::DTypePolicy(std::string_view name) {
  if (name == kMixed) {
    compute_dtype_ = DType::bfloat16;
    variable_dtype_ = DType::float32;
    return;
  }
  for (const DType dtype :
       {DType::float32, DType::float64, DType::bfloat16, DType::int32, DType::int64, DType::uint8}) {
    if (name != fovea::name(dtype)) continue;
    compute_dtype_ = variable_dtype_ = dtype;
    return;
  }
  fail("dtype policy: must be float32, float64 or mixed_bfloat16. Received: '{}'", name);
}

std::string_view DTypePolicy::name() const {
  return compute_dtype_ == variable_dtype_ ? fovea::name(compute_dtype_) : kMixed;
}

void require_layer_policy(const DTypePolicy& policy, std::string_view where) {
  if (is_floating(policy.compute_dtype()) && policy.variable_dtype() != DType::bfloat16) return;
  fail(
      "{}: a layer's dtype must be float32, float64 or mixed_bfloat16, which keeps weights in float32. "
      "Received: {}",
      where, policy.name());
}

void set_dtype_policy(const DTypePolicy& policy) {
  require_layer_policy(policy, "set_dtype_policy");
  global_compute_dtype = policy.compute_dtype();
}

DTypePolicy dtype_policy() {
  const DType dtype = global_compute_dtype;
  return dtype == DType::bfloat16 ? DTypePolicy(kMixed) : DTypePolicy(dtype);
}

void set_floatx(DType dtype) {
  if (dtype != DType::float32 && dtype != DType::float64)
    fail("set_floatx: must be float32 or float64. Received: {}", name(dtype));
  global_compute_dtype = dtype;
}

DType floatx() { return dtype_policy().variable_dtype(); }

}  // namespace fovea
