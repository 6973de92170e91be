#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "fovea/layer.h"

namespace fovea {

/// One argument of a recorded operation: a tensor, or a number that was written in its place.
struct Operand {
  std::optional<double> number;  ///< nothing: the next tensor
  bool is_integer = false;       ///< as the number was written
};

/// An operation of keras.ops that the functional API recorded: `x + 3.0`, `ops.mean(x, axis=1)`. It is called
/// once, and keeps the numbers of that call. Its class name is "MODULE>CLASS" with Keras' names for both.
class OperationLayer : public LayerImpl {
 public:
  /// In Keras' order; empty until the call is known.
  std::vector<Operand> operands;

  /// Does it take a list of tensors as its one argument?
  virtual bool takes_tensors() const { return false; }
};

/// "keras.src.ops.numpy>Add" made anew; null for an operation that fovea does not have.
std::shared_ptr<OperationLayer> make_operation(std::string_view class_name);
/// Does a class name mean an operation of Keras?
bool is_operation(std::string_view class_name);

}  // namespace fovea
