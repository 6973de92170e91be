#pragma once

#include <string>

#include "core/json_fields.h"
#include "layers/operation.h"

namespace fovea {

/// The call of an operation as Keras writes it, "args" and "kwargs", with these tensors in their places.
Json operation_call_to_json(const OperationLayer& operation, Json tensors);

/// What a call's arguments say: the tensors among them, as they are written, and all of them in their order.
struct OperationCall {
  Json tensors = Json::array();
  std::vector<Operand> operands;
  Operand named;
};
/// Throws Error, beginning with `where`, for arguments that the operation does not take.
OperationCall operation_call_from_json(const OperationLayer& operation, const Json& positional,
                                       const Json& named, const std::string& where);

}  // namespace fovea
