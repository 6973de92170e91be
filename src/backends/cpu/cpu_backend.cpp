#include "backends/cpu/instruction_set.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/widened.h"

namespace fovea {
namespace cpu {

std::span<const KernelEntry> kernel_list() {
  static constexpr KernelEntry list[] = {
#define FOVEA_CPU_KERNEL(FirstOp, name) {#FirstOp, #name, make_##name},
#include "backends/cpu/kernels.inc"
#undef FOVEA_CPU_KERNEL
  };
  return list;
}

}  // namespace cpu

namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend() { cpu::limit_instruction_set_from_environment(); }
  std::string_view name() const override { return "cpu"; }

  Implementation implement(const Region& region) const override {
    Implementation made = from_list(region);
    if (std::holds_alternative<std::unique_ptr<Kernel>>(made)) return made;
    if (cpu::has_bfloat16(region)) {
      Implementation widened = cpu::implement_widened(region, from_list);
      if (std::holds_alternative<std::unique_ptr<Kernel>>(widened)) return widened;
      std::get<Declined>(made).reason += ", widened: " + std::get<Declined>(widened).reason;
    }
    if (region.steps.size() == 1) return reference_backend().implement(region);
    return made;
  }

 private:
  static Implementation from_list(const Region& region) {
    std::string reasons;
    const std::string_view first = region.steps.front().op->class_name();
    for (const cpu::KernelEntry& entry : cpu::kernel_list()) {
      if (entry.first_op != first) continue;
      Implementation made = entry.make(region);
      if (std::holds_alternative<std::unique_ptr<Kernel>>(made)) return made;
      reasons +=
          fmt::format("{}{}: {}", reasons.empty() ? "" : ", ", entry.name, std::get<Declined>(made).reason);
    }
    return Declined{reasons.empty() ? "no kernel begins with it" : reasons};
  }
};

}  // namespace

const Backend& cpu_backend() {
  static const CpuBackend backend;
  return backend;
}

}  // namespace fovea
