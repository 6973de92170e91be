#include "saving/hdf5_dense.h"
#include "saving/hdf5_objects.h"

// Members of a group. Old style: a symbol table, that is a B-tree of version 1 over nodes of entries, whose
// names stand in a local heap. New style: link messages in the group's header, or in a fractal heap when
// there are many.

namespace fovea::hdf5 {
namespace {

/// The members of a group, of which there are no more, and with no longer names, than the file can hold:
/// those of a hostile file may stand for the same bytes.
class Members {
 public:
  explicit Members(const Bytes& file) : file_(file) {}
  void add(Link link) {
    constexpr std::uint64_t kSmallest = 12;
    bytes_ += kSmallest + link.name.size();
    if (bytes_ > file_.size()) fail("is damaged: a group has more members than the file can hold");
    links.push_back(std::move(link));
  }
  std::vector<Link> links;

 private:
  const Bytes& file_;
  std::uint64_t bytes_ = 0;
};

class SymbolTable {
 public:
  SymbolTable(const Bytes& file, std::uint64_t tree, std::uint64_t heap, Members& members)
      : file_(file), members_(members) {
    file.expect(heap, "HEAP");
    const std::uint64_t size = file.number(heap + 8, 8);
    names_ = file.number(heap + 24, 8);
    file.require(names_, size);
    names_end_ = names_ + size;
    file.expect(tree, "TREE");
    read_tree(tree, file.number(tree + 5, 1));
  }

 private:
  /// "TREE", type, level, number of entries, two siblings; then key, child, key, child, ..., key.
  void read_tree(std::uint64_t at, std::uint64_t level) {
    constexpr std::uint64_t kHead = 24, kEntry = 16;
    file_.expect(at, "TREE");
    if (++nodes_ * kHead > file_.size()) fail("is damaged: a group with more nodes than the file can hold");
    if (file_.number(at + 4, 1) != 0 || file_.number(at + 5, 1) != level)
      fail("is damaged: the node at {} is none of its group", at);
    const std::uint64_t count = file_.number(at + 6, 2);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t child = file_.number(at + kHead + i * kEntry + 8, 8);
      if (level > 0) {
        read_tree(child, level - 1);
      } else {
        read_node(child);
      }
    }
  }

  void read_node(std::uint64_t at) {
    constexpr std::uint64_t kHead = 8, kEntry = 40;
    constexpr std::uint64_t kSoftLink = 2;
    file_.expect(at, "SNOD");
    const std::uint64_t count = file_.number(at + 6, 2);
    for (std::uint64_t i = 0; i < count; ++i) {
      Cursor field(file_, at + kHead + i * kEntry);
      const std::uint64_t name = field.next(8), header = field.next(8), kind = field.next(4);
      if (name > names_end_ - names_) fail("is damaged: a name at {} lies outside of its heap", name);
      members_.add({file_.text(names_ + name, names_end_), kind != kSoftLink, header});
    }
  }

  const Bytes& file_;
  Members& members_;
  std::uint64_t names_ = 0, names_end_ = 0, nodes_ = 0;
};

/// A link as the link message at [at, at + size) has it.
Link read_link_message(const Bytes& file, std::uint64_t at, std::uint64_t size) {
  const std::uint64_t end = at + size;
  Cursor field(file, at);
  if (const auto version = field.next(1); version != 1) fail("has a link of version {}", version);
  const auto flags = static_cast<unsigned>(field.next(1));
  const std::uint64_t kind = (flags & 8) != 0 ? field.next(1) : 0;
  if ((flags & 4) != 0) field.skip(8);   // order of creation
  if ((flags & 16) != 0) field.skip(1);  // character set
  const std::uint64_t length = field.next(1u << (flags & 3));
  Link link;
  link.name = field.part(length);
  link.hard = kind == 0;
  if (link.hard) link.header = field.next(8);
  if (field.at() > end) fail("is damaged: the link at {} is too long", at);
  return link;
}

/// Of groups of many members in the format of HDF5 1.8 and later.
void read_dense_links(const Bytes& file, std::uint64_t heap, std::uint64_t index, Members& members) {
  constexpr std::uint64_t kHash = 4;
  const FractalHeap objects(file, heap);
  for (const std::uint64_t record : Index(file, index).records) {
    file.require(record, kHash + objects.id_length());
    const Place place = objects.find(record + kHash);
    members.add(read_link_message(file, place.at, place.size));
  }
}

}  // namespace

bool is_group(const std::vector<Message>& messages) {
  return find_message(messages, MessageType::symbol_table) || find_message(messages, MessageType::link_info);
}

std::vector<Link> links_of(const Bytes& file, const std::vector<Message>& messages) {
  Members members(file);
  if (const auto table = find_message(messages, MessageType::symbol_table)) {
    SymbolTable(file, file.number(table->at, 8), file.number(table->at + 8, 8), members);
    return std::move(members.links);
  }
  for (const Message& message : messages) {
    if (message.type != static_cast<std::uint16_t>(MessageType::link)) continue;
    members.add(read_link_message(file, message.at, message.size));
  }
  if (const auto info = find_message(messages, MessageType::link_info)) {
    Cursor field(file, info->at + 1);
    if ((field.next(1) & 1) != 0) field.skip(8);
    const std::uint64_t heap = field.next(8), name_index = field.next(8);
    if (heap != kUndefined) read_dense_links(file, heap, name_index, members);
  }
  return std::move(members.links);
}

}  // namespace fovea::hdf5
