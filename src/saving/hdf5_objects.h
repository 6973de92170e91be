#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/tensor.h"
#include "saving/hdf5_bytes.h"

// Objects of an HDF5 file: headers with their messages, the links of groups, and attributes. Names of
// sections and messages are those of the "HDF5 File Format Specification Version 3.0", III and IV.

namespace fovea::hdf5 {

enum class MessageType : std::uint16_t {
  dataspace = 0x01,
  link_info = 0x02,
  datatype = 0x03,
  link = 0x06,
  external_files = 0x07,
  layout = 0x08,
  attribute = 0x0C,
  continuation = 0x10,
  symbol_table = 0x11,
  attribute_info = 0x15,
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

/// The shape that a dataspace message says.
Shape shape_of(const Bytes& file, const Message& dataspace);

/// The texts of an attribute of the object with these messages: one for a scalar, or those of a list. Nothing
/// when there is no such attribute. Throws Error for one that holds something else.
std::optional<std::vector<std::string>> attribute_texts(const Bytes& file,
                                                        const std::vector<Message>& messages,
                                                        std::string_view name);

/// The address of the root group's header. Throws Error when the file is no HDF5 file, or one of a kind that
/// is not read.
std::uint64_t root_header(const Bytes& file);

}  // namespace fovea::hdf5
