#pragma once

#include "fovea/layer.h"

namespace fovea {

/// Is it a layer that changes images in training? `training` of its call is true in Keras unless given. Keras
/// notes that in a model's calls, where it has no effect: what fit, evaluate and predict say goes before.
bool is_augmentation(const LayerImpl& layer);

}  // namespace fovea
