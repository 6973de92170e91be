#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "conformance/run_graph.h"
#include "core/json_fields.h"
#include "fovea/layer.h"

namespace fovea::testing {

/// A call of a layer that Keras recorded, tests/golden/layers/<name>.json.
struct LayerCase {
  std::string name;
  Json file;
  std::string class_name() const { return file.at("layer").at("class_name").get<std::string>(); }
  const Json& config() const { return file.at("layer").at("config"); }
  bool training() const { return file.at("call").value("training", false); }
  std::vector<Tensor> arrays(const char* key) const;
};

LayerCase layer_case(const std::string& name);
/// Names of the cases whose class is in layers.inc and which are not in `refused_layer_cases`.
std::vector<std::string> layer_case_names();
/// Cases of classes that fovea has, with options that it refuses, and the words in which it does.
const std::map<std::string, std::string>& refused_layer_cases();
/// The registered names of layers.inc.
const std::set<std::string>& registered_layers();

/// A layer of the class with the options of a Keras config; name, trainable and dtype are read too.
std::shared_ptr<LayerImpl> layer_from(const std::string& class_name, const Json& config,
                                      DType dtype = DType::float32);

/// What one use of a layer computes and leaves behind.
struct LayerRun {
  std::vector<Tensor> outputs, input_gradients, weight_gradients, updated_weights;
};
struct LayerUse {
  bool training = false;
  bool trainable = true;
  std::vector<Tensor> output_gradients = {};  ///< empty: no gradients are taken
  std::int64_t seed = 0, step = 0;            ///< of random numbers
  std::uint64_t stream = 1;
};
/// Builds the layer on the inputs, gives it these weights, and runs it once on the backend. A gradient that
/// does not exist is an empty tensor.
LayerRun run_layer(LayerImpl& layer, const std::vector<Tensor>& inputs, const std::vector<Tensor>& weights,
                   const LayerUse& use, const Backend& backend);

std::vector<Shape> shapes_of(const std::vector<Tensor>& tensors);

}  // namespace fovea::testing
