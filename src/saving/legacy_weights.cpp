#include "saving/legacy_weights.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/log.h"
#include "saving/keras_version.h"

// Source: keras/src/legacy/saving/legacy_h5_format.py.

namespace fovea {
namespace {

constexpr const char* kGroup = "model_weights";
constexpr const char* kLayerNames = "layer_names";
constexpr const char* kWeightNames = "weight_names";
constexpr std::size_t kMaxLayers = 100000;

/// The weights of a layer, or of all layers of a model, each once. `path` ends in the layer's name.
void collect(const LayerImpl& layer, const std::string& path, std::set<const LayerImpl*>& seen,
             std::vector<NamedWeight>& trained, std::vector<NamedWeight>& others) {
  if (!seen.insert(&layer).second) return;
  if (const ModelImpl* model = as_model(layer)) {
    for (const auto& inner : model->layers())
      collect(*inner, fmt::format("{}/{}", path, inner->name), seen, trained, others);
    return;
  }
  // Frozen weights stand with those that are never trained, behind all others of a model.
  std::vector<NamedWeight> kept;
  for (std::size_t i = 0; i < layer.weights.size(); ++i) {
    const bool trainable = layer.parameter_specs[i].trainable;
    std::vector<NamedWeight>& place = !trainable ? kept : layer.trainable ? trained : others;
    place.push_back({fmt::format("{}/{}", path, layer.parameter_specs[i].name), layer.weights[i]});
  }
  others.insert(others.end(), kept.begin(), kept.end());
}

/// In the order of Keras 2: those that are trained, then the others. A model that is frozen as a whole has
/// them layer by layer.
std::vector<NamedWeight> legacy_weights(const LayerImpl& layer) {
  std::set<const LayerImpl*> seen;
  std::vector<NamedWeight> trained, others;
  collect(layer, layer.name, seen, trained, others);
  trained.insert(trained.end(), others.begin(), others.end());
  return trained;
}

struct LayerOfModel {
  const LayerImpl* layer;
  std::vector<NamedWeight> weights;
};
struct LayerOfFile {
  std::string name;
  std::vector<std::string> weights;
};

std::vector<LayerOfModel> layers_of(const ModelImpl& model) {
  std::vector<LayerOfModel> result;
  for (const auto& layer : model.layers()) result.push_back({layer.get(), legacy_weights(*layer)});
  return result;
}

std::string described(const LayerImpl& layer) {
  const std::string name = as_model(layer) != nullptr ? as_model(layer)->shown_name() : layer.name;
  return fmt::format("layer '{}' ({})", name, layer.class_name());
}

class LegacyReader {
 public:
  /// `own`: the file describes the model, so that its layers have the model's names.
  LegacyReader(const ModelImpl& model, const Hdf5Reader& file, const LoadWeightsOptions& options, bool own)
      : file_(file), options_(options), own_(own), layers_(layers_of(model)) {
    // A file with weights alone has at its root what stands in the group of a whole model's.
    if (!file.texts("", kLayerNames) && !file.texts("", std::string(kLayerNames) + "0")) {
      if (!file.has(kGroup)) fail("holds no weights: there is no group '{}'", kGroup);
      group_ = kGroup;
    }
    const auto backend = file.texts(group_, "backend");
    if (backend && backend->size() == 1 && backend->front() == "theano")
      fail("its weights are Theano's, whose convolutions turn their kernels around; that is not read");
  }

  /// Finds a place in the file for each weight.
  void find() {
    if (options_.by_name) {
      read_by_name();
    } else {
      read_in_order();
    }
  }

  struct Found {
    Variable variable;
    std::string path, name;  ///< in the file, and in its list of names
  };
  const std::vector<Found>& found() const { return found_; }

 private:
  std::string place(const std::string& name) const { return group_.empty() ? name : group_ + "/" + name; }
  std::string shown_group() const { return group_.empty() ? "the file" : group_; }

  /// With their weights' names; `most` weights, in all layers that are wanted.
  LayerOfFile layer_of_file(const std::string& name, std::size_t most) const {
    return {name, name_list(file_, place(name), kWeightNames, most)};
  }

  /// Each name once.
  std::vector<std::string> layer_names() const {
    std::set<std::string> seen;
    std::vector<std::string> names = name_list(file_, group_, kLayerNames, kMaxLayers);
    for (const std::string& name : names) {
      if (!seen.insert(name).second) fail("{}: two layers are named '{}'", shown_group(), name);
    }
    return names;
  }

  void read_in_order() {
    layers_.erase(std::remove_if(layers_.begin(), layers_.end(),
                                 [](const LayerOfModel& layer) { return layer.weights.empty(); }),
                  layers_.end());
    std::size_t most = 0;
    for (const LayerOfModel& layer : layers_) most += layer.weights.size();
    std::vector<LayerOfFile> found;
    for (const std::string& name : layer_names()) {
      LayerOfFile layer = layer_of_file(name, most);
      if (!layer.weights.empty()) found.push_back(std::move(layer));
      if (found.size() > layers_.size()) break;
    }
    if (found.size() != layers_.size()) {
      fail("{}: the model has {} layers with weights. Received: {}{}", shown_group(), layers_.size(),
           found.size() > layers_.size() ? "more than " : "", std::min(found.size(), layers_.size()));
    }
    const std::vector<LayerOfModel> targets = own_ ? matched(found) : layers_;
    for (std::size_t i = 0; i < found.size(); ++i) read_layer(targets[i], found[i]);
  }

  /// In the order of the file's: by name where the names are the model's, otherwise one after the other.
  std::vector<LayerOfModel> matched(const std::vector<LayerOfFile>& found) const {
    std::map<std::string, const LayerOfModel*> by_name;
    for (const LayerOfModel& layer : layers_) by_name.emplace(layer.layer->name, &layer);
    std::vector<LayerOfModel> result;
    for (const LayerOfFile& wanted : found) {
      const auto layer = by_name.find(wanted.name);
      if (layer == by_name.end()) return layers_;
      result.push_back(*layer->second);
    }
    return result;
  }

  void read_by_name() {
    std::map<std::string, const LayerOfModel*> by_name;
    for (const LayerOfModel& layer : layers_) by_name.emplace(layer.layer->name, &layer);
    for (const std::string& name : layer_names()) {
      const auto layer = by_name.find(name);
      if (layer == by_name.end()) continue;
      // One more than fits is enough to say that it does not.
      read_layer(*layer->second, layer_of_file(name, kMaxLayers));
    }
  }

  void read_layer(const LayerOfModel& target, const LayerOfFile& found) {
    const std::string owner = described(*target.layer), path = place(found.name);
    if (found.weights.size() != target.weights.size()) {
      const std::string reason = fmt::format("'{}' has {} weights, {} needs {}", path, found.weights.size(),
                                             owner, target.weights.size());
      // Keras skips these of layers that it finds by name alone.
      if (!options_.by_name || !options_.skip_mismatch) fail("{}", reason);
      return left_out(reason);
    }
    for (std::size_t i = 0; i < found.weights.size(); ++i) {
      const std::string weight = fmt::format("{}/{}", path, found.weights[i]);
      const Variable& variable = target.weights[i].variable;
      const Shape shape = file_.spec(weight).shape, wanted = variable.spec().shape;
      if (shape == wanted) {
        found_.push_back({variable, weight, found.weights[i]});
        continue;
      }
      const std::string reason = fmt::format("'{}' has shape {}, '{}' of {} needs {}", weight, shape.str(),
                                             variable.name(), owner, wanted.str());
      if (!options_.skip_mismatch) fail("{}", reason);
      left_out(reason);
    }
  }

  static void left_out(const std::string& reason) {
    log_message(fmt::format("Weights are left out, since {}", reason));
  }

  const Hdf5Reader& file_;
  LoadWeightsOptions options_;
  bool own_;
  std::vector<LayerOfModel> layers_;
  std::string group_;
  std::vector<Found> found_;
};

}  // namespace

std::vector<std::string> name_list(const Hdf5Reader& file, const std::string& group, const std::string& name,
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

namespace {

void read_found(LegacyReader reader, const Hdf5Reader& file) {
  reader.find();
  std::vector<Tensor> values;
  for (const auto& found : reader.found()) values.push_back(file.read(found.path));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Variable variable = reader.found()[i].variable;
    variable.assign(values[i]);
  }
}

}  // namespace

void read_legacy_weights(const ModelImpl& model, const Hdf5Reader& file) {
  read_found(LegacyReader(model, file, {}, true), file);
}

void load_legacy_weights(const ModelImpl& model, const Hdf5Reader& file, const LoadWeightsOptions& options) {
  read_found(LegacyReader(model, file, options, false), file);
}

std::map<const void*, std::string> legacy_weight_names(const ModelImpl& model, const Hdf5Reader& file) {
  LegacyReader reader(model, file, {}, true);
  reader.find();
  std::map<const void*, std::string> names;
  for (const auto& found : reader.found()) names.emplace(found.variable.id(), found.name);
  return names;
}

std::vector<NamedWeight> trained_weights(const ModelImpl& model) {
  std::map<const void*, std::string> paths;
  for (const auto& layer : model.layers()) {
    for (const NamedWeight& weight : legacy_weights(*layer)) paths.emplace(weight.variable.id(), weight.path);
  }
  std::vector<NamedWeight> result;
  for (const Variable& variable : model.collect_weights(true))
    result.push_back({paths.at(variable.id()), variable});
  return result;
}

void write_legacy_weights(const ModelImpl& model, Hdf5Writer& file) {
  std::vector<LayerOfModel> layers = layers_of(model);
  // Keras leaves out the input of a Sequential.
  if (model.class_name() == "Sequential") {
    layers.erase(
        std::remove_if(layers.begin(), layers.end(),
                       [](const LayerOfModel& layer) { return layer.layer->class_name() == "InputLayer"; }),
        layers.end());
  }
  std::vector<std::string> names;
  for (const LayerOfModel& layer : layers) names.push_back(layer.layer->name);
  file.make_group(kGroup);
  file.set_texts(kGroup, kLayerNames, names);
  file.set_attribute(kGroup, "backend", kKerasBackend);
  file.set_attribute(kGroup, "keras_version", kKerasVersion);
  // By name, so that a group is made before those that stand in it: names may have slashes.
  std::sort(layers.begin(), layers.end(),
            [](const auto& a, const auto& b) { return a.layer->name < b.layer->name; });
  const auto write_group = [&](const std::string& group, const std::vector<NamedWeight>& weights) {
    file.make_group(group);
    std::vector<std::string> paths;
    for (const NamedWeight& weight : weights) paths.push_back(weight.path);
    file.set_texts(group, kWeightNames, paths);
    for (const NamedWeight& weight : weights)
      file.write(fmt::format("{}/{}", group, weight.path), weight.variable.value());
  };
  for (const LayerOfModel& layer : layers)
    write_group(fmt::format("{}/{}", kGroup, layer.layer->name), layer.weights);
  // Keras' name for weights that are the model's own, of which there are none here.
  write_group(fmt::format("{}/top_level_model_weights", kGroup), {});
}

}  // namespace fovea
