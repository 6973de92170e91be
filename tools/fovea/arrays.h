#pragma once

#include <string>
#include <vector>

#include "fovea/model.h"
#include "fovea/numpy.h"

namespace fovea::program {

/// Is it named as a file of NumPy arrays, .npy or .npz?
bool is_array_file(const std::string& path);

/// The inputs of a model from a file: of a .npy file its only one; of a .npz file each by its name. As in
/// Keras' predict, they are cast to what the model takes, and a last size of 1 is added or taken away where
/// that makes the sizes fit. Throws Error, naming the file, for arrays that are missing, too many, empty or
/// of other shapes.
std::vector<Tensor> load_inputs(const Model& model, const std::string& path);

/// Names of a model's inputs and outputs: those of their layers; of outputs of one layer, with a number.
std::vector<std::string> input_names(const Model& model);
std::vector<std::string> output_names(const Model& model);

/// Writes outputs: a .npy file for the only one, a .npz file for any number, by their names.
void save_outputs(const Model& model, const std::vector<Tensor>& outputs, const std::string& path);

/// Throws UsageError when writing `output` would replace `input`.
void require_other_file(const std::string& input, const std::string& output);
/// Throws Error when the folder that it is to stand in is not there, before anything is computed.
void require_folder_of(const std::string& output);

}  // namespace fovea::program
