#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "models/model_impl.h"
#include "plan/program.h"

namespace fovea {

/// Specs of a batch: shapes with the batch's size in front.
struct BatchSpecs {
  std::vector<TensorSpec> inputs, targets;
  bool weighted = false;
};

/// What training runs. Feeds: "x0", "y0", "w0" and so on; "random_state", int64 (seed, step); the
/// optimizer's.
///  - infer: x -> predictions, then the logits behind them where there are some
///  - loss:  predictions, logits, penalty, y, w -> the loss, then each output's own when there are several
///  - train: x, y, w -> the loss, each output's own, the predictions, and the logits that metrics look at;
///    variables are updated
enum class StepKind : std::uint8_t { infer, loss, train };

struct StepProgram {
  std::unique_ptr<Program> program;
  std::size_t predictions = 0;  ///< number of the first prediction among the outputs
  /// infer, train: per prediction; its logits follow all predictions, in order.
  std::vector<bool> has_logits;
  /// infer: the last output, where layers add to the loss: what they add to each sample's, (N).
  std::optional<TensorSpec> penalty = {};
};

/// What the loss of predictions of a type is computed in: float64 for float64, float32 for all others.
DType loss_dtype(DType predictions);

/// Names of feeds.
std::string feed_name(char kind, std::size_t index);
inline constexpr const char* kRandomStateFeed = "random_state";
inline constexpr const char* kPenaltyFeed = "penalty";

/// BatchNormalizations are folded into the weights before them. `store` keeps what programs of one model
/// share.
StepProgram make_inference_program(const ModelImpl& model, const std::vector<TensorSpec>& inputs,
                                   const Backend& backend, std::shared_ptr<DerivedStore> store = nullptr,
                                   const KernelSelection& selection = {});
/// The same for what one call inside of the model gives, the `number`-th of inner_values(), instead of the
/// predictions: all that is fused before it is fused as it is in a prediction.
StepProgram make_inner_program(const ModelImpl& model, const std::vector<TensorSpec>& inputs,
                               std::size_t number, const Backend& backend,
                               std::shared_ptr<DerivedStore> store, const KernelSelection& selection = {});
/// What the calls inside of a model give, in the order of execution, nested models' own after their layers'.
struct InnerValue {
  std::string path;        ///< "base/conv2d"; "conv2d:1" for a second call, "split[1]" for a second output
  std::string class_name;  ///< of the layer
  Value value;
};
/// Lowers the model in inference mode, without the passes that change its graph.
std::vector<InnerValue> inner_values(Graph& graph, const ModelImpl& model,
                                     const std::vector<TensorSpec>& inputs,
                                     std::vector<Value>* predictions = nullptr);
/// The gradients of the sum of all predictions times `factors`, in inference mode, with respect to the
/// trained weights and then to the inputs that are floats. What it does not depend on has no output:
/// `present` says of each source whether it has one. `plain`: without the passes that change the graph.
StepProgram make_gradient_program(const ModelImpl& model, const std::vector<TensorSpec>& inputs,
                                  const std::vector<Tensor>& factors, bool plain, const Backend& backend,
                                  std::vector<bool>& present, const KernelSelection& selection = {});
/// The loss of what an inference program gives.
StepProgram make_loss_program(const ModelImpl& model, const StepProgram& inference, const BatchSpecs& batch,
                              const Backend& backend);
StepProgram make_training_program(ModelImpl& model, const BatchSpecs& batch, const Backend& backend,
                                  const KernelSelection& selection = {});
/// A training step before the labels are known: it makes the sum of all outputs small. For what it needs of
/// memory.
StepProgram make_rehearsal_program(ModelImpl& model, const std::vector<TensorSpec>& inputs,
                                   const Backend& backend, const KernelSelection& selection = {});

}  // namespace fovea
