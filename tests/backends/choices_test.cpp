#include <gtest/gtest.h>

#include <algorithm>

#include "backends/cpu/choice_table.h"
#include "backends/region_case.h"
#include "ops/binary.h"
#include "ops/conv2d.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"
#include "ops/unary.h"

// What kernels can do, and which of them the backend prefers.

namespace fovea {
namespace {

using cpu::MeasuredChoice;
using Names = std::vector<std::string>;

struct Sizes {
  std::int64_t batch = 2, side = 12, channels = 16, filters = 16, kernel = 3, window = 0;
};

/// A convolution, with a pooling of its result when there is a window.
RegionCase convolution(const Sizes& s) {
  RegionCase region("convolution");
  const int x = region.input(random_tensor({s.batch, s.side, s.side, s.channels}, 1));
  const int w = region.input(random_tensor({s.kernel, s.kernel, s.channels, s.filters}, 2));
  int result = region.add(Conv2DOp(ops::Conv2DAttributes{}), {x, w})[0];
  if (s.window > 0) {
    const Size2 window{s.window, s.window};
    result = region.add(Pool2DOp({.window = window, .strides = window}), {result})[0];
  }
  region.output(result);
  return region;
}

template <class OpClass>
RegionCase gradient(const Sizes& s) {
  RegionCase region("gradient");
  const Shape x{s.batch, s.side, s.side, s.channels}, w{s.kernel, s.kernel, s.channels, s.filters},
      dy{s.batch, s.side - s.kernel + 1, s.side - s.kernel + 1, s.filters};
  const bool by_input = std::is_same_v<OpClass, Conv2DBackwardInputOp>;
  const int first = region.input(random_tensor(by_input ? dy : x, 1));
  const int second = region.input(random_tensor(by_input ? w : dy, 2));
  region.output(region.add(OpClass(ops::Conv2DAttributes{}, by_input ? x : w), {first, second})[0]);
  return region;
}

/// The gradients of a convolution under a pooling of 2x2 windows.
RegionCase pooled_gradients(const Sizes& s) {
  RegionCase region("pooled gradients");
  const Shape x{s.batch, s.side, s.side, s.channels}, w{3, 3, s.channels, s.filters},
      map{s.batch, s.side - 2, s.side - 2, s.filters},
      pooled{s.batch, (s.side - 2) / 2, (s.side - 2) / 2, s.filters};
  const int dy = region.input(random_tensor(pooled, 1));
  const int winners = region.input(random_integers(pooled, DType::uint8, 7, 4));
  const int gathered = region.add(Pool2DBackwardOp(ops::Pool2DAttributes{}, map), {dy, winners})[0];
  const int weights = region.input(random_tensor(w, 3)), image = region.input(random_tensor(x, 4));
  region.output(region.add(Conv2DBackwardInputOp(ops::Conv2DAttributes{}, x), {gathered, weights})[0]);
  region.output(region.add(Conv2DBackwardFilterOp(ops::Conv2DAttributes{}, w), {image, gathered})[0]);
  return region;
}

/// The preferred way's name after the table was asked.
std::string preferred(const RegionCase& region, const std::vector<MeasuredChoice>& table) {
  Candidates candidates = cpu_backend().candidates(region.region());
  cpu::apply_table(table, region.region(), candidates);
  return candidates.preferred < 0
             ? std::string(kTakenApart)
             : std::string(candidates.kernels[static_cast<std::size_t>(candidates.preferred)]->name());
}

// Each way computes the same, also where it is not the one to choose.
TEST(Candidates, AllAgreeWithTheFormula) {
  const Tolerance tolerance{.of_largest = 5e-6, .of_magnitude = 2e-6};
  for (const std::int64_t channels : {1, 5, 16, 33}) {
    for (const std::int64_t filters : {3, 16, 40}) {
      const Sizes s{.channels = channels, .filters = filters};
      SCOPED_TRACE(std::to_string(channels) + " to " + std::to_string(filters));
      EXPECT_EQ(expect_candidates(convolution(s), tolerance), (Names{"conv2d:winograd", "conv2d:direct"}));
      EXPECT_EQ(expect_candidates(gradient<Conv2DBackwardInputOp>(s), tolerance),
                (Names{"conv2d_backward_input:winograd", "conv2d_backward_input:direct"}));
      EXPECT_EQ(expect_candidates(gradient<Conv2DBackwardFilterOp>(s), tolerance),
                (Names{"conv2d_backward_filter:winograd", "conv2d_backward_filter:direct"}));
      Sizes pooled = s;
      pooled.window = 2;
      EXPECT_EQ(expect_candidates(convolution(pooled), tolerance),
                (Names{"conv2d:winograd+pool", "conv2d:direct+pool"}));
      pooled.window = 3;
      EXPECT_EQ(expect_candidates(convolution(pooled), tolerance), (Names{"conv2d:direct+pool"}));
    }
  }
  EXPECT_EQ(expect_candidates(pooled_gradients({}), tolerance),
            (Names{"conv2d_pool_backward:winograd+sparse"}));
  EXPECT_EQ(expect_candidates(pooled_gradients({.channels = 3}), tolerance),
            (Names{"conv2d_pool_backward:winograd+sparse"}));
}

TEST(Candidates, TheOrderAndWhatKernelsSayOfThemselvesDecideWithoutATable) {
  EXPECT_EQ(preferred(convolution({}), {}), "conv2d:winograd");
  EXPECT_EQ(preferred(convolution({.channels = 8}), {}), "conv2d:direct");
  EXPECT_EQ(preferred(convolution({.window = 2}), {}), "conv2d:winograd+pool");
  EXPECT_EQ(preferred(convolution({.channels = 8, .window = 2}), {}), "conv2d:direct+pool");
  // Winograd does not pool windows of 3x3, but is so much faster that these are done after it.
  EXPECT_EQ(preferred(convolution({.side = 14, .window = 3}), {}), "apart");
  EXPECT_EQ(preferred(pooled_gradients({}), {}), "conv2d_pool_backward:winograd+sparse");
  EXPECT_EQ(preferred(pooled_gradients({.channels = 3}), {}), "apart");
}

TEST(Candidates, ATableDecides) {
  const RegionCase plain = convolution({}), pooled = convolution({.side = 14, .window = 3}),
                   gradients = pooled_gradients({});
  EXPECT_EQ(preferred(plain, {{"Conv2D 3x3 12x12x16 to 10x10x16", 2, "direct", 80}}), "conv2d:direct");
  EXPECT_EQ(preferred(pooled, {{"Conv2D+Pool2D 3x3 14x14x16 to 12x12x16", 2, "direct", 80}}),
            "conv2d:direct+pool");
  EXPECT_EQ(preferred(gradients, {{"Pool2DBackward+Conv2DBackwardInput+Conv2DBackwardFilter 3x3 12x12x16 to "
                                   "10x10x16",
                                   2, "apart", 80}}),
            "apart");
  Candidates candidates = cpu_backend().candidates(plain.region());
  const MeasuredChoice row{"Conv2D 3x3 12x12x16 to 10x10x16", 2, "direct", 80};
  cpu::apply_table({&row, 1}, plain.region(), candidates);
  EXPECT_TRUE(candidates.from_table);
  EXPECT_EQ(candidates.peak_share, 0.8);
  EXPECT_EQ(candidates.operations, 2.0 * 2 * 10 * 10 * 16 * 9 * 16);
}

TEST(Candidates, ARowForOtherKernelsOrShapesDoesNotCount) {
  for (const MeasuredChoice& row :
       {MeasuredChoice{"Conv2D 3x3 12x12x16 to 10x10x16", 2, "sparse", 80},
        MeasuredChoice{"Conv2D 3x3 12x12x16 to 10x10x16", 2, "apart", 80},
        MeasuredChoice{"Conv2D 3x3 12x12x16 to 10x10x17", 2, "direct", 80},
        MeasuredChoice{"Conv2DBackwardInput 3x3 12x12x16 to 10x10x16", 2, "direct", 80}})
    EXPECT_EQ(preferred(convolution({}), {row}), "conv2d:winograd") << row.key << " " << row.method;
}

TEST(ChoiceTable, AnswersForTheNextLargerBatchOrTheLargest) {
  const MeasuredChoice table[] = {
      {"a", 8, "of 8", 0}, {"a", 1, "of 1", 0}, {"a", 32, "of 32", 0}, {"b", 1, "b", 0}};
  const auto method = [&](std::int64_t batch) { return cpu::look_up(table, {"a", batch, 0})->method; };
  EXPECT_EQ(method(1), "of 1");
  EXPECT_EQ(method(2), "of 8");
  EXPECT_EQ(method(8), "of 8");
  EXPECT_EQ(method(9), "of 32");
  EXPECT_EQ(method(100), "of 32");
  EXPECT_EQ(cpu::look_up(table, {"c", 1, 0}), nullptr);
  EXPECT_EQ(cpu::look_up(table, {"", 1, 0}), nullptr);
}

TEST(ChoiceTable, KeysSayWhatMatters) {
  const auto key = [](const ops::Conv2DAttributes& attributes) {
    RegionCase region("keys");
    const int x = region.input(Tensor({3, 9, 11, 4}));
    const int w = region.input(Tensor({3, 2, 4 / attributes.groups, 6}));
    const int sum = region.add(Conv2DOp(attributes), {x, w})[0];
    const int bias = region.input(Tensor(Shape{6}));
    region.output(region.add(BinaryOp(BinaryKind::add), {sum, bias})[0]);
    const cpu::TableKey result = cpu::table_key(region.region());
    EXPECT_EQ(result.batch, 3);
    return result.key;
  };
  EXPECT_EQ(key({}), "Conv2D 3x2 9x11x4 to 7x10x6");
  EXPECT_EQ(key({.strides = {2, 1}}), "Conv2D 3x2 stride 2x1 9x11x4 to 4x10x6");
  EXPECT_EQ(key({.dilation = {2, 1}}), "Conv2D 3x2 dilation 2x1 9x11x4 to 5x10x6");
  EXPECT_EQ(key({.groups = 2}), "Conv2D 3x2 groups 2 9x11x4 to 7x10x6");
  RegionCase other("no convolution");
  other.output(other.add(UnaryOp(UnaryKind::relu, {}), {other.input(Tensor(Shape{2}))})[0]);
  EXPECT_EQ(cpu::table_key(other.region()).key, "");
  EXPECT_EQ(cpu::table_key(convolution({}).in_double().region()).key, "");
}

TEST(ChoiceTable, IsWhatTheBackendGoesBy) {
  // A layer of ResNet50.
  RegionCase region("3x3 at 14");
  const int x = region.input(Tensor({32, 14, 14, 256})), w = region.input(Tensor({3, 3, 256, 256}));
  region.output(region.add(Conv2DOp(ops::Conv2DAttributes{.padding = 1}), {x, w})[0]);
  const cpu::TableKey key = cpu::table_key(region.region());
  for (const char* set : {"avx512", "avx2"}) {
    const MeasuredChoice* row = cpu::look_up(cpu::choice_table(set), key);
    ASSERT_NE(row, nullptr) << set;
    EXPECT_GT(row->percent_of_peak, 0);
    if (cpu_backend().instruction_set() != set) continue;
    const Candidates candidates = cpu_backend().candidates(region.region());
    EXPECT_TRUE(candidates.from_table);
    EXPECT_EQ(cpu::method_of(kernel_of(region)), row->method);
  }
  EXPECT_TRUE(cpu::choice_table("baseline").empty());
}

TEST(ChoiceTable, HasNoRowTwiceAndOnlyKnownMethods) {
  const Names methods = {"apart", "direct", "sparse", "winograd"};
  for (const char* set : {"avx512", "avx2"}) {
    std::vector<std::pair<std::string_view, std::int64_t>> rows;
    for (const MeasuredChoice& row : cpu::choice_table(set)) {
      EXPECT_EQ(std::count(methods.begin(), methods.end(), row.method), 1) << row.method;
      rows.emplace_back(row.key, row.batch);
    }
    std::sort(rows.begin(), rows.end());
    EXPECT_EQ(std::adjacent_find(rows.begin(), rows.end()), rows.end()) << set;
  }
}

TEST(MethodOf, IsTheNamesMiddlePart) {
  EXPECT_EQ(cpu::method_of("conv2d:winograd+pool"), "winograd");
  EXPECT_EQ(cpu::method_of("conv2d:direct"), "direct");
  EXPECT_EQ(cpu::method_of("depthwise_conv2d"), "");
}

}  // namespace
}  // namespace fovea
