#include <map>

#include "saving/hdf5_dense.h"
#include "saving/hdf5_objects.h"

// Attributes of text. They stand in the object's header or, where there are many or large ones, in a fractal
// heap. A text of fixed length stands in the attribute itself, one of variable length in a global heap.

namespace fovea::hdf5 {
namespace {

constexpr std::uint64_t kMaxTexts = std::uint64_t{1} << 20;

/// An attribute message in its parts.
struct Attribute {
  std::string name;
  Message datatype, dataspace;
  std::uint64_t data = 0, end = 0;
};

Attribute read_attribute(const Bytes& file, std::uint64_t at, std::uint64_t size) {
  Attribute result;
  result.end = at + size;
  Cursor field(file, at);
  const std::uint64_t version = field.next(1), flags = field.next(1);
  if (version < 1 || version > 3) fail("has an attribute of version {}, which is not known", version);
  const std::uint64_t name_size = field.next(2);
  result.datatype.size = field.next(2);
  result.dataspace.size = field.next(2);
  if (version == 3) field.skip(1);  // character set
  const auto part = [&](std::uint64_t bytes) {
    const std::uint64_t start = field.at();
    field.skip(version == 1 ? (bytes + 7) / 8 * 8 : bytes);
    return start;
  };
  const std::uint64_t name = part(name_size);
  result.name = file.text(name, name + name_size);
  result.datatype.shared = version > 1 && (flags & 1) != 0;
  result.dataspace.shared = version > 1 && (flags & 2) != 0;
  result.datatype.at = part(result.datatype.size);
  result.dataspace.at = part(result.dataspace.size);
  result.data = field.at();
  if (result.data > result.end) fail("is damaged: the attribute at {} is too long", at);
  return result;
}

std::optional<Attribute> find_dense(const Bytes& file, const Message& info, std::string_view name) {
  Cursor field(file, info.at + 1);
  if ((field.next(1) & 1) != 0) field.skip(2);  // order of creation
  const std::uint64_t heap = field.next(8), index = field.next(8);
  if (heap == kUndefined) return {};
  const FractalHeap objects(file, heap);
  for (const std::uint64_t record : Index(file, index).records) {
    // Identifier, flags, order of creation, hash.
    file.require(record, objects.id_length() + 1 + 4 + 4);
    const Place place = objects.find(record);
    Attribute found = read_attribute(file, place.at, place.size);
    if (found.name == name) return found;
  }
  return {};
}

std::optional<Attribute> find_attribute(const Bytes& file, const std::vector<Message>& messages,
                                        std::string_view name) {
  for (const Message& message : messages) {
    if (message.type != static_cast<std::uint16_t>(MessageType::attribute)) continue;
    if (message.shared) fail("keeps an attribute elsewhere, which is not read");
    Attribute found = read_attribute(file, message.at, message.size);
    if (found.name == name) return found;
  }
  if (const auto info = find_message(messages, MessageType::attribute_info))
    return find_dense(file, *info, name);
  return {};
}

/// Objects of variable length, in collections.
class GlobalHeap {
 public:
  explicit GlobalHeap(const Bytes& file) : file_(file) {}

  Place object(std::uint64_t collection, std::uint64_t index) {
    auto known = collections_.find(collection);
    if (known == collections_.end()) known = collections_.emplace(collection, read(collection)).first;
    const auto found = known->second.find(index);
    if (found == known->second.end()) fail("is damaged: the heap at {} has no object {}", collection, index);
    return found->second;
  }

 private:
  using Collection = std::map<std::uint64_t, Place>;

  Collection read(std::uint64_t at) {
    constexpr std::uint64_t kHead = 16;
    file_.expect(at, "GCOL");
    const std::uint64_t size = file_.number(at + 8, 8);
    file_.require(at, size);
    Collection objects;
    for (std::uint64_t place = at + kHead; place + kHead <= at + size;) {
      // Collections that overlap could have more objects than fit into the file.
      if (++objects_ * kHead > file_.size()) fail("is damaged: its heaps hold more than the file can");
      Cursor field(file_, place);
      const std::uint64_t index = field.next(2);
      if (index == 0) break;  // free space ends it
      field.skip(6);
      const std::uint64_t length = field.next(8);
      objects.emplace(index, Place{field.at(), length});
      field.skip(length);
      place = field.at() + (8 - length % 8) % 8;
    }
    return objects;
  }

  const Bytes& file_;
  std::map<std::uint64_t, Collection> collections_;
  std::uint64_t objects_ = 0;
};

/// Without what fills a text of fixed length up.
std::string_view trimmed(std::string_view text, std::uint64_t padding) {
  constexpr std::uint64_t kTerminated = 0, kSpaces = 2;
  if (padding == kTerminated) return text.substr(0, text.find('\0'));
  const std::size_t last = text.find_last_not_of(padding == kSpaces ? ' ' : '\0');
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::vector<std::string> read_texts(const Bytes& file, const Attribute& attribute) {
  constexpr std::uint64_t kText = 3, kVariable = 9, kVariableSize = 16;
  if (attribute.datatype.shared || attribute.dataspace.shared)
    fail("keeps a part of its description elsewhere, which is not read");
  const Shape shape = shape_of(file, attribute.dataspace);
  if (shape.rank() > 1) fail("has {} dimensions; a text or a list of texts is read", shape.rank());
  const auto count = static_cast<std::uint64_t>(shape.elements());
  if (count == 0) return {};  // of any type: h5py writes an empty list as one of numbers
  if (count > kMaxTexts) fail("has {} texts; at most {} are read", count, kMaxTexts);

  Cursor type(file, attribute.datatype.at);
  const std::uint64_t kind = type.next(1) & 0x0F, bits = type.next(3), size = type.next(4);
  const bool variable = kind == kVariable && (bits & 0x0F) == 1;
  if (kind != kText && !variable) fail("holds no text (HDF5's class {})", kind);
  if (size == 0 || (variable && size != kVariableSize)) fail("is damaged: texts of {} bytes", size);
  if (count > (attribute.end - attribute.data) / size)
    fail("is damaged: {} texts of {} bytes do not fit into it", count, size);

  std::vector<std::string> texts;
  GlobalHeap heap(file);
  std::uint64_t total = 0;
  Cursor field(file, attribute.data);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!variable) {
      texts.emplace_back(trimmed(field.part(size), bits & 0x0F));
      continue;
    }
    const std::uint64_t length = field.next(4), collection = field.next(8), index = field.next(4);
    if (length == 0) {
      texts.emplace_back();
      continue;
    }
    const Place object = heap.object(collection, index);
    total += length;
    if (length > object.size || total > file.size())
      fail("is damaged: a text of {} bytes is longer than its place", length);
    texts.emplace_back(trimmed(file.part(object.at, length), 1));
  }
  return texts;
}

}  // namespace

std::optional<std::vector<std::string>> attribute_texts(const Bytes& file,
                                                        const std::vector<Message>& messages,
                                                        std::string_view name) {
  const std::optional<Attribute> found = find_attribute(file, messages, name);
  if (!found) return {};
  try {
    return read_texts(file, *found);
  } catch (const Error& error) {
    fail("its attribute '{}' {}", name, error.what());
  }
}

}  // namespace fovea::hdf5
