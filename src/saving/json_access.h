#pragma once

#include <string>
#include <string_view>

#include "core/format.h"
#include "core/json_fields.h"

namespace fovea {

/// Runs `read`; what it throws begins with `place`.
template <class Read>
auto about_place(const char* place, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    fail("{}: {}", place, error.what());
  }
}

/// Throws Error, saying where, for text that is no JSON, or nested so deeply that it cannot be meant.
Json parse_json(std::string_view text);
/// As Python's json.dumps writes it.
std::string json_text(const Json& value);

/// The member of an object. Throws Error, beginning with `where`, when there is none.
const Json& member(const Json& object, const char* name, const std::string& where);
/// The same for a text, and for a list.
std::string text_member(const Json& object, const char* name, const std::string& where);
const Json& list_member(const Json& object, const char* name, const std::string& where);
/// A value for a message, at most 200 characters of it.
std::string shown(const Json& value);

}  // namespace fovea
