#pragma once

namespace fovea {

/// The version whose formats are written, and the backend that files name.
inline constexpr const char* kKerasVersion = "3.15.1";
inline constexpr const char* kKerasBackend = "tensorflow";

}  // namespace fovea
