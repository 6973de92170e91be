#pragma once

#include <string_view>

#include "fovea/model.h"

namespace fovea {

/// A whole model from an HDF5 file of Keras 1 or 2 (Keras 3 writes it too, for the ending .h5). What such a
/// file says of training that fovea does not have is left out, with a message (set_log_callback); so is the
/// optimizer's state. Throws Error naming the layer and what is wrong with it.
Model load_legacy_h5(std::string_view bytes, const LoadOptions& options);

}  // namespace fovea
