#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/layers.h"

namespace fovea {

class ModelImpl;

/// Sets the seed from which new models draw their weights and their data order (Keras'
/// keras.utils.set_random_seed).
void set_random_seed(std::uint64_t seed);

struct SummaryOptions {
  int line_length = 0;   ///< characters; 0: 88, or 108 with branches
  bool explain = false;  ///< derive each shape and parameter count in words, below the table
};

/// A network: layers from inputs to outputs, usable as a layer of another model. Copies are the same model.
class Model : public Layer {
 public:
  Model() = default;
  /// The functional API: everything between `inputs` and `outputs`. Throws Error when an output needs an
  /// input not listed.
  Model(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs,
        const NameOption& options = {});

  std::vector<SymbolicTensor> inputs() const;
  std::vector<SymbolicTensor> outputs() const;
  /// In the order of execution, the inputs first; a shared layer once.
  std::vector<Layer> layers() const;
  /// Throws Error, listing the names there are.
  Layer get_layer(std::string_view name) const;

  /// Keras' order: layer by layer.
  std::vector<Variable> weights() const;
  /// Those a training step changes: of trainable layers, `trainable` of nested models included.
  std::vector<Variable> trainable_weights() const;
  std::int64_t count_params() const;
  std::vector<Tensor> get_weights() const;
  /// Throws Error, naming the first weight that does not fit, before anything is changed.
  void set_weights(const std::vector<Tensor>& values) const;

  /// Keras' table of layers, shapes and parameters.
  std::string summary(const SummaryOptions& options = {}) const;

 protected:
  explicit Model(std::shared_ptr<ModelImpl> impl);
  ModelImpl& model() const;
};

/// Layers in a row, the first an Input.
class Sequential : public Model {
 public:
  Sequential(std::initializer_list<Layer> layers, const NameOption& options = {})
      : Sequential(std::vector<Layer>(layers), options) {}
  explicit Sequential(const std::vector<Layer>& layers, const NameOption& options = {});
};

}  // namespace fovea
