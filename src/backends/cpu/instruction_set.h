#pragma once

#include <string_view>

namespace fovea::cpu {

/// Keeps kernels from instruction sets above this one: "baseline", "avx2" or "avx512"; empty: no limit. Holds
/// for the whole process, from the next kernel on. Throws Error for another name.
void limit_instruction_set(std::string_view name);

/// The same with what the environment variable FOVEA_MAX_ISA says. The cpu backend does it when it is first
/// asked for, so that one machine can measure and test what others will run.
void limit_instruction_set_from_environment();

/// What kernels use on this machine, in these names.
std::string_view instruction_set();

}  // namespace fovea::cpu
