#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/model_impl.h"
#include "saving/hdf5_reader.h"
#include "saving/hdf5_writer.h"

namespace fovea {

/// Reads the weights in the group model_weights, as Keras 1 and 2 store them, into the model that the file
/// describes. Throws Error, naming the layer, what it needs and what was found, before anything is changed.
void read_legacy_weights(const ModelImpl& model, const Hdf5Reader& file);
/// The same for any model, and also of files with weights alone: layers one after the other, or by name.
void load_legacy_weights(const ModelImpl& model, const Hdf5Reader& file, const LoadWeightsOptions& options);

/// Writes the group model_weights as Keras 3 does.
void write_legacy_weights(const ModelImpl& model, Hdf5Writer& file);

/// The weights that a training step changes, in the order in which the optimizer's state has them, each with
/// its path: "base/conv2d/kernel".
struct NamedWeight {
  std::string path;
  Variable variable;
};
std::vector<NamedWeight> trained_weights(const ModelImpl& model);

/// What a file calls the weights of the model that was read from it: "conv2d_1/kernel:0", by Variable::id().
std::map<const void*, std::string> legacy_weight_names(const ModelImpl& model, const Hdf5Reader& file);

/// Lists that are too long for one attribute are cut into "layer_names0", "layer_names1", ... Throws Error
/// for more than `most` names.
std::vector<std::string> name_list(const Hdf5Reader& file, const std::string& group, const std::string& name,
                                   std::size_t most);

}  // namespace fovea
