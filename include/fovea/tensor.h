#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/bfloat16.h"

namespace fovea {

/// Element types. Names are Keras': "float32", "float64", "int32", "int64", "uint8", "bfloat16".
enum class DType : std::uint8_t { float32, float64, int32, int64, uint8, bfloat16 };

std::string_view name(DType dtype);
/// Throws Error for a name that is none of the above.
DType dtype_from_name(std::string_view name);
std::size_t size_of(DType dtype);
bool is_floating(DType dtype);

template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::float64;
};
template <>
struct dtype_of<std::int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct dtype_of<std::int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct dtype_of<std::uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct dtype_of<bfloat16> {
  static constexpr DType value = DType::bfloat16;
};

/// Sizes of a tensor's dimensions, outermost first; images are (N, H, W, C). A size of `unknown` (-1, Keras'
/// None) stands for one that is given later, such as the batch's. Holds at most `max_rank` sizes, in place.
class Shape {
 public:
  static constexpr std::int64_t unknown = -1;
  static constexpr std::size_t max_rank = 8;

  Shape() = default;
  /// Throws Error for more than max_rank sizes, or one below -1.
  Shape(std::initializer_list<std::int64_t> sizes);
  explicit Shape(std::span<const std::int64_t> sizes);

  std::size_t rank() const { return rank_; }
  /// Size of a dimension; negative axes count from the end. Throws Error out of range.
  std::int64_t operator[](std::ptrdiff_t axis) const;
  void set(std::ptrdiff_t axis, std::int64_t size);
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }
  bool is_known() const;
  /// Product of the sizes (1 for rank 0). Throws Error when a size is unknown or the product exceeds int64.
  std::int64_t elements() const;
  void push_back(std::int64_t size);
  /// A shape of the sizes from `first` up to, not including, `last`; negative counts from the end.
  Shape slice(std::ptrdiff_t first, std::ptrdiff_t last) const;
  Shape slice(std::ptrdiff_t first) const { return slice(first, static_cast<std::ptrdiff_t>(rank_)); }
  /// As Python prints a tuple: "(None, 148, 148, 32)", "(3,)".
  std::string str() const;

  bool operator==(const Shape& other) const;

 private:
  std::array<std::int64_t, max_rank> sizes_{};
  std::size_t rank_ = 0;
};

struct TensorSpec {
  Shape shape;
  DType dtype = DType::float32;
  /// Bytes of a dense tensor; Error when a size is unknown or the count exceeds int64.
  std::int64_t bytes() const;
  std::string str() const;  ///< "float32 (32, 150, 150, 3)"
  bool operator==(const TensorSpec&) const = default;
};

/// A dense, row-major array. Copies share the storage, as NumPy's views do; `clone()` copies the elements.
/// Storage that fovea allocates starts at a 64-byte boundary.
class Tensor {
 public:
  Tensor() = default;
  /// Zero-filled.
  explicit Tensor(Shape shape, DType dtype = DType::float32);
  explicit Tensor(const TensorSpec& spec) : Tensor(spec.shape, spec.dtype) {}

  /// A view of the caller's memory, not copied. `owner`, when given, is kept alive as long as the view.
  static Tensor borrow(void* data, Shape shape, DType dtype, std::shared_ptr<const void> owner = nullptr);
  /// A copy of `values`. Throws Error when their number is not the shape's.
  template <class T>
  static Tensor of(Shape shape, std::span<const T> values) {
    return copy_of(values.data(), values.size(), shape, dtype_of<T>::value);
  }
  template <class T>
  static Tensor of(Shape shape, const std::vector<T>& values) {
    return of(shape, std::span<const T>(values));
  }
  template <class T>
  static Tensor of(Shape shape, std::initializer_list<T> values) {
    return of(shape, std::span<const T>(values.begin(), values.size()));
  }

  const TensorSpec& spec() const { return spec_; }
  const Shape& shape() const { return spec_.shape; }
  DType dtype() const { return spec_.dtype; }
  std::int64_t size() const { return size_; }
  std::int64_t bytes() const { return size_ * static_cast<std::int64_t>(size_of(spec_.dtype)); }
  bool empty() const { return data_ == nullptr; }

  void* raw() { return data_.get(); }
  const void* raw() const { return data_.get(); }
  /// Pointer to the first element. Throws Error when T is not the tensor's dtype.
  template <class T>
  T* data() {
    require(dtype_of<T>::value);
    return static_cast<T*>(data_.get());
  }
  template <class T>
  const T* data() const {
    require(dtype_of<T>::value);
    return static_cast<const T*>(data_.get());
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<std::size_t>(size_)};
  }

  Tensor clone() const;
  /// A converted copy; floats are cut towards zero when they become integers, and wrap around where they do
  /// not fit.
  Tensor astype(DType dtype) const;
  /// The same storage under another shape; one size may be -1 and is derived. Throws Error when counts
  /// differ.
  Tensor reshaped(Shape shape) const;
  /// Rows [first, first + count) of the outermost dimension, sharing the storage.
  Tensor rows(std::int64_t first, std::int64_t count) const;

 private:
  static Tensor copy_of(const void* data, std::size_t count, const Shape& shape, DType dtype);
  void require(DType dtype) const;

  TensorSpec spec_;
  std::int64_t size_ = 0;
  std::shared_ptr<void> data_;
};

}  // namespace fovea
