#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/format.h"

namespace fovea {

/// As Keras spells a class as a function: "MaxPooling2D" -> "max_pooling2d", "ReLU" -> "re_lu".
std::string snake_case(std::string_view class_name);

/// One class of a kind that is asked for by name: an initializer, a loss, a metric, an optimizer.
template <class Impl>
struct NamedClass {
  std::string_view class_name;
  std::shared_ptr<Impl> (*make)();
  std::vector<std::string_view> aliases = {};  ///< beside the class name and its snake case
};

/// A new object of the class that `name` means. Throws Error listing what there is.
template <class Impl>
std::shared_ptr<Impl> make_named(std::string_view kind, const std::vector<NamedClass<Impl>>& classes,
                                 std::string_view name) {
  std::string known;
  for (const NamedClass<Impl>& entry : classes) {
    const std::string snake = snake_case(entry.class_name);
    bool same = name == entry.class_name || name == snake;
    for (const std::string_view alias : entry.aliases) same = same || name == alias;
    if (same) return entry.make();
    known += (known.empty() ? "" : ", ") + snake;
  }
  fail("There is no {} '{}'. Known are: {}", kind, name, known);
}

}  // namespace fovea
