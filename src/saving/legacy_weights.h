#pragma once

#include "models/model_impl.h"
#include "saving/hdf5_reader.h"

namespace fovea {

/// Reads the weights in the group model_weights, as Keras 1 and 2 store them, into the model. Throws Error,
/// naming the layer, what it needs and what was found, before anything is changed.
void read_legacy_weights(const ModelImpl& model, const Hdf5Reader& file);

}  // namespace fovea
