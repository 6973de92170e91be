#pragma once

#include <optional>
#include <string>

#include "fovea/model.h"

namespace fovea::program {

/// Is it the name of an architecture, such as "convnet"?
bool is_architecture(const std::string& model);
/// A .keras or .h5 file, or a Keras config.json, the latter with new weights. Throws UsageError for another
/// ending, and Error when it cannot be read.
Model open_model_file(const std::string& path, bool compile);
/// The same, or an architecture by its name.
Model open_model(const std::string& model, bool compile);

/// How image files become inputs of the model: what its file says or, for files that do not, plain resizing
/// to the size and channels of its input; nothing when neither says it.
std::optional<ImageOptions> preprocessing_if_any(const Model& model);
/// The same; throws Error when neither says it.
ImageOptions preprocessing_of(const Model& model);
/// Says on standard error when it is plain resizing.
void note_plain_preprocessing(const Model& model, const std::string& path);
/// How many classes the model tells apart: one output tells two.
std::int64_t class_count_of(const Model& model);
/// Class names that the file keeps, or "0", "1", ...
std::vector<std::string> class_names_of(const Model& model);

}  // namespace fovea::program
