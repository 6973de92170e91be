#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/tensor.h"

// The one place that knows the HDF5 library, which only writes here (hdf5_reader.h says why). A file lies in
// memory while it is written, so that one inside an archive needs no file of its own. Debian's library is not
// safe with several threads: every call is made under one lock. (A program that uses HDF5 itself, from
// another thread, is not covered by it.)

namespace fovea {

/// The bytes of a finished file, in the memory that it was built in.
class Hdf5File {
 public:
  Hdf5File() = default;
  /// Takes over `data`, which came from malloc.
  Hdf5File(char* data, std::size_t size) : data_(data), size_(size) {}
  operator std::string_view() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };
  std::unique_ptr<char, Free> data_;
  std::size_t size_ = 0;
};

/// Builds an HDF5 file as h5py would: groups, text attributes, and datasets of numbers without filters. The
/// same calls give the same bytes.
class Hdf5Writer {
 public:
  Hdf5Writer();
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// Makes a group, and those above it that are missing: "layers/conv2d/vars".
  void make_group(const std::string& path);
  /// Gives the group a text that h5py reads as a str.
  void set_attribute(const std::string& group, const std::string& name, const std::string& text);
  /// Gives the group a list of texts that h5py reads as bytes, all as long as the longest; Keras' name lists.
  /// What does not fit into one attribute is cut into several, as Keras does: "layer_names0", ...
  void set_texts(const std::string& group, const std::string& name, const std::vector<std::string>& texts);
  /// A contiguous, little-endian dataset; the groups above it are made.
  void write(const std::string& path, const Tensor& value);
  /// Closes the file, after which nothing can be added.
  Hdf5File finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fovea
