#include "fovea/numpy.h"

#include <fstream>
#include <set>

#include "core/atomic_file.h"
#include "saving/file_access.h"
#include "saving/npy_format.h"
#include "saving/zip_file.h"

// A .npz file is a zip of .npy files, stored (numpy.savez) or deflated (numpy.savez_compressed).

namespace fovea {
namespace {

constexpr std::string_view kMemberEnding = ".npy";
constexpr std::int64_t kMaxArrayBytes = std::int64_t{1} << 40;

/// Arrays of the machine's own types go from the file to their place.
Tensor read_array_file(const std::string& path) {
  require_file(path);
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (!file || size < 0) fail("cannot be opened");
  const auto read = [&](std::streamoff at, char* target, std::streamoff count) {
    file.seekg(at);
    if (!file.read(target, count)) fail("cannot be read");
  };
  std::string start(static_cast<std::size_t>(std::min<std::streamoff>(size, kMaxNpyHeader)), '\0');
  read(0, start.data(), static_cast<std::streamoff>(start.size()));
  const NpyHeader header = read_npy_header(start);
  const auto first = static_cast<std::streamoff>(header.size);
  // Before memory is taken for what the header claims.
  if (size - first != header.elements) {
    fail("{} bytes stand behind its header, and an array of shape {} takes {}", size - first,
         header.shape.str(), header.elements);
  }
  if (header.is_plain()) {
    Tensor result(header.shape, header.dtype());
    if (header.elements > 0) read(first, static_cast<char*>(result.raw()), header.elements);
    return result;
  }
  std::string elements(static_cast<std::size_t>(header.elements), '\0');
  read(first, elements.data(), header.elements);
  return read_npy_elements(header, elements);
}

Tensor read_array(std::string_view bytes) {
  const NpyHeader header = read_npy_header(bytes);
  return read_npy_elements(header, bytes.substr(header.size));
}

/// As it is written.
Tensor writable(const Tensor& array) {
  if (array.empty()) fail("is empty: a Tensor that was never made");
  return array.dtype() == DType::bfloat16 ? array.astype(DType::float32) : array;
}

std::string_view bytes_of(const Tensor& array) {
  return {static_cast<const char*>(array.raw()), static_cast<std::size_t>(array.bytes())};
}

}  // namespace

Tensor load_npy(const std::string& path) {
  return about(path, [&] { return read_array_file(path); });
}

void save_npy(const std::string& path, const Tensor& array) {
  const Tensor plain = about(path, [&] { return writable(array); });
  const std::string header = npy_header(plain.spec());
  write_atomically(path, std::vector<std::string_view>{header, bytes_of(plain)});
}

NamedArrays load_npz(const std::string& path) {
  return about(path, [&] {
    require_file(path);
    const ZipReader archive(path);
    NamedArrays arrays;
    std::set<std::string> seen;
    for (const std::string& member : archive.names()) {
      if (!ends_with(member, kMemberEnding)) fail("its member '{}' is no array (.npy)", member);
      const std::string name = member.substr(0, member.size() - kMemberEnding.size());
      if (!seen.insert(name).second) fail("has two arrays named '{}'", name);
      const std::string bytes = archive.read(member, kMaxArrayBytes, ZipReader::kLargestExpansion);
      try {
        arrays.emplace_back(name, read_array(bytes));
      } catch (const Error& error) {
        fail("array '{}': {}", name, error.what());
      }
    }
    return arrays;
  });
}

void save_npz(const std::string& path, const NamedArrays& arrays) {
  std::vector<std::string> headers;
  std::vector<Tensor> plain;
  about(path, [&] {
    if (arrays.empty()) fail("no array was given");
    std::set<std::string> seen;
    for (const auto& [name, array] : arrays) {
      if (name.empty()) fail("an array needs a name");
      if (!seen.insert(name).second) fail("two arrays are named '{}'", name);
      try {
        plain.push_back(writable(array));
      } catch (const Error& error) {
        fail("array '{}' {}", name, error.what());
      }
      headers.push_back(npy_header(plain.back().spec()));
    }
  });
  std::vector<ZipMember> members;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    members.push_back({arrays[i].first + std::string(kMemberEnding), bytes_of(plain[i]), headers[i]});
  write_atomically(
      path, [&](const std::string& temporary) { about(path, [&] { write_zip(temporary, members); }); });
}

}  // namespace fovea
