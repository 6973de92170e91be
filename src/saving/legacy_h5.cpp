#include "saving/legacy_h5.h"

#include "core/log.h"
#include "saving/compile_json.h"
#include "saving/hdf5_reader.h"
#include "saving/json_access.h"
#include "saving/keras_version.h"
#include "saving/legacy_config.h"
#include "saving/legacy_optimizer.h"
#include "saving/legacy_weights.h"
#include "saving/model_info.h"
#include "saving/model_json.h"

// Source: keras/src/legacy/saving/legacy_h5_format.py, load_model_from_hdf5 and save_model_to_hdf5.

namespace fovea {
namespace {

constexpr const char* kModel = "model_config";
constexpr const char* kTraining = "training_config";
/// Of files that fovea wrote.
constexpr const char* kOwn = "fovea";

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
  read_legacy_optimizer(model, file);
}

}  // namespace

Model load_legacy_h5(const ByteSource& bytes, const LoadOptions& options) {
  const Hdf5Reader file(bytes);
  const auto config = text_of(file, kModel);
  if (!config) {
    fail(
        "holds no model: it has no attribute '{}'. Of a file with weights alone, make the model, and read "
        "them "
        "with load_weights",
        kModel);
  }
  const auto own = text_of(file, kOwn);
  const Model model = about_place(kModel, [&] {
    return model_from_json_object(model_from_legacy(parse_json(*config)),
                                  {.compile = false,
                                   .by_fovea = own.has_value(),
                                   .weight_bytes = static_cast<std::int64_t>(bytes.size())});
  });
  auto& impl = static_cast<ModelImpl&>(*model.impl());
  read_legacy_weights(impl, file);
  if (own) {
    about_place(kOwn, [&] {
      impl.info = model_info_from_json(*own);
      impl.record = kernels_from_json(*own);
    });
  }
  if (options.compile) compile(impl, file);
  return model;
}

Hdf5File write_legacy_h5(const ModelImpl& model, const std::string& own) {
  Hdf5Writer file;
  file.set_attribute("", "backend", kKerasBackend);
  file.set_attribute("", "keras_version", kKerasVersion);
  file.set_attribute("", kModel, json_text(model_to_legacy(model_to_json_object(model))));
  if (model.compiled)
    file.set_attribute("", kTraining, json_text(training_to_legacy(compile_to_json(*model.compiled))));
  file.set_attribute("", kOwn, own);
  write_legacy_weights(model, file);
  if (model.compiled) write_legacy_optimizer(model, file);
  return file.finish();
}

}  // namespace fovea
