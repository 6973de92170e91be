#include <gtest/gtest.h>

#include <set>

#include "backends/cpu/kernel_list.h"

namespace fovea {
namespace {

constexpr std::string_view kOps[] = {
#define FOVEA_OP(Name) #Name,
#include "ops/ops.inc"
#undef FOVEA_OP
};

// Views are no work, nor is one number a step, or a matrix for each image; noise and whole numbers stand in
// front of a network. Every other op is hot somewhere.
const std::set<std::string_view> kWithoutKernel = {"Reshape", "StopGradient",    "NadamProduct",
                                                   "Random",  "RandomTransform", "Round"};

TEST(KernelList, HasAVectorKernelForEveryOpThatComputes) {
  std::set<std::string_view> covered;
  for (const cpu::KernelEntry& entry : cpu::kernel_list()) covered.insert(entry.first_op);
  for (const std::string_view op : kOps) {
    EXPECT_EQ(covered.count(op) == 0, kWithoutKernel.count(op) == 1)
        << op << ": an op has a row in backends/cpu/kernels.inc, or stands on the list of this test";
  }
}

TEST(KernelList, BeginsWithOpsOnly) {
  const std::set<std::string_view> ops(std::begin(kOps), std::end(kOps));
  for (const cpu::KernelEntry& entry : cpu::kernel_list()) {
    EXPECT_EQ(ops.count(entry.first_op), 1U) << entry.name << " begins with " << entry.first_op;
  }
}

}  // namespace
}  // namespace fovea
