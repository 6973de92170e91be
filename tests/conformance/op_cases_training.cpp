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
}

}  // namespace fovea::testing
