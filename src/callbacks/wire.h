#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fovea {

/// Encodes a message of protocol buffers (https://protobuf.dev/programming-guides/encoding). An event file
/// needs three kinds of field in eight small messages that have not changed in years, so the protobuf
/// library, with its code generator and its clashes of versions in a user's program, is not worth linking.
class WireMessage {
 public:
  /// int32, int64, enum. A zero is the default and is left out.
  void varint(int field, std::int64_t value);
  void float64(int field, double value);
  /// string, bytes.
  void text(int field, std::string_view value);
  /// A nested message; written when empty too.
  void message(int field, const WireMessage& value) { text(field, value.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, unsigned kind);
  void put_varint(std::uint64_t value);

  std::string bytes_;
};

/// Appends the `size` low bytes of a number, the lowest first.
void append_little_endian(std::string& bytes, std::uint64_t value, int size);

}  // namespace fovea
