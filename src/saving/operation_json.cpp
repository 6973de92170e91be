#include "saving/operation_json.h"

#include <array>
#include <cmath>

#include "core/format.h"
#include "saving/json_access.h"

// Source: keras/src/saving/serialization_lib.py, serialize_keras_object.

namespace fovea {
namespace {

constexpr const char* kTensor = "__keras_tensor__";
constexpr std::string_view kArrayKinds[] = {"__numpy__", "__tensor__"};

// ---- keys ----

Json optional_json(const std::optional<std::int64_t>& value) { return value ? Json(*value) : Json(nullptr); }

Json part_to_json(const KeyPart& part) {
  switch (part.kind) {
    case KeyPart::Kind::index:
      return optional_json(part.start);
    case KeyPart::Kind::new_axis:
      return nullptr;
    case KeyPart::Kind::ellipsis:
      return {{"class_name", "__ellipsis__"}, {"config", Json::object()}};
    case KeyPart::Kind::slice:
      break;
  }
  return {{"class_name", "__slice__"},
          {"config",
           {{"start", optional_json(part.start)},
            {"stop", optional_json(part.stop)},
            {"step", optional_json(part.step)}}}};
}

Json key_to_json(const Key& key) {
  Json parts = Json::array();
  for (const KeyPart& part : key.parts) parts.push_back(part_to_json(part));
  return key.is_list ? parts : parts[0];
}

std::int64_t index_from_json(const Json& value, const std::string& where) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
  if (!fits) fail("{}: expected a position. Received: {}", where, shown(value));
  return value.get<std::int64_t>();
}

std::optional<std::int64_t> bound_from_json(const Json& slice, const char* name, const std::string& where) {
  const Json& value = member(member(slice, "config", where), name, where);
  if (value.is_null()) return {};
  return index_from_json(value, where);
}

KeyPart part_from_json(const Json& part, const std::string& where) {
  if (part.is_null()) return {.kind = KeyPart::Kind::new_axis};
  const Json kind = part.is_object() ? part.value("class_name", Json()) : Json();
  if (kind == "__ellipsis__") return {.kind = KeyPart::Kind::ellipsis};
  if (kind == "__slice__") {
    return {KeyPart::Kind::slice, bound_from_json(part, "start", where), bound_from_json(part, "stop", where),
            bound_from_json(part, "step", where)};
  }
  if (!part.is_number_integer())
    fail("{}: a key is made of numbers, slices, '...' and None. Received: {}", where, shown(part));
  return {KeyPart::Kind::index, index_from_json(part, where), {}, {}};
}

Key key_from_json(const Json& key, const std::string& where) {
  Key result;
  result.is_list = key.is_array();
  if (result.is_list) {
    for (const Json& part : key) result.parts.push_back(part_from_json(part, where));
  } else {
    result.parts.push_back(part_from_json(key, where));
  }
  return result;
}

// ---- arrays ----

/// The numbers of an axis and those behind it.
Json nested(const Shape& shape, const Json& numbers, std::size_t& next) {
  if (shape.rank() == 0) return numbers[next++];
  Json result = Json::array();
  for (std::int64_t i = 0; i < shape[0]; ++i) result.push_back(nested(shape.slice(1), numbers, next));
  return result;
}

Json array_to_json(const Constant& constant) {
  const DType dtype = constant.value.dtype();
  Json numbers = Json::array();
  if (is_floating(dtype)) {
    const Tensor wide = constant.value.astype(DType::float64);
    for (const double number : wide.values<double>()) numbers.push_back(number);
  } else {
    const Tensor wide = constant.value.astype(DType::int64);
    for (const std::int64_t number : wide.values<std::int64_t>()) numbers.push_back(number);
  }
  std::size_t next = 0;
  return {{"class_name", constant.kind},
          {"config", {{"value", nested(constant.value.shape(), numbers, next)}, {"dtype", name(dtype)}}}};
}

void collect(const Json& value, const Shape& shape, std::vector<double>& numbers, const std::string& where) {
  if (shape.rank() == 0) {
    if (!value.is_number()) fail("{}: an array holds numbers. Received: {}", where, shown(value));
    numbers.push_back(value.get<double>());
    return;
  }
  if (!value.is_array() || static_cast<std::int64_t>(value.size()) != shape[0])
    fail("{}: the lists of an array must have one length along an axis. Received: {}", where, shown(value));
  for (const Json& item : value) collect(item, shape.slice(1), numbers, where);
}

Constant array_from_json(const Json& array, std::string_view kind, const std::string& where) {
  const Json& config = member(array, "config", where);
  const Json& value = member(config, "value", where);
  Shape shape;
  for (const Json* at = &value; at->is_array(); at = &(*at)[0]) {
    if (at->empty()) fail("{}: an array must have numbers. Received: {}", where, shown(value));
    if (shape.rank() == Shape::max_rank) fail("{}: an array has at most {} axes", where, Shape::max_rank);
    shape.push_back(static_cast<std::int64_t>(at->size()));
  }
  std::vector<double> numbers;
  collect(value, shape, numbers, where);
  const std::string dtype = text_member(config, "dtype", where);
  try {
    const DType type = dtype_from_name(dtype);
    if (is_floating(type)) return {Tensor::of(shape, numbers).astype(type), kind};
    std::vector<std::int64_t> whole;
    for (const double number : numbers) {
      if (number != std::floor(number) || std::abs(number) > largest_whole_double)
        fail("holds whole numbers. Received: {}", number);
      whole.push_back(static_cast<std::int64_t>(number));
    }
    return {Tensor::of(shape, whole).astype(type), kind};
  } catch (const Error& error) {
    fail("{}: its array of {}: {}", where, dtype, error.what());
  }
}

// ---- arguments ----

/// Of an argument that is no tensor; nothing for one that is.
std::optional<Operand> value_from_json(const OperationLayer& operation, const Json& argument,
                                       const std::string& where) {
  const Json kind = argument.is_object() ? argument.value("class_name", Json()) : Json();
  if (kind == kTensor) return {};
  std::optional<Operand> result;
  if (argument.is_number()) result = Operand{.number = literal_from_json(argument)};
  for (const std::string_view known : kArrayKinds) {
    if (kind == known) result = Operand{.constant = array_from_json(argument, known, where)};
  }
  if (!result || !operation.takes_values())
    fail("{}: expected a tensor. Received: {}", where, shown(argument));
  return result;
}

}  // namespace

Json operation_call_to_json(const OperationLayer& operation, Json tensors) {
  Json named = Json::object();
  if (!operation.named_argument().empty()) {
    named[std::string(operation.named_argument())] =
        operation.named_value.number ? literal_to_json(*operation.named_value.number) : Json(nullptr);
  }
  if (operation.takes_tensors())
    return {{"args", Json::array({std::move(tensors)})}, {"kwargs", std::move(named)}};
  Json arguments = Json::array();
  std::size_t next = 0;
  for (const Operand& operand : operation.operands) {
    if (operand.number) {
      arguments.push_back(literal_to_json(*operand.number));
    } else if (operand.constant) {
      arguments.push_back(array_to_json(*operand.constant));
    } else if (operand.key) {
      arguments.push_back(key_to_json(*operand.key));
    } else {
      arguments.push_back(std::move(tensors[next++]));
    }
  }
  return {{"args", std::move(arguments)}, {"kwargs", std::move(named)}};
}

OperationCall operation_call_from_json(const OperationLayer& operation, const Json& positional,
                                       const Json& named, const std::string& where) {
  OperationCall result;
  for (const auto& [name, value] : named.items()) {
    const bool known = name == operation.named_argument();
    if (known && value.is_number()) {
      result.named = {.number = literal_from_json(value)};
    } else if (!value.is_null()) {
      fail("{}: the argument '{}' {}. Received: {}={}", where, name,
           known ? "must be a number or None" : "is not known", name, shown(value));
    }
  }
  const bool list = operation.takes_tensors() && positional.size() == 1 && positional[0].is_array();
  for (const Json& argument : list ? positional[0] : positional) {
    if (operation.takes_key() && result.operands.size() == 1) {
      result.operands.push_back({.key = key_from_json(argument, where)});
      continue;
    }
    std::optional<Operand> value = value_from_json(operation, argument, where);
    if (!value) result.tensors.push_back(argument);
    result.operands.push_back(value ? *std::move(value) : Operand{});
  }
  return result;
}

}  // namespace fovea
