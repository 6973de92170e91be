#include "fovea/bfloat16.h"

#include <gtest/gtest.h>

#include <limits>

#include "fovea/dtype_policy.h"
#include "fovea/error.h"

namespace fovea {
namespace {

std::uint16_t bits(double number) { return bfloat16(number).bits(); }

TEST(Bfloat16, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(bits(1), 0x3f80);
  EXPECT_EQ(bits(-2.5), 0xc020);
  EXPECT_EQ(bits(1 + 0x1p-8), 0x3f80);     // half a step above 1: to the even one below
  EXPECT_EQ(bits(1 + 0x3p-8), 0x3f82);     // half a step above 1 + 2^-7: to the even one above
  EXPECT_EQ(bits(1 + 0x1.02p-8), 0x3f81);  // a little above half
  EXPECT_EQ(bits(1 + 0x1.fep-9), 0x3f80);  // a little below
  EXPECT_EQ(bits(1.0 / 255), 0x3b81);      // as Keras' Rescaling has it
  EXPECT_EQ(bits(0x1p-140), bfloat16::from_bits(0).bits());
  EXPECT_EQ(bits(0x1p-133), 1);  // the smallest
  EXPECT_EQ(bits(-0.0), 0x8000);
}

TEST(Bfloat16, RoundsDoublesOnce) {
  // In float it would be the tie, and then even.
  EXPECT_EQ(bits(1 + 0x1p-8 + 0x1p-40), 0x3f81);
  EXPECT_EQ(bits(1 + 0x3p-8 - 0x1p-40), 0x3f81);
  EXPECT_EQ(bits(-1 - 0x1p-8 - 0x1p-40), 0xbf81);
  EXPECT_EQ(bfloat16(std::int64_t{(1LL << 40) + (1LL << 32) + 1}).bits(), bits(0x1.02p40));
}

TEST(Bfloat16, KeepsWhatIsNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(bits(kInfinity), 0x7f80);
  EXPECT_EQ(bits(-kInfinity), 0xff80);
  EXPECT_EQ(bits(1e39), 0x7f80);
  EXPECT_EQ(bits(static_cast<double>(std::numeric_limits<float>::max())), 0x7f80);
  EXPECT_EQ(bits(0x1.fep127), 0x7f7f);  // the largest
  // A NaN whose upper half would be an infinity.
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::bit_cast<float>(0x7f800001U)))));
  EXPECT_EQ(bfloat16(std::bit_cast<float>(0x7f800001U)).bits(), 0x7fc0);
  EXPECT_EQ(bfloat16(std::bit_cast<float>(0xffb12345U)).bits(), 0xfff1);
}

TEST(Bfloat16, EveryOneSurvivesFloatAndDouble) {
  for (std::uint32_t i = 0; i < 0x10000; ++i) {
    const bfloat16 value = bfloat16::from_bits(static_cast<std::uint16_t>(i));
    if (std::isnan(static_cast<float>(value))) continue;
    ASSERT_EQ(bfloat16(static_cast<float>(value)).bits(), i);
    ASSERT_EQ(bfloat16(static_cast<double>(value)).bits(), i);
  }
}

TEST(Bfloat16, TensorsConvertBothWays) {
  const Tensor x = Tensor::of<float>({3}, {1.00390625F, -3.0F, 300.7F});
  const Tensor half = x.astype(DType::bfloat16);
  EXPECT_EQ(half.bytes(), 6);
  EXPECT_EQ(half.spec().str(), "bfloat16 (3,)");
  const Tensor back = half.astype(DType::float32);
  EXPECT_EQ(back.data<float>()[0], 1.0F);
  EXPECT_EQ(back.data<float>()[2], 300.0F);
  EXPECT_EQ(half.astype(DType::int32).data<std::int32_t>()[1], -3);
  EXPECT_EQ(half.clone().data<bfloat16>()[2], 300.0F);
  EXPECT_EQ(Tensor::of<std::uint8_t>({1}, {255}).astype(DType::bfloat16).data<bfloat16>()[0], 255.0F);
  EXPECT_THROW(half.data<float>(), Error);
}

TEST(DTypePolicies, NamesAreKerass) {
  const DTypePolicy mixed = "mixed_bfloat16";
  EXPECT_EQ(mixed.compute_dtype(), DType::bfloat16);
  EXPECT_EQ(mixed.variable_dtype(), DType::float32);
  EXPECT_EQ(mixed.name(), "mixed_bfloat16");
  EXPECT_EQ(DTypePolicy("float64"), DTypePolicy(DType::float64));
  try {
    DTypePolicy("mixed_float16");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "dtype policy: must be float32, float64 or mixed_bfloat16. Received: 'mixed_float16'");
  }
}

TEST(DTypePolicies, TheGlobalOneIsForWhatComes) {
  EXPECT_EQ(dtype_policy().name(), "float32");
  set_dtype_policy("mixed_bfloat16");
  EXPECT_EQ(dtype_policy().name(), "mixed_bfloat16");
  EXPECT_EQ(floatx(), DType::float32);
  set_floatx(DType::float64);
  EXPECT_EQ(dtype_policy().name(), "float64");
  set_dtype_policy("float32");
  EXPECT_EQ(floatx(), DType::float32);
  EXPECT_THROW(set_dtype_policy("int32"), Error);
  EXPECT_THROW(set_dtype_policy("bfloat16"), Error);
  EXPECT_THROW(set_floatx(DType::bfloat16), Error);
}

}  // namespace
}  // namespace fovea
