#include "saving/hdf5_objects.h"

namespace fovea::hdf5 {
namespace {

constexpr std::size_t kMaxMessages = 100000;

/// A run of messages: the rest of a header, or a continuation block.
struct Block {
  std::uint64_t at, end;
};

/// Version 1: each message has a prefix of 8 bytes.
void read_block_v1(const Bytes& file, const Block& block, std::vector<Message>& messages) {
  std::uint64_t at = block.at;
  while (at + 8 <= block.end) {
    Cursor field(file, at);
    Message message;
    message.type = static_cast<std::uint16_t>(field.next(2));
    message.size = field.next(2);
    message.shared = (field.next(1) & 2) != 0;
    message.at = at + 8;
    if (message.size > block.end - message.at) fail("is damaged: a message at {} is too long", at);
    messages.push_back(message);
    at = message.at + message.size;
  }
}

/// Version 2: a prefix of 4 bytes, or 6 with the order of creation; a checksum ends the block.
void read_block_v2(const Bytes& file, const Block& block, unsigned prefix, std::vector<Message>& messages) {
  std::uint64_t at = block.at;
  while (at + prefix <= block.end) {
    Cursor field(file, at);
    Message message;
    message.type = static_cast<std::uint16_t>(field.next(1));
    message.size = field.next(2);
    message.shared = (field.next(1) & 2) != 0;
    message.at = at + prefix;
    if (message.size > block.end - message.at) fail("is damaged: a message at {} is too long", at);
    messages.push_back(message);
    at = message.at + message.size;
  }
}

}  // namespace

std::vector<Message> messages_of(const Bytes& file, std::uint64_t header) {
  constexpr unsigned kChecksum = 4;
  const bool second_version = file.starts(header, "OHDR");
  unsigned prefix = 0;
  Block block{};
  if (second_version) {
    Cursor field(file, header + 4);
    if (const auto version = field.next(1); version != 2) fail("has an object header of version {}", version);
    const auto flags = static_cast<unsigned>(field.next(1));
    if ((flags & 0x20) != 0) field.skip(16);  // times
    if ((flags & 0x10) != 0) field.skip(4);   // limits for attributes
    const std::uint64_t size = field.next(1u << (flags & 3));
    file.require(field.at(), size);
    block = {field.at(), field.at() + size};
    prefix = (flags & 4) != 0 ? 6 : 4;
  } else {
    if (const auto version = file.number(header, 1); version != 1)
      fail("is damaged: there is no object header at {}", header);
    const std::uint64_t size = file.number(header + 8, 4);
    file.require(header + 16, size);
    block = {header + 16, header + 16 + size};
  }

  std::vector<Message> messages;
  std::vector<Block> blocks{block};
  // The list grows while it is read; messages are counted, so that circles end.
  for (std::size_t b = 0, next = 0; b < blocks.size(); ++b) {
    const Block here = blocks[b];
    if (second_version) {
      read_block_v2(file, here, prefix, messages);
    } else {
      read_block_v1(file, here, messages);
    }
    if (messages.size() > kMaxMessages || blocks.size() > kMaxMessages)
      fail("is damaged: the object at {} has no end", header);
    for (; next < messages.size(); ++next) {
      if (messages[next].type != static_cast<std::uint16_t>(MessageType::continuation)) continue;
      Cursor field(file, messages[next].at);
      const std::uint64_t at = field.next(8), size = field.next(8);
      file.require(at, size);
      if (second_version) {
        file.expect(at, "OCHK");
        if (size < 4 + kChecksum) fail("is damaged: a part of the object at {} is too short", header);
        blocks.push_back({at + 4, at + size - kChecksum});
      } else {
        blocks.push_back({at, at + size});
      }
    }
  }
  return messages;
}

std::optional<Message> find_message(const std::vector<Message>& messages, MessageType type) {
  for (const Message& message : messages) {
    if (message.type != static_cast<std::uint16_t>(type)) continue;
    if (message.shared) fail("keeps a part of its description elsewhere, which is not read");
    return message;
  }
  return {};
}

Shape shape_of(const Bytes& file, const Message& dataspace) {
  Cursor field(file, dataspace.at);
  const std::uint64_t version = field.next(1), rank = field.next(1);
  if (version != 1 && version != 2) fail("has a dataspace of version {}", version);
  field.skip(1);
  const std::uint64_t kind = field.next(1);
  if (version == 2 && kind == 2) fail("is empty");
  if (version == 1) field.skip(4);
  if (rank > Shape::max_rank) fail("has {} dimensions; at most {} can be read", rank, Shape::max_rank);
  Shape shape;
  for (std::uint64_t i = 0; i < rank; ++i) {
    const std::uint64_t size = field.next(8);
    if (size > static_cast<std::uint64_t>(INT64_MAX)) fail("is damaged: a size of {}", size);
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return shape;
}

std::uint64_t root_header(const Bytes& file) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  if (file.size() < 16 || !file.starts(0, kSignature)) fail("is no HDF5 file");
  const auto version = file.number(8, 1);
  const bool old = version < 2;
  if (version > 3) fail("is an HDF5 file of superblock version {}, which is not known", version);
  const auto offset_width = file.number(old ? 13 : 9, 1), length_width = file.number(old ? 14 : 10, 1);
  if (offset_width != 8 || length_width != 8)
    fail("is an HDF5 file with addresses of {} and lengths of {} bytes; both must have 8", offset_width,
         length_width);
  const std::uint64_t addresses = old ? (version == 0 ? 24 : 28) : 12;
  if (file.number(addresses, 8) != 0) fail("is an HDF5 file behind a user block, which is not read");
  // Behind the four addresses of an old superblock stands the root's symbol table entry: name, header.
  return file.number(old ? addresses + 4 * 8 + 8 : addresses + 3 * 8, 8);
}

}  // namespace fovea::hdf5
