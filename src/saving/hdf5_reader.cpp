#include "saving/hdf5_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fovea {

using hdf5::Bytes;
using hdf5::Cursor;
using hdf5::Message;
using hdf5::MessageType;

struct Hdf5Reader::Dataset {
  TensorSpec spec;
  bool big_endian = false;
  std::uint64_t data = 0;  ///< where the elements are
};

namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian, as the machine");

/// Runs `read`; what it throws gets the path in front.
template <class Read>
auto at_path(const std::string& path, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    fail("'{}': {}", path.empty() ? "/" : path, error.what());
  }
}

const Message& require(const std::optional<Message>& message, const char* what) {
  if (!message) fail("is no dataset: it has no {}", what);
  return *message;
}

struct ElementType {
  DType dtype;
  bool big_endian;
};

/// IEEE numbers and whole numbers of the usual sizes.
ElementType read_datatype(const Bytes& file, const Message& message) {
  constexpr std::uint64_t kFixedPoint = 0, kFloatingPoint = 1;
  Cursor field(file, message.at);
  const std::uint64_t kind = field.next(1) & 0x0F, bits = field.next(3), size = field.next(4);
  const bool big_endian = (bits & 1) != 0;
  const auto element = [&](DType dtype) { return ElementType{dtype, big_endian}; };
  if (kind == kFixedPoint) {
    const bool is_signed = (bits & 8) != 0;
    const std::uint64_t offset = field.next(2), precision = field.next(2);
    if (offset == 0 && precision == 8 * size) {
      if (is_signed && size == 4) return element(DType::int32);
      if (is_signed && size == 8) return element(DType::int64);
      if (!is_signed && size == 1) return element(DType::uint8);
    }
    fail("has {} whole numbers of {} bits, which are not read", is_signed ? "signed" : "unsigned", precision);
  }
  if (kind == kFloatingPoint) {
    // Where exponent and mantissa stand, and how wide they are.
    const std::uint64_t offset = field.next(2), precision = field.next(2), exponent_at = field.next(1),
                        exponent = field.next(1), mantissa_at = field.next(1), mantissa = field.next(1),
                        bias = field.next(4);
    const bool plain = offset == 0 && precision == 8 * size && mantissa_at == 0 && exponent_at == mantissa &&
                       (bits & 0x40) == 0;
    if (plain && size == 4 && exponent == 8 && mantissa == 23 && bias == 127) return element(DType::float32);
    if (plain && size == 8 && exponent == 11 && mantissa == 52 && bias == 1023)
      return element(DType::float64);
    fail("has floating point numbers of {} bits, which are not read", precision);
  }
  fail("holds no numbers (HDF5's class {})", kind);
}

/// Where the elements are: in the header (compact) or in one piece in the file (contiguous).
std::uint64_t read_layout(const Bytes& file, const Message& message, std::uint64_t bytes) {
  constexpr std::uint64_t kCompact = 0, kContiguous = 1;
  Cursor field(file, message.at);
  const std::uint64_t version = field.next(1), kind = field.next(1);
  if (version != 3 && version != 4) fail("has a layout of version {}, which is not read", version);
  if (kind == kCompact) {
    const std::uint64_t size = field.next(2);
    if (size != bytes) fail("is damaged: {} bytes for elements that take {}", size, bytes);
    file.require(field.at(), size);
    return field.at();
  }
  if (kind != kContiguous)
    fail("is stored in chunks or put together from others; only plain datasets are read");
  const std::uint64_t address = field.next(8), size = field.next(8);
  if (bytes == 0) return 0;
  if (address == hdf5::kUndefined) fail("was never written");
  if (size != bytes) fail("is damaged: {} bytes for elements that take {}", size, bytes);
  file.require(address, size);
  return address;
}

}  // namespace

Hdf5Reader::Hdf5Reader(const ByteSource* source, std::unique_ptr<ByteSource> own)
    : own_(std::move(own)),
      source_(source != nullptr ? *source : *own_),
      root_(hdf5::root_header(Bytes(source_))) {}

std::shared_ptr<const Hdf5Reader::Members> Hdf5Reader::members_of(const Bytes& file,
                                                                  std::uint64_t header) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(header); known != known_.end()) return known->second;
  }
  auto result = std::make_shared<Members>();
  const std::vector<Message> messages = hdf5::messages_of(file, header);
  std::uint64_t bytes = 0;
  if (hdf5::is_group(messages)) {
    result->emplace();
    for (hdf5::Link& link : hdf5::links_of(file, messages)) {
      bytes += sizeof link + link.name.size();
      std::string name = link.name;
      (*result)->emplace(std::move(name), std::move(link));
    }
  }
  const std::lock_guard lock(mutex_);
  // Groups of a hostile file may share what describes them: then there is more to keep than there is file.
  constexpr std::uint64_t kMostPerByte = 8;
  known_bytes_ += bytes;
  if (known_bytes_ / kMostPerByte > file.size()) {
    known_.clear();
    known_bytes_ = bytes;
  }
  known_.insert_or_assign(header, result);
  return result;
}

std::optional<std::uint64_t> Hdf5Reader::find(const Bytes& file, const std::string& path) const {
  std::uint64_t header = root_;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const auto members = members_of(file, header);
    if (!*members) return {};
    const auto link = (*members)->find(path.substr(at, end - at));
    if (link == (*members)->end()) return {};
    if (!link->second.hard) fail("is a soft or external link, which is not followed");
    header = link->second.header;
    at = end + 1;
  }
  return header;
}

bool Hdf5Reader::has(const std::string& path) const {
  return at_path(path, [&] { return find(Bytes(source_), path).has_value(); });
}

std::vector<std::string> Hdf5Reader::children(const std::string& group) const {
  return at_path(group, [&] {
    const Bytes file(source_);
    const std::optional<std::uint64_t> header = find(file, group);
    if (!header) fail("is not in the file");
    const auto members = members_of(file, *header);
    if (!*members) fail("is no group");
    std::vector<std::string> names;
    for (const auto& [name, link] : **members) names.push_back(name);
    return names;
  });
}

Hdf5Reader::Dataset Hdf5Reader::describe(const Bytes& file, const std::string& path) const {
  const std::optional<std::uint64_t> header = find(file, path);
  if (!header) fail("is not in the file");
  const std::vector<Message> messages = hdf5::messages_of(file, *header);
  if (hdf5::is_group(messages)) fail("is a group, no dataset");
  if (hdf5::find_message(messages, MessageType::external_files)) fail("keeps its data in other files");
  const Shape shape =
      hdf5::shape_of(file, require(hdf5::find_message(messages, MessageType::dataspace), "dataspace"));
  const ElementType element =
      read_datatype(file, require(hdf5::find_message(messages, MessageType::datatype), "datatype"));
  Dataset result{{shape, element.dtype}, element.big_endian};
  const auto layout = hdf5::find_message(messages, MessageType::layout);
  result.data = read_layout(file, require(layout, "layout"), static_cast<std::uint64_t>(result.spec.bytes()));
  return result;
}

std::optional<std::vector<std::string>> Hdf5Reader::texts(const std::string& path,
                                                          const std::string& attribute) const {
  return at_path(path, [&] {
    const Bytes file(source_);
    const std::optional<std::uint64_t> header = find(file, path);
    if (!header) fail("is not in the file");
    return hdf5::attribute_texts(file, hdf5::messages_of(file, *header), attribute);
  });
}

TensorSpec Hdf5Reader::spec(const std::string& dataset) const {
  return at_path(dataset, [&] { return describe(Bytes(source_), dataset).spec; });
}

Tensor Hdf5Reader::read(const std::string& dataset) const {
  Tensor result(spec(dataset));
  read_into(dataset, result);
  return result;
}

void Hdf5Reader::read_into(const std::string& dataset, Tensor& target) const {
  at_path(dataset, [&] {
    const Dataset found = describe(Bytes(source_), dataset);
    if (!(found.spec.shape == target.shape()))
      fail("has shape {}, not {}", found.spec.shape.str(), target.shape().str());
    const auto size = static_cast<std::size_t>(found.spec.bytes());
    if (size == 0) return;
    const bool same_type = found.spec.dtype == target.dtype();
    Tensor other;
    if (!same_type) other = Tensor(found.spec);
    auto* bytes = static_cast<char*>(same_type ? target.raw() : other.raw());
    source_.read(found.data, size, bytes);
    const std::size_t width = size_of(found.spec.dtype);
    if (found.big_endian) {
      for (std::size_t at = 0; at < size; at += width) std::reverse(bytes + at, bytes + at + width);
    }
    if (!same_type) {
      const Tensor converted = other.astype(target.dtype());
      std::memcpy(target.raw(), converted.raw(), static_cast<std::size_t>(converted.bytes()));
    }
  });
}

}  // namespace fovea
