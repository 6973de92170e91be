#pragma once

#include "training/runtime.h"

namespace fovea {

/// Runs batches of a dataset's specs through a model's programs and keeps the running loss and metrics. After
/// the first batch of a size nothing is allocated.
class Stepper {
 public:
  struct Data {
    std::vector<TensorSpec> inputs, targets;  ///< of one sample
    bool weighted = false;
    std::int64_t capacity = 0;  ///< largest batch
  };
  /// Throws Error when the data does not fit the model's inputs, outputs or losses.
  Stepper(std::shared_ptr<ModelImpl> model, const Data& data, const ClassWeights& class_weight = {});

  /// Plans batches of that size, and measures kernels if that is asked for, before the first of them comes.
  void plan_training(std::int64_t count) { training_program(count); }
  void train(const Batch& batch);
  void test(const Batch& batch);

  /// Forgets the running figures.
  void reset();
  /// The mean loss since reset, each output's own when there are several, and the metrics, under Keras'
  /// names.
  const Logs& logs() const { return logs_; }

 private:
  struct Bound {  ///< a program with its feeds in order
    std::int64_t count = -1;
    std::shared_ptr<const StepProgram> step;
    std::vector<const void*> feeds;
    std::vector<int> x, y, w, p, l;  ///< positions of the feeds; -1: not read
    int rate = -1, iteration = -1, random_state = -1, penalty = -1;
  };
  struct Output {
    std::vector<std::shared_ptr<MetricImpl>> metrics, weighted_metrics;
    Tensor predictions, logits;
  };

  void check_inputs() const;
  void check_labels(const Batch& batch) const;
  void make_metrics();
  void set_weights(const Batch& batch);
  BatchSpecs specs(std::int64_t count) const;
  Bound bind(std::shared_ptr<const StepProgram> step, std::int64_t count) const;
  /// The program for batches of `count`, or null.
  static Bound* find(std::vector<Bound>& list, std::int64_t count);
  /// Those that know which layers train, once a layer was frozen or thawed.
  void drop_stale_programs();
  Bound& training_program(std::int64_t count);
  std::pair<Bound*, Bound*> test_programs(std::int64_t count);
  void set_feeds(Bound& bound, const Batch& batch) const;
  /// Buffers for the logits of outputs that have some in that program.
  void make_room_for_logits(const StepProgram& step);
  void update(const Batch& batch, const std::vector<bool>& has_logits);
  void refresh_logs();

  std::shared_ptr<ModelImpl> model_;
  std::shared_ptr<const Compiled> compiled_;
  std::shared_ptr<Runtime> runtime_;
  Data data_;
  ClassWeights class_weight_;
  std::vector<Output> outputs_;
  std::vector<Tensor> weights_;  ///< of the batch, sample weights times class weights
  std::vector<Bound> training_, inference_, loss_;
  std::uint64_t trainable_version_ = 0;

  double total_ = 0, seen_ = 0;
  std::vector<double> each_total_;
  Tensor loss_values_;  ///< the loss, then each output's
  Tensor penalty_;      ///< what layers add to each sample's loss; empty where they add nothing
  bool several_losses_ = false;
  std::vector<std::pair<std::string, MetricImpl*>> named_metrics_;
  std::vector<std::string> loss_names_;
  Logs logs_;

  // What the feeds of a step point to.
  bool in_double_ = false;
  double rate_double_ = 0;
  float rate_float_ = 0;
  std::int64_t iteration_ = 0;
  std::array<std::int64_t, 2> random_state_{};
};

/// One sample's spec with `count` in front.
TensorSpec batch_spec(const TensorSpec& sample, std::int64_t count);
/// Fails unless inputs of these specs (one sample each) can be fed to the model.
void check_input_specs(const ModelImpl& model, const std::vector<TensorSpec>& inputs);

}  // namespace fovea
