#include <limits>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/images/affine_transform.h"

// Which regions the kernels that change images take: the op alone.

namespace fovea::cpu {
namespace {

class AffineTransformKernel final : public Kernel {
 public:
  explicit AffineTransformKernel(const AffineTransform& transform) : transform_(transform) {}
  std::string_view name() const override { return "affine_transform:runs"; }
  void run(const KernelContext& c) const override {
    affine_transform(transform_, input<float>(c, 0), input<float>(c, 1), output<float>(c, 0), c.threads);
  }

 private:
  AffineTransform transform_;
};

}  // namespace

Implementation make_affine_transform(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  const TensorSpec &x = spec_of(region, region.inputs[0]), &matrices = spec_of(region, region.inputs[1]);
  if (x.dtype != DType::float32 || matrices.dtype != DType::float32) return decline("takes float32 only");
  if (x.shape.slice(1).elements() > std::numeric_limits<std::int32_t>::max())
    return decline("counts an image's elements in 32 bits");
  const auto& op = *op_as<AffineTransformOp>(region, 0);
  return std::make_unique<AffineTransformKernel>(
      AffineTransform{x.shape[0], x.shape[1], x.shape[2], x.shape[3], op.size.height, op.size.width,
                      op.bilinear, op.fill_mode, static_cast<float>(op.fill_value)});
}

}  // namespace fovea::cpu
