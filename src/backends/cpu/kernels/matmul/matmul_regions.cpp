#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/matmul/matmul.h"
#include "ops/matmul.h"

// Which regions the matrix product takes: matmul [+ bias] [+ any activation].

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

}  // namespace

Implementation make_matmul(const Region& region) {
  const auto& op = *op_as<MatMulOp>(region, 0);
  if (!all_float32(region)) return decline("takes float32 only");
  const Region::Step& first = region.steps[0];
  const auto epilogue = read_epilogue(region, first.outputs[0]);
  if (const auto* declined = std::get_if<Declined>(&epilogue)) return *declined;
  const auto& [bias, residual, activation, result] = std::get<Epilogue>(epilogue);
  if (residual >= 0) return decline("adds no tensor of the result's shape");
  MatMulShape shape;
  shape.m = spec_of(region, result).shape[0];
  shape.n = spec_of(region, result).shape[1];
  shape.k = spec_of(region, first.inputs[0]).shape[op.transpose_a ? 0 : 1];
  shape.transpose_a = op.transpose_a;
  shape.transpose_b = op.transpose_b;
  return std::make_unique<MatMul>(shape, position_of(region.inputs, first.inputs[0]),
                                  position_of(region.inputs, first.inputs[1]), bias, activation);
}

}  // namespace fovea::cpu
