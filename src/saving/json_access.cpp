#include "saving/json_access.h"

#include "core/format.h"

namespace fovea {
namespace {

/// A model in a model adds 5 levels or so.
constexpr int kMaxDepth = 400;

}  // namespace

Json parse_json(std::string_view text) {
  const auto limit = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) fail("its JSON is nested more than {} levels deep", kMaxDepth);
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), limit);
  } catch (const Json::exception& error) {
    fail("is no JSON: {}", error.what());
  }
}

std::string json_text(const Json& value) {
  try {
    return value.dump(-1, ' ', true);
  } catch (const Json::exception& error) {
    fail("cannot be written as JSON: {}", error.what());
  }
}

const Json& member(const Json& object, const char* name, const std::string& where) {
  if (!object.is_object()) fail("{}: must be an object. Received: {}", where, shown(object));
  const auto found = object.find(name);
  if (found == object.end()) fail("{}: has no '{}'", where, name);
  return *found;
}

std::string text_member(const Json& object, const char* name, const std::string& where) {
  const Json& value = member(object, name, where);
  if (!value.is_string()) fail("{}: '{}' must be a text. Received: {}", where, name, shown(value));
  return value.get<std::string>();
}

const Json& list_member(const Json& object, const char* name, const std::string& where) {
  const Json& value = member(object, name, where);
  if (!value.is_array()) fail("{}: '{}' must be a list. Received: {}", where, name, shown(value));
  return value;
}

std::string shown(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 200);
}

}  // namespace fovea
