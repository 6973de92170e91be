#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fovea {

/// Replaces the file at `path` in one step: whoever reads it, now or after a crash, sees the old content or
/// the new one, never a part. `write` fills the file whose name it is given, which lies beside `path`; it is
/// then flushed to the disk and renamed. When something fails the old file is as it was and the new one is
/// gone. A symbolic link stays one; the file keeps its permissions. Throws Error naming `path` and the
/// reason.
void write_atomically(const std::string& path,
                      const std::function<void(const std::string& temporary)>& write);

/// The same for bytes in memory.
void write_atomically(const std::string& path, std::string_view content);
/// And for several pieces, one behind the other.
void write_atomically(const std::string& path, const std::vector<std::string_view>& pieces);

}  // namespace fovea
