#include "core/json_fields.h"

#include <cmath>

#include "core/format.h"

namespace fovea {
namespace {

template <class T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json(Size2 size) { return {size.height, size.width}; }

Json json(const Shape& shape) { return shape_to_json(shape); }

template <class T>
Json json(const OneOrMany<T>& value) {
  return value.is_list ? Json(value.values) : Json(value.values.at(0));
}

class Writer final : public FieldVisitor {
 public:
  using FieldVisitor::field;
  void field(std::string_view name, bool& value) override { put(name, value); }
  void field(std::string_view name, std::int64_t& value) override { put(name, value); }
  void field(std::string_view name, double& value) override { put(name, value); }
  void field(std::string_view name, Literal& value) override { put(name, literal_to_json(value)); }
  void field(std::string_view name, std::string& value) override { put(name, value); }
  void field(std::string_view name, Size2& value) override { put(name, json(value)); }
  void field(std::string_view name, Padding2& p) override {
    put(name, Json::array({{p.top, p.bottom}, {p.left, p.right}}));
  }
  void field(std::string_view name, Shape& value) override { put(name, json(value)); }
  void field(std::string_view name, std::vector<std::int64_t>& value) override { put(name, value); }
  void field(std::string_view name, std::vector<double>& value) override { put(name, value); }
  void field(std::string_view name, Pairs& value) override { put(name, value); }
  void field(std::string_view name, std::optional<std::int64_t>& value) override {
    put(name, optional_json(value));
  }
  void field(std::string_view name, std::optional<double>& value) override {
    put(name, optional_json(value));
  }
  void field(std::string_view name, std::optional<std::string>& value) override {
    put(name, optional_json(value));
  }
  void field(std::string_view name, std::optional<Size2>& value) override {
    put(name, value ? json(*value) : Json(nullptr));
  }
  void field(std::string_view name, std::optional<Shape>& value) override {
    put(name, value ? json(*value) : Json(nullptr));
  }
  void field(std::string_view name, std::optional<Numbers>& value) override {
    put(name, value ? json(*value) : Json(nullptr));
  }
  void field(std::string_view name, std::optional<Axes>& value) override {
    put(name, value ? json(*value) : Json(nullptr));
  }
  void field(std::string_view name, ObjectSlot& slot) override {
    if (const std::optional<double> number = slot.number()) {
      put(name, *number);
      return;
    }
    put(name, slot.get() == nullptr ? Json(nullptr) : write_object(*slot.get(), slot.module()));
  }

  Json config = Json::object();

 private:
  void put(std::string_view name, Json value) {
    const auto [place, added] = config.emplace(std::string(name), std::move(value));
    if (!added) fail("Option '{}' is visited twice", name);
  }
};

class Reader final : public FieldVisitor {
 public:
  Reader(const Json& config, const std::string& where) : config_(config), where_(where) {}

  using FieldVisitor::field;
  void field(std::string_view name, bool& value) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (!found->is_boolean()) wrong(name, "true or false", *found);
    value = found->get<bool>();
  }
  void field(std::string_view name, std::int64_t& value) override {
    if (const Json* found = find(name)) value = integer(name, *found);
  }
  void field(std::string_view name, double& value) override {
    if (const Json* found = find(name)) value = number(name, *found);
  }
  void field(std::string_view name, Literal& value) override {
    if (const Json* found = find(name)) {
      if (!found->is_number()) wrong(name, "a number", *found);
      value = literal_from_json(*found);
    }
  }
  void field(std::string_view name, std::string& value) override {
    if (const Json* found = find(name)) value = text(name, *found);
  }
  void field(std::string_view name, Size2& value) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (found->is_array() && found->size() == 2) {
      value = {integer(name, (*found)[0]), integer(name, (*found)[1])};
    } else {
      value = integer(name, *found);
    }
  }
  void field(std::string_view name, Padding2& value) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (!found->is_array()) {
      value = integer(name, *found);
      return;
    }
    if (found->size() != 2) wrong(name, "a number, a pair, or a pair of pairs", *found);
    const auto pair = [&](const Json& side) -> std::pair<std::int64_t, std::int64_t> {
      if (!side.is_array()) return {integer(name, side), integer(name, side)};
      if (side.size() != 2) wrong(name, "a number, a pair, or a pair of pairs", *found);
      return {integer(name, side[0]), integer(name, side[1])};
    };
    const auto [top, bottom] = pair((*found)[0]);
    const auto [left, right] = pair((*found)[1]);
    value = {top, bottom, left, right};
  }
  void field(std::string_view name, Shape& value) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (!found->is_array() || found->size() > Shape::max_rank) wrong(name, "a list of sizes", *found);
    Shape shape;
    for (const Json& size : *found) shape.push_back(size.is_null() ? Shape::unknown : integer(name, size));
    value = shape;
  }
  void field(std::string_view name, std::vector<std::int64_t>& value) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (!found->is_array()) wrong(name, "a list of integers", *found);
    value.clear();
    for (const Json& element : *found) value.push_back(integer(name, element));
  }
  void field(std::string_view name, std::vector<double>& value) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (!found->is_array()) wrong(name, "a list of numbers", *found);
    value.clear();
    for (const Json& element : *found) value.push_back(number(name, element));
  }
  void field(std::string_view name, Pairs& value) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (!found->is_array()) wrong(name, "a list of pairs", *found);
    value.clear();
    for (const Json& pair : *found) {
      if (!pair.is_array() || pair.size() != 2) wrong(name, "a list of pairs", *found);
      value.push_back({integer(name, pair[0]), integer(name, pair[1])});
    }
  }
  void field(std::string_view name, std::optional<std::int64_t>& value) override {
    if (const Json* found = find(name)) {
      value = found->is_null() ? std::nullopt : std::optional(integer(name, *found));
    }
  }
  void field(std::string_view name, std::optional<double>& value) override {
    if (const Json* found = find(name)) {
      value = found->is_null() ? std::nullopt : std::optional(number(name, *found));
    }
  }
  void field(std::string_view name, std::optional<std::string>& value) override {
    if (const Json* found = find(name)) {
      value = found->is_null() ? std::nullopt : std::optional(text(name, *found));
    }
  }
  void field(std::string_view name, std::optional<Size2>& value) override { optional_field(name, value); }
  void field(std::string_view name, std::optional<Shape>& value) override { optional_field(name, value); }
  void field(std::string_view name, std::optional<Numbers>& value) override { one_or_many(name, value); }
  void field(std::string_view name, std::optional<Axes>& value) override { one_or_many(name, value); }
  void field(std::string_view name, ObjectSlot& slot) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (found->is_null()) {
      at_field(name, [&] { slot.clear(); });
    } else if (found->is_number() && slot.take_number(found->get<double>())) {
      return;
    } else if (found->is_string()) {
      at_field(name, [&] { slot.make(found->get<std::string>()); });
    } else {
      if (!found->is_object() || !found->contains("class_name") || !(*found)["class_name"].is_string()) {
        wrong(name,
              slot.number() ? "a number, or an object with its class_name"
                            : "a name, or an object with its class_name",
              *found);
      }
      Configurable* made = nullptr;
      at_field(name, [&] { made = &slot.make((*found)["class_name"].get<std::string>()); });
      if (found->contains("config"))
        read_config(*made, (*found)["config"], fmt::format("{}, {}", where_, name));
    }
  }
  bool reads() const override { return true; }

 private:
  const Json* find(std::string_view name) const {
    const auto found = config_.find(std::string(name));
    return found == config_.end() ? nullptr : &*found;
  }

  template <class T>
  void optional_field(std::string_view name, std::optional<T>& value) {
    const Json* found = find(name);
    if (found == nullptr) return;
    value.reset();
    if (!found->is_null()) field(name, value.emplace());
  }

  template <class T>
  void one_or_many(std::string_view name, std::optional<OneOrMany<T>>& value) {
    const Json* found = find(name);
    if (found == nullptr) return;
    value.reset();
    if (found->is_array()) {
      field(name, value.emplace().values);
    } else if (!found->is_null()) {
      T one{};
      field(name, one);
      value = one;
    }
  }

  /// Says where, when `make` fails.
  template <class Make>
  void at_field(std::string_view name, Make&& make) const {
    try {
      make();
    } catch (const Error& error) {
      fail("{}: '{}': {}", where_, name, error.what());
    }
  }

  [[noreturn]] void wrong(std::string_view name, const char* expected, const Json& received) const {
    fail("{}: '{}' must be {}. Received: {}", where_, name, expected, received.dump().substr(0, 200));
  }

  std::int64_t integer(std::string_view name, const Json& value) const {
    if (!value.is_number_integer()) wrong(name, "an integer", value);
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)
      wrong(name, "a 64-bit integer", value);
    return value.get<std::int64_t>();
  }
  double number(std::string_view name, const Json& value) const {
    if (!value.is_number()) wrong(name, "a number", value);
    return value.get<double>();
  }
  std::string text(std::string_view name, const Json& value) const {
    if (!value.is_string()) wrong(name, "a text", value);
    return value.get<std::string>();
  }

  const Json& config_;
  const std::string& where_;
};

std::string python(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_string()) return "'" + value.get<std::string>() + "'";
  if (!value.is_structured()) return value.dump();
  if (value.is_object())
    return value.contains("class_name") ? value["class_name"].get<std::string>() + "()" : value.dump();
  std::string result;
  for (const Json& element : value) result += (result.empty() ? "" : ", ") + python(element);
  return "(" + result + (value.size() == 1 ? ",)" : ")");
}

}  // namespace

Json shape_to_json(const Shape& shape) {
  Json sizes = Json::array();
  for (const std::int64_t size : shape) sizes.push_back(size == Shape::unknown ? Json(nullptr) : Json(size));
  return sizes;
}

Json write_config(Configurable& object) {
  Writer writer;
  object.fields(writer);
  return std::move(writer.config);
}

void read_config(Configurable& object, const Json& config, const std::string& where) {
  if (!config.is_object())
    fail("{}: its config must be an object. Received: {}", where, config.dump().substr(0, 200));
  Reader reader(config, where);
  object.fields(reader);
}

Json write_object(Configurable& object, std::string_view module) {
  return {{"module", module},
          {"class_name", object.class_name()},
          {"config", write_config(object)},
          {"registered_name", nullptr}};
}

Json literal_to_json(Literal number) {
  return number.is_integer ? Json(static_cast<std::int64_t>(number.value)) : Json(number.value);
}

Literal literal_from_json(const Json& number) {
  Literal result(number.get<double>());
  result.is_integer = number.is_number_integer() && std::abs(result.value) <= largest_whole_double;
  return result;
}

std::string describe(Configurable& object) {
  std::string result(object.class_name());
  std::string options;
  const Json config = write_config(object);
  for (const auto& [name, value] : config.items())
    options += (options.empty() ? "" : ", ") + name + "=" + python(value);
  return result + "(" + options + ")";
}

bool same_options(Configurable& a, Configurable& b) {
  return a.class_name() == b.class_name() && write_config(a) == write_config(b);
}

}  // namespace fovea
