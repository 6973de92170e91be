#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "core/format.h"
#include "fovea/model.h"
#include "fovea/ops.h"
#include "models/compiled.h"

namespace fovea {

/// What training keeps with a model: plans, memory, threads.
class ModelRuntime {
 public:
  virtual ~ModelRuntime() = default;
  /// What its plans chose.
  virtual KernelRecord kernels() const = 0;
};

/// A record with the choices of a later one in place of its own for the same shapes.
KernelRecord merged(const KernelRecord& earlier, const KernelRecord& later);

/// The graph of calls behind a Model. It is a layer itself, so models nest.
class ModelImpl final : public LayerImpl {
 public:
  ModelImpl(std::vector<SymbolicTensor> inputs, std::vector<SymbolicTensor> outputs, bool sequential);

  std::string_view class_name() const override { return sequential_ ? "Sequential" : "Functional"; }
  void fields(FieldVisitor&) override {}
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const override;
  std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const override;
  DType output_dtype(std::size_t index, std::span<const DType> inputs, bool training) const override;
  /// Is told of each call once its ops are there, those inside of a model before its own. `path` is "conv2d",
  /// inside of another model "base/conv2d"; for a later call of the same layer "conv2d:1".
  using CallObserver =
      std::function<void(const std::string& path, const LayerCall& call, std::span<const Value> outputs)>;
  std::vector<Value> lower_observed(const LoweringContext& context, std::span<const Value> inputs,
                                    const CallObserver& observer, const std::string& prefix = {}) const;
  void build(std::span<const Shape>) override {}
  void set_trainable(bool value) override;

  /// The name, or what Keras would call it while it has none.
  std::string shown_name() const { return name.empty() ? default_name() : name; }
  const std::vector<SymbolicTensor>& inputs() const { return inputs_; }
  const std::vector<SymbolicTensor>& outputs() const { return outputs_; }
  /// Calls in execution order, those of the inputs first.
  const std::vector<std::shared_ptr<LayerCall>>& calls() const { return calls_; }
  /// Each layer once, in Keras' order (layer_order.h).
  const std::vector<std::shared_ptr<LayerImpl>>& layers() const { return layers_; }
  /// The calls of one layer, as they were made; Keras' node indices count them.
  std::vector<std::shared_ptr<LayerCall>> calls_of(const LayerImpl& layer) const;

  /// A weight and what its layer says of it.
  struct Weight {
    Variable variable;
    const ParameterSpec* spec;
  };
  /// In Keras' order, a shared one once; with `trainable_only`, those that a training step changes. Of nested
  /// models the flags of their layers count alone, as in Keras: freezing a model freezes its layers.
  std::vector<Weight> collect(bool trainable_only) const;
  std::vector<Variable> collect_weights(bool trainable_only) const;
  /// Shapes each call gets and gives when the model is called on `inputs`.
  using Shapes = std::map<const LayerCall*, std::vector<Shape>>;
  Shapes all_output_shapes(std::span<const Shape> inputs) const;
  /// Draws the first values of weights that have none yet.
  void initialize_weights(std::uint64_t seed, const std::string& path);

  std::shared_ptr<const Compiled> compiled;  ///< null before compile
  bool stop_training = false;
  ModelInfo info;
  KernelRecord record;  ///< what plans go by; of an earlier run
  std::mutex runtime_mutex;
  std::shared_ptr<ModelRuntime> runtime;

 private:
  void sort_calls();
  void name_layers();
  void collect_into(std::vector<Weight>& result, std::set<const void*>& seen, bool trainable_only) const;

  std::vector<SymbolicTensor> inputs_, outputs_;
  std::vector<std::shared_ptr<LayerCall>> calls_;
  std::vector<std::shared_ptr<LayerImpl>> layers_;
  bool sequential_;
};

/// What set_random_seed was given.
std::uint64_t random_seed();

/// The type that Keras' symbolic tensor has there: of most layers, what they compute in, also where they keep
/// bytes.
DType shown_dtype(const SymbolicTensor& tensor);

/// The implementation as a model, or null for any other layer.
const ModelImpl* as_model(const LayerImpl& layer);

}  // namespace fovea
