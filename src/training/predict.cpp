#include <array>

#include "data/loader.h"
#include "training/callback_scope.h"
#include "training/stepper.h"

// Outputs in inference mode. Arrays are read where they lie: a step's feeds point into them, and its results
// into what is returned.

namespace fovea {
namespace {

class Prediction {
 public:
  Prediction(std::shared_ptr<ModelImpl> model, std::vector<TensorSpec> samples, std::int64_t total)
      : model_(std::move(model)), runtime_(Runtime::of(*model_)), samples_(std::move(samples)) {
    check_input_specs(*model_, samples_);
    std::vector<Shape> shapes;
    for (const TensorSpec& sample : samples_) shapes.push_back(batch_spec(sample, total).shape);
    for (const Shape& shape : model_->output_shapes(shapes))
      results.emplace_back(shape, model_->outputs()[results.size()].dtype());
  }

  /// Runs `count` samples; their outputs become rows [first, first + count).
  void run(std::span<const Tensor> inputs, std::int64_t first, std::int64_t count) {
    if (count != planned_) {
      std::vector<TensorSpec> specs;
      for (const TensorSpec& sample : samples_) specs.push_back(batch_spec(sample, count));
      step_ = runtime_->inference(*model_, specs);
      planned_ = count;
      feeds_.resize(step_->program->feed_count());
      outputs_.assign(step_->program->output_specs().size(), nullptr);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const int at = step_->program->feed_index(feed_name('x', i));
      if (at >= 0) feeds_[static_cast<std::size_t>(at)] = inputs[i].raw();
    }
    // Asked for by a Dropout that is called with training = true; each batch draws other numbers.
    random_state_ = {static_cast<std::int64_t>(random_seed()), first};
    const int random_state = step_->program->feed_index(kRandomStateFeed);
    if (random_state >= 0) feeds_[static_cast<std::size_t>(random_state)] = random_state_.data();
    for (std::size_t i = 0; i < results.size(); ++i) outputs_[i] = results[i].rows(first, count).raw();
    runtime_->run(step_, feeds_.data(), outputs_.data());
  }

  std::vector<Tensor> results;

 private:
  std::shared_ptr<ModelImpl> model_;
  std::shared_ptr<Runtime> runtime_;
  std::vector<TensorSpec> samples_;
  std::shared_ptr<const StepProgram> step_;
  std::int64_t planned_ = -1;
  std::array<std::int64_t, 2> random_state_{};
  std::vector<const void*> feeds_;
  std::vector<void*> outputs_;
};

void check_options(const PredictOptions& options) {
  if (options.batch_size < 1)
    fail("predict: batch_size must be at least 1. Received: {}", options.batch_size);
  if (options.steps < 0) fail("predict: steps must not be negative. Received: {}", options.steps);
}

/// Tells callbacks of a prediction's begin, batches and end.
class Announcer {
 public:
  Announcer(const Model& model, const PredictOptions& options, std::int64_t samples)
      : callbacks_(options.callbacks),
        scope_(model, callbacks_,
               {.epochs = 1,
                .steps = (samples + options.batch_size - 1) / options.batch_size,
                .samples = samples}) {
    for (const CallbackHandle& callback : callbacks_) callback->on_predict_begin(none_);
  }
  template <class Run>
  void batch(std::int64_t step, Run&& run) {
    for (const CallbackHandle& callback : callbacks_) callback->on_predict_batch_begin(step, none_);
    run();
    for (const CallbackHandle& callback : callbacks_) callback->on_predict_batch_end(step, none_);
  }
  void end() {
    for (const CallbackHandle& callback : callbacks_) callback->on_predict_end(none_);
  }

 private:
  const std::vector<CallbackHandle>& callbacks_;
  CallbackScope scope_;
  Logs none_;
};

Tensor only(std::vector<Tensor> results) {
  if (results.size() != 1) fail("predict: the model has {} outputs; use predict_all", results.size());
  return results[0];
}

}  // namespace

std::vector<Tensor> Model::predict_all(const std::vector<Tensor>& inputs,
                                       const PredictOptions& options) const {
  check_options(options);
  std::vector<TensorSpec> samples;
  for (const Tensor& input : inputs) {
    if (input.shape().rank() == 0 || input.shape()[0] != inputs[0].shape()[0]) {
      fail("predict: inputs must have the same number of samples. Received: shapes {} and {}",
           inputs[0].shape().str(), input.shape().str());
    }
    samples.push_back({input.shape().slice(1), input.dtype()});
  }
  if (inputs.empty()) fail("predict: no input was given");
  std::int64_t total = inputs[0].shape()[0];
  if (options.steps != 0) total = std::min(total, options.steps * options.batch_size);
  Prediction prediction(std::static_pointer_cast<ModelImpl>(impl()), samples, total);
  Announcer announcer(*this, options, total);
  std::vector<Tensor> rows(inputs.size());
  for (std::int64_t first = 0, step = 0; first < total; first += options.batch_size, ++step) {
    const std::int64_t count = std::min(options.batch_size, total - first);
    for (std::size_t i = 0; i < inputs.size(); ++i) rows[i] = inputs[i].rows(first, count);
    announcer.batch(step, [&] { prediction.run(rows, first, count); });
  }
  announcer.end();
  return prediction.results;
}

std::vector<Tensor> Model::predict_all(const DatasetPtr& data, const PredictOptions& options) const {
  check_options(options);
  if (!data) fail("predict: no data was given");
  std::int64_t total = data->size();
  if (options.steps != 0) total = std::min(total, options.steps * options.batch_size);
  Prediction prediction(std::static_pointer_cast<ModelImpl>(impl()), data->inputs(), total);
  Announcer announcer(*this, options, total);
  if (total > 0) {
    Loader loader(data, {.batch_size = options.batch_size});
    loader.start(0);
    for (std::int64_t first = 0, step = 0; first < total; ++step) {
      const Batch* batch = loader.next();
      announcer.batch(step, [&] { prediction.run(batch->inputs, first, batch->count); });
      first += batch->count;
    }
  }
  announcer.end();
  return prediction.results;
}

Tensor Model::predict(const Tensor& x, const PredictOptions& options) const {
  return only(predict_all({x}, options));
}
Tensor Model::predict(const DatasetPtr& data, const PredictOptions& options) const {
  return only(predict_all(data, options));
}

}  // namespace fovea
