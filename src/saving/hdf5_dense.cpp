#include "saving/hdf5_dense.h"

#include <algorithm>
#include <bit>

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

constexpr std::uint64_t kNodeOverhead = 10;  // signature, version, type, checksum

}  // namespace

// ---- the heap ----

FractalHeap::FractalHeap(const Bytes& file, std::uint64_t header) : file_(file) {
  file.expect(header, "FRHP");
  Cursor field(file, header + 5);
  id_length_ = field.next(2);
  if (field.next(2) != 0) fail("has a heap that is packed by filters, which is not read");
  field.skip(1);
  const std::uint64_t largest_object = field.next(4);
  field.skip(8);
  huge_index_ = field.next(8);
  field.skip(10 * 8);  // what is free, allocated, huge and tiny
  table_width_ = field.next(2);
  start_size_ = field.next(8);
  max_direct_size_ = field.next(8);
  const std::uint64_t address_bits = field.next(2);
  field.skip(2);
  root_ = field.next(8);
  root_rows_ = field.next(2);
  if (table_width_ == 0 || address_bits == 0 || address_bits > 64) fail("is damaged: a heap without blocks");
  start_bits_ = power_of_two(start_size_, "first block");
  direct_bits_ = power_of_two(max_direct_size_, "largest block");
  table_bits_ = power_of_two(table_width_, "width");
  offset_width_ = static_cast<unsigned>(address_bits + 7) / 8;
  length_width_ = std::min(static_cast<unsigned>(direct_bits_ + 7) / 8, width_of(largest_object));
}

Place FractalHeap::find(std::uint64_t at) const {
  constexpr std::uint64_t kManaged = 0x00, kHuge = 0x10;
  Cursor field(file_, at);
  const std::uint64_t kind = field.next(1) & 0x30;
  if (kind == kHuge) {
    if (id_length_ < 2 || id_length_ > 9) fail("has a heap with identifiers of {} bytes", id_length_);
    return huge(field.next(static_cast<unsigned>(id_length_ - 1)));
  }
  if (kind != kManaged) fail("has an object that does not stand in its heap");
  const std::uint64_t offset = field.next(offset_width_), length = field.next(length_width_);
  if (root_rows_ == 0) return in_direct_block(root_, 0, start_size_, offset, length);
  return in_indirect_block(root_, root_rows_, 0, offset, length, 0);
}

std::uint64_t FractalHeap::row_size(std::uint64_t row) const {
  return row == 0 ? start_size_ : start_size_ << std::min<std::uint64_t>(row - 1, 63 - start_bits_);
}

Place FractalHeap::in_direct_block(std::uint64_t block, std::uint64_t first, std::uint64_t size,
                                   std::uint64_t offset, std::uint64_t length) const {
  file_.expect(block, "FHDB");
  if (offset < first || length > size || offset - first > size - length)
    fail("is damaged: an object of a heap lies outside of its block");
  file_.require(block + (offset - first), length);
  return {block + (offset - first), length};
}

Place FractalHeap::in_indirect_block(std::uint64_t block, std::uint64_t rows, std::uint64_t first,
                                     std::uint64_t offset, std::uint64_t length, int depth) const {
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

Place FractalHeap::huge(std::uint64_t number) const {
  if (!huge_) {
    huge_.emplace();
    for (const std::uint64_t record : Index(file_, huge_index_).records) {
      Cursor field(file_, record);
      const std::uint64_t at = field.next(8), size = field.next(8);
      huge_->insert_or_assign(field.next(8), Place{at, size});
    }
  }
  const auto found = huge_->find(number);
  if (found == huge_->end()) fail("is damaged: a heap has no object {}", number);
  file_.require(found->second.at, found->second.size);
  return found->second;
}

// ---- the index ----

Index::Index(const Bytes& file, std::uint64_t header) : file_(file) {
  file.expect(header, "BTHD");
  Cursor field(file, header + 6);
  const std::uint64_t node_size = field.next(4);
  record_size_ = field.next(2);
  const std::uint64_t depth = field.next(2);
  field.skip(2);
  const std::uint64_t root = field.next(8), root_count = field.next(2), total = field.next(8);
  if (record_size_ == 0 || node_size <= kNodeOverhead || depth > 32 || total > file.size())
    fail("is damaged: an index with nodes of {} bytes", node_size);

  // How many records fit below a node says how wide the counts in its pointers are.
  std::uint64_t most = (node_size - kNodeOverhead) / record_size_, most_below = most;
  count_width_ = width_of(most);
  total_widths_ = {0};
  for (std::uint64_t level = 1; level <= depth; ++level) {
    const std::uint64_t pointer = 8 + count_width_ + total_widths_.back();
    if (node_size <= kNodeOverhead + pointer) fail("is damaged: an index with nodes of {} bytes", node_size);
    most = (node_size - kNodeOverhead - pointer) / (record_size_ + pointer);
    most_below = std::min((most + 1) * most_below + most, std::uint64_t{1} << 48);
    total_widths_.push_back(width_of(most_below));
  }
  if (total > 0) read(root, root_count, depth, total);
  if (records.size() != total) fail("is damaged: an index of {} entries has {}", total, records.size());
}

void Index::read(std::uint64_t node, std::uint64_t count, std::uint64_t depth, std::uint64_t limit) {
  file_.expect(node, depth == 0 ? "BTLF" : "BTIN");
  if (records.size() + count > limit) fail("is damaged: an index of {} entries has more", limit);
  for (std::uint64_t i = 0; i < count; ++i) records.push_back(node + 6 + i * record_size_);
  if (depth == 0) return;
  Cursor field(file_, node + 6 + count * record_size_);
  for (std::uint64_t i = 0; i <= count; ++i) {
    const std::uint64_t child = field.next(8), child_count = field.next(count_width_);
    if (depth > 1) field.skip(total_widths_[depth - 1]);
    read(child, child_count, depth - 1, limit);
  }
}

}  // namespace fovea::hdf5
