#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/bfloat16/numbers.h"
#include "backends/cpu/kernels/reduce/column_sums.h"
#include "ops/reduce.h"
#include "ops/shaping.h"

// The sum of bfloat16 over all axes but the last [+ cast to float32]: the gradient of a bias.

namespace fovea::cpu {
namespace {

class ColumnSums final : public Kernel {
 public:
  ColumnSums(std::int64_t rows, std::int64_t columns, bool rounds)
      : pieces_(pieces_of_rows(rows, columns)), columns_(columns), rounds_(rounds) {}
  std::string_view name() const override { return "reduce:bfloat16_column_sums"; }
  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>((pieces_.parts + 1) * columns_) * sizeof(double);
  }
  void run(const KernelContext& c) const override {
    auto* const sums = static_cast<double*>(c.workspace);
    const Numbers x(input<bfloat16>(c, 0));
    c.threads.parallel_for(pieces_.parts, [&](std::int64_t piece) {
      double* const own = sums + piece * columns_;
      std::fill_n(own, columns_, 0.0);
      const std::int64_t rows = pieces_.size(piece);
      add_rows(x.read(pieces_.begin(piece) * columns_, rows * columns_, 0), rows, columns_, own);
    });
    auto* const floats = reinterpret_cast<float*>(sums + pieces_.parts * columns_);
    add_parts(sums, pieces_.parts, columns_, 1, rounds_ ? floats : output<float>(c, 0));
    if (rounds_) narrow_block(floats, output<bfloat16>(c, 0), columns_);
  }

 private:
  EvenParts pieces_;
  std::int64_t columns_;
  bool rounds_;
};

}  // namespace

Implementation make_bfloat16_column_sums(const Region& region) {
  const TensorSpec& x = spec_of(region, region.steps[0].inputs[0]);
  if (x.dtype != DType::bfloat16 || !sums_columns(region, 0, region.steps[0].inputs[0]))
    return decline("takes sums over all axes but the last of bfloat16");
  const bool casts = region.steps.size() == 2 && op_as<CastOp>(region, 1) != nullptr &&
                     spec_of(region, region.steps[1].outputs[0]).dtype == DType::float32;
  if ((region.steps.size() != 1 && !casts) || region.outputs.size() != 1)
    return decline("takes the op and a cast to float32 alone");
  if (x.shape[-1] > kPieceFloats) return decline("a row has too many elements");
  return std::make_unique<ColumnSums>(x.shape.slice(0, -1).elements(), x.shape[-1], !casts);
}

}  // namespace fovea::cpu
