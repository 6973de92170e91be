#include "backends/cpu/instruction_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "fovea/error.h"
#include "hwy/targets.h"

namespace fovea::cpu {
namespace {

class InstructionSet : public testing::Test {
 protected:
  void TearDown() override {
    unsetenv("FOVEA_MAX_ISA");
    limit_instruction_set("");
  }
};

TEST_F(InstructionSet, ALimitLeavesNothingAboveIt) {
  const std::int64_t all = hwy::SupportedTargets();
#if HWY_ARCH_X86
  limit_instruction_set("avx2");
  EXPECT_EQ(hwy::SupportedTargets() & (HWY_AVX2 - 1), 0);
  EXPECT_EQ(hwy::SupportedTargets() & HWY_AVX2, all & HWY_AVX2);
  limit_instruction_set("avx512");
  EXPECT_EQ(hwy::SupportedTargets() & (HWY_AVX3 | HWY_AVX2), all & (HWY_AVX3 | HWY_AVX2));
#endif
  limit_instruction_set("baseline");
  EXPECT_EQ(hwy::SupportedTargets() & (HWY_STATIC_TARGET - 1), 0);
  EXPECT_NE(hwy::SupportedTargets(), 0);
  limit_instruction_set("");
  EXPECT_EQ(hwy::SupportedTargets(), all);
}

TEST_F(InstructionSet, WhatIsDispatchedObeysTheLimit) {
  const std::string_view best = instruction_set();
  limit_instruction_set("baseline");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(instruction_set(), "baseline");  // asking must not change it
#if HWY_ARCH_X86
  if (best != "baseline") {
    limit_instruction_set("avx2");
    for (int i = 0; i < 2; ++i) EXPECT_EQ(instruction_set(), "avx2");
  }
#endif
  limit_instruction_set("");
  EXPECT_EQ(instruction_set(), best);
}

TEST_F(InstructionSet, TheEnvironmentSetsIt) {
  setenv("FOVEA_MAX_ISA", "baseline", 1);
  limit_instruction_set_from_environment();
  EXPECT_EQ(hwy::SupportedTargets() & (HWY_STATIC_TARGET - 1), 0);
}

TEST_F(InstructionSet, AnUnknownNameIsRefused) {
  setenv("FOVEA_MAX_ISA", "sse9", 1);
  const std::int64_t before = hwy::SupportedTargets();
  try {
    limit_instruction_set_from_environment();
    FAIL() << "sse9 is taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("Received: sse9"));
  }
  EXPECT_EQ(hwy::SupportedTargets(), before);
}

}  // namespace
}  // namespace fovea::cpu
