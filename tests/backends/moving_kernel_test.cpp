#include <gtest/gtest.h>

#include "backends/region_case.h"
#include "ops/shaping.h"
#include "ops/take.h"

namespace fovea {
namespace {

struct TransposeCase {
  Shape x;
  std::vector<std::int64_t> permutation;
};

const TransposeCase kTransposes[] = {
    {{5, 7}, {1, 0}},
    {{1, 1}, {1, 0}},
    {{64, 64}, {1, 0}},
    {{515, 1030}, {1, 0}},           // several pieces
    {{2, 5, 6, 3}, {0, 3, 1, 2}},    // NHWC to NCHW
    {{9, 3, 50, 61}, {0, 2, 3, 1}},  // and back
    {{4, 7, 9, 33}, {0, 2, 1, 3}},   // rows stay whole
    {{40, 50, 60}, {1, 0, 2}},       //
    {{3, 4, 5, 6}, {3, 2, 1, 0}},    //
    {{3, 4, 5, 6}, {2, 0, 3, 1}},    //
    {{2, 3, 2, 3, 2, 3, 2, 5}, {7, 0, 6, 1, 5, 2, 4, 3}},
    {{3, 1, 4}, {2, 1, 0}},  // axes of size 1
    {{6, 7}, {0, 1}},        // nothing moves
    {{0, 3}, {1, 0}},
};

TEST(TransposeKernel, MovesEveryElement) {
  for (const TransposeCase& c : kTransposes) {
    for (const DType dtype : {DType::float32, DType::int32}) {
      RegionCase region("transpose of " + c.x.str());
      const int x = region.input(random_integers(c.x, dtype, 1, 1 << 24));
      region.output(region.add(TransposeOp(c.permutation), {x})[0]);
      expect_kernel_equal(region, "transpose:");
    }
  }
}

// Bytes are moved whatever they mean.
constexpr DType kTypes[] = {DType::float32, DType::uint8, DType::int64};

TEST(ConcatenateKernel, JoinsAlongEveryAxis) {
  for (const DType dtype : kTypes) {
    for (std::int64_t axis = 0; axis < 4; ++axis) {
      RegionCase region("concatenate along " + std::to_string(axis));
      std::vector<int> inputs;
      for (const std::int64_t size : {3, 1, 0, 4}) {
        Shape shape{30, 40, 5, 17};
        shape.set(axis, size);
        inputs.push_back(region.input(random_integers(shape, dtype, static_cast<std::uint32_t>(size), 250)));
      }
      inputs.push_back(inputs[0]);  // one tensor twice
      region.output(region.add(ConcatenateOp(axis), inputs)[0]);
      expect_kernel_equal(region, "concatenate:");
    }
  }
}

TEST(SliceKernel, TakesARange) {
  for (const DType dtype : kTypes) {
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      for (const std::int64_t size : {0, 1, 3}) {
        RegionCase region("slice of axis " + std::to_string(axis));
        const int x = region.input(random_integers({50, 60, 45}, dtype, 1, 250));
        region.output(region.add(SliceOp(axis, 2, size), {x})[0]);
        expect_kernel_equal(region, "slice:");
      }
    }
  }
}

TEST(PadKernel, PutsZerosAround) {
  for (const DType dtype : kTypes) {
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      RegionCase region("pad axis " + std::to_string(axis));
      const int x = region.input(random_integers({50, 60, 45}, dtype, 1, 250));
      region.output(region.add(PadOp(axis, 2, axis), {x})[0]);
      expect_kernel_equal(region, "pad:");
    }
  }
}

const std::vector<std::int64_t> kTaken[] = {{44, 2, 3, 4, 0}, {7, 7, 7, 1, 2, 44, 1}, {}};

TEST(TakeKernel, CopiesPositions) {
  for (const DType dtype : kTypes) {
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      for (const std::vector<std::int64_t>& indices : kTaken) {
        RegionCase region("take along axis " + std::to_string(axis));
        const int x = region.input(random_integers({50, 60, 45}, dtype, 1, 250));
        region.output(region.add(TakeOp(axis, indices), {x})[0]);
        expect_kernel_equal(region, "take:");
      }
    }
  }
}

TEST(TakeBackwardKernel, SumsWhatWasTakenFromAPosition) {
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    for (const std::vector<std::int64_t>& indices : kTaken) {
      Shape shape{50, 60, 45};
      shape.set(axis, static_cast<std::int64_t>(indices.size()));
      RegionCase region("gradient of take along axis " + std::to_string(axis));
      const int dy = region.input(random_integers(shape, DType::float32, 1, 250));
      region.output(region.add(TakeBackwardOp(axis, indices, 45), {dy})[0]);
      expect_kernel_equal(region, "take_backward:");
    }
  }
}

TEST(OneHotKernel, SetsTheIndex) {
  for (const std::int64_t count : {0, 1, 33, 20'000}) {
    RegionCase region("one hot of " + std::to_string(count));
    Tensor indices = random_integers({count}, DType::int32, 1, 10);
    if (count > 2) indices.data<std::int32_t>()[1] = -1, indices.data<std::int32_t>()[2] = 7;
    region.output(region.add(OneHotOp(7, DType::float32), {region.input(indices)})[0]);
    expect_kernel_equal(region, "one_hot:");
  }
}

}  // namespace
}  // namespace fovea
