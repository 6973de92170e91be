#pragma once

#include <map>
#include <optional>
#include <vector>

#include "saving/hdf5_bytes.h"

// Where an object of a newer file keeps its links or attributes when there are many, or large ones: in a
// fractal heap, found through a B-tree of version 2.

namespace fovea::hdf5 {

/// A B-tree of version 2; `records` are the addresses of its records.
class Index {
 public:
  Index(const Bytes& file, std::uint64_t header);
  std::vector<std::uint64_t> records;

 private:
  void read(std::uint64_t node, std::uint64_t count, std::uint64_t depth, std::uint64_t limit);

  const Bytes& file_;
  std::uint64_t record_size_ = 0;
  unsigned count_width_ = 0;
  std::vector<unsigned> total_widths_;  ///< by level
};

/// Where an object lies in the file.
struct Place {
  std::uint64_t at, size;
};

/// Objects in blocks that double in size. An object's identifier holds its offset in the heap and its length;
/// that of a huge one, which lies outside of the blocks, a number.
class FractalHeap {
 public:
  FractalHeap(const Bytes& file, std::uint64_t header);

  std::uint64_t id_length() const { return id_length_; }
  /// The object that the identifier at `at` means.
  Place find(std::uint64_t at) const;

 private:
  std::uint64_t row_size(std::uint64_t row) const;
  Place in_direct_block(std::uint64_t block, std::uint64_t first, std::uint64_t size, std::uint64_t offset,
                        std::uint64_t length) const;
  /// `first` is the offset in the heap of the first block below this one.
  Place in_indirect_block(std::uint64_t block, std::uint64_t rows, std::uint64_t first, std::uint64_t offset,
                          std::uint64_t length, int depth) const;
  Place huge(std::uint64_t number) const;

  const Bytes& file_;
  std::uint64_t id_length_ = 0, table_width_ = 0, start_size_ = 0, max_direct_size_ = 0, root_ = 0,
                root_rows_ = 0, huge_index_ = 0;
  std::uint64_t start_bits_ = 0, direct_bits_ = 0, table_bits_ = 0;
  unsigned offset_width_ = 0, length_width_ = 0;
  mutable std::optional<std::map<std::uint64_t, Place>> huge_;  ///< by number, once one was asked for
};

}  // namespace fovea::hdf5
