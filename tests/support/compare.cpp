#include "support/compare.h"

#include <fmt/core.h>

#include <cmath>
#include <cstring>
#include <filesystem>

namespace fovea::testing {
namespace {

::testing::AssertionResult same_specs(const Tensor& got, const Tensor& expected) {
  if (got.spec() == expected.spec()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "expected a tensor " << expected.spec().str() << "; got " << got.spec().str();
}

/// By how much an element is out, relative to what is allowed; 1 and less is fine.
double excess(double got, double expected, double allowed) {
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isinf(expected) || std::isinf(got)) return expected == got ? 0 : HUGE_VAL;
  const double difference = std::abs(got - expected);
  if (difference == 0) return 0;
  return allowed > 0 ? difference / allowed : HUGE_VAL;
}

std::string shortest(const Tensor& tensor, std::int64_t index) {
  if (tensor.dtype() == DType::float32) return fmt::format("{}", tensor.data<float>()[index]);
  return fmt::format("{}", element(tensor, index));
}

class RepeatPrinter final : public ::testing::EmptyTestEventListener {
  void OnTestEnd(const ::testing::TestInfo& info) override {
    if (!info.result()->Failed()) return;
    std::error_code error;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
    fmt::print("repeat: {} --gtest_filter='{}.{}'\n", program.string(), info.test_suite_name(), info.name());
  }
};

[[maybe_unused]] const bool repeat_commands_are_printed = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new RepeatPrinter);
  return true;
}();

}  // namespace

double element(const Tensor& tensor, std::int64_t index) {
  switch (tensor.dtype()) {
    case DType::float32:
      return static_cast<double>(tensor.data<float>()[index]);
    case DType::float64:
      return tensor.data<double>()[index];
    case DType::int32:
      return tensor.data<std::int32_t>()[index];
    case DType::int64:
      return static_cast<double>(tensor.data<std::int64_t>()[index]);
    case DType::uint8:
      return tensor.data<std::uint8_t>()[index];
    case DType::bfloat16:
      return static_cast<double>(tensor.data<bfloat16>()[index]);
  }
  return 0;
}

std::string position(const Shape& shape, std::int64_t index) {
  std::string text;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    const std::int64_t size = shape[static_cast<std::ptrdiff_t>(axis)];
    text = fmt::format("{}{}{}", index % size, text.empty() ? "" : ", ", text);
    index /= size;
  }
  return "[" + text + "]";
}

::testing::AssertionResult near(const Tensor& got, const Tensor& expected, const Tolerance& tolerance) {
  if (auto same = same_specs(got, expected); !same) return same;
  double largest = 0;
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    const double value = std::abs(element(expected, i));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  std::int64_t worst = -1, out = 0;
  double worst_excess = 1, worst_allowed = 0;
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    const double value = element(expected, i);
    const double allowed = tolerance.absolute + tolerance.of_largest * largest +
                           (std::isfinite(value) ? tolerance.of_element * std::abs(value) : 0);
    const double by = excess(element(got, i), value, allowed);
    if (by <= 1) continue;
    ++out;
    if (worst >= 0 && by <= worst_excess) continue;
    worst = i;
    worst_excess = by;
    worst_allowed = allowed;
  }
  if (worst < 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << fmt::format(
             "{}: {} of {} elements are out. The worst is at {}: expected {}, got {}, off by {:.3g}, "
             "allowed {:.3g}",
             expected.spec().str(), out, expected.size(), position(expected.shape(), worst),
             shortest(expected, worst), shortest(got, worst),
             std::abs(element(got, worst) - element(expected, worst)), worst_allowed);
}

::testing::AssertionResult same_bits(const Tensor& got, const Tensor& expected) {
  if (auto same = same_specs(got, expected); !same) return same;
  const std::size_t width = size_of(expected.dtype());
  const auto* a = static_cast<const unsigned char*>(got.raw());
  const auto* b = static_cast<const unsigned char*>(expected.raw());
  for (std::int64_t i = 0; i < expected.size(); ++i, a += width, b += width) {
    if (std::memcmp(a, b, width) == 0) continue;
    if (std::isnan(element(got, i)) && std::isnan(element(expected, i))) continue;
    return ::testing::AssertionFailure()
           << fmt::format("{}: bits differ first at {}: expected {}, got {}", expected.spec().str(),
                          position(expected.shape(), i), shortest(expected, i), shortest(got, i));
  }
  return ::testing::AssertionSuccess();
}

double largest_difference(const Tensor& got, const Tensor& expected) {
  double largest = 0;
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(element(got, i) - element(expected, i)));
  }
  return largest;
}

double norm(const Tensor& tensor) {
  double sum = 0;
  for (std::int64_t i = 0; i < tensor.size(); ++i) sum += element(tensor, i) * element(tensor, i);
  return std::sqrt(sum);
}

double difference_norm(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double difference = element(a, i) - element(b, i);
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

}  // namespace fovea::testing
