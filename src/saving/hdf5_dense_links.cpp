#include <bit>

#include "saving/hdf5_objects.h"

namespace fovea::hdf5 {
namespace {

/// Bytes that hold every number up to `limit`.
unsigned width_of(std::uint64_t limit) {
  return limit == 0 ? 1 : (static_cast<unsigned>(std::bit_width(limit)) + 7) / 8;
}

std::uint64_t power_of_two(std::uint64_t value, const char* what) {
  if (!std::has_single_bit(value)) fail("is damaged: the {} of a heap is {}", what, value);
  return static_cast<std::uint64_t>(std::bit_width(value)) - 1;
}

/// Objects in blocks that double in size. An object's identifier holds its offset in the heap and its length.
class FractalHeap {
 public:
  FractalHeap(const Bytes& file, std::uint64_t header) : file_(file) {
    file.expect(header, "FRHP");
    Cursor field(file, header + 5);
    id_length_ = field.next(2);
    if (field.next(2) != 0) fail("has a heap that is packed by filters, which is not read");
    field.skip(1);
    const std::uint64_t largest_object = field.next(4);
    field.skip(12 * 8);  // what is free, allocated, huge and tiny
    table_width_ = field.next(2);
    start_size_ = field.next(8);
    max_direct_size_ = field.next(8);
    const std::uint64_t address_bits = field.next(2);
    field.skip(2);
    root_ = field.next(8);
    root_rows_ = field.next(2);
    if (table_width_ == 0 || address_bits == 0 || address_bits > 64)
      fail("is damaged: a heap without blocks");
    start_bits_ = power_of_two(start_size_, "first block");
    direct_bits_ = power_of_two(max_direct_size_, "largest block");
    table_bits_ = power_of_two(table_width_, "width");
    offset_width_ = static_cast<unsigned>(address_bits + 7) / 8;
    length_width_ = std::min(static_cast<unsigned>(direct_bits_ + 7) / 8, width_of(largest_object));
  }

  std::uint64_t id_length() const { return id_length_; }

  /// Address in the file and length of the object that an identifier, at `at`, means.
  std::pair<std::uint64_t, std::uint64_t> find(std::uint64_t at) const {
    Cursor field(file_, at);
    if (const auto kind = field.next(1) & 0x30; kind != 0) fail("has a link that does not stand in its heap");
    const std::uint64_t offset = field.next(offset_width_), length = field.next(length_width_);
    if (root_rows_ == 0) return in_direct_block(root_, 0, start_size_, offset, length);
    return in_indirect_block(root_, root_rows_, 0, offset, length, 0);
  }

 private:
  std::uint64_t row_size(std::uint64_t row) const {
    return row == 0 ? start_size_ : start_size_ << std::min<std::uint64_t>(row - 1, 63 - start_bits_);
  }

  std::pair<std::uint64_t, std::uint64_t> in_direct_block(std::uint64_t block, std::uint64_t first,
                                                          std::uint64_t size, std::uint64_t offset,
                                                          std::uint64_t length) const {
    file_.expect(block, "FHDB");
    if (offset < first || length > size || offset - first > size - length)
      fail("is damaged: an object of a heap lies outside of its block");
    file_.part(block + (offset - first), length);
    return {block + (offset - first), length};
  }

  /// `first` is the offset in the heap of the first block below this one.
  std::pair<std::uint64_t, std::uint64_t> in_indirect_block(std::uint64_t block, std::uint64_t rows,
                                                            std::uint64_t first, std::uint64_t offset,
                                                            std::uint64_t length, int depth) const {
    file_.expect(block, "FHIB");
    if (depth > 64) fail("is damaged: a heap without end");
    const std::uint64_t children = block + 5 + 8 + offset_width_;
    for (std::uint64_t row = 0; row < rows; ++row) {
      const std::uint64_t size = row_size(row), row_bytes = size * table_width_;
      if (offset - first >= row_bytes) {
        first += row_bytes;
        continue;
      }
      const std::uint64_t column = (offset - first) / size;
      const std::uint64_t child = file_.number(children + 8 * (row * table_width_ + column), 8);
      const std::uint64_t child_first = first + column * size;
      if (size <= max_direct_size_) return in_direct_block(child, child_first, size, offset, length);
      const std::uint64_t bits = static_cast<std::uint64_t>(std::bit_width(size)) - 1;
      if (bits < start_bits_ + table_bits_) break;
      return in_indirect_block(child, bits - start_bits_ - table_bits_ + 1, child_first, offset, length,
                               depth + 1);
    }
    fail("is damaged: an object of a heap lies in none of its blocks");
  }

  const Bytes& file_;
  std::uint64_t id_length_ = 0, table_width_ = 0, start_size_ = 0, max_direct_size_ = 0, root_ = 0,
                root_rows_ = 0;
  std::uint64_t start_bits_ = 0, direct_bits_ = 0, table_bits_ = 0;
  unsigned offset_width_ = 0, length_width_ = 0;
};

/// A B-tree of version 2; `records` are the addresses of its records.
class NameIndex {
 public:
  NameIndex(const Bytes& file, std::uint64_t header) : file_(file) {
    file.expect(header, "BTHD");
    Cursor field(file, header + 6);
    const std::uint64_t node_size = field.next(4);
    record_size_ = field.next(2);
    const std::uint64_t depth = field.next(2);
    field.skip(2);
    const std::uint64_t root = field.next(8), root_count = field.next(2), total = field.next(8);
    if (record_size_ == 0 || node_size <= kOverhead || depth > 32 || total > file.size())
      fail("is damaged: an index of names with nodes of {} bytes", node_size);

    // How many records fit below a node says how wide the counts in its pointers are.
    std::uint64_t most = (node_size - kOverhead) / record_size_, most_below = most;
    count_width_ = width_of(most);
    total_widths_ = {0};
    for (std::uint64_t level = 1; level <= depth; ++level) {
      const std::uint64_t pointer = 8 + count_width_ + total_widths_.back();
      if (node_size <= kOverhead + pointer)
        fail("is damaged: an index of names with nodes of {} bytes", node_size);
      most = (node_size - kOverhead - pointer) / (record_size_ + pointer);
      most_below = std::min((most + 1) * most_below + most, std::uint64_t{1} << 48);
      total_widths_.push_back(width_of(most_below));
    }
    if (total > 0) read(root, root_count, depth, total);
    if (records.size() != total) fail("is damaged: an index of {} names has {}", total, records.size());
  }
  std::vector<std::uint64_t> records;

 private:
  static constexpr std::uint64_t kOverhead = 10;  // signature, version, type, checksum

  void read(std::uint64_t node, std::uint64_t count, std::uint64_t depth, std::uint64_t limit) {
    file_.expect(node, depth == 0 ? "BTLF" : "BTIN");
    if (records.size() + count > limit) fail("is damaged: an index of {} names has more", limit);
    for (std::uint64_t i = 0; i < count; ++i) records.push_back(node + 6 + i * record_size_);
    if (depth == 0) return;
    Cursor field(file_, node + 6 + count * record_size_);
    for (std::uint64_t i = 0; i <= count; ++i) {
      const std::uint64_t child = field.next(8), child_count = field.next(count_width_);
      if (depth > 1) field.skip(total_widths_[depth - 1]);
      read(child, child_count, depth - 1, limit);
    }
  }

  const Bytes& file_;
  std::uint64_t record_size_ = 0;
  unsigned count_width_ = 0;
  std::vector<unsigned> total_widths_;  ///< by level
};

}  // namespace

std::vector<Link> dense_links(const Bytes& file, std::uint64_t heap, std::uint64_t name_index) {
  constexpr std::uint64_t kHash = 4;
  const FractalHeap objects(file, heap);
  std::vector<Link> links;
  for (const std::uint64_t record : NameIndex(file, name_index).records) {
    file.part(record, kHash + objects.id_length());
    const auto [at, length] = objects.find(record + kHash);
    links.push_back(read_link_message(file, at, length));
  }
  return links;
}

}  // namespace fovea::hdf5
