#include "fovea/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/convert.h"
#include "core/format.h"

namespace fovea {
namespace {

constexpr std::size_t kAlignment = 64;

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::size_t size;
  bool floating;
};

constexpr DTypeRow kDTypes[] = {
    {DType::float32, "float32", 4, true}, {DType::float64, "float64", 8, true},
    {DType::int32, "int32", 4, false},    {DType::int64, "int64", 8, false},
    {DType::uint8, "uint8", 1, false},    {DType::bfloat16, "bfloat16", 2, true},
};

const DTypeRow& row(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

// Large weights in huge pages, what does not fill one in small ones: kernels read them in strides that would
// miss the TLB at every row. The system hands them out as zeros, when they are first touched.
constexpr std::size_t kPage = 4096, kHugePage = std::size_t{2} << 20;
constexpr std::size_t kLarge = 2 * kHugePage;

std::size_t rounded_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

std::shared_ptr<void> map_zeros(std::size_t bytes) {
  const std::size_t size = rounded_up(bytes, kPage), mapped = size + kHugePage;
  void* const memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(memory);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  std::byte* const data = begin + before;
  if (before != 0) ::munmap(begin, before);
  ::munmap(data + size, kHugePage - before);
  ::madvise(data, size / kHugePage * kHugePage, MADV_HUGEPAGE);
  return {data, [size](void* mine) { ::munmap(mine, size); }};
}

std::shared_ptr<void> allocate_zeros(std::int64_t bytes) {
  const auto wanted = static_cast<std::size_t>(bytes);
  if (wanted >= kLarge) return map_zeros(wanted);
  const std::size_t size = rounded_up(std::max(wanted, kAlignment), kAlignment);
  void* const memory = std::aligned_alloc(kAlignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, wanted);
  return {memory, std::free};
}

template <class From, class To>
void convert(const void* from, void* to, std::int64_t count) {
  const From* source = static_cast<const From*>(from);
  To* target = static_cast<To*>(to);
  for (std::int64_t i = 0; i < count; ++i) target[i] = converted<To>(source[i]);
}

template <class From>
void convert_to(DType dtype, const void* from, void* to, std::int64_t count) {
  switch (dtype) {
    case DType::float32:
      return convert<From, float>(from, to, count);
    case DType::float64:
      return convert<From, double>(from, to, count);
    case DType::int32:
      return convert<From, std::int32_t>(from, to, count);
    case DType::int64:
      return convert<From, std::int64_t>(from, to, count);
    case DType::uint8:
      return convert<From, std::uint8_t>(from, to, count);
    case DType::bfloat16:
      return convert<From, bfloat16>(from, to, count);
  }
}

}  // namespace

std::string_view name(DType dtype) { return row(dtype).name; }

DType dtype_from_name(std::string_view wanted) {
  for (const DTypeRow& candidate : kDTypes) {
    if (candidate.name == wanted) return candidate.dtype;
  }
  fail("dtype: expected float32, float64, bfloat16, int32, int64 or uint8. Received: '{}'", wanted);
}

std::size_t size_of(DType dtype) { return row(dtype).size; }

bool is_floating(DType dtype) { return row(dtype).floating; }

std::int64_t TensorSpec::bytes() const {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(shape.elements(), static_cast<std::int64_t>(size_of(dtype)), &result)) {
    fail("Tensor {}: its bytes exceed 64 bits", str());
  }
  return result;
}

std::string TensorSpec::str() const { return fmt::format("{} {}", name(dtype), shape.str()); }

Tensor::Tensor(Shape shape, DType dtype) : spec_{shape, dtype}, size_(shape.elements()) {
  data_ = allocate_zeros(spec_.bytes());
}

Tensor Tensor::borrow(void* data, Shape shape, DType dtype, std::shared_ptr<const void> owner) {
  Tensor view;
  view.spec_ = {shape, dtype};
  view.size_ = shape.elements();
  view.data_ = std::shared_ptr<void>(data, [owner = std::move(owner)](void*) {});
  return view;
}

Tensor Tensor::copy_of(const void* data, std::size_t count, const Shape& shape, DType dtype) {
  Tensor result(shape, dtype);
  if (static_cast<std::int64_t>(count) != result.size_) {
    fail("Tensor of shape {} holds {} elements. Received: {} values", shape.str(), result.size_, count);
  }
  if (count != 0) std::memcpy(result.raw(), data, static_cast<std::size_t>(result.bytes()));
  return result;
}

void Tensor::require(DType dtype) const {
  if (dtype != spec_.dtype) fail("Tensor {}: read as {}", spec_.str(), name(dtype));
}

Tensor Tensor::clone() const {
  if (empty()) return {};
  return copy_of(data_.get(), static_cast<std::size_t>(size_), spec_.shape, spec_.dtype);
}

Tensor Tensor::astype(DType dtype) const {
  if (empty()) return {};
  if (dtype == spec_.dtype) return clone();
  Tensor result(spec_.shape, dtype);
  switch (spec_.dtype) {
    case DType::float32:
      convert_to<float>(dtype, raw(), result.raw(), size_);
      break;
    case DType::float64:
      convert_to<double>(dtype, raw(), result.raw(), size_);
      break;
    case DType::int32:
      convert_to<std::int32_t>(dtype, raw(), result.raw(), size_);
      break;
    case DType::int64:
      convert_to<std::int64_t>(dtype, raw(), result.raw(), size_);
      break;
    case DType::uint8:
      convert_to<std::uint8_t>(dtype, raw(), result.raw(), size_);
      break;
    case DType::bfloat16:
      convert_to<bfloat16>(dtype, raw(), result.raw(), size_);
      break;
  }
  return result;
}

Tensor Tensor::reshaped(Shape shape) const {
  std::int64_t known = 1;
  std::ptrdiff_t derived = -1;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t size = shape[static_cast<std::ptrdiff_t>(axis)];
    if (size != Shape::unknown) {
      known *= size;
    } else if (derived < 0) {
      derived = static_cast<std::ptrdiff_t>(axis);
    } else {
      fail("reshape {} to {}: only one size may be unknown", spec_.shape.str(), shape.str());
    }
  }
  if (derived >= 0 && known != 0 && size_ % known == 0) shape.set(derived, size_ / known);
  if (!shape.is_known() || shape.elements() != size_) {
    fail("reshape: {} has {} elements and does not fit {}", spec_.shape.str(), size_, shape.str());
  }
  Tensor result = *this;
  result.spec_.shape = shape;
  return result;
}

Tensor Tensor::rows(std::int64_t first, std::int64_t count) const {
  if (spec_.shape.rank() == 0 || first < 0 || count < 0 || first + count > spec_.shape[0]) {
    fail("rows [{}, {}) of a tensor of shape {}: out of range", first, first + count, spec_.shape.str());
  }
  Tensor result = *this;
  result.spec_.shape.set(0, count);
  result.size_ = result.spec_.shape.elements();
  const std::int64_t row_bytes = spec_.shape[0] == 0 ? 0 : bytes() / spec_.shape[0];
  result.data_ = std::shared_ptr<void>(data_, static_cast<char*>(data_.get()) + first * row_bytes);
  return result;
}

}  // namespace fovea
