#include "backends/cpu/kernels/elementwise/chain.h"

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/bfloat16/convert.h"
#include "backends/cpu/kernels/elementwise/blocks.h"
#include "backends/cpu/kernels/elementwise/unary.h"
#include "backends/cpu/kernels/reduce/column_sums.h"

namespace fovea::cpu {
namespace {

using Operand = ElementwiseChain::Operand;
using Step = ElementwiseChain::Step;

/// One thread's way through some blocks.
class BlockRun {
 public:
  BlockRun(const ElementwiseChain& chain, const KernelContext& context) : chain_(chain), context_(context) {}

  void run(std::int64_t block, double* sums) {
    first_ = block * chain_.block;
    count_ = std::min(chain_.block, chain_.elements - first_);
    for (std::size_t i = 0; i < chain_.fills.size(); ++i) fill(chain_.fills[i], filled_[i]);
    for (const ElementwiseChain::Load& load : chain_.loads)
      widen_block(input<bfloat16>(context_, load.input) + first_, buffers_[load.buffer], count_);
    for (const Step& step : chain_.steps) run(step);
    for (const ElementwiseChain::Store& store : chain_.stores)
      narrow_block(from(store.from), output<bfloat16>(context_, store.output) + first_, count_);
    if (chain_.columns > 0) add_rows(from(chain_.summed), count_ / chain_.columns, chain_.columns, sums);
  }

 private:
  /// What a buffer holds: `count` elements of a span of its view; no span, -1, when they are of several.
  struct Filled {
    std::int64_t span = -1, count = 0;
  };

  void fill(const ElementwiseChain::Fill& fill, Filled& filled) {
    const std::int64_t size = fill.view.span(), span = first_ / size;
    const bool inside = fill.repeats && (first_ + count_ - 1) / size == span;
    if (inside && filled.span == span && filled.count >= count_) return;
    if (fill.bfloat16) {
      bfloat16 halves[ElementwiseChain::kBufferFloats];
      fill.view.read(input<bfloat16>(context_, fill.input), first_, count_, halves);
      widen_block(halves, buffers_[fill.buffer], count_);
    } else {
      fill.view.read(input<float>(context_, fill.input), first_, count_, buffers_[fill.buffer]);
    }
    filled = {inside ? span : -1, count_};
  }

  template <class T = float>
  const T* from(const Operand& operand) const {
    return reinterpret_cast<const T*>(bytes(operand));
  }
  float* to(const Operand& operand) { return reinterpret_cast<float*>(const_cast<char*>(bytes(operand))); }
  const char* bytes(const Operand& operand) const {
    switch (operand.place) {
      case Operand::Place::input:
        return input<char>(context_, operand.index) + first_ * operand.size;
      case Operand::Place::output:
        return output<char>(context_, operand.index) + first_ * operand.size;
      case Operand::Place::buffer:
        break;
    }
    return reinterpret_cast<const char*>(buffers_[operand.index]);
  }

  void run(const Step& step) {
    const Operand& x = step.from[0];
    const Operand& y = step.from[1];
    switch (step.kind) {
      case Step::Kind::unary:
        return unary_forward(step.unary, step.parameters, from(x), to(step.to), count_);
      case Step::Kind::unary_backward:
        return unary_backward(step.unary, step.parameters, from(x), from(y), to(step.to), count_);
      case Step::Kind::binary:
        return binary_block(step.binary, from(x), from(y), to(step.to), count_);
      case Step::Kind::select_gradient:
        return select_gradient_block(step.largest, step.first, from(x), from(y), from(step.from[2]),
                                     to(step.to), count_);
      case Step::Kind::sigmoid_cross_entropy:
        return sigmoid_cross_entropy_block(from(x), from(y), to(step.to), count_);
      case Step::Kind::cast_uint8:
        return cast_block(from<std::uint8_t>(x), to(step.to), count_);
      case Step::Kind::cast_int32:
        return cast_block(from<std::int32_t>(x), to(step.to), count_);
      case Step::Kind::round_bfloat16: {
        bfloat16 halves[ElementwiseChain::kBufferFloats];
        narrow_block(from(x), halves, count_);
        return widen_block(halves, to(step.to), count_);
      }
      case Step::Kind::copy:
        std::memcpy(to(step.to), from(x), static_cast<std::size_t>(count_) * sizeof(float));
    }
  }

  const ElementwiseChain& chain_;
  const KernelContext& context_;
  std::int64_t first_ = 0, count_ = 0;
  Filled filled_[ElementwiseChain::kMaxBuffers];
  alignas(64) float buffers_[ElementwiseChain::kMaxBuffers][ElementwiseChain::kBufferFloats];
};

}  // namespace

void run_chain(const ElementwiseChain& chain, const KernelContext& context) {
  const EvenParts pieces = chain.pieces();
  auto* const sums = static_cast<double*>(context.workspace);
  context.threads.parallel_for(pieces.parts, [&](std::int64_t piece) {
    BlockRun blocks(chain, context);
    double* const own = sums + piece * chain.columns;
    std::fill_n(own, chain.columns, 0.0);
    for (std::int64_t i = pieces.begin(piece); i < pieces.range(piece).end; ++i) blocks.run(i, own);
  });
  if (chain.columns > 0) {
    auto* const rounded = reinterpret_cast<float*>(sums + pieces.parts * chain.columns);
    add_parts(sums, pieces.parts, chain.columns, 1,
              chain.sums_bfloat16 ? rounded : output<float>(context, chain.sums));
    if (chain.sums_bfloat16) narrow_block(rounded, output<bfloat16>(context, chain.sums), chain.columns);
  }
}

}  // namespace fovea::cpu
