#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/tensor.h"

namespace fovea {

class FieldVisitor;

/// Anything that is described by a class name and a list of options: layers, initializers, losses, ops.
class Configurable {
 public:
  virtual ~Configurable() = default;
  /// The name Keras registers it under, such as "Conv2D".
  virtual std::string_view class_name() const = 0;
  /// Visits every option once, under Keras' name for it. Saving, loading, equality and printing follow from
  /// this list.
  virtual void fields(FieldVisitor& visitor) = 0;
};

/// A number and how it was written: 20 is not 20.0 where tensors of whole numbers are concerned.
struct Literal {
  double value = 0;
  bool is_integer = false;
  constexpr Literal() = default;
  constexpr Literal(double number) : value(number) {}
  constexpr Literal(std::int64_t number) : value(static_cast<double>(number)), is_integer(true) {}
  constexpr Literal(int number) : Literal(static_cast<std::int64_t>(number)) {}
  constexpr operator double() const { return value; }
};

/// A height and a width; one number stands for both.
struct Size2 {
  std::int64_t height = 1;
  std::int64_t width = 1;
  constexpr Size2() = default;
  constexpr Size2(std::int64_t both) : height(both), width(both) {}
  constexpr Size2(int both) : height(both), width(both) {}
  constexpr Size2(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  constexpr bool operator==(const Size2&) const = default;
};

/// Rows and columns added before and after an image.
struct Padding2 {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  constexpr Padding2() = default;
  constexpr Padding2(std::int64_t all) : top(all), bottom(all), left(all), right(all) {}
  constexpr Padding2(int all) : Padding2(static_cast<std::int64_t>(all)) {}
  constexpr Padding2(std::int64_t t, std::int64_t b, std::int64_t l, std::int64_t r)
      : top(t), bottom(b), left(l), right(r) {}
  constexpr bool operator==(const Padding2&) const = default;
};

/// Steps added before and after a row, or cut off.
struct Padding1 {
  std::int64_t before = 0, after = 0;
  constexpr Padding1() = default;
  constexpr Padding1(std::int64_t both) : before(both), after(both) {}
  constexpr Padding1(int both) : before(both), after(both) {}
  constexpr Padding1(std::int64_t b, std::int64_t a) : before(b), after(a) {}
};

/// One, or a list of them, as Keras takes axes, bounds, and numbers for all channels or one each. Configs
/// keep which it was.
template <class T>
struct OneOrMany {
  std::vector<T> values;
  bool is_list = true;
  OneOrMany() = default;
  OneOrMany(T one) : values{one}, is_list(false) {}
  OneOrMany(int one) : values{static_cast<T>(one)}, is_list(false) {}
  OneOrMany(std::initializer_list<T> list) : values(list) {}
  OneOrMany(std::vector<T> list) : values(std::move(list)) {}
  auto begin() const { return values.begin(); }
  auto end() const { return values.end(); }
  std::size_t size() const { return values.size(); }
  bool empty() const { return values.empty(); }
  bool operator==(const OneOrMany&) const = default;
};
using Numbers = OneOrMany<double>;
using Axes = OneOrMany<std::int64_t>;
/// Two of them for each axis: what is added before it and after it.
using Pairs = std::vector<std::array<std::int64_t, 2>>;

/// A place that holds a Configurable of one kind, or nothing (an initializer, a regularizer).
class ObjectSlot {
 public:
  virtual ~ObjectSlot() = default;
  virtual Configurable* get() = 0;
  /// The module Keras files it under, such as "keras.initializers".
  virtual std::string_view module() const = 0;
  /// Puts a new object of that class, with default options, in the slot. Throws Error for an unknown class.
  virtual Configurable& make(std::string_view class_name) = 0;
  virtual void clear() = 0;
  /// A place that may hold a number instead of an object (a learning rate): the number there, if it is one.
  virtual std::optional<double> number() const { return {}; }
  /// Puts a number in the slot; false where only objects go.
  virtual bool take_number(double /*number*/) { return false; }
};

/// Visits the options of a Configurable. Readers assign to the references, writers only look at them.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void field(std::string_view name, bool& value) = 0;
  virtual void field(std::string_view name, std::int64_t& value) = 0;
  virtual void field(std::string_view name, double& value) = 0;
  virtual void field(std::string_view name, Literal& value) = 0;
  virtual void field(std::string_view name, std::string& value) = 0;
  virtual void field(std::string_view name, Size2& value) = 0;
  virtual void field(std::string_view name, Padding2& value) = 0;
  virtual void field(std::string_view name, Shape& value) = 0;
  virtual void field(std::string_view name, std::vector<std::int64_t>& value) = 0;
  virtual void field(std::string_view name, std::vector<double>& value) = 0;
  virtual void field(std::string_view name, Pairs& value) = 0;
  virtual void field(std::string_view name, std::optional<std::int64_t>& value) = 0;
  virtual void field(std::string_view name, std::optional<double>& value) = 0;
  virtual void field(std::string_view name, std::optional<std::string>& value) = 0;
  virtual void field(std::string_view name, std::optional<Size2>& value) = 0;
  virtual void field(std::string_view name, std::optional<Shape>& value) = 0;
  virtual void field(std::string_view name, std::optional<Numbers>& value) = 0;
  virtual void field(std::string_view name, std::optional<Axes>& value) = 0;
  virtual void field(std::string_view name, ObjectSlot& slot) = 0;
  /// Does it assign? An option that Keras leaves out of its configs at its default is visited then too.
  virtual bool reads() const { return false; }
};

}  // namespace fovea
