#include "backends/cpu/instruction_set.h"

#include <cstdint>
#include <cstdlib>

#include "core/format.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/instruction_set.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

std::string_view target_name() {
#if HWY_ARCH_X86
  return HWY_TARGET <= HWY_AVX3 ? "avx512" : HWY_TARGET <= HWY_AVX2 ? "avx2" : "baseline";
#else
  return "baseline";
#endif
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

// What is dispatched, not what hwy::SupportedTargets() says: that call makes the best target of the machine
// the chosen one, whatever has been disabled (Highway 1.0.3).
HWY_EXPORT(target_name);

namespace {

/// Highway's target of that name; 0 for a name that is none here.
std::int64_t target_named(std::string_view name) {
#if HWY_ARCH_X86
  if (name == "avx512") return HWY_AVX3;
  if (name == "avx2") return HWY_AVX2;
#endif
  return name == "baseline" ? HWY_STATIC_TARGET : 0;
}

}  // namespace

void limit_instruction_set(std::string_view name) {
  const std::int64_t target = name.empty() ? 1 : target_named(name);
  if (target == 0) {
    fail(
        "FOVEA_MAX_ISA: the instruction set must be baseline, avx2 or avx512, those above baseline on x86 "
        "only. "
        "Received: {}",
        name);
  }
  // The better a target, the lower its bit.
  hwy::DisableTargets(target - 1);
}

void limit_instruction_set_from_environment() {
  if (const char* name = std::getenv("FOVEA_MAX_ISA")) limit_instruction_set(name);
}

std::string_view instruction_set() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

}  // namespace fovea::cpu
#endif
