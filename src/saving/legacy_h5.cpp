#include "saving/legacy_h5.h"

#include "core/log.h"
#include "saving/compile_json.h"
#include "saving/hdf5_reader.h"
#include "saving/json_access.h"
#include "saving/legacy_config.h"
#include "saving/legacy_weights.h"
#include "saving/model_json.h"

// Source: keras/src/legacy/saving/legacy_h5_format.py, load_model_from_hdf5.

namespace fovea {
namespace {

constexpr const char* kModel = "model_config";
constexpr const char* kTraining = "training_config";

std::optional<std::string> text_of(const Hdf5Reader& file, const char* name) {
  const auto texts = file.texts("", name);
  if (!texts) return {};
  if (texts->size() != 1) fail("its attribute '{}' must be one text, and is {}", name, texts->size());
  return texts->front();
}

void compile(ModelImpl& model, const Hdf5Reader& file) {
  const auto training = text_of(file, kTraining);
  if (!training) {
    log_message("The file does not say how the model was trained, so it is not compiled.");
    return;
  }
  try {
    std::vector<std::string> outputs;
    for (const SymbolicTensor& output : model.outputs()) outputs.push_back(output.call()->layer->name);
    const Json config = compile_config_from_legacy(parse_json(*training));
    model.compiled = make_compiled(model, compile_from_json(config, outputs));
  } catch (const Error& error) {
    log_message(fmt::format("The model is not compiled: {}: {}", kTraining, error.what()));
    return;
  }
  if (file.has("optimizer_weights"))
    log_message("The optimizer's state in an .h5 file is not read. The optimizer starts anew.");
}

}  // namespace

Model load_legacy_h5(std::string_view bytes, const LoadOptions& options) {
  const Hdf5Reader file(bytes);
  const auto config = text_of(file, kModel);
  if (!config) {
    fail(
        "holds no model: it has no attribute '{}'. Of a file with weights alone, make the model and load "
        "them "
        "with load_weights (.weights.h5)",
        kModel);
  }
  const Model model = about_place(kModel, [&] {
    return model_from_json_object(
        model_from_legacy(parse_json(*config)),
        {.compile = false, .weight_bytes = static_cast<std::int64_t>(bytes.size())});
  });
  auto& impl = static_cast<ModelImpl&>(*model.impl());
  read_legacy_weights(impl, file);
  if (options.compile) compile(impl, file);
  return model;
}

}  // namespace fovea
