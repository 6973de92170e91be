#pragma once

#include <functional>
#include <string_view>

#include "models/model_impl.h"
#include "saving/hdf5_writer.h"

namespace fovea {

/// The model's weights as an HDF5 file in the layout of Keras 3, and the state of its optimizer when it is
/// compiled.
Hdf5File write_weight_file(const ModelImpl& model);

/// Reads such a file into the model, the optimizer's state too when both have one. Throws Error, naming the
/// place in the file and the layer, before anything is changed; with `skip_mismatch` layers that do not fit
/// are left out, with a message.
/// `read` is told, again and again, how many bytes were read since: their memory may be given back.
void read_weight_file(const ModelImpl& model, std::string_view bytes, bool skip_mismatch = false,
                      const std::function<void(std::size_t)>& read = {});

}  // namespace fovea
