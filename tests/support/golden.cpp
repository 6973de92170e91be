#include "support/golden.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "core/format.h"

namespace fovea::testing {
namespace {

std::filesystem::path folder_of(const std::string& group) {
  return std::filesystem::path(FOVEA_GOLDEN_DIR) / group;
}

double number(const Json& element) {
  if (!element.is_string()) return element.get<double>();
  const std::string text = element.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  fail("golden: '{}' is no number", text);
}

/// The decimal was read as the nearest double; rounding that to float gives the float nearest to the decimal
/// unless the double lies next to the middle between two floats and is not the decimal itself.
float as_float(double value) {
  const auto result = static_cast<float>(value);
  const bool exact = value == std::rint(value) && std::abs(value) < 0x1p53;
  if (std::isfinite(value) && !exact &&
      (static_cast<float>(std::nextafter(value, HUGE_VAL)) != result ||
       static_cast<float>(std::nextafter(value, -HUGE_VAL)) != result)) {
    fail("golden: {} cannot be rounded to float32 without doubt", value);
  }
  return result;
}

template <class T, class Read>
Tensor read(const Shape& shape, const Json& data, Read read_one) {
  std::vector<T> values;
  values.reserve(data.size());
  for (const Json& element : data) values.push_back(read_one(element));
  return Tensor::of<T>(shape, values);
}

}  // namespace

std::vector<std::string> golden_cases(const std::string& group) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(group))) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  if (names.empty()) fail("golden: there are no cases in {}", folder_of(group).string());
  std::sort(names.begin(), names.end());
  return names;
}

Json golden(const std::string& group, const std::string& name) {
  const std::filesystem::path path = folder_of(group) / (name + ".json");
  std::ifstream file(path);
  if (!file) fail("golden: cannot read {}", path.string());
  return Json::parse(file);
}

Tensor tensor_from(const Json& array) {
  Shape shape;
  for (const Json& size : array.at("shape")) shape.push_back(size.get<std::int64_t>());
  const Json& data = array.at("data");
  const auto integer = [](const Json& element) { return element.get<std::int64_t>(); };
  switch (dtype_from_name(array.at("dtype").get<std::string>())) {
    case DType::float32:
      return read<float>(shape, data, [](const Json& element) { return as_float(number(element)); });
    case DType::float64:
      return read<double>(shape, data, number);
    case DType::int32:
      return read<std::int32_t>(shape, data,
                                [&](const Json& e) { return static_cast<std::int32_t>(integer(e)); });
    case DType::int64:
      return read<std::int64_t>(shape, data, integer);
    case DType::uint8:
      return read<std::uint8_t>(shape, data,
                                [&](const Json& e) { return static_cast<std::uint8_t>(integer(e)); });
    case DType::bfloat16:
      return read<bfloat16>(shape, data, [](const Json& element) { return bfloat16(number(element)); });
  }
  fail("golden: unknown dtype");
}

std::vector<Tensor> tensors_from(const Json& arrays) {
  std::vector<Tensor> result;
  for (const Json& array : arrays) result.push_back(tensor_from(array));
  return result;
}

}  // namespace fovea::testing
