#pragma once

#include <span>
#include <string_view>

#include "backends/backend.h"
#include "core/format.h"

namespace fovea::cpu {

/// Makes the kernel of a region, or says why it does not take it.
using MakeKernel = Implementation (*)(const Region& region);

/// One row of kernels.inc: what takes regions that begin with an op of that class.
struct KernelEntry {
  std::string_view first_op;
  std::string_view name;
  MakeKernel make;
};

/// Of what is measured and remembered of them (Backend::kernels_version).
inline constexpr int kKernelsVersion = 2;

/// All of them, for each first op in the order in which they are asked.
std::span<const KernelEntry> kernel_list();

#define FOVEA_CPU_KERNEL(FirstOp, name) Implementation make_##name(const Region& region);
#include "backends/cpu/kernels.inc"
#undef FOVEA_CPU_KERNEL

template <class... Args>
Declined decline(fmt::format_string<Args...> format, Args&&... args) {
  return {fmt::format(format, std::forward<Args>(args)...)};
}

/// The op of a step as its class; null when it is another one.
template <class OpClass>
const OpClass* op_as(const Region& region, std::size_t step) {
  return step < region.steps.size() ? dynamic_cast<const OpClass*>(region.steps[step].op) : nullptr;
}

inline const TensorSpec& spec_of(const Region& region, int value) {
  return region.values[static_cast<std::size_t>(value)];
}

/// Position among the region's inputs or outputs, -1 when it is none of them.
inline int position_of(const std::vector<int>& list, int value) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == value) return static_cast<int>(i);
  }
  return -1;
}

/// Input or output `position` of a kernel; null for position -1.
template <class T>
const T* input(const KernelContext& context, int position) {
  return position < 0 ? nullptr : static_cast<const T*>(context.inputs[position]);
}
template <class T>
T* output(const KernelContext& context, int position) {
  return position < 0 ? nullptr : static_cast<T*>(context.outputs[position]);
}

/// Are the first two inputs of the region's first op different tensors?
inline bool reads_two_tensors(const Region& region) {
  const std::vector<int>& inputs = region.steps[0].inputs;
  return inputs[0] != inputs[1];
}

/// Is every value of the region float32? What the vector kernels are made for.
inline bool all_float32(const Region& region) {
  for (const TensorSpec& spec : region.values) {
    if (spec.dtype != DType::float32) return false;
  }
  return true;
}

}  // namespace fovea::cpu
