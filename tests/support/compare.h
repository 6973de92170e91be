#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fovea/tensor.h"

/// Who links this library gets, after each test that failed, the command that repeats it.
namespace fovea::testing {

/// An element may be off by `absolute` + `of_element` * |expected| + `of_largest` * the largest finite
/// |expected| of the tensor. The last is for sums, whose rounding goes with what was added, not with what is
/// left.
struct Tolerance {
  double of_element = 0, of_largest = 0, absolute = 0;
};

/// Same shape, same dtype and elements within the tolerance: NaN only where NaN is expected, infinities only
/// where the same ones are. The message shows the worst element, its index, and how many others are out.
::testing::AssertionResult near(const Tensor& got, const Tensor& expected, const Tolerance& tolerance);
/// The same bits (0.0 and -0.0 differ, any NaN is a NaN).
::testing::AssertionResult same_bits(const Tensor& got, const Tensor& expected);

/// The largest |got - expected|; 0 for no elements.
double largest_difference(const Tensor& got, const Tensor& expected);
/// Square root of the sum of squares.
double norm(const Tensor& tensor);
double difference_norm(const Tensor& a, const Tensor& b);

/// Any element as a double.
double element(const Tensor& tensor, std::int64_t index);
/// "[1, 0, 3]": where a flat index stands.
std::string position(const Shape& shape, std::int64_t index);

}  // namespace fovea::testing
