#include <algorithm>

#include "core/format.h"
#include "fovea/tensor.h"

namespace fovea {
namespace {

std::size_t resolve(std::ptrdiff_t axis, std::size_t rank, const Shape& shape) {
  const std::ptrdiff_t resolved = axis < 0 ? axis + static_cast<std::ptrdiff_t>(rank) : axis;
  if (resolved < 0 || resolved >= static_cast<std::ptrdiff_t>(rank)) {
    fail("Shape {}: there is no axis {}", shape.str(), axis);
  }
  return static_cast<std::size_t>(resolved);
}

void require_size(std::int64_t size) {
  if (size < Shape::unknown) fail("Shape: a size is at least 0, or -1 for unknown. Received: {}", size);
}

}  // namespace

Shape::Shape(std::initializer_list<std::int64_t> sizes)
    : Shape(std::span<const std::int64_t>(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const std::int64_t> sizes) {
  for (const std::int64_t size : sizes) push_back(size);
}

std::int64_t Shape::operator[](std::ptrdiff_t axis) const { return sizes_[resolve(axis, rank_, *this)]; }

void Shape::set(std::ptrdiff_t axis, std::int64_t size) {
  require_size(size);
  sizes_[resolve(axis, rank_, *this)] = size;
}

bool Shape::is_known() const { return std::find(begin(), end(), unknown) == end(); }

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t size : *this) {
    if (size == unknown) fail("Shape {}: its elements cannot be counted while a size is unknown", str());
    if (__builtin_mul_overflow(product, size, &product)) fail("Shape {}: more than 2^63 elements", str());
  }
  return product;
}

void Shape::push_back(std::int64_t size) {
  require_size(size);
  if (rank_ == max_rank) fail("Shape {}: at most {} dimensions", str(), max_rank);
  sizes_[rank_++] = size;
}

Shape Shape::slice(std::ptrdiff_t first, std::ptrdiff_t last) const {
  const auto rank = static_cast<std::ptrdiff_t>(rank_);
  const std::ptrdiff_t from = std::clamp<std::ptrdiff_t>(first < 0 ? first + rank : first, 0, rank);
  const std::ptrdiff_t to = std::clamp<std::ptrdiff_t>(last < 0 ? last + rank : last, from, rank);
  return Shape(std::span<const std::int64_t>(sizes_.data() + from, static_cast<std::size_t>(to - from)));
}

std::string Shape::str() const {
  std::string text = "(";
  for (std::size_t i = 0; i < rank_; ++i) {
    if (i > 0) text += ", ";
    text += sizes_[i] == unknown ? std::string("None") : std::to_string(sizes_[i]);
  }
  if (rank_ == 1) text += ",";
  return text + ")";
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

}  // namespace fovea
