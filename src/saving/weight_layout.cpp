#include "saving/weight_layout.h"

#include <map>
#include <set>

#include "core/names.h"
#include "layers/operation.h"

// Source: keras/src/saving/saving_lib.py, _save_state and _save_container_state.

namespace fovea {
namespace {

class Walk {
 public:
  void model(const ModelImpl& model, const std::string& prefix) {
    if (!seen_.insert(&model).second) return;
    groups.push_back({prefix + "vars", model.shown_name(), "", {}});
    if (model.compiled) optimizers.push_back({prefix + "optimizer/vars", &model});

    const bool sequential = model.class_name() == "Sequential";
    std::map<std::string, int> counts;
    for (const auto& layer : places(model)) {
      if (sequential && layer->class_name() == "InputLayer") continue;
      const std::string_view class_name = layer->class_name();
      if (is_operation(class_name)) continue;  // Keras counts those of keras.ops among no model's layers
      const std::string stem = snake_case(class_name.substr(class_name.rfind('>') + 1));
      const int count = counts[stem]++;
      const std::string path =
          prefix + "layers/" + stem + (count == 0 ? "" : fmt::format("_{}", count)) + "/";
      if (const ModelImpl* inner = as_model(*layer)) {
        this->model(*inner, path);
      } else {
        this->layer(*layer, path);
      }
    }
  }

  std::vector<WeightGroup> groups;
  std::vector<OptimizerGroup> optimizers;

 private:
  /// A Sequential lists a layer as often as it stands there.
  static std::vector<std::shared_ptr<LayerImpl>> places(const ModelImpl& model) {
    if (model.class_name() != "Sequential") return model.layers();
    std::vector<std::shared_ptr<LayerImpl>> result;
    for (const auto& call : model.calls()) result.push_back(call->layer);
    return result;
  }

  void layer(const LayerImpl& layer, const std::string& path) {
    if (!seen_.insert(&layer).second) return;  // it stands in an earlier model
    WeightGroup group{
        path + "vars", layer.name, fmt::format("layer '{}' ({})", layer.name, layer.class_name()), {}};
    for (const bool trainable : {true, false}) {
      for (std::size_t i = 0; i < layer.weights.size(); ++i) {
        if (layer.parameter_specs[i].trainable == trainable) group.variables.push_back(layer.weights[i]);
      }
    }
    groups.push_back(std::move(group));
  }

  std::set<const LayerImpl*> seen_;
};

Walk walk(const ModelImpl& model) {
  Walk result;
  result.model(model, "");
  return result;
}

}  // namespace

std::vector<WeightGroup> weight_groups(const ModelImpl& model) { return walk(model).groups; }
std::vector<OptimizerGroup> optimizer_groups(const ModelImpl& model) { return walk(model).optimizers; }

}  // namespace fovea
