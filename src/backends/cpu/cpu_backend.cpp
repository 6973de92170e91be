#include "backends/cpu/choice_table.h"
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
  std::string instruction_set() const override { return std::string(cpu::instruction_set()); }
  int kernels_version() const override { return cpu::kKernelsVersion; }

  Implementation implement(const Region& region) const override {
    Candidates candidates = this->candidates(region);
    if (candidates.preferred >= 0)
      return std::move(candidates.kernels[static_cast<std::size_t>(candidates.preferred)]);
    return Declined{candidates.reasons.empty() ? "no kernel begins with it" : candidates.reasons};
  }

  Candidates candidates(const Region& region) const override {
    bool discouraged = false;
    Candidates result = from_list(region, discouraged);
    if (result.preferred < 0 && cpu::has_bfloat16(region)) {
      Implementation widened = cpu::implement_widened(region, first_of_list);
      if (auto* kernel = std::get_if<std::unique_ptr<Kernel>>(&widened)) {
        result.preferred = static_cast<int>(result.kernels.size());
        result.kernels.push_back(std::move(*kernel));
      } else {
        note(result, "widened", std::get<Declined>(widened).reason);
      }
    }
    const bool single = region.steps.size() == 1;
    if (single && result.kernels.empty())
      result.kernels.push_back(std::get<std::unique_ptr<Kernel>>(reference_backend().implement(region)));
    if (single && result.preferred < 0) result.preferred = 0;
    if (result.kernels.empty()) return result;
    // The fused gradients are a choice themselves; others are where a kernel would rather not.
    const bool fan = result.kernels[0]->name().starts_with("conv2d_pool_backward");
    result.may_be_apart = !single && (fan || (discouraged && result.preferred < 0));
    cpu::apply_table(cpu::choice_table(cpu::instruction_set()), region, result);
    return result;
  }

 private:
  static void note(Candidates& result, std::string_view kernel, const std::string& reason) {
    result.reasons += fmt::format("{}{}: {}", result.reasons.empty() ? "" : ", ", kernel, reason);
  }

  /// The kernels of kernels.inc that can do it; `discouraged`: would one of them rather not?
  static Candidates from_list(const Region& region, bool& discouraged) {
    Candidates result;
    const std::string_view first = region.steps.front().op->class_name();
    for (const cpu::KernelEntry& entry : cpu::kernel_list()) {
      if (entry.first_op != first) continue;
      Implementation made = entry.make(region);
      if (const auto* declined = std::get_if<Declined>(&made)) {
        note(result, entry.name, declined->reason);
        continue;
      }
      if (auto* slow = std::get_if<Discouraged>(&made)) {
        discouraged = true;
        note(result, entry.name, slow->reason);
        result.kernels.push_back(std::move(slow->kernel));
        continue;
      }
      if (result.preferred < 0) result.preferred = static_cast<int>(result.kernels.size());
      result.kernels.push_back(std::move(std::get<std::unique_ptr<Kernel>>(made)));
    }
    return result;
  }

  /// Their first, for regions of float32 inside of widened ones.
  static Implementation first_of_list(const Region& region) {
    bool discouraged = false;
    Candidates list = from_list(region, discouraged);
    if (list.preferred < 0) return Declined{list.reasons.empty() ? "no kernel begins with it" : list.reasons};
    return std::move(list.kernels[static_cast<std::size_t>(list.preferred)]);
  }
};

}  // namespace

const Backend& cpu_backend() {
  static const CpuBackend backend;
  return backend;
}

}  // namespace fovea
