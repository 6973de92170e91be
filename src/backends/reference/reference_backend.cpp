#include <algorithm>
#include <map>

#include "backends/backend.h"
#include "backends/reference/reference.h"
#include "core/cache_lines.h"

namespace fovea {
namespace {

using Formula = void (*)(const ReferenceCall&);

Formula formula_of(std::string_view class_name) {
  static const std::map<std::string_view, Formula> formulas = {
#define FOVEA_OP(Name) {#Name, reference_##Name},
#include "ops/ops.inc"
#undef FOVEA_OP
  };
  const auto found = formulas.find(class_name);
  if (found == formulas.end()) fail("reference backend: op {} has no formula", class_name);
  return found->second;
}

/// Runs a region's ops one after the other. Values nobody outside reads stand in the workspace, as do the
/// lists of pointers, so that several threads can run one kernel.
class ReferenceKernel final : public Kernel {
 public:
  explicit ReferenceKernel(const Region& region)
      : values_(region.values.size()), inputs_(region.inputs), outputs_(region.outputs) {
    for (const int input : inputs_) values_[static_cast<std::size_t>(input)] = kOutside;
    for (const int output : outputs_) values_[static_cast<std::size_t>(output)] = kOutside;
    bytes_ = whole_lines(values_.size() * sizeof(void*));
    pointer_lists_ = bytes_;
    std::size_t longest = 0;
    for (const Region::Step& step : region.steps) {
      Part part{formula_of(step.op->class_name()), step.op, {}, {}, step.inputs, step.outputs};
      for (const int value : step.inputs)
        part.input_specs.push_back(region.values[static_cast<std::size_t>(value)]);
      for (const int value : step.outputs)
        part.output_specs.push_back(region.values[static_cast<std::size_t>(value)]);
      longest = std::max(longest, step.inputs.size() + step.outputs.size());
      parts_.push_back(std::move(part));
    }
    bytes_ += whole_lines(longest * sizeof(void*));
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (values_[i] == kOutside) continue;
      values_[i] = bytes_;
      bytes_ += whole_lines(static_cast<std::size_t>(region.values[i].bytes()));
    }
  }

  std::string_view name() const override { return "reference"; }
  std::size_t workspace_bytes() const override { return bytes_; }

  void run(const KernelContext& context) const override {
    auto* const base = static_cast<std::byte*>(context.workspace);
    auto** const addresses = reinterpret_cast<void**>(base);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (values_[i] != kOutside) addresses[i] = base + values_[i];
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      addresses[inputs_[i]] = const_cast<void*>(context.inputs[i]);
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) addresses[outputs_[i]] = context.outputs[i];
    auto** const list = reinterpret_cast<void**>(base + pointer_lists_);
    for (const Part& part : parts_) {
      void** next = list;
      for (const int value : part.inputs) *next++ = addresses[value];
      void** const outputs = next;
      for (const int value : part.outputs) *next++ = addresses[value];
      part.formula(
          {*part.op, part.input_specs, part.output_specs, const_cast<const void* const*>(list), outputs});
    }
  }

 private:
  static constexpr std::size_t kOutside = SIZE_MAX;

  struct Part {
    Formula formula;
    const Op* op;
    std::vector<TensorSpec> input_specs, output_specs;
    std::vector<int> inputs, outputs;
  };
  std::vector<std::size_t> values_;  ///< offset in the workspace, or kOutside
  std::vector<int> inputs_, outputs_;
  std::vector<Part> parts_;
  std::size_t pointer_lists_ = 0, bytes_ = 0;
};

class ReferenceBackend final : public Backend {
 public:
  std::string_view name() const override { return "reference"; }
  Implementation implement(const Region& region) const override {
    return std::make_unique<ReferenceKernel>(region);
  }
};

}  // namespace

const Backend& reference_backend() {
  static const ReferenceBackend backend;
  return backend;
}

}  // namespace fovea
