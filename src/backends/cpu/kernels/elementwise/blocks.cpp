#include "backends/cpu/kernels/elementwise/blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/elementwise/blocks.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "backends/cpu/kernels/elementwise/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

void arithmetic_block(BinaryKind kind, const float* x, const float* y, float* z, std::int64_t n) {
  switch (kind) {
    case BinaryKind::add:
      return map(x, y, z, n, [](Vector a, Vector b) HWY_ATTR { return hn::Add(a, b); });
    case BinaryKind::subtract:
      return map(x, y, z, n, [](Vector a, Vector b) HWY_ATTR { return hn::Sub(a, b); });
    case BinaryKind::multiply:
      return map(x, y, z, n, [](Vector a, Vector b) HWY_ATTR { return hn::Mul(a, b); });
    case BinaryKind::divide:
      return map(x, y, z, n, [](Vector a, Vector b) HWY_ATTR { return hn::Div(a, b); });
    case BinaryKind::maximum:
      return map(x, y, z, n, [](Vector a, Vector b) HWY_ATTR {
        return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(b)), b, a);
      });
    case BinaryKind::minimum:
      return map(x, y, z, n, [](Vector a, Vector b) HWY_ATTR {
        return hn::IfThenElse(hn::Or(hn::Lt(b, a), hn::IsNaN(b)), b, a);
      });
  }
}

template <bool kLargest, bool kFirst>
void select_block(const float* x, const float* y, const float* dz, float* result, std::int64_t n) {
  for_vectors(n, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    const Vector a = load_first(x + i, used), b = load_first(y + i, used), g = load_first(dz + i, used);
    const auto x_wins = kLargest ? hn::Ge(a, b) : hn::Le(a, b);
    store_first(kFirst ? hn::IfThenElseZero(x_wins, g) : hn::IfThenZeroElse(x_wins, g), result + i, used);
  });
}

void select_block_of(bool largest, bool first, const float* x, const float* y, const float* dz, float* result,
                     std::int64_t n) {
  if (largest) {
    return first ? select_block<true, true>(x, y, dz, result, n)
                 : select_block<true, false>(x, y, dz, result, n);
  }
  return first ? select_block<false, true>(x, y, dz, result, n)
               : select_block<false, false>(x, y, dz, result, n);
}

void cross_entropy_block(const float* x, const float* t, float* loss, std::int64_t n) {
  map(x, t, loss, n, [](Vector v, Vector label) HWY_ATTR {
    const Vector linear = hn::NegMulAdd(v, label, at_least(v, 0));
    return hn::Add(linear, log1p_of(exp_of(hn::Neg(hn::Abs(v)))));
  });
}

void uint8_block(const std::uint8_t* x, float* y, std::int64_t n) {
  const D d;
  const DInt di;
  const hn::Rebind<std::uint8_t, D> d8;
  const std::int64_t lanes = lane_count();
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, x + i))), d, y + i);
  }
  for (; i < n; ++i) y[i] = static_cast<float>(x[i]);
}

void int32_block(const std::int32_t* x, float* y, std::int64_t n) {
  for_vectors(n, [&](std::int64_t i, std::int64_t used) HWY_ATTR {
    store_first(hn::ConvertTo(D(), load_first(DInt(), x + i, used)), y + i, used);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(arithmetic_block);
HWY_EXPORT(select_block_of);
HWY_EXPORT(cross_entropy_block);
HWY_EXPORT(uint8_block);
HWY_EXPORT(int32_block);

void binary_block(BinaryKind kind, const float* x, const float* y, float* z, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(arithmetic_block)(kind, x, y, z, count);
}

void select_gradient_block(bool largest, bool first, const float* x, const float* y, const float* dz,
                           float* result, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(select_block_of)(largest, first, x, y, dz, result, count);
}

void sigmoid_cross_entropy_block(const float* x, const float* t, float* loss, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(cross_entropy_block)(x, t, loss, count);
}

void cast_block(const std::uint8_t* x, float* y, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(uint8_block)(x, y, count);
}

void cast_block(const std::int32_t* x, float* y, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(int32_block)(x, y, count);
}

}  // namespace fovea::cpu
#endif
