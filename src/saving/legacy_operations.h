#pragma once

#include <functional>
#include <string>

#include "core/json_fields.h"

// Functions of TensorFlow that the functional API of Keras 2 recorded, as layers TFOpLambda and
// SlicingOpLambda, rewritten as the operations of keras.ops that do the same.

namespace fovea {

/// Does a layer of a legacy config stand for such a function?
bool is_recorded_function(const Json& layer);

/// Of a node, every tensor that the function reads, [layer, call, tensor].
Json tensors_of_function(const Json& node, const std::string& where);

/// The layer as Keras 3 writes an operation, with its call. `tensor` rewrites a [layer, call, tensor]. Throws
/// Error naming the layer and the function where fovea has no operation for it, or not with these arguments.
Json operation_from_legacy(const Json& layer, const std::function<Json(const Json&)>& tensor);

}  // namespace fovea
