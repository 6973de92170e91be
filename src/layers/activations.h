#pragma once

#include <string_view>

#include "fovea/layer.h"

namespace fovea {

/// Fails with the known names when there is none such; `who` starts the message.
void require_activation(std::string_view who, std::string_view activation);
/// What becomes of whole numbers; TensorFlow has most activations for floats alone.
WholeNumbers whole_numbers_of_activation(std::string_view activation);
/// Emits the activation by Keras' name.
Value lower_activation(GraphBuilder& graph, std::string_view activation, Value x);
/// The same for images (N, H, W, C) that a layer with this data_format computes. Softmax goes over the last
/// axis as Keras has it, which is their width where channels are first.
Value lower_activation_of_images(GraphBuilder& graph, std::string_view activation, Value images,
                                 std::string_view data_format);

}  // namespace fovea
