#pragma once

#include <cstdint>
#include <string_view>

namespace fovea {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), as the records of event files carry it.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace fovea
