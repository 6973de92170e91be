#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/kernels.h"
#include "fovea/layers.h"
#include "fovea/training.h"

namespace fovea {

class ModelImpl;

/// Sets the seed from which new models draw their weights and their data order (Keras'
/// keras.utils.set_random_seed).
void set_random_seed(std::uint64_t seed);

struct SummaryOptions {
  int line_length = 0;   ///< characters; 0: 88, or 108 with branches
  bool explain = false;  ///< derive each shape and parameter count in words, below the table
};

/// What a model file keeps beside the model: names for its outputs, and how an image file becomes its input.
struct ModelInfo {
  std::vector<std::string> class_names = {};
  std::optional<ImageOptions> preprocessing = {};
};

struct LoadWeightsOptions {
  /// Of a legacy .h5 or .hdf5 file alone: layers get the weights of the layer of their name, whatever its
  /// place; those whose name the file does not have keep theirs.
  bool by_name = false;
  /// Leaves out what does not fit, with a message (set_log_callback), instead of throwing Error. As in Keras,
  /// that is a layer in a .weights.h5 file, and in a legacy file a weight, or with by_name a layer that has
  /// more or fewer of them.
  bool skip_mismatch = false;
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
  /// Those a training step changes: of trainable layers, when the model itself is trainable.
  std::vector<Variable> trainable_weights() const;
  std::int64_t count_params() const;
  std::vector<Tensor> get_weights() const;
  /// Throws Error, naming the first weight that does not fit, before anything is changed.
  void set_weights(const std::vector<Tensor>& values) const;

  /// Sets what training uses. Throws Error for names that no output has, or lists of the wrong length.
  void compile(const CompileOptions& options) const;
  bool compiled() const;
  /// The optimizer it was compiled with; Error before that.
  Optimizer optimizer() const;

  /// Trains. Throws Error when the data does not fit the model or the loss. The history has "loss", each
  /// metric under the name given, and the same with "val_".
  History fit(const DatasetPtr& data, const FitOptions& options = {}) const;
  History fit(const Tensor& x, const Tensor& y, const FitOptions& options = {}) const;
  /// Loss and metrics in inference mode.
  Logs evaluate(const DatasetPtr& data, const EvaluateOptions& options = {}) const;
  Logs evaluate(const Tensor& x, const Tensor& y, const EvaluateOptions& options = {}) const;
  /// Outputs in inference mode, (N, ...). x is read where it lies, not copied: a float32 or uint8 tensor,
  /// perhaps borrowed from the caller. Several threads may predict at once.
  Tensor predict(const Tensor& x, const PredictOptions& options = {}) const;
  Tensor predict(const DatasetPtr& data, const PredictOptions& options = {}) const;
  /// For several inputs or outputs.
  std::vector<Tensor> predict_all(const std::vector<Tensor>& inputs,
                                  const PredictOptions& options = {}) const;
  std::vector<Tensor> predict_all(const DatasetPtr& data, const PredictOptions& options = {}) const;
  /// One step on one batch; its loss and metrics.
  Logs train_on_batch(const Batch& batch) const;
  Logs train_on_batch(const Tensor& x, const Tensor& y) const;
  Logs test_on_batch(const Batch& batch) const;
  Logs test_on_batch(const Tensor& x, const Tensor& y) const;
  /// Set by a callback, ends fit after the batch that runs.
  void set_stop_training(bool stop) const;
  bool stop_training() const;
  /// Bytes that a training step on batches of this size needs beside the data: weights, slots, arena.
  std::int64_t training_bytes(std::int64_t batch_size) const;

  /// Kept in the model's file.
  ModelInfo& info() const;

  /// Which kernels compute it: those that training and inference were planned with, and those of the record
  /// that it goes by. Kept in the model's file, which Keras does not mind; so a model that is loaded trains
  /// on with the kernels that it was trained with, and equal bits.
  KernelRecord kernels() const;
  /// Goes by this record from here on; by none with an empty one. A kernel that is not possible on this
  /// machine is passed over, with a message (set_log_callback).
  void set_kernels(const KernelRecord& record) const;

  /// Writes a .keras archive, atomically, which real Keras opens too; for the ending .h5 or .hdf5 the legacy
  /// file that Keras 3 writes then. Both keep the model's info and kernels, which Keras does not mind. Throws
  /// Error for another ending.
  void save(const std::string& path) const;
  /// Weights alone, to a .weights.h5 file; of a compiled model with its optimizer's state, as in Keras.
  void save_weights(const std::string& path) const;
  /// Reads a .weights.h5 file or the weights of a .keras archive, and the optimizer's state when the model is
  /// compiled and the file has one; or the weights of a legacy .h5 or .hdf5 file. Throws Error, changing
  /// nothing, when they do not fit.
  void load_weights(const std::string& path, const LoadWeightsOptions& options = {}) const;

  /// Keras' table of layers, shapes and parameters.
  std::string summary(const SummaryOptions& options = {}) const;

 protected:
  explicit Model(std::shared_ptr<ModelImpl> impl);
  ModelImpl& model() const;
};

struct LoadOptions {
  bool compile = true;  ///< restore loss, metrics, optimizer and its state too
};
/// Reads a .keras archive, ours or Keras', or a whole model in an .h5 or .hdf5 file of Keras 1, 2 or 3.
/// Nothing in it is run: Lambda layers and other Python code are refused. A model of an .h5 file that was
/// trained with something that fovea does not have is not compiled, and an optimizer's state that does not
/// fit is not read; a message says so (set_log_callback). Throws Error naming the file and what is wrong with
/// it.
Model load_model(const std::string& path, const LoadOptions& options = {});
/// The model that a Keras config.json describes, with new weights.
Model model_from_json(const std::string& json);
/// The model's config.json.
std::string model_to_json(const Model& model);

/// Layers in a row, the first an Input.
class Sequential : public Model {
 public:
  Sequential(std::initializer_list<Layer> layers, const NameOption& options = {})
      : Sequential(std::vector<Layer>(layers), options) {}
  explicit Sequential(const std::vector<Layer>& layers, const NameOption& options = {});
};

}  // namespace fovea
