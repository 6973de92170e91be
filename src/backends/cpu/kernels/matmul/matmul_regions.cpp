#include <algorithm>

#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/matmul/matmul.h"
#include "backends/cpu/kernels/matmul/matmul_update.h"
#include "backends/cpu/kernels/optimizers/update_operands.h"
#include "ops/matmul.h"

// Which regions the matrix product takes: matmul [+ bias] [+ any activation], as the gradient of a weight,
// matmul + its update, and the products of a batch, one after the other.

namespace fovea::cpu {
namespace {

class MatMul final : public Kernel {
 public:
  MatMul(const MatMulShape& shape, int a, int b, int bias, const UnaryOp* activation)
      : shape_(shape), a_(a), b_(b), bias_(bias) {
    if (activation != nullptr) activation_ = std::make_unique<UnaryOp>(*activation);
  }
  std::string_view name() const override { return "matmul:panels"; }
  std::size_t workspace_bytes() const override { return matmul_workspace(shape_); }
  void run(const KernelContext& c) const override {
    matmul(shape_,
           {input<float>(c, a_), input<float>(c, b_), input<float>(c, bias_), activation_.get(),
            output<float>(c, 0)},
           c.workspace, c.threads);
  }

 private:
  MatMulShape shape_;
  int a_, b_, bias_;
  std::unique_ptr<const UnaryOp> activation_;
};

class MatMulUpdate final : public Kernel {
 public:
  MatMulUpdate(const MatMulShape& shape, const Region& region)
      : shape_(shape),
        a_(position_of(region.inputs, region.steps[0].inputs[0])),
        b_(position_of(region.inputs, region.steps[0].inputs[1])),
        operands_(region, 1) {}
  std::string_view name() const override { return "matmul:blocks+update"; }
  std::size_t workspace_bytes() const override { return matmul_update_workspace(shape_); }
  void run(const KernelContext& c) const override {
    matmul_update(shape_, {input<float>(c, a_), input<float>(c, b_)}, operands_.step(c),
                  operands_.whole(c, 0), c.workspace, c.threads);
  }

 private:
  MatMulShape shape_;
  int a_, b_;
  UpdateOperands operands_;
};

class BatchMatMul final : public Kernel {
 public:
  BatchMatMul(std::int64_t batch, const MatMulShape& shape, int a, int b)
      : batch_(batch), shape_(shape), a_(a), b_(b) {}
  std::string_view name() const override { return "batch_matmul:panels"; }
  std::size_t workspace_bytes() const override { return matmul_workspace(shape_); }
  void run(const KernelContext& c) const override {
    const auto& [m, n, k, transpose_a, transpose_b] = shape_;
    for (std::int64_t i = 0; i < batch_; ++i) {
      matmul(shape_,
             {input<float>(c, a_) + i * m * k, input<float>(c, b_) + i * k * n, nullptr, nullptr,
              output<float>(c, 0) + i * m * n},
             c.workspace, c.threads);
    }
  }

 private:
  std::int64_t batch_;
  MatMulShape shape_;
  int a_, b_;
};

MatMulShape shape_of(const Region& region) {
  const auto& op = *op_as<MatMulOp>(region, 0);
  const Region::Step& step = region.steps[0];
  const Shape &result = spec_of(region, step.outputs[0]).shape, &a = spec_of(region, step.inputs[0]).shape;
  return {result[0], result[1], a[op.transpose_a ? 0 : 1], op.transpose_a, op.transpose_b};
}

}  // namespace

Implementation make_matmul_update(const Region& region) {
  const auto* op =
      region.steps.size() == 2 ? dynamic_cast<const OptimizerUpdate*>(region.steps[1].op) : nullptr;
  if (op == nullptr) return decline("takes a product and an optimizer's update");
  const std::vector<int>& inputs = region.steps[1].inputs;
  const int gradient = region.steps[0].outputs[0];
  if (op->variables(inputs.size()) != 1) return decline("updates one variable");
  if (op->accumulation_steps != 1) return decline("takes a step in every iteration");
  if (inputs[op->head() + op->slots() + 1] != gradient ||
      std::count(inputs.begin(), inputs.end(), gradient) != 1)
    return decline("the product is not the variable's gradient");
  for (const int factor : region.steps[0].inputs) {
    if (position_of(inputs, factor) >= 0) return decline("the product reads what is updated");
  }
  if (position_of(region.outputs, gradient) >= 0) return decline("the gradient is read outside");
  if (spec_of(region, gradient).dtype != DType::float32) return decline("takes float32 only");
  if (const char* reason = reason_against_update(region, 1)) return decline("{}", reason);
  const MatMulShape shape = shape_of(region);
  if (const char* reason = reason_against_matmul_update(shape)) return decline("{}", reason);
  return std::make_unique<MatMulUpdate>(shape, region);
}

Implementation make_matmul(const Region& region) {
  if (!all_float32(region)) return decline("takes float32 only");
  const Region::Step& first = region.steps[0];
  const auto epilogue = read_epilogue(region, first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const auto& [bias, residual, activation, result] = std::get<Epilogue>(epilogue);
  if (residual >= 0) return decline("adds no tensor of the result's shape");
  return std::make_unique<MatMul>(shape_of(region), position_of(region.inputs, first.inputs[0]),
                                  position_of(region.inputs, first.inputs[1]), bias, activation);
}

Implementation make_batch_matmul(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (!all_float32(region)) return decline("takes float32 only");
  const auto& op = *op_as<BatchMatMulOp>(region, 0);
  const Region::Step& step = region.steps[0];
  const Shape &a = spec_of(region, step.inputs[0]).shape, &c = spec_of(region, step.outputs[0]).shape;
  const MatMulShape shape{c[1], c[2], a[op.transpose_a ? 1 : 2], op.transpose_a, op.transpose_b};
  return std::make_unique<BatchMatMul>(c[0], shape, position_of(region.inputs, step.inputs[0]),
                                       position_of(region.inputs, step.inputs[1]));
}

}  // namespace fovea::cpu
