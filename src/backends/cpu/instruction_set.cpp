#include "backends/cpu/instruction_set.h"

#include <cstdint>
#include <cstdlib>

#include "core/format.h"
#include "hwy/targets.h"

namespace fovea::cpu {
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

std::string_view instruction_set() {
#if HWY_ARCH_X86
  const std::int64_t supported = hwy::SupportedTargets();
  if ((supported & HWY_AVX3) != 0) return "avx512";
  if ((supported & HWY_AVX2) != 0) return "avx2";
#endif
  return "baseline";
}

}  // namespace fovea::cpu
