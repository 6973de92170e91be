#pragma once

#include <string>

#include "fovea/model.h"
#include "models/model_impl.h"
#include "saving/byte_source.h"
#include "saving/hdf5_writer.h"

namespace fovea {

/// A whole model from an HDF5 file of Keras 1 or 2 (Keras 3 writes it too, for the ending .h5). What such a
/// file says of training that fovea does not have is left out, with a message (set_log_callback); so is an
/// optimizer's state that does not fit. Throws Error naming the layer and what is wrong with it.
Model load_legacy_h5(const ByteSource& bytes, const LoadOptions& options);

/// The file that Keras 3 writes for the ending .h5, with the optimizer's state when the model is compiled;
/// and, as an attribute more, `own`, what an archive has in fovea.json.
Hdf5File write_legacy_h5(const ModelImpl& model, const std::string& own);

}  // namespace fovea
