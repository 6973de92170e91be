#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/softmax/softmax.h"
#include "ops/softmax.h"

// Which regions the softmax kernels take: each op alone.

namespace fovea::cpu {
namespace {

/// What the three kernels share: rows of the last axis.
struct Rows {
  explicit Rows(const Shape& shape) : size(shape[-1]), count(shape.slice(0, -1).elements()) {}
  std::int64_t size, count;
};

class Softmax final : public Kernel {
 public:
  Softmax(bool log, const Rows& rows) : log_(log), rows_(rows) {}
  std::string_view name() const override { return "softmax:rows"; }
  void run(const KernelContext& c) const override {
    softmax(log_, rows_.count, rows_.size, input<float>(c, 0), output<float>(c, 0), c.threads);
  }

 private:
  bool log_;
  Rows rows_;
};

class SoftmaxBackward final : public Kernel {
 public:
  SoftmaxBackward(bool log, const Rows& rows, int y, int dy) : log_(log), rows_(rows), y_(y), dy_(dy) {}
  std::string_view name() const override { return "softmax_backward:rows"; }
  void run(const KernelContext& c) const override {
    softmax_backward(log_, rows_.count, rows_.size, input<float>(c, y_), input<float>(c, dy_),
                     output<float>(c, 0), c.threads);
  }

 private:
  bool log_;
  Rows rows_;
  int y_, dy_;
};

class CrossEntropy final : public Kernel {
 public:
  CrossEntropy(const Rows& rows, int logits, int labels) : rows_(rows), logits_(logits), labels_(labels) {}
  std::string_view name() const override { return "softmax_cross_entropy:rows"; }
  void run(const KernelContext& c) const override {
    softmax_cross_entropy(rows_.count, rows_.size, input<float>(c, logits_), input<float>(c, labels_),
                          output<float>(c, 0), c.threads);
  }

 private:
  Rows rows_;
  int logits_, labels_;
};

/// Why none of them takes the region; null when one does.
const char* reason(const Region& region) {
  if (region.steps.size() != 1) return "takes the op alone";
  if (!all_float32(region)) return "takes float32 only";
  return spec_of(region, region.inputs[0]).shape[-1] == 0 ? "the rows are empty" : nullptr;
}

Rows rows_of(const Region& region) { return Rows(spec_of(region, region.inputs[0]).shape); }

int input_position(const Region& region, std::size_t i) {
  return position_of(region.inputs, region.steps[0].inputs[i]);
}

}  // namespace

Implementation make_softmax(const Region& region) {
  if (const char* why = reason(region)) return Declined{why};
  return std::make_unique<Softmax>(op_as<SoftmaxOp>(region, 0)->log, rows_of(region));
}

Implementation make_softmax_backward(const Region& region) {
  if (const char* why = reason(region)) return Declined{why};
  return std::make_unique<SoftmaxBackward>(op_as<SoftmaxBackwardOp>(region, 0)->log, rows_of(region),
                                           input_position(region, 0), input_position(region, 1));
}

Implementation make_softmax_cross_entropy(const Region& region) {
  if (const char* why = reason(region)) return Declined{why};
  return std::make_unique<CrossEntropy>(rows_of(region), input_position(region, 0),
                                        input_position(region, 1));
}

}  // namespace fovea::cpu
