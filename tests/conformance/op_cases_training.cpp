#include "conformance/op_cases.h"
#include "ops/batch_norm.h"
#include "ops/optimizer_update.h"
#include "ops/random.h"

namespace fovea::testing {
namespace {

/// Rate, iteration, then for each variable w, its slots and g. Slots hold squares or their likes: positive.
std::vector<Draw> update_inputs(const OptimizerUpdate& op, const std::vector<Shape>& variables) {
  std::vector<Draw> inputs = {given(Tensor::of<double>({}, {0.125})),
                              given(Tensor::of<std::int64_t>({}, {7}))};
  if (op.scaled) inputs.push_back(given(Tensor::of<double>({}, {0.75})));
  for (std::size_t i = 0; i < op.own_scalars(); ++i) inputs.push_back(given(Tensor::of<double>({}, {0.625})));
  for (const Shape& shape : variables) {
    inputs.push_back(normal(shape));
    for (std::size_t i = 0; i < op.slots(); ++i) inputs.push_back(uniform(shape, 0.5, 2));
    inputs.push_back(normal(shape));
    if (op.clip_norm > 0) inputs.push_back(uniform({}, 1, 2));
  }
  return inputs;
}

template <class OpType>
void add_update(OpCases& cases, const std::string& label, double weight_decay, OpType op) {
  op.weight_decay = weight_decay;
  const std::vector<Draw> inputs = update_inputs(op, {{3, 5}, {7}, {}});
  cases.add(label, op, inputs);
}

SgdUpdateOp sgd(double momentum, bool nesterov) {
  SgdUpdateOp op;
  op.momentum = momentum;
  op.nesterov = nesterov;
  return op;
}

RmspropUpdateOp rmsprop(double rho, double momentum, double epsilon, bool centered) {
  RmspropUpdateOp op;
  op.rho = rho;
  op.momentum = momentum;
  op.epsilon = epsilon;
  op.centered = centered;
  return op;
}

AdamUpdateOp adam(double beta_1, double beta_2, double epsilon, bool amsgrad) {
  AdamUpdateOp op;
  op.beta_1 = beta_1;
  op.beta_2 = beta_2;
  op.epsilon = epsilon;
  op.amsgrad = amsgrad;
  return op;
}

template <class OpType>
OpType with_betas(double beta_1, double beta_2, double epsilon) {
  OpType op;
  op.beta_1 = beta_1;
  op.beta_2 = beta_2;
  op.epsilon = epsilon;
  return op;
}

AdagradUpdateOp adagrad(double epsilon) {
  AdagradUpdateOp op;
  op.epsilon = epsilon;
  return op;
}

AdadeltaUpdateOp adadelta(double rho, double epsilon) {
  AdadeltaUpdateOp op;
  op.rho = rho;
  op.epsilon = epsilon;
  return op;
}

LionUpdateOp lion(double beta_1, double beta_2) {
  LionUpdateOp op;
  op.beta_1 = beta_1;
  op.beta_2 = beta_2;
  return op;
}

FtrlUpdateOp ftrl(double power, double l1, double l2, double shrinkage, double beta) {
  FtrlUpdateOp op;
  op.power = power;
  op.l1 = l1;
  op.l2 = l2;
  op.shrinkage = shrinkage;
  op.beta = beta;
  return op;
}

/// In iteration 7: one that is a step when it is a multiple of this.
template <class OpType>
OpType accumulating(OpType op, std::int64_t steps) {
  op.accumulation_steps = steps;
  return op;
}

MovingAverageOp moving_average(double momentum, std::int64_t overwrite_frequency) {
  MovingAverageOp op;
  op.momentum = momentum;
  op.overwrite_frequency = overwrite_frequency;
  return op;
}

NadamProductOp nadam_product(double beta_1) {
  NadamProductOp op;
  op.beta_1 = beta_1;
  return op;
}

GradientAccumulationOp accumulation(std::int64_t steps) {
  GradientAccumulationOp op;
  op.steps = steps;
  return op;
}

/// What stands beside each kind of clipping.
AdamUpdateOp clipping(double value, double norm, bool scaled) {
  AdamUpdateOp op = adam(0.8, 0.97, 1e-3, false);
  op.clip_value = value;
  op.clip_norm = norm;
  op.scaled = scaled;
  return op;
}

void add_transforms(OpCases& cases, const Draw& state) {
  for (const auto kind : {TransformKind::rotate, TransformKind::translate, TransformKind::zoom,
                          TransformKind::flip, TransformKind::crop}) {
    RandomTransformOp op;
    op.kind = kind;
    op.samples = 3;
    op.image = {5, 7};
    op.low = -0.2;
    op.high = 0.4;
    op.width_high = kind == TransformKind::flip ? 1 : 3;
    op.tied = kind == TransformKind::zoom;
    op.stream = 9;
    cases.add(fmt::format("kind{}", static_cast<int>(kind)), op, {state});
  }
  for (const auto mode : {FillMode::constant, FillMode::nearest, FillMode::reflect, FillMode::wrap}) {
    AffineTransformOp op;
    op.size = {6, 4};
    op.bilinear = mode != FillMode::wrap;
    op.fill_mode = mode;
    op.fill_value = 0.5;
    cases.add(fmt::format("mode{}", static_cast<int>(mode)), op, {normal({2, 4, 5, 3}), normal({2, 6})});
  }
}

}  // namespace

void add_training_cases(OpCases& cases) {
  cases.add("images", BatchNormTrainingOp(1e-3), {normal({2, 3, 3, 5}), normal({5}), normal({5})});
  cases.add("rows", BatchNormTrainingOp(0.1), {normal({7, 3}), normal({3}), normal({3})});
  cases.add("far_from_zero", BatchNormTrainingOp(1e-5),
            {uniform({9, 2}, 100, 101), normal({2}), normal({2})});
  cases.add("images", BatchNormBackwardOp(1e-2),
            {normal({2, 3, 3, 5}), normal({5}), normal({5}), uniform({5}, 0.5, 2), normal({2, 3, 3, 5})});

  const Draw state = given(Tensor::of<std::int64_t>({2}, {12345, 6}));
  cases.add("rate30", DropoutOp(0.3, 7), {normal({5, 9}), state});
  cases.add("rate0", DropoutOp(0, 7), {normal({5, 3}), state});
  cases.add("rate90", DropoutOp(0.9, 0x8123456789abcdefULL), {normal({2, 3, 3, 5}), state});
  cases.add("image", RandomOp(RandomKind::normal, {2, 3, 5}, DType::float32, 7), {state});
  cases.add("other_stream", RandomOp(RandomKind::uniform, {7}, DType::float32, 0x8123456789abcdefULL),
            {state});
  add_transforms(cases, state);

  add_update(cases, "plain", 0, sgd(0, false));
  add_update(cases, "decay", 0.02, sgd(0, false));
  add_update(cases, "momentum", 0, sgd(0.9, false));
  add_update(cases, "nesterov_decay", 0.02, sgd(0.8, true));
  add_update(cases, "plain", 0, rmsprop(0.9, 0, 1e-7, false));
  add_update(cases, "momentum", 0, rmsprop(0.8, 0.7, 1e-3, false));
  // Centered: the average lies between 0.5 and 2 as the velocity does, and epsilon keeps their difference
  // positive.
  add_update(cases, "centered", 0, rmsprop(0.9, 0, 8, true));
  add_update(cases, "centered_momentum_decay", 0.02, rmsprop(0.9, 0.5, 8, true));
  add_update(cases, "plain", 0, adam(0.9, 0.999, 1e-7, false));
  add_update(cases, "options_decay", 0.02, adam(0.8, 0.95, 1e-2, false));
  add_update(cases, "amsgrad", 0, adam(0.9, 0.99, 1e-7, true));
  add_update(cases, "clip_value", 0.02, clipping(0.4, 0, false));
  add_update(cases, "clip_norm", 0.02, clipping(0, 0.8, false));
  add_update(cases, "scaled", 0.02, clipping(0, 0, true));
  add_update(cases, "accumulating_step", 0.02, accumulating(clipping(0.4, 0, false), 7));
  add_update(cases, "accumulating", 0.02, accumulating(clipping(0.4, 0, false), 3));
  add_update(cases, "plain", 0, adagrad(1e-7));
  add_update(cases, "options_decay", 0.02, adagrad(0.1));
  add_update(cases, "plain", 0, adadelta(0.95, 1e-7));
  add_update(cases, "options_decay", 0.02, adadelta(0.8, 0.1));
  add_update(cases, "plain", 0, with_betas<AdamaxUpdateOp>(0.9, 0.999, 1e-7));
  add_update(cases, "options_decay", 0.02, with_betas<AdamaxUpdateOp>(0.8, 0.5, 0.1));
  add_update(cases, "accumulating_step", 0, accumulating(with_betas<AdamaxUpdateOp>(0.8, 0.5, 0.1), 7));
  add_update(cases, "plain", 0, with_betas<NadamUpdateOp>(0.9, 0.999, 1e-7));
  add_update(cases, "options_decay", 0.02, with_betas<NadamUpdateOp>(0.8, 0.95, 1e-2));
  add_update(cases, "accumulating_step", 0, accumulating(with_betas<NadamUpdateOp>(0.8, 0.95, 1e-2), 7));
  add_update(cases, "plain", 0, lion(0.9, 0.99));
  add_update(cases, "options_decay", 0.02, lion(0.5, 0.7));
  add_update(cases, "plain", 0, ftrl(-0.5, 0, 0, 0, 0));
  add_update(cases, "options_decay", 0.02, ftrl(-0.5, 0.1, 0.2, 0.3, 0.4));
  add_update(cases, "power", 0, ftrl(-0.8, 0.1, 0.2, 0.3, 0.4));

  const Draw iteration = given(Tensor::of<std::int64_t>({}, {7}));
  const Draw scalar = given(Tensor::of<double>({}, {0.625}));
  cases.add("plain", nadam_product(0.9), {iteration, scalar});
  cases.add("accumulating_step", accumulating(nadam_product(0.8), 7), {iteration, scalar});
  cases.add("accumulating", accumulating(nadam_product(0.8), 3), {iteration, scalar});
  const std::vector<Draw> pairs = {iteration, normal({3, 5}), normal({3, 5}), normal({}), normal({})};
  cases.add("waits", accumulation(3), pairs);
  cases.add("step", accumulation(7), pairs);
  cases.add("plain", moving_average(0.9, 0), pairs);
  cases.add("overwrites", moving_average(0.75, 7), pairs);
  cases.add("keeps", moving_average(0.75, 3), pairs);
  cases.add("accumulating_overwrites", accumulating(moving_average(0.75, 2), 4), pairs);
  cases.add("first_step", accumulating(moving_average(0.75, 2), 7), pairs);
}

}  // namespace fovea::testing
