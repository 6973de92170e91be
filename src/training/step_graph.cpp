#include "training/step_graph.h"

#include <algorithm>

#include "ops/composites.h"
#include "ops/softmax.h"
#include "ops/unary.h"
#include "plan/batched_program.h"

namespace fovea {
namespace {

/// What went into the sigmoid or softmax that made `prediction`; Keras on TensorFlow hands these to
/// cross-entropies, but for predictions that are cast first.
Value logits_of(const Graph& graph, Value prediction) {
  const DType dtype = graph.spec(prediction).dtype;
  if (dtype != loss_dtype(dtype)) return {};
  const Op* op = graph.producer(prediction);
  const auto* unary = dynamic_cast<const UnaryOp*>(op);
  const auto* softmax = dynamic_cast<const SoftmaxOp*>(op);
  if ((unary != nullptr && unary->kind == UnaryKind::sigmoid) || (softmax != nullptr && !softmax->log)) {
    return graph.producer_inputs(prediction)[0];
  }
  return {};
}

std::vector<std::int64_t> all_axes(const Shape& shape) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < shape.rank(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  return axes;
}

Value sum_all(Graph& g, Value x) {
  return ops::reduce(g, ops::ReduceKind::sum, x, all_axes(g.spec(x).shape));
}

/// sum / divisor, 0 where the divisor is 0.
Value divide_or_zero(Graph& g, Value sum, Value divisor) {
  // Weights are not negative: a divisor of 0 comes with a sum of 0.
  return ops::divide(g, sum, ops::maximum(g, divisor, scalar_like(g, sum, 1e-37)));
}

/// Weights of shape (N), or that of the values, as a factor for values (N, ...).
Value weights_like(Graph& g, Value weights, Value values) {
  const Shape& shape = g.spec(values).shape;
  const Shape given = g.spec(weights).shape;
  Value factor = ops::cast(g, weights, g.spec(values).dtype);
  if (given == shape) return factor;
  if (given.rank() >= 1 && shape.rank() >= 1 && given.elements() == shape[0]) {
    Shape column{shape[0]};
    for (std::size_t i = 1; i < shape.rank(); ++i) column.push_back(1);
    return ops::reshape(g, factor, column);
  }
  fail("sample_weight: shape {} does not fit a loss of shape {}", given.str(), shape.str());
}

/// Keras' reduce_weighted_values (losses/loss.py).
Value reduced_loss(Graph& g, const LossImpl& loss, Value y_true, Value y_pred, Value logits, Value weights) {
  Value values = loss.values(g, y_true, y_pred, logits);
  const bool mean = loss.reduction == "sum_over_batch_size" || loss.reduction == "mean";
  const bool weighted_mean = loss.reduction == "mean_with_sample_weight";
  if (!mean && !weighted_mean && loss.reduction != "sum") {
    fail(
        "Loss '{}': to train, reduction must be 'sum_over_batch_size', 'mean', 'sum' or "
        "'mean_with_sample_weight'. "
        "Received: '{}'",
        loss.name, loss.reduction);
  }
  const Shape shape = g.spec(values).shape;
  const double count = static_cast<double>(shape.elements());
  Value factor = weights ? weights_like(g, weights, values) : Value{};
  if (const Value mask = loss.mask(g, y_true, y_pred)) {
    // What counts is scaled up, so that dividing by the whole count gives the mean of what counts.
    Value scaled = mask;
    if (mean) {
      const Value valid = sum_all(g, mask);
      const Value total = scalar_like(g, mask, count);
      const Value one = scalar_like(g, mask, 1);
      scaled = ops::multiply(g, mask, ops::divide(g, total, ops::maximum(g, valid, one)));
    }
    factor = factor ? ops::multiply(g, factor, scaled) : scaled;
  }
  if (factor) values = ops::multiply(g, values, factor);
  const Value sum = shape.rank() == 0 ? values : sum_all(g, values);
  if (weighted_mean && factor) {
    return divide_or_zero(g, sum, sum_all(g, ops::broadcast_to(g, factor, shape)));
  }
  return mean || weighted_mean ? ops::scale(g, sum, count == 0 ? 0 : 1 / count) : sum;
}

/// l1 sum|w| + l2 sum w^2 over trainable weights that ask for it.
void add_penalties(Graph& g, const ModelImpl& model, Value& total) {
  const auto add = [&](Value term) { total = total ? ops::add(g, total, term) : term; };
  for (const ModelImpl::Weight& weight : model.collect(true)) {
    const Regularizer& regularizer = weight.spec->regularizer;
    if (regularizer.empty()) continue;
    const Value w = g.variable(weight.variable);
    if (regularizer.l1 != 0) add(ops::scale(g, sum_all(g, ops::unary(g, "absolute", w)), regularizer.l1));
    if (regularizer.l2 != 0) add(ops::scale(g, sum_all(g, ops::unary(g, "square", w)), regularizer.l2));
  }
}

Value sum_of(Graph& g, std::span<const Value> terms) {
  Value total;
  for (const Value term : terms)
    total = total ? ops::add(g, total, ops::cast(g, term, g.spec(total).dtype)) : term;
  return total;
}

struct LossValues {
  Value total;
  std::vector<Value> each;  ///< of outputs with a loss
};

/// `penalty`: what layers add to each sample's loss, or empty.
LossValues lower_losses(Graph& g, const ModelImpl& model, std::span<const Value> predictions,
                        std::span<const Value> logits, const BatchSpecs& batch, Value penalty) {
  const Compiled& compiled = *model.compiled;
  LossValues result;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (!compiled.losses[i]) continue;
    const Value y = g.feed(feed_name('y', i), batch.targets[i]);
    Value weights;
    if (batch.weighted) weights = g.feed(feed_name('w', i), {{batch.targets[i].shape[0]}, DType::float32});
    const Value prediction = ops::cast(g, predictions[i], loss_dtype(g.spec(predictions[i]).dtype));
    const Value loss = reduced_loss(g, *compiled.losses[i].impl(), y, prediction, logits[i], weights);
    result.each.push_back(loss);
    const double weight = compiled.loss_weights[i];
    const Value term = weight == 1 ? loss : ops::scale(g, loss, weight);
    result.total = result.total ? ops::add(g, result.total, term) : term;
  }
  if (!result.total) fail("Model: no output has a loss; give one to compile");
  add_penalties(g, model, result.total);
  if (penalty) {
    const Value mean = ops::reduce(g, ops::ReduceKind::mean, penalty, {0});
    result.total = ops::add(g, result.total, ops::cast(g, mean, g.spec(result.total).dtype));
  }
  return result;
}

std::vector<Value> feeds_of(Graph& g, const std::vector<TensorSpec>& inputs) {
  std::vector<Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) values.push_back(g.feed(feed_name('x', i), inputs[i]));
  return values;
}

/// `penalties` takes what layers add to each sample's loss; null: nobody asks.
LoweringContext context_of(Graph& g, const ModelImpl& model, bool training,
                           std::vector<Value>* penalties = nullptr) {
  return {.graph = g,
          .training = training,
          .weights = {},
          .stream = 0,
          .trainable = model.trainable,
          .penalties = penalties};
}

std::vector<Value> lower_model(Graph& g, const ModelImpl& model, const std::vector<TensorSpec>& inputs,
                               bool training, std::vector<Value>* penalties = nullptr) {
  std::vector<Value> predictions =
      model.lower(context_of(g, model, training, penalties), feeds_of(g, inputs));
  fold_paddings(g);
  sink_relus(g, predictions);
  return predictions;
}

bool metrics_use_logits(const Compiled& compiled, std::size_t output) {
  const auto uses = [](const Metric& metric) { return metric.impl() && metric.impl()->uses_logits(); };
  return std::any_of(compiled.metrics[output].begin(), compiled.metrics[output].end(), uses) ||
         std::any_of(compiled.weighted_metrics[output].begin(), compiled.weighted_metrics[output].end(),
                     uses);
}

void add_losses(Graph& g, const LossValues& losses) {
  g.add_output(losses.total);
  if (losses.each.size() < 2) return;
  for (const Value loss : losses.each) g.add_output(loss);
}

/// Puts new weights back to where their constraints hold.
void constrain(Graph& g, const ModelImpl& model) {
  for (const ModelImpl::Weight& weight : model.collect(true)) {
    const ConstraintImpl* const constraint = weight.spec->constraint.get();
    if (constraint == nullptr) continue;
    g.reassign(weight.variable, [&](Value value) { return constraint->project(g, value); });
  }
}

/// The gradients of `loss`, and the optimizer's step with them.
void add_update(Graph& g, ModelImpl& model, Value loss) {
  const std::vector<Variable> variables = model.collect_weights(true);
  std::vector<Value> sources;
  for (const Variable& variable : variables) sources.push_back(g.variable(variable));
  OptimizerImpl& optimizer = *model.compiled->options.optimizer.impl();
  optimizer.lower(g, variables, gradients(g, optimizer.scale_loss(g, loss), sources));
  constrain(g, model);
  mark_dead_windows(g);
}

}  // namespace

DType loss_dtype(DType predictions) { return predictions == DType::float64 ? predictions : DType::float32; }

std::string feed_name(char kind, std::size_t index) { return fmt::format("{}{}", kind, index); }

namespace {

/// `lower(samples)` gives the graph for so many samples. Large batches run in parts where their samples do
/// not mix.
template <class Lower>
std::unique_ptr<Program> plan_inference(std::int64_t samples, const Backend& backend,
                                        std::shared_ptr<DerivedStore> store, const KernelSelection& selection,
                                        Lower&& lower) {
  const Graph whole = lower(samples);
  // Nothing is measured before it is known what runs: the traffic hardly depends on the kernels.
  KernelSelection unmeasured = selection;
  unmeasured.threads = nullptr;
  auto program = make_program(whole, backend, store, unmeasured);
  const std::int64_t together = is_sample_wise(whole) ? samples_together(*program, samples) : samples;
  if (2 * together > samples) {
    return selection.threads ? make_program(whole, backend, std::move(store), selection) : std::move(program);
  }
  return make_batched_program(samples, together, [&](std::int64_t part) {
    return make_program(lower(part), backend, store, selection);
  });
}

std::vector<TensorSpec> with_samples(std::vector<TensorSpec> specs, std::int64_t samples) {
  for (TensorSpec& spec : specs) spec.shape.set(0, samples);
  return specs;
}

}  // namespace

StepProgram make_inference_program(const ModelImpl& model, const std::vector<TensorSpec>& inputs,
                                   const Backend& backend, std::shared_ptr<DerivedStore> store,
                                   const KernelSelection& selection) {
  StepProgram step;
  bool penalised = false;
  const auto lower = [&](std::int64_t samples) {
    Graph graph;
    std::vector<Value> penalties;
    const std::vector<Value> predictions =
        lower_model(graph, model, with_samples(inputs, samples), false, &penalties);
    for (const Value prediction : predictions) graph.add_output(prediction);
    step.has_logits.clear();
    for (const Value prediction : predictions) {
      const Value logits = logits_of(graph, prediction);
      step.has_logits.push_back(static_cast<bool>(logits));
      if (logits) graph.add_output(logits);
    }
    if (const Value penalty = sum_of(graph, penalties)) graph.add_output(penalty);
    penalised = !penalties.empty();
    return fold_affines(graph);
  };
  step.program = plan_inference(inputs[0].shape[0], backend, std::move(store), selection, lower);
  if (penalised) step.penalty = step.program->output_specs().back();
  return step;
}

std::vector<InnerValue> inner_values(Graph& graph, const ModelImpl& model,
                                     const std::vector<TensorSpec>& inputs, std::vector<Value>* predictions) {
  std::vector<InnerValue> found;
  const auto observe = [&](const std::string& path, const LayerCall& call, std::span<const Value> outputs) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      found.push_back({i == 0 ? path : fmt::format("{}[{}]", path, i), std::string(call.layer->class_name()),
                       outputs[i]});
    }
  };
  std::vector<Value> result =
      model.lower_observed(context_of(graph, model, false), feeds_of(graph, inputs), observe);
  if (predictions != nullptr) *predictions = std::move(result);
  return found;
}

StepProgram make_inner_program(const ModelImpl& model, const std::vector<TensorSpec>& inputs,
                               std::size_t number, const Backend& backend,
                               std::shared_ptr<DerivedStore> store, const KernelSelection& selection) {
  StepProgram step;
  const auto lower = [&](std::int64_t samples) {
    Graph graph;
    const Value wanted = inner_values(graph, model, with_samples(inputs, samples))[number].value;
    fold_paddings(graph);
    sink_relus(graph, std::span(&wanted, 1));
    graph.add_output(wanted);
    return fold_affines(graph);
  };
  step.program = plan_inference(inputs[0].shape[0], backend, std::move(store), selection, lower);
  return step;
}

StepProgram make_gradient_program(const ModelImpl& model, const std::vector<TensorSpec>& inputs,
                                  const std::vector<Tensor>& factors, bool plain, const Backend& backend,
                                  std::vector<bool>& present, const KernelSelection& selection) {
  Graph graph;
  const std::vector<Value> predictions =
      plain ? model.lower(context_of(graph, model, false), feeds_of(graph, inputs))
            : lower_model(graph, model, inputs, false);
  Value total;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const Value prediction = ops::cast(graph, predictions[i], loss_dtype(graph.spec(predictions[i]).dtype));
    const Value factor = graph.constant(factors[i].astype(graph.spec(prediction).dtype));
    const Value term = sum_all(graph, ops::multiply(graph, prediction, factor));
    if (total && graph.spec(total).dtype != graph.spec(term).dtype)
      fail("Model '{}': its outputs are of different types, so that they have no sum", model.shown_name());
    total = total ? ops::add(graph, total, term) : term;
  }
  std::vector<Value> sources;
  for (const Variable& variable : model.collect_weights(true)) sources.push_back(graph.variable(variable));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (is_floating(inputs[i].dtype)) sources.push_back(graph.feed(feed_name('x', i), inputs[i]));
  }
  present.clear();
  for (const Value gradient : gradients(graph, total, sources)) {
    present.push_back(static_cast<bool>(gradient));
    if (gradient) graph.add_output(gradient);
  }
  if (!plain) mark_dead_windows(graph);
  StepProgram step;
  step.program = make_program(graph, backend, nullptr, selection);
  return step;
}

StepProgram make_loss_program(const ModelImpl& model, const StepProgram& inference, const BatchSpecs& batch,
                              const Backend& backend) {
  Graph graph;
  std::vector<Value> values, logits;
  for (std::size_t i = 0; i < inference.has_logits.size(); ++i) {
    const TensorSpec& spec = inference.program->output_specs()[i];
    values.push_back(graph.feed(feed_name('p', i), spec));
    logits.push_back(inference.has_logits[i] ? graph.feed(feed_name('l', i), spec) : Value{});
  }
  const Value penalty = inference.penalty ? graph.feed(kPenaltyFeed, *inference.penalty) : Value{};
  add_losses(graph, lower_losses(graph, model, values, logits, batch, penalty));
  StepProgram step;
  step.program = make_program(graph, backend);
  return step;
}

StepProgram make_training_program(ModelImpl& model, const BatchSpecs& batch, const Backend& backend,
                                  const KernelSelection& selection) {
  Graph graph;
  std::vector<Value> penalties;
  const std::vector<Value> predictions = lower_model(graph, model, batch.inputs, true, &penalties);
  std::vector<Value> logits;
  for (const Value prediction : predictions) logits.push_back(logits_of(graph, prediction));
  const LossValues losses = lower_losses(graph, model, predictions, logits, batch, sum_of(graph, penalties));
  add_losses(graph, losses);
  StepProgram step;
  step.predictions = graph.outputs().size();
  for (const Value prediction : predictions) graph.add_output(prediction);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const bool wanted = logits[i] && metrics_use_logits(*model.compiled, i);
    step.has_logits.push_back(wanted);
    if (wanted) graph.add_output(logits[i]);
  }
  add_update(graph, model, losses.total);
  step.program = make_program(graph, backend, nullptr, selection);
  return step;
}

StepProgram make_rehearsal_program(ModelImpl& model, const std::vector<TensorSpec>& inputs,
                                   const Backend& backend, const KernelSelection& selection) {
  Graph graph;
  Value total;
  for (const Value prediction : lower_model(graph, model, inputs, true)) {
    const Value sum = sum_all(graph, ops::cast(graph, prediction, loss_dtype(graph.spec(prediction).dtype)));
    total = total ? ops::add(graph, total, sum) : sum;
  }
  add_update(graph, model, total);
  graph.add_output(total);
  StepProgram step;
  step.program = make_program(graph, backend, nullptr, selection);
  return step;
}

}  // namespace fovea
