#pragma once

#include <cstddef>

namespace fovea {

/// What a piece of work may use for values that it does not hand to other pieces: about one core's L2 cache.
inline constexpr std::size_t kThreadScratchBytes = std::size_t{1} << 20;

/// kThreadScratchBytes at 64 bytes that belong to the calling thread, for one piece at a time. The threads of
/// a ThreadPool and those that call one have theirs before the first piece, so that no later step allocates.
std::byte* thread_scratch();

}  // namespace fovea
