#pragma once

#include <optional>
#include <string>
#include <vector>

#include "saving/hdf5_bytes.h"

// Objects of an HDF5 file: headers with their messages, and the links of groups. Names of sections and
// messages are those of the "HDF5 File Format Specification Version 3.0", III and IV.

namespace fovea::hdf5 {

enum class MessageType : std::uint16_t {
  dataspace = 0x01,
  link_info = 0x02,
  datatype = 0x03,
  link = 0x06,
  external_files = 0x07,
  layout = 0x08,
  continuation = 0x10,
  symbol_table = 0x11,
};

struct Message {
  std::uint16_t type = 0;
  bool shared = false;  ///< its content stands elsewhere
  std::uint64_t at = 0, size = 0;
};

/// The messages of the object header at an address, those of its continuations included.
std::vector<Message> messages_of(const Bytes& file, std::uint64_t header);
/// The first of a type. Throws Error for a shared one.
std::optional<Message> find_message(const std::vector<Message>& messages, MessageType type);

struct Link {
  std::string name;
  bool hard = true;          ///< not soft or external
  std::uint64_t header = 0;  ///< address of the object's header, of a hard link
};

/// Is the object with these messages a group?
bool is_group(const std::vector<Message>& messages);
std::vector<Link> links_of(const Bytes& file, const std::vector<Message>& messages);

/// A link as the link message at [at, at + size) has it.
Link read_link_message(const Bytes& file, std::uint64_t at, std::uint64_t size);
/// Links that stand in a fractal heap, found through a B-tree of version 2 by name (groups of many members in
/// the format of HDF5 1.8 and later).
std::vector<Link> dense_links(const Bytes& file, std::uint64_t heap, std::uint64_t name_index);

/// The address of the root group's header. Throws Error when the file is no HDF5 file, or one of a kind that
/// is not read.
std::uint64_t root_header(const Bytes& file);

}  // namespace fovea::hdf5
