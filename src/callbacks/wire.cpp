#include "callbacks/wire.h"

#include <bit>

namespace fovea {

void append_little_endian(std::string& bytes, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFF);
}

void WireMessage::put_varint(std::uint64_t value) {
  // Seven bits a byte, the lowest first; the top bit says that more follow.
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7F) | 0x80);
  bytes_ += static_cast<char>(value);
}

void WireMessage::key(int field, unsigned kind) {
  put_varint((static_cast<std::uint64_t>(field) << 3) | kind);
}

void WireMessage::varint(int field, std::int64_t value) {
  if (value == 0) return;
  key(field, 0);
  put_varint(static_cast<std::uint64_t>(value));
}

void WireMessage::float64(int field, double value) {
  key(field, 1);
  append_little_endian(bytes_, std::bit_cast<std::uint64_t>(value), 8);
}

void WireMessage::text(int field, std::string_view value) {
  key(field, 2);
  put_varint(value.size());
  bytes_ += value;
}

}  // namespace fovea
