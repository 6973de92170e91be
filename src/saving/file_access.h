#pragma once

#include <new>
#include <string>
#include <string_view>

#include "core/format.h"

namespace fovea {

bool ends_with(std::string_view path, std::string_view ending);

/// Runs `work`; what it throws begins with `path`.
template <class Work>
auto about(const std::string& path, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    fail("'{}': {}", path, error.what());
  } catch (const std::bad_alloc&) {
    fail("'{}': there is not enough memory for it", path);
  }
}

/// Throws Error, without the path, for what is no file.
void require_file(const std::string& path);

}  // namespace fovea
