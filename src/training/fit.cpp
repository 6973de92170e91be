#include <cmath>

#include "data/loader.h"
#include "training/callback_scope.h"
#include "training/stepper.h"

// The loops of fit and evaluate, with Keras' callbacks at Keras' places. Source:
// keras/src/backend/tensorflow/trainer.py.

namespace fovea {
namespace {

Stepper::Data describe(const Dataset& data, std::int64_t batch_size) {
  return {data.inputs(), data.targets(), data.has_weights(),
          std::min(batch_size, std::max<std::int64_t>(data.size(), 1))};
}

LoaderOptions loader_options(std::int64_t batch_size, bool shuffle, int workers) {
  return {.batch_size = batch_size, .shuffle = shuffle, .seed = random_seed(), .threads = workers};
}

DatasetPtr dataset_of(const Tensor& x, const Tensor& y, const Tensor& sample_weight) {
  std::vector<Tensor> weights;
  if (!sample_weight.empty()) weights = {sample_weight};
  return std::make_shared<ArrayDataset>(std::vector{x}, std::vector{y}, weights);
}

/// Runs a dataset through a model in inference mode; kept over a fit's epochs.
class Evaluation {
 public:
  Evaluation(const std::shared_ptr<ModelImpl>& model, const DatasetPtr& data, std::int64_t batch_size,
             std::int64_t steps, int workers)
      : loader_(data, loader_options(batch_size, false, workers)),
        stepper_(model, describe(*data, batch_size)),
        steps_(steps) {}

  const Logs& run(std::span<const CallbackHandle> callbacks) {
    const Logs none;
    for (const CallbackHandle& callback : callbacks) callback->on_test_begin(none);
    stepper_.reset();
    loader_.start(0);
    std::int64_t step = 0;
    while (const Batch* batch = steps_ == 0 || step < steps_ ? loader_.next() : nullptr) {
      for (const CallbackHandle& callback : callbacks) callback->on_test_batch_begin(step, none);
      stepper_.test(*batch);
      for (const CallbackHandle& callback : callbacks) callback->on_test_batch_end(step, stepper_.logs());
      ++step;
    }
    for (const CallbackHandle& callback : callbacks) callback->on_test_end(stepper_.logs());
    return stepper_.logs();
  }

 private:
  Loader loader_;
  Stepper stepper_;
  std::int64_t steps_;
};

void refuse_sample_weight(const Tensor& sample_weight, const char* what) {
  if (!sample_weight.empty())
    fail("{}: sample_weight goes with arrays; a Dataset brings its own weights", what);
}

void require_data(const DatasetPtr& data, const char* what) {
  if (!data) fail("{}: no data was given", what);
  if (data->size() == 0) fail("{}: the data has no samples", what);
}

void require_at_least(const char* option, std::int64_t value, std::int64_t least) {
  if (value < least) fail("fit: {} must be at least {}. Received: {}", option, least, value);
}

void check_options(const FitOptions& options) {
  require_at_least("batch_size", options.batch_size, 1);
  require_at_least("epochs", options.epochs, 0);
  require_at_least("initial_epoch", options.initial_epoch, 0);
  require_at_least("steps_per_epoch", options.steps_per_epoch, 0);
  require_at_least("validation_batch_size", options.validation_batch_size, 0);
  require_at_least("validation_steps", options.validation_steps, 0);
  require_at_least("validation_freq", options.validation_freq, 1);
  if (options.validation_split != 0 && options.validation_data) {
    fail("fit: give validation_split or validation_data, not both");
  }
  for (const auto& [label, weight] : options.class_weight) {
    if (!std::isfinite(weight) || weight < 0) {
      fail("fit: class_weight of {} must be a number not below 0. Received: {}", label, weight);
    }
  }
}

/// The batches of a fit: epochs of the data, or of `steps_per_epoch` batches, which go on through it round by
/// round.
class TrainingBatches {
 public:
  TrainingBatches(const DatasetPtr& data, const FitOptions& options)
      : loader_(data, loader_options(options.batch_size, options.shuffle, options.workers)),
        steps_(options.steps_per_epoch) {}

  std::int64_t steps() const { return steps_ == 0 ? loader_.batches() : steps_; }

  void start(std::int64_t epoch) {
    step_ = 0;
    if (steps_ == 0) {
      loader_.start(epoch);
    } else if (!running_) {
      round_ = epoch * steps_ / loader_.batches();
      loader_.start(round_, epoch * steps_ % loader_.batches());
      running_ = true;
    }
  }

  const Batch* next() {
    if (steps_ == 0) return loader_.next();
    if (step_ == steps_) return nullptr;
    ++step_;
    if (const Batch* batch = loader_.next()) return batch;
    loader_.start(++round_);
    return loader_.next();
  }

 private:
  Loader loader_;
  std::int64_t steps_, step_ = 0, round_ = 0;
  bool running_ = false;
};

}  // namespace

History Model::fit(const DatasetPtr& data, const FitOptions& options) const {
  require_data(data, "fit");
  check_options(options);
  refuse_sample_weight(options.sample_weight, "fit");
  DatasetPtr train = data, validation = options.validation_data;
  if (options.validation_split != 0) std::tie(train, validation) = split(data, options.validation_split);
  if (validation) require_data(validation, "fit's validation_data");
  if (train->has_weights() && !options.class_weight.empty()) {
    fail(
        "fit: class_weight and sample weights cannot be used together; multiply the sample weights by the "
        "class "
        "weights");
  }

  const auto impl = std::static_pointer_cast<ModelImpl>(this->impl());
  Stepper stepper(impl, describe(*train, options.batch_size), options.class_weight);
  TrainingBatches batches(train, options);
  std::optional<Evaluation> evaluation;
  if (validation) {
    evaluation.emplace(
        impl, validation,
        options.validation_batch_size != 0 ? options.validation_batch_size : options.batch_size,
        options.validation_steps, options.workers);
  }

  const auto history = std::make_shared<History>();
  // As in Keras the bar and the history come last, and see what the others add.
  std::vector<CallbackHandle> callbacks = options.callbacks;
  if (options.verbose != 0) {
    callbacks.emplace_back(ProgressBar(
        options.verbose == 1 ? ProgressBarOptions{} : ProgressBarOptions{.write = {}, .redraw = false}));
  }
  callbacks.emplace_back(history);
  const CallbackScope scope(*this, callbacks,
                            {.epochs = options.epochs,
                             .steps = batches.steps(),
                             .samples = train->size(),
                             .verbose = options.verbose,
                             .validates = validation != nullptr});

  if (tuning_version() % 2 == 1) {
    // Measurements are no part of the first step.
    const std::int64_t batch = std::min(options.batch_size, train->size()), last = train->size() % batch;
    stepper.plan_training(batch);
    if (last != 0) stepper.plan_training(last);
  }

  const Logs none;
  set_stop_training(false);
  for (const CallbackHandle& callback : callbacks) callback->on_train_begin(none);
  Logs logs;
  for (std::int64_t epoch = options.initial_epoch; epoch < options.epochs; ++epoch) {
    stepper.reset();
    for (const CallbackHandle& callback : callbacks) callback->on_epoch_begin(epoch, none);
    batches.start(epoch);
    std::int64_t step = 0;
    while (const Batch* batch = stop_training() ? nullptr : batches.next()) {
      for (const CallbackHandle& callback : callbacks) callback->on_train_batch_begin(step, none);
      stepper.train(*batch);
      for (const CallbackHandle& callback : callbacks) callback->on_train_batch_end(step, stepper.logs());
      ++step;
    }
    logs = stepper.logs();
    if (evaluation && (epoch + 1) % options.validation_freq == 0) {
      for (const auto& [name, value] : evaluation->run(callbacks)) logs.set("val_" + name, value);
    }
    for (const CallbackHandle& callback : callbacks) callback->on_epoch_end(epoch, logs);
    if (stop_training()) break;
  }
  if (options.epochs > 0) impl->compiled->options.optimizer.impl()->finalize(impl->collect_weights(true));
  for (const CallbackHandle& callback : callbacks) callback->on_train_end(logs);
  return *history;
}

History Model::fit(const Tensor& x, const Tensor& y, const FitOptions& options) const {
  FitOptions rest = options;
  rest.sample_weight = {};
  return fit(dataset_of(x, y, options.sample_weight), rest);
}

Logs Model::evaluate(const DatasetPtr& data, const EvaluateOptions& options) const {
  require_data(data, "evaluate");
  refuse_sample_weight(options.sample_weight, "evaluate");
  require_at_least("batch_size", options.batch_size, 1);
  require_at_least("steps", options.steps, 0);
  const std::int64_t batches = (data->size() + options.batch_size - 1) / options.batch_size;
  const CallbackScope scope(*this, options.callbacks,
                            {.epochs = 1,
                             .steps = options.steps != 0 ? std::min(options.steps, batches) : batches,
                             .samples = data->size()});
  Evaluation evaluation(std::static_pointer_cast<ModelImpl>(impl()), data, options.batch_size, options.steps,
                        options.workers);
  return evaluation.run(options.callbacks);
}

Logs Model::evaluate(const Tensor& x, const Tensor& y, const EvaluateOptions& options) const {
  EvaluateOptions rest = options;
  rest.sample_weight = {};
  return evaluate(dataset_of(x, y, options.sample_weight), rest);
}

namespace {

Logs one_batch(const std::shared_ptr<ModelImpl>& model, const Batch& batch, bool train) {
  if (batch.inputs.empty() || batch.count < 1)
    fail("{}_on_batch: the batch is empty", train ? "train" : "test");
  Stepper::Data data;
  data.weighted = !batch.weights.empty();
  data.capacity = batch.count;
  for (const Tensor& x : batch.inputs) data.inputs.push_back({x.shape().slice(1), x.dtype()});
  for (const Tensor& y : batch.targets) data.targets.push_back({y.shape().slice(1), y.dtype()});
  Stepper stepper(model, data);
  if (train) {
    stepper.train(batch);
  } else {
    stepper.test(batch);
  }
  return stepper.logs();
}

Batch batch_of(const Tensor& x, const Tensor& y) {
  if (x.shape().rank() == 0 || y.shape().rank() == 0 || x.shape()[0] != y.shape()[0]) {
    fail("a batch needs as many labels as inputs. Received: x of shape {}, y of shape {}", x.shape().str(),
         y.shape().str());
  }
  Batch batch;
  batch.inputs = {x};
  batch.targets = {y};
  batch.count = x.shape()[0];
  return batch;
}

}  // namespace

Logs Model::train_on_batch(const Batch& batch) const {
  return one_batch(std::static_pointer_cast<ModelImpl>(impl()), batch, true);
}
Logs Model::train_on_batch(const Tensor& x, const Tensor& y) const { return train_on_batch(batch_of(x, y)); }
Logs Model::test_on_batch(const Batch& batch) const {
  return one_batch(std::static_pointer_cast<ModelImpl>(impl()), batch, false);
}
Logs Model::test_on_batch(const Tensor& x, const Tensor& y) const { return test_on_batch(batch_of(x, y)); }

}  // namespace fovea
