#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "callbacks/support.h"

namespace fovea::test {

/// The arguments of a golden case, each of which must be taken: an option that ours does not have fails the
/// test.
class GoldenArguments {
 public:
  explicit GoldenArguments(const Json& arguments) : arguments_(arguments) {}
  ~GoldenArguments() {
    for (const auto& [name, value] : arguments_.items()) {
      EXPECT_EQ(taken_.count(name), 1U) << "the argument " << name << " = " << value << " was not looked at";
    }
  }
  GoldenArguments(const GoldenArguments&) = delete;
  GoldenArguments& operator=(const GoldenArguments&) = delete;

  template <class T>
  void take(const char* name, T& option) {
    if (const Json* value = find(name)) option = value->get<T>();
  }
  void take(const char* name, double& option) {
    if (const Json* value = find(name)) option = number(*value);
  }
  void take(const char* name, std::optional<double>& option) {
    if (const Json* value = find(name)) option = number(*value);
  }
  const Json* find(const char* name) {
    taken_.insert(name);
    const auto found = arguments_.find(name);
    return found == arguments_.end() ? nullptr : &*found;
  }

 private:
  Json arguments_;
  std::set<std::string> taken_;
};

/// The warnings that Keras gave at a decision.
inline std::vector<std::string> warnings_of(const Json& decision) {
  return decision.value("warnings", std::vector<std::string>{});
}

/// Replays of tests/golden/callbacks, by class.
void replay_model_checkpoint(const Json& golden);

}  // namespace fovea::test
