#include <cmath>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/dropout/dropout.h"
#include "ops/batch_norm.h"

// Which regions the dropout kernel takes: the op alone.

namespace fovea::cpu {
namespace {

class Dropout final : public Kernel {
 public:
  Dropout(const DropoutOp& op, std::int64_t count)
      : rate_(op.rate), stream_(static_cast<std::uint64_t>(op.stream)), count_(count) {}
  std::string_view name() const override { return "dropout:philox"; }
  void run(const KernelContext& c) const override {
    const auto* state = input<std::int64_t>(c, 1);  // seed and step
    const PhiloxStream random(static_cast<std::uint64_t>(state[0]), stream_,
                              static_cast<std::uint32_t>(state[1]));
    const auto threshold = static_cast<std::uint32_t>(std::floor(rate_ * 0x1p32));
    dropout(random, threshold, static_cast<float>(1 / (1 - rate_)), count_, input<float>(c, 0),
            output<float>(c, 0), c.threads);
  }

 private:
  double rate_;
  std::uint64_t stream_;
  std::int64_t count_;
};

}  // namespace

Implementation make_dropout(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  const TensorSpec& x = spec_of(region, region.inputs[0]);
  if (x.dtype != DType::float32) return decline("takes float32 only");
  return std::make_unique<Dropout>(*op_as<DropoutOp>(region, 0), x.shape.elements());
}

}  // namespace fovea::cpu
