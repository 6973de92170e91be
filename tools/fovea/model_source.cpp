#include "model_source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/format.h"
#include "data_source.h"
#include "errors.h"
#include "fovea/applications.h"
#include "report.h"

namespace fovea::program {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || !text) fail("{}: the file cannot be read", path);
  return text.str();
}

/// Null for numbers of channels that no image has.
const char* color_mode_of(std::int64_t channels) {
  switch (channels) {
    case 1:
      return "grayscale";
    case 3:
      return "rgb";
    case 4:
      return "rgba";
    default:
      return nullptr;
  }
}

/// What stands against it, as the end of a sentence on the model; "" when nothing does.
std::string why_no_plain_resizing(const Model& model) {
  const Shape input = model.inputs()[0].shape();
  if (input.rank() != 4 || !input.slice(1).is_known()) {
    return fmt::format(
        " keeps no preprocessing, and its input {} does not say what an image must be resized to",
        input.str());
  }
  if (color_mode_of(input[3]) == nullptr)
    return fmt::format(": its input {} has {} channels; images have 1, 3 or 4", input.str(), input[3]);
  return "";
}

}  // namespace

bool is_architecture(const std::string& model) {
  const std::vector<std::string> known = applications::names();
  return std::find(known.begin(), known.end(), model) != known.end();
}

Model open_model_file(const std::string& path, bool compile) {
  const std::string ending = std::filesystem::path(path).extension().string();
  const bool whole = ending == ".keras" || ending == ".h5" || ending == ".hdf5";
  if (!whole && ending != ".json") {
    usage_error("{}: no such model; give a .keras or .h5 file, a Keras config .json, or {}", path,
                joined(applications::names(), " or "));
  }
  if (!std::filesystem::exists(path)) fail("{}: there is no such file", path);
  if (whole) return load_model(path, {.compile = compile});
  try {
    return model_from_json(read_text(path));
  } catch (const Error& error) {
    const std::string reason = error.what();
    if (reason.starts_with(path)) throw;
    fail("{}: {}", path, reason);
  }
}

Model open_model(const std::string& model, bool compile) {
  return is_architecture(model) ? Model(applications::make(model)) : open_model_file(model, compile);
}

std::optional<ImageOptions> preprocessing_if_any(const Model& model) {
  if (model.info().preprocessing) return model.info().preprocessing;
  if (!why_no_plain_resizing(model).empty()) return {};
  const Shape input = model.inputs()[0].shape();
  ImageOptions options;
  options.image_size = {input[1], input[2]};
  options.color_mode = color_mode_of(input[3]);
  return options;
}

ImageOptions preprocessing_of(const Model& model) {
  if (const auto image = preprocessing_if_any(model)) return *image;
  fail("model '{}'{}", model.name(), why_no_plain_resizing(model));
}

void note_plain_preprocessing(const Model& model, const std::string& path) {
  if (model.info().preprocessing) return;
  const ImageOptions image = preprocessing_of(model);
  print_note(
      fmt::format("{} keeps no preprocessing; images are resized to {}, {}, with values from 0 to 255 (fovea "
                  "convert --preprocessing puts another in front of it)",
                  path, size_text(image.image_size), image.color_mode));
}

std::int64_t class_count_of(const Model& model) {
  return std::max<std::int64_t>(model.outputs()[0].shape()[-1], 2);
}

std::vector<std::string> class_names_of(const Model& model) {
  if (!model.info().class_names.empty()) return model.info().class_names;
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < class_count_of(model); ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace fovea::program
