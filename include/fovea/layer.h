#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/constraints.h"
#include "fovea/dtype_policy.h"
#include "fovea/fields.h"
#include "fovea/graph.h"
#include "fovea/initializers.h"

namespace fovea {

/// How a layer is called; stored with the call, as Keras does with `base(x, training=False)`.
struct CallArguments {
  std::optional<bool> training;
};

/// A weight that a layer asks for. Shapes and order are Keras'.
struct ParameterSpec {
  std::string name;  ///< "kernel", "gamma"
  Shape shape;
  Initializer initializer = "zeros";
  bool trainable = true;
  Regularizer regularizer = {};
  Constraint constraint = {};
  std::optional<DType> dtype = {};  ///< of a weight that counts; the policy's otherwise
};

/// What becomes of whole numbers that a layer is given, such as bytes. Keras casts floats to what a layer
/// computes in, and nothing else.
enum class WholeNumbers : std::uint8_t {
  floats,  ///< cast to what the layer computes in
  kept,    ///< computed in their own type, in which sums and products wrap around
  refused  ///< an error: TensorFlow cannot do it, or gives what is of no use
};

/// What `lower` works with: the graph, whether this is training, and the layer's weights in the order of
/// parameters().
struct LoweringContext {
  GraphBuilder& graph;
  bool training = false;
  std::span<const Variable> weights;
  /// Names the random numbers of this use of the layer.
  std::uint64_t stream = 0;
  /// Is the layer's own flag set? A frozen model has cleared those of its layers.
  bool trainable = true;
  /// What the layer computes in; the weights' own type when there is none.
  std::optional<DType> compute_dtype = {};
  /// The type of whole numbers that are kept: `lower` is given floats with their values, and what it makes of
  /// them is cut and wrapped around to this type.
  std::optional<DType> whole_dtype = {};
  /// The types of the inputs before they were cast; none: as they are.
  std::span<const DType> given_dtypes = {};
  /// Takes what layers add to the loss of each sample, (N) each, float32 or float64; null: nobody asks.
  std::vector<Value>* penalties = nullptr;

  /// The weight, cast to what the layer computes in.
  Value weight(std::size_t index) const;
  /// As it is kept.
  Value variable(std::size_t index) const { return graph.variable(weights[index]); }
};

class Layer;
class SymbolicTensor;
struct LayerCall;

/// What Keras' files say of a class of layers beside its options.
struct KerasTraits {
  /// Has a build_config though it has no weights: its class in Keras overrides build().
  bool builds = false;
  bool takes_list = false;  ///< is called on a list, of one tensor too
  bool takes_mask = false;  ///< its call has a mask, which Keras notes as null
  /// What its call's `training` is unless given. Keras notes that in a model's calls, where it has no effect:
  /// what fit, evaluate and predict say goes before.
  std::optional<bool> usual_training = {};
  bool plain_config = false;  ///< its config has a plain dtype, and no flag
  bool shows_dtype = false;   ///< its symbolic results have their true type; others that of the computation
  /// Where Keras keeps the class; those outside its layers have a registered name in files.
  std::string_view module = "keras.layers";
};

/// Keras' view of a layer: options, the shape rule, weights, the explanation of both, and the ops it is made
/// of. A layer of one's own derives from this and is registered with `register_layer`.
class LayerImpl : public Configurable {
 public:
  /// The rule for shapes: sizes may be unknown (-1). One shape per output. Throws Error naming the layer when
  /// inputs do not fit.
  virtual std::vector<Shape> output_shapes(std::span<const Shape> inputs) const = 0;
  virtual std::vector<ParameterSpec> parameters(std::span<const Shape> inputs) const;
  virtual std::vector<Value> lower(const LoweringContext& context, std::span<const Value> inputs) const = 0;
  /// What becomes of inputs of this type, int32, int64 or uint8. Where others are floats, all are.
  virtual WholeNumbers whole_numbers(DType dtype, bool training) const;
  /// The type of an output. Throws Error for whole numbers that are refused.
  virtual DType output_dtype(std::size_t index, std::span<const DType> inputs, bool training) const;
  /// In words, how the output's shape comes about; empty when there is nothing to say.
  virtual std::string explain_shape(std::span<const Shape> inputs) const;
  /// In words, how the number of parameters comes about.
  virtual std::string explain_parameters(std::span<const Shape> inputs) const;
  /// Only classes of Keras have a reason to answer otherwise.
  virtual KerasTraits keras_traits() const { return {}; }
  /// The stem of automatic names: "conv2d", "max_pooling2d". By default class_name() in snake case.
  virtual std::string default_name() const;

  std::string name;
  bool trainable = true;
  DTypePolicy dtype_policy = fovea::dtype_policy();
  /// A penalty on what the layer gives, added to the loss for each sample.
  Regularizer activity_regularizer = {};
  std::vector<Variable> weights;                ///< made when the layer is first called
  std::vector<ParameterSpec> parameter_specs;   ///< of the weights
  bool initialized = false;                     ///< have the weights got their first values?
  std::vector<std::weak_ptr<LayerCall>> calls;  ///< in the order in which they were made

  /// A model sets its layers' too, as in Keras.
  virtual void set_trainable(bool value) { trainable = value; }
  /// Makes the weights at the first call; at later ones checks that they still fit.
  virtual void build(std::span<const Shape> inputs);

  [[noreturn]] void fail_rule(const std::string& rule) const;

 private:
  bool built_ = false;
};

/// Where a symbolic tensor comes from: one call of one layer.
struct LayerCall {
  std::shared_ptr<LayerImpl> layer;
  std::vector<SymbolicTensor> inputs;
  CallArguments arguments;
  std::vector<Shape> output_shapes;
  std::vector<DType> output_dtypes;
  std::uint64_t number = 0;  ///< grows from call to call
};

/// A tensor of the functional API (Keras' KerasTensor): a shape, the batch's size left open, a type, and the
/// call that makes it.
class SymbolicTensor {
 public:
  SymbolicTensor() = default;
  SymbolicTensor(std::shared_ptr<LayerCall> call, std::size_t index)
      : call_(std::move(call)), index_(index) {}
  explicit operator bool() const { return call_ != nullptr; }
  const Shape& shape() const { return call_->output_shapes[index_]; }
  /// Of what is computed. Keras' own symbolic tensors say float32 of most layers that keep bytes.
  DType dtype() const { return call_->output_dtypes[index_]; }
  const std::shared_ptr<LayerCall>& call() const { return call_; }
  std::size_t index() const { return index_; }

 private:
  std::shared_ptr<LayerCall> call_;
  std::size_t index_ = 0;
};

/// A copyable handle on a layer. Calling it adds it to a functional graph; calling it twice shares its
/// weights.
class Layer {
 public:
  Layer() = default;
  explicit Layer(std::shared_ptr<LayerImpl> impl) : impl_(std::move(impl)) {}

  SymbolicTensor operator()(const SymbolicTensor& input, const CallArguments& arguments = {}) const;
  SymbolicTensor operator()(const std::vector<SymbolicTensor>& inputs,
                            const CallArguments& arguments = {}) const;

  /// All outputs, for layers and models that have several.
  std::vector<SymbolicTensor> call(const std::vector<SymbolicTensor>& inputs,
                                   const CallArguments& arguments = {}) const;

  /// What the layer was called on and what it gave there, to build on: Model(m.inputs(),
  /// {m.get_layer("flatten").output()}). Throws Error for a layer that was not called, or more than once, or
  /// has several of them.
  SymbolicTensor input() const;
  SymbolicTensor output() const;

  const std::string& name() const { return impl_->name; }
  bool trainable() const { return impl_->trainable; }
  /// Of a model, that of all its layers too. Takes effect at the next step, compiled or not. A frozen
  /// BatchNormalization runs in inference mode.
  void set_trainable(bool trainable) const;
  std::vector<Variable> weights() const { return impl_->weights; }
  const std::shared_ptr<LayerImpl>& impl() const { return impl_; }

 protected:
  std::shared_ptr<LayerImpl> impl_;
};

/// Makes a layer of that class known to loading, under Keras' registered name ("package>Class" for one's
/// own).
void register_layer(std::string_view registered_name, std::shared_ptr<LayerImpl> (*make)());
/// A new layer with default options; Error for an unknown class names it and says how to register one.
std::shared_ptr<LayerImpl> make_layer(std::string_view registered_name);

}  // namespace fovea
