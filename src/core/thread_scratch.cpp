#include "core/thread_scratch.h"

#include "core/arena.h"

namespace fovea {

std::byte* thread_scratch() {
  thread_local Arena memory(kThreadScratchBytes);
  return memory.data();
}

}  // namespace fovea
