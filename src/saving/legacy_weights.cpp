#include "saving/legacy_weights.h"

#include <algorithm>
#include <map>
#include <set>

// Source: keras/src/legacy/saving/legacy_h5_format.py, load_weights_from_hdf5_group.

namespace fovea {
namespace {

constexpr const char* kGroup = "model_weights";
constexpr std::size_t kMaxLayers = 100000;

/// Lists that are too long for one attribute are cut into "layer_names0", "layer_names1", ... Throws Error
/// for more than `most` names.
std::vector<std::string> names(const Hdf5Reader& file, const std::string& group, const std::string& name,
                               std::size_t most) {
  std::vector<std::string> result;
  const auto add = [&](const std::string& attribute) {
    const auto texts = file.texts(group, attribute);
    if (texts) result.insert(result.end(), texts->begin(), texts->end());
    if (result.size() > most) fail("'{}': its attribute '{}' has more than {} names", group, name, most);
    return texts.has_value();
  };
  if (!add(name)) {
    for (int part = 0; add(fmt::format("{}{}", name, part));) ++part;
  }
  return result;
}

/// The weights of a layer, or of all layers of a model, each once.
void collect(const LayerImpl& layer, std::set<const LayerImpl*>& seen, std::vector<Variable>& trained,
             std::vector<Variable>& others) {
  if (!seen.insert(&layer).second) return;
  if (const ModelImpl* model = as_model(layer)) {
    for (const auto& inner : model->layers()) collect(*inner, seen, trained, others);
    return;
  }
  // Frozen weights stand with those that are never trained, behind all others of a model.
  std::vector<Variable> kept;
  for (std::size_t i = 0; i < layer.weights.size(); ++i) {
    const bool trainable = layer.parameter_specs[i].trainable;
    std::vector<Variable>& place = !trainable ? kept : layer.trainable ? trained : others;
    place.push_back(layer.weights[i]);
  }
  others.insert(others.end(), kept.begin(), kept.end());
}

/// In the order of Keras 2: those that are trained, then the others. A model that is frozen as a whole has
/// them layer by layer.
std::vector<Variable> legacy_weights(const LayerImpl& layer) {
  std::set<const LayerImpl*> seen;
  std::vector<Variable> trained, others;
  collect(layer, seen, trained, others);
  trained.insert(trained.end(), others.begin(), others.end());
  return trained;
}

struct LayerOfModel {
  const LayerImpl* layer;
  std::vector<Variable> weights;
};
struct LayerOfFile {
  std::string name;
  std::vector<std::string> weights;
};

std::vector<LayerOfModel> layers_with_weights(const ModelImpl& model) {
  std::vector<LayerOfModel> result;
  for (const auto& layer : model.layers()) {
    std::vector<Variable> weights = legacy_weights(*layer);
    if (!weights.empty()) result.push_back({layer.get(), std::move(weights)});
  }
  return result;
}

std::vector<LayerOfFile> layers_with_weights(const Hdf5Reader& file,
                                             const std::vector<LayerOfModel>& expected) {
  std::size_t most = 0;
  for (const LayerOfModel& layer : expected) most += layer.weights.size();
  std::vector<LayerOfFile> result;
  std::set<std::string> seen;
  for (const std::string& name : names(file, kGroup, "layer_names", kMaxLayers)) {
    if (!seen.insert(name).second) fail("{}: two layers are named '{}'", kGroup, name);
    std::vector<std::string> weights = names(file, fmt::format("{}/{}", kGroup, name), "weight_names", most);
    if (!weights.empty()) result.push_back({name, std::move(weights)});
    if (result.size() > expected.size()) break;
  }
  return result;
}

/// In the order of the file's: by name where the names are the model's, otherwise one after the other.
std::vector<LayerOfModel> matched(const std::vector<LayerOfModel>& layers,
                                  const std::vector<LayerOfFile>& found) {
  std::map<std::string, const LayerOfModel*> by_name;
  for (const LayerOfModel& layer : layers) by_name.emplace(layer.layer->name, &layer);
  std::vector<LayerOfModel> result;
  for (const LayerOfFile& wanted : found) {
    const auto layer = by_name.find(wanted.name);
    if (layer == by_name.end()) return layers;
    result.push_back(*layer->second);
  }
  return result;
}

std::string described(const LayerImpl& layer) {
  const std::string name = as_model(layer) != nullptr ? as_model(layer)->shown_name() : layer.name;
  return fmt::format("layer '{}' ({})", name, layer.class_name());
}

}  // namespace

void read_legacy_weights(const ModelImpl& model, const Hdf5Reader& file) {
  if (!file.has(kGroup)) fail("holds no weights: there is no group '{}'", kGroup);
  const auto backend = file.texts(kGroup, "backend");
  if (backend && backend->size() == 1 && backend->front() == "theano")
    fail("its weights are Theano's, whose convolutions turn their kernels around; that is not read");

  const std::vector<LayerOfModel> layers = layers_with_weights(model);
  const std::vector<LayerOfFile> found = layers_with_weights(file, layers);
  if (found.size() != layers.size()) {
    fail("{}: the model has {} layers with weights. Received: {}{}", kGroup, layers.size(),
         found.size() > layers.size() ? "more than " : "", std::min(found.size(), layers.size()));
  }
  std::vector<std::pair<Variable, Tensor>> assignments;
  const std::vector<LayerOfModel> targets = matched(layers, found);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& [name, weights] = found[i];
    const std::vector<Variable>& variables = targets[i].weights;
    const std::string owner = described(*targets[i].layer);
    if (weights.size() != variables.size())
      fail("'{}/{}' has {} weights, {} needs {}", kGroup, name, weights.size(), owner, variables.size());
    for (std::size_t j = 0; j < weights.size(); ++j) {
      const std::string path = fmt::format("{}/{}/{}", kGroup, name, weights[j]);
      const Shape shape = file.spec(path).shape, wanted = variables[j].spec().shape;
      if (!(shape == wanted)) {
        fail("'{}' has shape {}, '{}' of {} needs {}", path, shape.str(), variables[j].name(), owner,
             wanted.str());
      }
      assignments.emplace_back(variables[j], file.read(path));
    }
  }
  for (auto& [variable, value] : assignments) variable.assign(value);
}

}  // namespace fovea
