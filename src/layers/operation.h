#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "fovea/layer.h"

namespace fovea {

/// One part of a key, as of `x[:, 1:-1, ::2, None, ..., 3]`.
struct KeyPart {
  enum class Kind : std::uint8_t { index, slice, new_axis, ellipsis } kind = Kind::index;
  std::optional<std::int64_t> start = {}, stop = {}, step = {};  ///< of a slice; an index stands in start
};

/// What stands between the brackets: parts, or an index alone.
struct Key {
  std::vector<KeyPart> parts;
  bool is_list = true;
};

/// An array of numbers that is part of the model, with the name of its kind in Keras' files: "__numpy__" or
/// "__tensor__".
struct Constant {
  Tensor value;
  std::string_view kind;
};

/// One argument of a recorded operation: a tensor, or what was written in its place.
struct Operand {
  std::optional<Literal> number = {};
  std::optional<Constant> constant = {};
  std::optional<Key> key = {};
  bool is_tensor() const { return !number && !constant && !key; }
};

/// An operation of keras.ops that the functional API recorded: `x + 3.0`, `ops.mean(x, axis=1)`. It is called
/// once, and keeps what is no tensor among the arguments of that call. Its class name is "MODULE>CLASS" with
/// Keras' names for both.
class OperationLayer : public LayerImpl {
 public:
  /// In Keras' order; empty until the call is known.
  std::vector<Operand> operands;
  /// What named_argument() was given: a number, or nothing.
  Operand named_value;

  /// Does it take a list of tensors as its one argument?
  virtual bool takes_tensors() const { return false; }
  /// Does it take numbers and arrays in the place of tensors?
  virtual bool takes_values() const { return false; }
  /// Is its second argument a key?
  virtual bool takes_key() const { return false; }
  /// The one argument that Keras notes by its name, a number or None; empty: there is none.
  virtual std::string_view named_argument() const { return {}; }
  /// As in Keras, it computes in the widest type of what it is given, and in floatx() where that is no float.
  virtual void set_input_types(std::span<const DType> types);
};

/// "keras.src.ops.numpy>Add" made anew; null for an operation that fovea does not have.
std::shared_ptr<OperationLayer> make_operation(std::string_view class_name);
/// Does a class name mean an operation of Keras?
bool is_operation(std::string_view class_name);

}  // namespace fovea
