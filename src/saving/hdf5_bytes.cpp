#include "saving/hdf5_bytes.h"

#include <algorithm>

namespace fovea::hdf5 {

std::string_view Bytes::rest_of_page(std::uint64_t at) const {
  const std::uint64_t begin = at / kPage * kPage;
  auto page = std::find_if(pages_.begin(), pages_.end(), [&](const Page& p) { return p.at == begin; });
  if (page == pages_.end()) {
    page = pages_.begin() + static_cast<std::ptrdiff_t>(oldest_);
    oldest_ = (oldest_ + 1) % pages_.size();
    page->at = kUndefined;  // in case that reading fails
    page->bytes.resize(std::min(kPage, size() - begin));
    source_.read(begin, page->bytes.size(), page->bytes.data());
    page->at = begin;
  }
  return std::string_view(page->bytes).substr(at - begin);
}

std::string Bytes::part(std::uint64_t at, std::uint64_t count) const {
  require(at, count);
  std::string result;
  if (count > kPage) {
    result.resize(count);
    source_.read(at, count, result.data());
  }
  while (result.size() < count)
    result.append(rest_of_page(at + result.size()).substr(0, count - result.size()));
  return result;
}

std::uint64_t Bytes::number(std::uint64_t at, unsigned width) const {
  require(at, width);
  std::uint64_t result = 0;
  std::string_view bytes;
  for (unsigned i = 0; i < width; ++i, bytes.remove_prefix(1)) {
    if (bytes.empty()) bytes = rest_of_page(at + i);
    result |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[0])) << (8 * i);
  }
  return result;
}

std::string Bytes::text(std::uint64_t at, std::uint64_t end) const {
  const std::uint64_t count = end < at ? 0 : end - at;
  require(at, count);
  std::string result;
  while (result.size() < count) {
    const std::string_view bytes =
        rest_of_page(at + result.size()).substr(0, static_cast<std::size_t>(count - result.size()));
    const std::size_t length = bytes.find('\0');
    result.append(bytes.substr(0, length));
    if (length != std::string_view::npos) return result;
  }
  fail("is damaged: a name at {} has no end", at);
}

}  // namespace fovea::hdf5
