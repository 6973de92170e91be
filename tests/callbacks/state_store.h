#pragma once

#include <gtest/gtest.h>

#include <any>
#include <map>

#include "callbacks/support.h"

namespace fovea::test {

/// Keeps fields under their names, or gives them back.
class StateStore final : public StateVisitor {
 public:
  using StateVisitor::field;
  bool reading = false;

  void field(std::string_view name, bool& value) override { keep(name, value); }
  void field(std::string_view name, std::int64_t& value) override { keep(name, value); }
  void field(std::string_view name, double& value) override { keep(name, value); }
  void field(std::string_view name, Literal& value) override { keep(name, value); }
  void field(std::string_view name, std::string& value) override { keep(name, value); }
  void field(std::string_view name, Size2& value) override { keep(name, value); }
  void field(std::string_view name, Padding2& value) override { keep(name, value); }
  void field(std::string_view name, Shape& value) override { keep(name, value); }
  void field(std::string_view name, std::vector<std::int64_t>& value) override { keep(name, value); }
  void field(std::string_view name, std::vector<double>& value) override { keep(name, value); }
  void field(std::string_view name, Pairs& value) override { keep(name, value); }
  void field(std::string_view name, std::optional<std::int64_t>& value) override { keep(name, value); }
  void field(std::string_view name, std::optional<double>& value) override { keep(name, value); }
  void field(std::string_view name, std::optional<std::string>& value) override { keep(name, value); }
  void field(std::string_view name, std::optional<Size2>& value) override { keep(name, value); }
  void field(std::string_view name, std::optional<Shape>& value) override { keep(name, value); }
  void field(std::string_view name, std::optional<Numbers>& value) override { keep(name, value); }
  void field(std::string_view name, std::optional<Axes>& value) override { keep(name, value); }
  void field(std::string_view, ObjectSlot&) override { FAIL() << "an object is an option, not state"; }
  void field(std::string_view name, std::vector<Tensor>& value) override { keep(name, value); }

  template <class T>
  T get(const std::string& name) const {
    return std::any_cast<T>(fields_.at(name));
  }

 private:
  template <class T>
  void keep(std::string_view name, T& value) {
    if (reading) {
      value = std::any_cast<T>(fields_.at(std::string(name)));
    } else {
      EXPECT_TRUE(fields_.emplace(name, value).second) << name << " is visited twice";
    }
  }

  std::map<std::string, std::any> fields_;
};

}  // namespace fovea::test
