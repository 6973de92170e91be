#include "backends/cpu/epilogue.h"
#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/elementwise/chain.h"
#include "ops/reduce.h"
#include "ops/shaping.h"
#include "ops/softmax.h"

// Which regions the elementwise kernel takes: any row of elementwise ops whose results have one shape, and at
// its end, perhaps, the sum of the last result over all axes but the last (the gradient of a bias).

namespace fovea::cpu {
namespace {

class Elementwise final : public Kernel {
 public:
  explicit Elementwise(ElementwiseChain chain) : chain_(std::move(chain)) {}
  std::string_view name() const override {
    return chain_.columns > 0 ? "elementwise:blocks+column_sums" : "elementwise:blocks";
  }
  std::size_t workspace_bytes() const override { return chain_.workspace_bytes(); }
  void run(const KernelContext& c) const override { run_chain(chain_, c); }

 private:
  ElementwiseChain chain_;
};

class ChainBuilder {
 public:
  explicit ChainBuilder(const Region& region)
      : region_(region), operands_(region.values.size()), known_(region.values.size()) {}

  Implementation build() {
    steps_ = region_.steps.size() - (ends_in_column_sums() ? 1 : 0);
    const int last = region_.steps[steps_ - 1].outputs[0];
    shape_ = spec_of(region_, last).shape;
    chain_.elements = shape_.elements();
    for (std::size_t i = 0; i < steps_; ++i) {
      if (!add(i)) return Declined{reason_};
    }
    if (steps_ < region_.steps.size()) {
      chain_.columns = shape_[-1];
      chain_.summed = operands_[static_cast<std::size_t>(last)];
      chain_.sums = position_of(region_.outputs, region_.steps.back().outputs[0]);
      chain_.sums_bfloat16 = spec_of(region_, last).dtype == DType::bfloat16;
    }
    if (!fit_blocks()) return Declined{reason_};
    return std::make_unique<Elementwise>(std::move(chain_));
  }

 private:
  using Operand = ElementwiseChain::Operand;
  using Step = ElementwiseChain::Step;

  template <class... Args>
  bool refuse(fmt::format_string<Args...> format, Args&&... args) {
    reason_ = fmt::format(format, std::forward<Args>(args)...);
    return false;
  }

  bool ends_in_column_sums() const {
    const std::size_t count = region_.steps.size();
    if (count < 2) return false;
    const int value = region_.steps[count - 2].outputs[0];
    if (!sums_columns(region_, count - 1, value)) return false;
    const std::int64_t columns = spec_of(region_, value).shape[-1];
    return columns >= 1 && columns <= ElementwiseChain::kBufferFloats;
  }

  bool add(std::size_t index) {
    const Region::Step& from = region_.steps[index];
    Step step;
    if (const auto* unary = op_as<UnaryOp>(region_, index)) {
      step.kind = Step::Kind::unary;
      step.unary = unary->kind;
      step.parameters = unary->parameters;
    } else if (const auto* backward = op_as<UnaryBackwardOp>(region_, index)) {
      step.kind = Step::Kind::unary_backward;
      step.unary = backward->kind;
      step.parameters = backward->parameters;
    } else if (const auto* binary = op_as<BinaryOp>(region_, index)) {
      step.kind = Step::Kind::binary;
      step.binary = binary->kind;
    } else if (const auto* select = op_as<SelectGradientOp>(region_, index)) {
      step.kind = Step::Kind::select_gradient;
      step.largest = select->largest;
      step.first = select->first;
    } else if (op_as<SigmoidCrossEntropyOp>(region_, index) != nullptr) {
      step.kind = Step::Kind::sigmoid_cross_entropy;
    } else if (op_as<CastOp>(region_, index) != nullptr) {
      return add_cast(index);
    } else if (op_as<BroadcastToOp>(region_, index) == nullptr) {
      return refuse("step {} is no elementwise op", index);
    }
    for (std::size_t i = 0; i < from.inputs.size(); ++i) {
      if (!read(index, from.inputs[i], step.from[i])) return false;
    }
    return write(index, step);
  }

  bool add_cast(std::size_t index) {
    Step step;
    const int x = region_.steps[index].inputs[0];
    const DType dtype = spec_of(region_, x).dtype;
    if (dtype == DType::bfloat16 || dtype == DType::float32) {
      const bool rounds = spec_of(region_, region_.steps[index].outputs[0]).dtype == DType::bfloat16;
      step.kind = rounds ? Step::Kind::round_bfloat16 : Step::Kind::copy;
      return read(index, x, step.from[0]) && write(index, step);
    }
    if (dtype != DType::uint8 && dtype != DType::int32) {
      return refuse("step {} casts from {}, not from a float, uint8 or int32", index, fovea::name(dtype));
    }
    step.kind = dtype == DType::uint8 ? Step::Kind::cast_uint8 : Step::Kind::cast_int32;
    step.from[0] = {Operand::Place::input, position_of(region_.inputs, x),
                    static_cast<std::int64_t>(size_of(dtype))};
    ++chain_.outside;
    return write(index, step);
  }

  /// Where step `index` finds an input.
  bool read(std::size_t index, int value, Operand& operand) {
    const auto at = static_cast<std::size_t>(value);
    const TensorSpec& spec = region_.values[at];
    const bool half = spec.dtype == DType::bfloat16;
    if (spec.dtype != DType::float32 && !half)
      return refuse("step {} reads {}", index, fovea::name(spec.dtype));
    if (!known_[at]) {
      const int position = position_of(region_.inputs, value);
      const BroadcastView view(spec.shape, shape_);
      if (view.whole() && half) {
        operands_[at] = new_buffer();
        chain_.loads.push_back({position, operands_[at].index});
        ++chain_.outside;
      } else if (view.whole()) {
        operands_[at] = {Operand::Place::input, position, sizeof(float)};
        ++chain_.outside;
      } else {
        const bool repeats = view.span() > view.period() && view.period() <= ElementwiseChain::kBufferFloats;
        if (repeats) period_ = std::max(period_, view.period());
        operands_[at] = new_buffer();
        chain_.fills.push_back({position, operands_[at].index, view, repeats, half});
      }
      known_[at] = true;
    }
    operand = operands_[at];
    return true;
  }

  bool write(std::size_t index, Step& step) {
    const int value = region_.steps[index].outputs[0];
    const auto at = static_cast<std::size_t>(value);
    const TensorSpec& spec = region_.values[at];
    const bool half = spec.dtype == DType::bfloat16;
    if (spec.dtype != DType::float32 && !half)
      return refuse("step {} makes {}", index, fovea::name(spec.dtype));
    if (spec.shape != shape_) {
      return refuse("step {} has another shape than the last elementwise one", index);
    }
    const int position = position_of(region_.outputs, value);
    operands_[at] =
        position < 0 || half ? new_buffer() : Operand{Operand::Place::output, position, sizeof(float)};
    if (position >= 0 && half) chain_.stores.push_back({operands_[at], position});
    if (position >= 0) ++chain_.outside;
    known_[at] = true;
    step.to = operands_[at];
    chain_.steps.push_back(step);
    return true;
  }

  Operand new_buffer() { return {Operand::Place::buffer, buffers_++, sizeof(float)}; }

  /// Blocks hold whole periods of what is broadcast, and whole rows of what is summed.
  bool fit_blocks() {
    if (buffers_ > ElementwiseChain::kMaxBuffers) return refuse("needs {} buffers", buffers_);
    const std::int64_t unit = std::max(period_, std::max<std::int64_t>(1, chain_.columns));
    chain_.block = std::max(unit, ElementwiseChain::kBlockFloats / unit * unit);
    for (ElementwiseChain::Fill& fill : chain_.fills) {
      fill.repeats = fill.repeats && chain_.block % fill.view.period() == 0;
    }
    // The axes of a shape nest, so that this cannot happen; sums of a torn row would be wrong.
    return chain_.columns == 0 || chain_.block % chain_.columns == 0 || refuse("blocks would tear rows");
  }

  const Region& region_;
  std::size_t steps_ = 0;
  Shape shape_;
  std::vector<Operand> operands_;
  std::vector<bool> known_;
  ElementwiseChain chain_;
  int buffers_ = 0;
  std::int64_t period_ = 1;
  std::string reason_;
};

}  // namespace

Implementation make_elementwise(const Region& region) { return ChainBuilder(region).build(); }

}  // namespace fovea::cpu
