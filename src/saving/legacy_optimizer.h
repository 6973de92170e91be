#pragma once

#include "models/model_impl.h"
#include "saving/hdf5_reader.h"
#include "saving/hdf5_writer.h"

namespace fovea {

/// Reads the group optimizer_weights into the optimizer of a compiled model: the state as Keras 3 stores it,
/// as tf.keras 2 did with its optimizers from 2.11 on and with those before, or as Keras 2 did. Of one that
/// does not fit nothing is read, with a message.
void read_legacy_optimizer(const ModelImpl& model, const Hdf5Reader& file);

/// Writes the group as Keras 3 does.
void write_legacy_optimizer(const ModelImpl& model, Hdf5Writer& file);

}  // namespace fovea
