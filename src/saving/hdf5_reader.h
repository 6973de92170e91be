#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/tensor.h"
#include "saving/hdf5_objects.h"

namespace fovea {

/// Reads an HDF5 file that may be hostile. It is a reader of our own, since HDF5's library (1.10.8)
/// overwrites its heap on some damaged files. It knows what h5py writes with any version of the format:
/// groups of both styles, contiguous or compact datasets of numbers, and attributes of text. It refuses soft
/// and external links, chunks, filters, virtual and external datasets, and element types that Tensor does not
/// have. Nothing outside of the file is looked at. Throws Error with the path in the file and the reason.
/// Several threads may read at once.
class Hdf5Reader {
 public:
  /// The source must outlive the reader, the bytes too. Throws Error when they are no HDF5 file.
  explicit Hdf5Reader(const ByteSource& source) : Hdf5Reader(&source, nullptr) {}
  explicit Hdf5Reader(std::string_view bytes) : Hdf5Reader(nullptr, std::make_unique<MemoryBytes>(bytes)) {}

  bool has(const std::string& path) const;
  /// Names in a group, sorted; "" is the root.
  std::vector<std::string> children(const std::string& group) const;
  /// Type and shape of a dataset.
  TensorSpec spec(const std::string& dataset) const;
  Tensor read(const std::string& dataset) const;
  /// Fills a tensor of the dataset's shape.
  void read_into(const std::string& dataset, Tensor& target) const;
  /// The texts of an attribute of a group or dataset, one for a scalar; nothing when there is none of that
  /// name.
  std::optional<std::vector<std::string>> texts(const std::string& path, const std::string& attribute) const;

 private:
  struct Dataset;
  /// Members of a group by their names; nothing for what is no group.
  using Members = std::optional<std::map<std::string, hdf5::Link>>;

  Hdf5Reader(const ByteSource* source, std::unique_ptr<ByteSource> own);
  /// Those of the group with this header, which are looked up once.
  std::shared_ptr<const Members> members_of(const hdf5::Bytes& file, std::uint64_t header) const;
  /// Address of an object's header, or nothing.
  std::optional<std::uint64_t> find(const hdf5::Bytes& file, const std::string& path) const;
  Dataset describe(const hdf5::Bytes& file, const std::string& path) const;

  std::unique_ptr<ByteSource> own_;
  const ByteSource& source_;
  std::uint64_t root_;
  mutable std::mutex mutex_;  ///< of what follows
  mutable std::map<std::uint64_t, std::shared_ptr<const Members>> known_;
  mutable std::uint64_t known_bytes_ = 0;
};

}  // namespace fovea
