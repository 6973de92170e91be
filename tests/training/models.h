#pragma once

#include <cmath>
#include <cstring>
#include <numeric>

#include "fovea/model.h"

namespace fovea::test {

/// y = w x + b of one number, started at w = 1, b = 0.
inline Sequential line_model() {
  return Sequential{Input({1}), Dense(1, {.kernel_initializer = "ones", .name = "line"})};
}

/// (n, 1) floats 0, 1, 2, ...
inline Tensor count_up(std::int64_t n, float factor = 1, float offset = 0) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = factor * static_cast<float>(i) + offset;
  return Tensor::of({n, 1}, values);
}

/// Numbers in [-1, 1), the same for the same seed.
inline Tensor random_tensor(const Shape& shape, std::uint32_t seed = 1) {
  Tensor result(shape);
  std::uint32_t state = seed * 2654435761U + 12345U;
  for (std::int64_t i = 0; i < result.size(); ++i) {
    state = state * 1664525U + 1013904223U;
    result.data<float>()[i] = static_cast<float>(state >> 8) * 0x1p-23F - 1.0F;
  }
  return result;
}

/// Labels 0, 1, ..., classes - 1, 0, 1, ... as int32 (n).
inline Tensor labels(std::int64_t n, std::int32_t classes) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(i) % classes;
  return Tensor::of({n}, values);
}

/// A small convnet with everything that changes in training: normalisation, dropout.
inline Sequential convnet(std::int64_t classes = 3) {
  return Sequential{Input({9, 11, 3}),
                    Rescaling(0.5),
                    Conv2D(5, 3, {.activation = "relu"}),
                    BatchNormalization(),
                    MaxPooling2D(2),
                    Conv2D(7, 3, {.padding = "same"}),
                    Activation("relu"),
                    Flatten(),
                    Dropout(0.3),
                    Dense(classes, {.activation = "softmax"})};
}

inline bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(a[i].spec() == b[i].spec())) return false;
    if (std::memcmp(a[i].raw(), b[i].raw(), static_cast<std::size_t>(a[i].bytes())) != 0) return false;
  }
  return true;
}

/// An array dataset that notes the order in which samples are asked for; load it with workers = 0.
class NotingDataset final : public Dataset {
 public:
  NotingDataset(const Tensor& x, const Tensor& y) : data_(x, y) {}
  std::int64_t size() const override { return data_.size(); }
  std::vector<TensorSpec> inputs() const override { return data_.inputs(); }
  std::vector<TensorSpec> targets() const override { return data_.targets(); }
  void load(std::int64_t position, std::int64_t row, Batch& into) const override {
    asked.push_back(position);
    data_.load(position, row, into);
  }
  mutable std::vector<std::int64_t> asked;

 private:
  ArrayDataset data_;
};

}  // namespace fovea::test
