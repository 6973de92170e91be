#pragma once

#include <string_view>

namespace fovea {

/// Hands a message to the function of set_log_callback; does nothing when there is none.
void log_message(std::string_view message);

}  // namespace fovea
