#include "backends/cpu/widened.h"

#include <algorithm>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/bfloat16/convert.h"
#include "core/cache_lines.h"
#include "ops/batch_norm.h"
#include "ops/optimizer_update.h"
#include "ops/shaping.h"

namespace fovea::cpu {
namespace {

/// The region with float32 for bfloat16. Casts between the two are gone: their result is what they read.
class WidenedRegion {
 public:
  explicit WidenedRegion(const Region& region) : outer(region), alias_(region.values.size()) {
    inner.values = region.values;
    for (TensorSpec& spec : inner.values)
      spec.dtype = spec.dtype == DType::bfloat16 ? DType::float32 : spec.dtype;
    for (std::size_t i = 0; i < alias_.size(); ++i) alias_[i] = static_cast<int>(i);
    for (const Region::Step& step : region.steps) add(step);
    for (const int value : region.inputs) inner.inputs.push_back(value);
    for (const int value : region.outputs) {
      const int own = origin(value);
      if (position_of(inner.outputs, own) < 0) inner.outputs.push_back(own);
      if (!region.produces(own)) reason = "an output is an input";
    }
    if (inner.steps.empty()) reason = "there are casts alone";
  }

  int origin(int value) const { return alias_[static_cast<std::size_t>(value)]; }

  const Region& outer;
  Region inner;
  const char* reason = nullptr;  ///< why it cannot be

 private:
  void add(const Region::Step& step) {
    if (dynamic_cast<const CastOp*>(step.op) != nullptr) {
      const int from = step.inputs[0], to = step.outputs[0];
      const DType x = spec_of(outer, from).dtype, y = spec_of(outer, to).dtype;
      const bool widens = x == DType::bfloat16 && y == DType::float32;
      // What comes from outside is read rounded.
      if (x == DType::float32 && y == DType::bfloat16 && !outer.produces(origin(from)))
        reason = "an input must be rounded first";
      if (widens || (x == DType::float32 && y == DType::bfloat16)) {
        alias_[static_cast<std::size_t>(to)] = origin(from);
        return;
      }
    }
    // Its gradient is converted as it is computed, or by itself.
    if (dynamic_cast<const OptimizerUpdate*>(step.op) != nullptr && inner.steps.empty())
      reason = "an optimizer's update reads a gradient in float32";
    // It has kernels that read bfloat16.
    const bool normalises = dynamic_cast<const BatchNormTrainingOp*>(step.op) != nullptr ||
                            dynamic_cast<const BatchNormBackwardOp*>(step.op) != nullptr;
    if (normalises && outer.steps.size() > 1) reason = "a batch normalisation reads bfloat16 itself";
    Region::Step copy = step;
    for (int& value : copy.inputs) value = origin(value);
    inner.steps.push_back(std::move(copy));
  }

  std::vector<int> alias_;  ///< per value, the one that it is
};

class Widened final : public Kernel {
 public:
  Widened(const WidenedRegion& region, std::unique_ptr<Kernel> kernel)
      : kernel_(std::move(kernel)), name_(fmt::format("{} (widened)", kernel_->name())) {
    const Region &outer = region.outer, &inner = region.inner;
    const int packed = kernel_->packed_input();
    bytes_ = whole_lines(kernel_->workspace_bytes());
    pointers_ = bytes_;
    bytes_ += whole_lines((inner.inputs.size() + inner.outputs.size()) * sizeof(void*));
    for (std::size_t i = 0; i < inner.inputs.size(); ++i) {
      const TensorSpec& spec = spec_of(outer, inner.inputs[i]);
      Input input{spec.dtype == DType::bfloat16, spec.shape.elements(), 0};
      // That one is converted when it is packed.
      if (input.converts && static_cast<int>(i) != packed) input.offset = take(input.elements);
      inputs_.push_back(input);
    }
    outputs_.resize(inner.outputs.size());
    for (std::size_t i = 0; i < outer.outputs.size(); ++i) {
      const TensorSpec& spec = spec_of(outer, outer.outputs[i]);
      const int to = position_of(inner.outputs, region.origin(outer.outputs[i]));
      Output& output = outputs_[static_cast<std::size_t>(to)];
      output.elements = spec.shape.elements();
      (spec.dtype == DType::bfloat16 ? output.narrow : output.direct) = static_cast<int>(i);
    }
    for (Output& output : outputs_) {
      if (output.direct < 0) output.offset = take(output.elements);
    }
    if (packed >= 0 && inputs_[static_cast<std::size_t>(packed)].converts)
      packed_copy_ = whole_lines(kernel_->packed_bytes());
  }

  std::string_view name() const override { return name_; }
  std::size_t workspace_bytes() const override { return bytes_; }
  bool in_place() const override { return kernel_->in_place(); }
  int packed_input() const override { return kernel_->packed_input(); }
  std::string packed_form() const override { return kernel_->packed_form() + ", widened"; }
  std::size_t packed_bytes() const override {
    if (packed_copy_ == 0) return kernel_->packed_bytes();
    return packed_copy_ + static_cast<std::size_t>(packed().elements) * sizeof(float);
  }
  void pack(const void* from, void* to, ThreadPool& threads) const override {
    if (packed_copy_ == 0) return kernel_->pack(from, to, threads);
    auto* const copy = reinterpret_cast<float*>(static_cast<std::byte*>(to) + packed_copy_);
    widen(static_cast<const bfloat16*>(from), copy, packed().elements, threads);
    kernel_->pack(copy, to, threads);
  }

  void run(const KernelContext& c) const override {
    auto* const memory = static_cast<std::byte*>(c.workspace);
    auto** const inputs = reinterpret_cast<const void**>(memory + pointers_);
    auto** const outputs = reinterpret_cast<void**>(memory + pointers_) + inputs_.size();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      inputs[i] = c.inputs[i];
      if (inputs_[i].offset == 0) continue;
      auto* const copy = reinterpret_cast<float*>(memory + inputs_[i].offset);
      widen(static_cast<const bfloat16*>(c.inputs[i]), copy, inputs_[i].elements, c.threads);
      inputs[i] = copy;
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      outputs[i] = outputs_[i].direct >= 0 ? c.outputs[outputs_[i].direct] : memory + outputs_[i].offset;
    kernel_->run({inputs, outputs, c.workspace, c.threads, c.packed});
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i].narrow < 0) continue;
      narrow(static_cast<const float*>(outputs[i]), output<bfloat16>(c, outputs_[i].narrow),
             outputs_[i].elements, c.threads);
    }
  }

 private:
  struct Input {
    bool converts;
    std::int64_t elements;
    std::size_t offset;  ///< of its copy in the workspace; 0: it is read where it is
  };
  struct Output {
    int direct = -1, narrow = -1;  ///< outer outputs in float32 and in bfloat16; -1 for none
    std::int64_t elements = 0;
    std::size_t offset = 0;
  };

  std::size_t take(std::int64_t elements) {
    const std::size_t offset = bytes_;
    bytes_ += whole_lines(static_cast<std::size_t>(elements) * sizeof(float));
    return offset;
  }
  const Input& packed() const { return inputs_[static_cast<std::size_t>(kernel_->packed_input())]; }

  std::unique_ptr<Kernel> kernel_;
  std::string name_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::size_t bytes_ = 0, pointers_ = 0, packed_copy_ = 0;
};

}  // namespace

bool has_bfloat16(const Region& region) {
  return std::any_of(region.values.begin(), region.values.end(),
                     [](const TensorSpec& spec) { return spec.dtype == DType::bfloat16; });
}

Implementation implement_widened(const Region& region, Implementation (*implement)(const Region& region)) {
  const WidenedRegion widened(region);
  if (widened.reason != nullptr) return Declined{widened.reason};
  Implementation made = implement(widened.inner);
  auto* const kernel = std::get_if<std::unique_ptr<Kernel>>(&made);
  if (kernel == nullptr) return made;
  return std::make_unique<Widened>(widened, std::move(*kernel));
}

}  // namespace fovea::cpu
