#pragma once

#include "backends/backend.h"
#include "core/cache_lines.h"

namespace fovea {

/// Bytes for a kernel that packs at each run: what it packs, then its workspace at a multiple of 64.
inline std::size_t packed_part(const Kernel& kernel) { return whole_lines(kernel.packed_bytes()); }
inline std::size_t packing_workspace(const Kernel& kernel) {
  return packed_part(kernel) + kernel.workspace_bytes();
}

/// Packs what the kernel reads packed into `workspace`, of packing_workspace() bytes, and runs it.
inline void pack_and_run(const Kernel& kernel, const void* const* inputs, void* const* outputs,
                         std::byte* workspace, ThreadPool& threads) {
  const int packed = kernel.packed_input();
  if (packed < 0) return kernel.run({inputs, outputs, workspace, threads});
  kernel.pack(inputs[packed], workspace, threads);
  kernel.run({inputs, outputs, workspace + packed_part(kernel), threads, workspace});
}

}  // namespace fovea
