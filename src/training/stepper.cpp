#include "training/stepper.h"

#include "layers/layer_support.h"

namespace fovea {
namespace {

double number_at(const Tensor& tensor, std::int64_t i) {
  if (tensor.dtype() == DType::float64) return tensor.data<double>()[i];
  if (tensor.dtype() == DType::bfloat16) return static_cast<double>(tensor.data<bfloat16>()[i]);
  return static_cast<double>(tensor.data<float>()[i]);
}

}  // namespace

Stepper::Stepper(std::shared_ptr<ModelImpl> model, const Data& data, const ClassWeights& class_weight)
    : model_(std::move(model)),
      compiled_(model_->compiled),
      runtime_(Runtime::of(*model_)),
      data_(data),
      class_weight_(class_weight) {
  if (!compiled_) fail("Model '{}': compile it before training or evaluating", model_->shown_name());
  check_inputs();
  if (!class_weight_.empty() && data_.targets.size() != 1) {
    fail("class_weight: only for models with one output. Received: {} outputs", data_.targets.size());
  }
  if (data_.weighted || !class_weight_.empty()) {
    for (std::size_t i = 0; i < data_.targets.size(); ++i) weights_.emplace_back(Shape{data_.capacity});
  }
  // The specs of predictions, from the program that will make them.
  std::vector<TensorSpec> inputs;
  for (const TensorSpec& sample : data_.inputs) inputs.push_back(batch_spec(sample, data_.capacity));
  std::vector<Shape> shapes;
  for (const TensorSpec& input : inputs) shapes.push_back(input.shape);
  const std::vector<Shape> predictions = model_->output_shapes(shapes);
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    Output output;
    output.predictions = Tensor(predictions[i], model_->outputs()[i].dtype());
    outputs_.push_back(std::move(output));
  }
  make_metrics();
  in_double_ = weights_dtype(*model_) == DType::float64;
  trainable_version_ = trainable_version();
}

void Stepper::make_metrics() {
  std::size_t losses = 0;
  for (const Loss& loss : compiled_->losses) losses += loss ? 1 : 0;
  several_losses_ = losses > 1;
  loss_values_ = Tensor({several_losses_ ? static_cast<std::int64_t>(losses) + 1 : 1},
                        loss_dtype(outputs_[0].predictions.dtype()));
  for (std::size_t i = 0; several_losses_ && i < outputs_.size(); ++i) {
    if (compiled_->losses[i]) loss_names_.push_back(compiled_->names[i] + "_loss");
  }
  each_total_.resize(loss_names_.size());
  // Keras numbers names that come twice, and tells weighted ones apart (compile_utils.CompileMetrics.result).
  std::map<std::string, int> taken;
  const auto unique = [&](std::string name, const std::string& weighted_name) {
    if (taken[name]++ == 0) return name;
    if (weighted_name.empty()) return fmt::format("{}_{}", name, taken[name] - 1);
    if (taken[weighted_name]++ == 0) return weighted_name;
    return fmt::format("{}_{}", weighted_name, taken[weighted_name] - 1);
  };
  for (const bool weighted : {false, true}) {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const std::string prefix = outputs_.size() > 1 ? compiled_->names[i] + "_" : "";
      for (const Metric& metric : weighted ? compiled_->weighted_metrics[i] : compiled_->metrics[i]) {
        const Shape labels = batch_spec(data_.targets[i], data_.capacity).shape;
        auto resolved = metric.resolve(labels, outputs_[i].predictions.shape());
        const std::string key =
            unique(prefix + resolved->name, weighted ? prefix + "weighted_" + resolved->name : "");
        named_metrics_.emplace_back(key, resolved.get());
        (weighted ? outputs_[i].weighted_metrics : outputs_[i].metrics).push_back(std::move(resolved));
      }
    }
  }
}

BatchSpecs Stepper::specs(std::int64_t count) const {
  BatchSpecs result;
  for (const TensorSpec& sample : data_.inputs) result.inputs.push_back(batch_spec(sample, count));
  for (const TensorSpec& sample : data_.targets) result.targets.push_back(batch_spec(sample, count));
  result.weighted = !weights_.empty();
  return result;
}

Stepper::Bound Stepper::bind(std::shared_ptr<const StepProgram> step, std::int64_t count) const {
  Bound bound;
  bound.count = count;
  const Program& program = *step->program;
  bound.feeds.resize(program.feed_count());
  const auto positions = [&](char kind, std::size_t number) {
    std::vector<int> result;
    for (std::size_t i = 0; i < number; ++i) result.push_back(program.feed_index(feed_name(kind, i)));
    return result;
  };
  bound.x = positions('x', data_.inputs.size());
  bound.y = positions('y', data_.targets.size());
  bound.w = positions('w', weights_.size());
  bound.p = positions('p', outputs_.size());
  bound.l = positions('l', outputs_.size());
  bound.rate = program.feed_index(kLearningRateFeed);
  bound.iteration = program.feed_index(kIterationFeed);
  bound.random_state = program.feed_index(kRandomStateFeed);
  bound.penalty = program.feed_index(kPenaltyFeed);
  bound.step = std::move(step);
  return bound;
}

Stepper::Bound* Stepper::find(std::vector<Bound>& list, std::int64_t count) {
  for (Bound& bound : list) {
    if (bound.count == count) return &bound;
  }
  return nullptr;
}

void Stepper::drop_stale_programs() {
  if (trainable_version() == trainable_version_) return;
  training_.clear();
  loss_.clear();
  trainable_version_ = trainable_version();
}

Stepper::Bound& Stepper::training_program(std::int64_t count) {
  drop_stale_programs();
  if (Bound* const known = find(training_, count)) return *known;
  training_.push_back(bind(runtime_->training(*model_, specs(count)), count));
  make_room_for_logits(*training_.back().step);
  return training_.back();
}

std::pair<Stepper::Bound*, Stepper::Bound*> Stepper::test_programs(std::int64_t count) {
  drop_stale_programs();
  const BatchSpecs batch =
      find(inference_, count) != nullptr && find(loss_, count) != nullptr ? BatchSpecs{} : specs(count);
  if (find(inference_, count) == nullptr)
    inference_.push_back(bind(runtime_->inference(*model_, batch.inputs), count));
  if (find(loss_, count) == nullptr) {
    const StepProgram& inference = *find(inference_, count)->step;
    make_room_for_logits(inference);
    if (inference.penalty && penalty_.empty())
      penalty_ = Tensor(TensorSpec{{data_.capacity}, inference.penalty->dtype});
    loss_.push_back(bind(runtime_->loss(*model_, inference, batch), count));
  }
  return {find(inference_, count), find(loss_, count)};
}

void Stepper::make_room_for_logits(const StepProgram& step) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (step.has_logits[i] && outputs_[i].logits.empty())
      outputs_[i].logits = Tensor(outputs_[i].predictions.spec());
  }
}

void Stepper::set_weights(const Batch& batch) {
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    float* w = weights_[i].data<float>();
    for (std::int64_t row = 0; row < batch.count; ++row) {
      w[row] = batch.weights.empty() ? 1.0F : batch.weights[i].data<float>()[row];
    }
    if (class_weight_.empty()) continue;
    const Tensor& y = batch.targets[i];
    const std::int64_t width = y.size() / y.shape()[0];
    for (std::int64_t row = 0; row < batch.count; ++row) {
      std::int64_t label = 0;
      const auto value = [&](std::int64_t k) -> double {
        const std::int64_t at = row * width + k;
        switch (y.dtype()) {
          case DType::int32:
            return y.data<std::int32_t>()[at];
          case DType::int64:
            return static_cast<double>(y.data<std::int64_t>()[at]);
          case DType::uint8:
            return y.data<std::uint8_t>()[at];
          default:
            return number_at(y, at);
        }
      };
      if (width == 1) {
        label = static_cast<std::int64_t>(value(0));
      } else {
        for (std::int64_t k = 1; k < width; ++k) label = value(k) > value(label) ? k : label;
      }
      const auto found = class_weight_.find(label);
      if (found != class_weight_.end()) w[row] *= static_cast<float>(found->second);
    }
  }
}

void Stepper::set_feeds(Bound& bound, const Batch& batch) const {
  const auto put = [&](int position, const void* data) {
    if (position >= 0) bound.feeds[static_cast<std::size_t>(position)] = data;
  };
  for (std::size_t i = 0; i < bound.x.size(); ++i) put(bound.x[i], batch.inputs[i].raw());
  for (std::size_t i = 0; i < bound.y.size(); ++i) put(bound.y[i], batch.targets[i].raw());
  for (std::size_t i = 0; i < bound.w.size(); ++i) put(bound.w[i], weights_[i].raw());
  for (std::size_t i = 0; i < bound.p.size(); ++i) put(bound.p[i], outputs_[i].predictions.raw());
  for (std::size_t i = 0; i < bound.l.size(); ++i) put(bound.l[i], outputs_[i].logits.raw());
  put(bound.rate, in_double_ ? static_cast<const void*>(&rate_double_) : &rate_float_);
  put(bound.iteration, &iteration_);
  put(bound.random_state, random_state_.data());
  put(bound.penalty, penalty_.raw());
}

void Stepper::train(const Batch& batch) {
  check_labels(batch);
  set_weights(batch);
  OptimizerImpl& optimizer = *compiled_->options.optimizer.impl();
  auto* const iterations = optimizer.iterations.value().data<std::int64_t>();
  random_state_ = {static_cast<std::int64_t>(random_seed()), *iterations};
  iteration_ = *iterations + 1;
  rate_double_ = optimizer.rate();
  rate_float_ = static_cast<float>(rate_double_);
  Bound& bound = training_program(batch.count);
  set_feeds(bound, batch);
  std::array<void*, 64> outputs{};
  if (bound.step->program->output_specs().size() > outputs.size()) fail("Model: more than 60 outputs");
  const std::int64_t width = static_cast<std::int64_t>(size_of(loss_values_.dtype()));
  for (std::int64_t i = 0; i < loss_values_.size(); ++i) {
    outputs[static_cast<std::size_t>(i)] = static_cast<char*>(loss_values_.raw()) + i * width;
  }
  std::size_t next = bound.step->predictions;
  for (Output& output : outputs_) outputs[next++] = output.predictions.raw();
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (bound.step->has_logits[i]) outputs[next++] = outputs_[i].logits.raw();
  }
  runtime_->run(bound.step, bound.feeds.data(), outputs.data());
  *iterations = iteration_;
  optimizer.iterations.touch();
  update(batch, bound.step->has_logits);
}

void Stepper::test(const Batch& batch) {
  check_labels(batch);
  set_weights(batch);
  const auto [inference, loss] = test_programs(batch.count);
  std::array<void*, 64> outputs{};
  if (inference->step->program->output_specs().size() > outputs.size()) fail("Model: more than 30 outputs");
  std::size_t next = 0;
  for (Output& output : outputs_) outputs[next++] = output.predictions.raw();
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (inference->step->has_logits[i]) outputs[next++] = outputs_[i].logits.raw();
  }
  if (inference->step->penalty) outputs[next++] = penalty_.raw();
  set_feeds(*inference, batch);
  runtime_->run(inference->step, inference->feeds.data(), outputs.data());
  set_feeds(*loss, batch);
  const std::int64_t width = static_cast<std::int64_t>(size_of(loss_values_.dtype()));
  for (std::int64_t i = 0; i < loss_values_.size(); ++i) {
    outputs[static_cast<std::size_t>(i)] = static_cast<char*>(loss_values_.raw()) + i * width;
  }
  runtime_->run(loss->step, loss->feeds.data(), outputs.data());
  update(batch, inference->step->has_logits);
}

void Stepper::reset() {
  total_ = seen_ = 0;
  std::fill(each_total_.begin(), each_total_.end(), 0.0);
  for (Output& output : outputs_) {
    for (const auto& metric : output.metrics) metric->reset();
    for (const auto& metric : output.weighted_metrics) metric->reset();
  }
}

void Stepper::update(const Batch& batch, const std::vector<bool>& has_logits) {
  const auto count = static_cast<double>(batch.count);
  total_ += count * number_at(loss_values_, 0);
  for (std::size_t i = 0; i < each_total_.size(); ++i) {
    each_total_[i] += count * number_at(loss_values_, static_cast<std::int64_t>(i) + 1);
  }
  seen_ += count;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Output& output = outputs_[i];
    if (output.metrics.empty() && output.weighted_metrics.empty()) continue;
    const Tensor y = batch.targets[i].rows(0, batch.count);
    const Tensor p = output.predictions.rows(0, batch.count);
    const Tensor logits = has_logits[i] ? output.logits.rows(0, batch.count) : Tensor();
    const auto take = [&](MetricImpl& metric, const Tensor* weights) {
      if (has_logits[i] && metric.uses_logits()) {
        metric.update_from_logits(y, logits, weights);
      } else {
        metric.update(y, p, weights);
      }
    };
    for (const auto& metric : output.metrics) take(*metric, nullptr);
    if (output.weighted_metrics.empty()) continue;
    const Tensor w = weights_.empty() ? Tensor() : weights_[i].rows(0, batch.count);
    for (const auto& metric : output.weighted_metrics) take(*metric, weights_.empty() ? nullptr : &w);
  }
  refresh_logs();
}

void Stepper::refresh_logs() {
  logs_.set("loss", total_ / seen_);
  for (std::size_t i = 0; i < loss_names_.size(); ++i) logs_.set(loss_names_[i], each_total_[i] / seen_);
  for (const auto& [key, metric] : named_metrics_) logs_.set(key, metric->result());
}

}  // namespace fovea
