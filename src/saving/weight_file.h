#pragma once

#include "models/model_impl.h"
#include "saving/hdf5_reader.h"
#include "saving/hdf5_writer.h"

namespace fovea {

/// The model's weights as an HDF5 file in the layout of Keras 3, and the state of its optimizer when it is
/// compiled.
Hdf5File write_weight_file(const ModelImpl& model);

/// Reads such a file into the model, the optimizer's state too when both have one. Throws Error, naming the
/// place in the file and the layer, before anything is changed; with `skip_mismatch` layers that do not fit
/// are left out, with a message.
void read_weight_file(const ModelImpl& model, const Hdf5Reader& file, bool skip_mismatch = false);

}  // namespace fovea
