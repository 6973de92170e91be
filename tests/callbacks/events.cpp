#include "callbacks/events.h"

#include <cstring>
#include <stdexcept>

#include "callbacks/crc32c.h"
#include "callbacks/support.h"

namespace fovea::test {
namespace {

template <class T>
T read(const std::string& bytes, std::size_t at) {
  T value;
  if (at + sizeof value > bytes.size()) throw std::runtime_error("an event file ends too early");
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Field {
  int number = 0;
  std::int64_t varint = 0;
  std::string bytes = {};
};

std::vector<Field> fields_of(const std::string& message) {
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = read<std::uint8_t>(message, at++);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  };
  std::vector<Field> fields;
  while (at < message.size()) {
    const std::uint64_t key = varint();
    Field field{static_cast<int>(key >> 3)};
    if ((key & 7) == 0) {
      field.varint = static_cast<std::int64_t>(varint());
    } else {
      const std::size_t size = (key & 7) == 1 ? 8 : varint();
      field.bytes = message.substr(at, size);
      if (field.bytes.size() != size) throw std::runtime_error("a message ends too early");
      at += size;
    }
    fields.push_back(field);
  }
  return fields;
}

void read_tensor(const std::string& message, ReadEvent& event) {
  for (const Field& field : fields_of(message)) {
    if (field.number == 1) event.dtype = field.varint;
    if (field.number == 4) event.content = field.bytes;
    if (field.number != 2) continue;
    for (const Field& dim : fields_of(field.bytes)) {
      for (const Field& size : fields_of(dim.bytes)) event.shape.push_back(size.varint);
    }
  }
}

void read_value(const std::string& message, ReadEvent& event) {
  for (const Field& field : fields_of(message)) {
    if (field.number == 1) event.tag = field.bytes;
    if (field.number == 8) read_tensor(field.bytes, event);
    if (field.number != 9) continue;
    for (const Field& data : fields_of(field.bytes)) event.plugin = fields_of(data.bytes).at(0).bytes;
  }
}

void check_crc(std::uint32_t masked, const std::string& bytes) {
  const std::uint32_t rotated = masked - 0xA282EAD8U;
  if (((rotated >> 17) | (rotated << 15)) != crc32c(bytes)) throw std::runtime_error("a wrong checksum");
}

}  // namespace

double ReadEvent::scalar() const { return static_cast<double>(read<float>(content, 0)); }

std::vector<double> ReadEvent::doubles() const {
  std::vector<double> values;
  for (std::size_t at = 0; at < content.size(); at += 8) values.push_back(read<double>(content, at));
  return values;
}

std::vector<ReadEvent> read_events(const std::string& path) {
  const std::string bytes = read_file(path);
  std::vector<ReadEvent> events;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = static_cast<std::size_t>(read<std::uint64_t>(bytes, at));
    check_crc(read<std::uint32_t>(bytes, at + 8), bytes.substr(at, 8));
    const std::string data = bytes.substr(at + 12, size);
    check_crc(read<std::uint32_t>(bytes, at + 12 + size), data);
    at += size + 16;
    ReadEvent event;
    for (const Field& field : fields_of(data)) {
      if (field.number == 1) event.wall_time = read<double>(field.bytes, 0);
      if (field.number == 2) event.step = field.varint;
      if (field.number == 3) event.file_version = field.bytes;
      if (field.number == 5) read_value(fields_of(field.bytes).at(0).bytes, event);
    }
    events.push_back(event);
  }
  return events;
}

}  // namespace fovea::test
