#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/shape_file.h"
#include "backends/cpu/kernels/conv2d/winograd.h"

namespace fovea::cpu {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Numbers in [-1, 1).
Floats random_floats(std::int64_t count, std::uint32_t seed) {
  Floats values(static_cast<std::size_t>(count));
  std::uint32_t state = seed * 2654435761U + 12345U;
  for (float& value : values) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(state >> 8) * 0x1p-23F - 1.0F;
  }
  return values;
}

/// A result in double and, beside it, the sum of the magnitudes of its terms: the scale of its rounding
/// error.
struct Judged {
  explicit Judged(std::size_t count) : value(count), magnitude(count) {}
  void add(std::size_t i, double term) {
    value[i] += term;
    magnitude[i] += std::abs(term);
  }
  Doubles value, magnitude;
};

/// The formula, one term after the other: visit(x index, w index, y index).
template <class Visit>
void for_each_term(const Conv2DShape& s, Visit visit) {
  const std::int64_t depth = s.in_channels / s.groups, width = s.filters / s.groups;
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t oy = 0; oy < s.out_height; ++oy)
      for (std::int64_t ox = 0; ox < s.out_width; ++ox)
        for (std::int64_t ky = 0; ky < s.kernel_h; ++ky)
          for (std::int64_t kx = 0; kx < s.kernel_w; ++kx) {
            const std::int64_t iy = oy * s.stride_h - s.pad_top + ky * s.dilation_h;
            const std::int64_t ix = ox * s.stride_w - s.pad_left + kx * s.dilation_w;
            if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
            for (std::int64_t g = 0; g < s.groups; ++g)
              for (std::int64_t c = 0; c < depth; ++c)
                for (std::int64_t f = 0; f < width; ++f)
                  visit(static_cast<std::size_t>(((n * s.height + iy) * s.width + ix) * s.in_channels +
                                                 g * depth + c),
                        static_cast<std::size_t>(((ky * s.kernel_w + kx) * depth + c) * s.filters +
                                                 g * width + f),
                        static_cast<std::size_t>(((n * s.out_height + oy) * s.out_width + ox) * s.filters +
                                                 g * width + f));
          }
}

struct Sizes {
  explicit Sizes(const Conv2DShape& s)
      : x(s.batch * s.height * s.width * s.in_channels),
        w(s.kernel_h * s.kernel_w * s.in_channels / s.groups * s.filters),
        y(s.batch * s.out_height * s.out_width * s.filters) {}
  std::int64_t x, w, y;
};

/// Memory whose data starts 4 bytes off any vector's alignment, between guards that must survive.
class Guarded {
 public:
  explicit Guarded(std::size_t count) : memory_(count + 2 * kGuard, kMark), count_(count) {}
  explicit Guarded(const Floats& values) : Guarded(values.size()) {
    std::copy(values.begin(), values.end(), data());
  }
  float* data() { return memory_.data() + kGuard; }
  Floats values() const { return {memory_.begin() + kGuard, memory_.end() - kGuard}; }
  bool intact() const {
    for (std::size_t i = 0; i < kGuard; ++i) {
      if (memory_[i] != kMark || memory_[kGuard + count_ + i] != kMark) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 33;
  static constexpr float kMark = -7.25F;
  Floats memory_;
  std::size_t count_;
};

struct Results {
  Floats y, y_plain, dx, dw, dw_alone, db;
};

struct Inputs {
  explicit Inputs(const Conv2DShape& s)
      : x(random_floats(Sizes(s).x, 1)),
        w(random_floats(Sizes(s).w, 2)),
        bias(random_floats(s.filters, 3)),
        dy(random_floats(Sizes(s).y, 4)) {}
  Floats x, w, bias, dy;
};

Results run(const Conv2DShape& s, const Inputs& inputs, ThreadPool& pool) {
  const Sizes sizes(s);
  Guarded x(inputs.x), w(inputs.w), bias(inputs.bias), dy(inputs.dy);
  Guarded y(inputs.dy.size()), y_plain(inputs.dy.size()), dx(inputs.x.size()), dw(inputs.w.size()),
      dw_alone(inputs.w.size()), db(inputs.bias.size());
  Guarded packed(conv2d_packed_bytes(s) / sizeof(float));
  Guarded backward_input(conv2d_backward_input_workspace(s) / sizeof(float));
  Guarded backward_filter(conv2d_backward_filter_workspace(s) / sizeof(float));
  conv2d_pack(s, w.data(), packed.data(), pool);
  conv2d_forward(s, x.data(), packed.data(), {.bias = bias.data(), .relu = true}, y.data(), pool);
  conv2d_forward(s, x.data(), packed.data(), {}, y_plain.data(), pool);
  conv2d_backward_input(s, dy.data(), w.data(), dx.data(), backward_input.data(), pool);
  conv2d_backward_filter(s, x.data(), dy.data(), dw.data(), db.data(), backward_filter.data(), pool);
  conv2d_backward_filter(s, x.data(), dy.data(), dw_alone.data(), nullptr, backward_filter.data(), pool);
  for (const Guarded* memory : {&x, &w, &bias, &dy, &y, &y_plain, &dx, &dw, &dw_alone, &db, &packed,
                                &backward_input, &backward_filter}) {
    EXPECT_TRUE(memory->intact()) << "wrote outside of its memory";
  }
  return {y.values(), y_plain.values(), dx.values(), dw.values(), dw_alone.values(), db.values()};
}

struct Expected {
  explicit Expected(const Conv2DShape& s, const Inputs& in)
      : y(in.dy.size()), dx(in.x.size()), dw(in.w.size()), db(in.bias.size()) {
    for_each_term(s, [&](std::size_t xi, std::size_t wi, std::size_t yi) {
      y.add(yi, static_cast<double>(in.x[xi]) * in.w[wi]);
      dx.add(xi, static_cast<double>(in.dy[yi]) * in.w[wi]);
      dw.add(wi, static_cast<double>(in.dy[yi]) * in.x[xi]);
    });
    for (std::size_t i = 0; i < in.dy.size(); ++i) db.add(i % in.bias.size(), in.dy[i]);
  }
  Judged y, dx, dw, db;
};

Judged with_bias_and_relu(Judged y, const Floats& bias) {
  for (std::size_t i = 0; i < y.value.size(); ++i) {
    y.add(i, bias[i % bias.size()]);
    y.value[i] = std::max(0.0, y.value[i]);
  }
  return y;
}

/// The first element that is further off than rounding explains.
/// `of_largest`: of the largest sum of magnitudes, where elements share their terms' errors.
void expect_close(const Floats& actual, const Judged& expected, const char* what, double of_largest = 0) {
  ASSERT_EQ(actual.size(), expected.value.size());
  const double largest = of_largest == 0 || actual.empty()
                             ? 0
                             : *std::max_element(expected.magnitude.begin(), expected.magnitude.end());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double tolerance = 2e-6 * expected.magnitude[i] + of_largest * largest + 1e-30;
    ASSERT_NEAR(actual[i], expected.value[i], tolerance) << what << "[" << i << "]";
  }
}

void expect_same_bits(const Floats& a, const Floats& b, const char* what) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << what;
}

void expect_same_bits(const Results& a, const Results& b) {
  expect_same_bits(a.y, b.y, "y");
  expect_same_bits(a.y_plain, b.y_plain, "y without bias");
  expect_same_bits(a.dx, b.dx, "dx");
  expect_same_bits(a.dw, b.dw, "dw");
  expect_same_bits(a.db, b.db, "db");
}

class Conv2DKernel : public testing::TestWithParam<NamedConv2DShape> {
 protected:
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

TEST_P(Conv2DKernel, EveryInstructionSetAgreesWithTheFormula) {
  const Conv2DShape& s = GetParam().shape;
  const Inputs inputs(s);
  const Expected expected(s, inputs);
  const Judged activated = with_bias_and_relu(expected.y, inputs.bias);
  ThreadPool one(1), two(2), four(4);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const Results results = run(s, inputs, one);
    expect_close(results.y, activated, "y");
    expect_close(results.y_plain, expected.y, "y without bias");
    expect_close(results.dx, expected.dx, "dx");
    expect_close(results.dw, expected.dw, "dw");
    expect_close(results.db, expected.db, "db");
    expect_same_bits(results.dw, results.dw_alone, "dw with and without db");
    expect_same_bits(results, run(s, inputs, two));
    expect_same_bits(results, run(s, inputs, four));
    hwy::SetSupportedTargetsForTest(0);
  }
}

std::vector<NamedConv2DShape> shapes() {
  std::vector<NamedConv2DShape> all =
      read_conv2d_shapes(std::string(FOVEA_GOLDEN_DIR) + "/../../bench/shapes/conv2d.txt");
  for (NamedConv2DShape& named : all) {
    if (named.bench) named.shape.batch = 1;
  }
  return all;
}

// ---- Winograd ----

Results run_winograd(const Conv2DShape& s, const Inputs& inputs, ThreadPool& pool) {
  Guarded x(inputs.x), w(inputs.w), bias(inputs.bias), dy(inputs.dy);
  Guarded y(inputs.dy.size()), y_plain(inputs.dy.size()), dx(inputs.x.size()), dw(inputs.w.size());
  Guarded packed(winograd_packed_bytes(s) / sizeof(float));
  Guarded backward_input(winograd_backward_input_workspace(s) / sizeof(float));
  Guarded backward_filter(winograd_backward_filter_workspace(s) / sizeof(float));
  winograd_pack(s, w.data(), packed.data(), pool);
  winograd_forward(s, x.data(), packed.data(), {.bias = bias.data(), .relu = true}, y.data(), pool);
  winograd_forward(s, x.data(), packed.data(), {}, y_plain.data(), pool);
  winograd_backward_input(s, dy.data(), w.data(), dx.data(), backward_input.data(), pool);
  winograd_backward_filter(s, x.data(), dy.data(), dw.data(), backward_filter.data(), pool);
  for (const Guarded* memory :
       {&x, &w, &bias, &dy, &y, &y_plain, &dx, &dw, &packed, &backward_input, &backward_filter}) {
    EXPECT_TRUE(memory->intact()) << "wrote outside of its memory";
  }
  return {y.values(), y_plain.values(), dx.values(), dw.values(), {}, {}};
}

/// |actual - expected| / |expected|, both as vectors.
double relative_error(const Floats& actual, const Judged& expected) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    error += std::pow(actual[i] - expected.value[i], 2);
    norm += std::pow(expected.value[i], 2);
  }
  return std::sqrt(error / norm);
}

class WinogradKernel : public Conv2DKernel {};

TEST_P(WinogradKernel, EveryInstructionSetAgreesWithTheFormula) {
  const Conv2DShape& s = GetParam().shape;
  ASSERT_TRUE(winograd_can(s));
  Inputs inputs(s);
  for (float& x : inputs.x) x = std::max(x, 0.0F);  // as after a ReLU
  const Expected expected(s, inputs);
  const Judged activated = with_bias_and_relu(expected.y, inputs.bias);
  ThreadPool one(1), two(2), four(4);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const Results results = run_winograd(s, inputs, one);
    expect_close(results.y, activated, "y", 1e-6);
    expect_close(results.y_plain, expected.y, "y without bias", 1e-6);
    expect_close(results.dx, expected.dx, "dx", 1e-6);
    expect_close(results.dw, expected.dw, "dw", 1e-6);
    // Layers of real nets: at most four times the error of sums in order. Few terms make these very exact.
    const Results direct = run(s, inputs, one);
    const auto limit = [&](const Floats& by_sums, const Judged& wanted) {
      return GetParam().bench && winograd_takes(s) ? 4 * relative_error(by_sums, wanted) : 4e-6;
    };
    EXPECT_LE(relative_error(results.y_plain, expected.y), limit(direct.y_plain, expected.y));
    EXPECT_LE(relative_error(results.dx, expected.dx), limit(direct.dx, expected.dx));
    EXPECT_LE(relative_error(results.dw, expected.dw), limit(direct.dw, expected.dw));
    expect_same_bits(results, run_winograd(s, inputs, two));
    expect_same_bits(results, run_winograd(s, inputs, four));
    hwy::SetSupportedTargetsForTest(0);
  }
}

// A net's first layer and its pooling: a picture has no negative values.
TEST(WinogradOfFewChannels, ErrsAtMostFourTimesAsMuchAsTheDirectKernel) {
  for (const NamedConv2DShape& named : shapes()) {
    const Conv2DShape& s = named.shape;
    if (!winograd_takes_pooled(s) || winograd_takes(s)) continue;
    SCOPED_TRACE(named.name);
    Inputs inputs(s);
    for (float& x : inputs.x) x = std::abs(x);
    const Judged map = Expected(s, inputs).y;
    const std::int64_t height = s.out_height / 2, width = s.out_width / 2;
    const auto count = static_cast<std::size_t>(s.batch * height * width * s.filters);
    Judged expected(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto f = static_cast<std::int64_t>(i) % s.filters,
                 pixel = static_cast<std::int64_t>(i) / s.filters;
      const std::int64_t column = pixel % width, row = pixel / width % height, image = pixel / width / height;
      double sum = 0;
      for (const std::int64_t k : {0, 1, 2, 3}) {
        const std::int64_t at = (image * s.out_height + 2 * row + k / 2) * s.out_width + 2 * column + k % 2;
        sum += map.value[static_cast<std::size_t>(at * s.filters + f)];
      }
      expected.value[i] = sum / 4;
    }
    ThreadPool pool(1);
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      hwy::SetSupportedTargetsForTest(target);
      const auto error = [&](auto pack, auto pass, std::size_t bytes) {
        Floats packed(bytes / sizeof(float)), y(count);
        pack(s, inputs.w.data(), packed.data(), pool);
        pass(s, inputs.x.data(), packed.data(), ConvEpilogue{},
             PooledOutput{.kind = ops::PoolKind::average, .y = y.data()}, pool);
        return relative_error(y, expected);
      };
      EXPECT_LE(error(winograd_pack, winograd_pool_forward, winograd_packed_bytes(s)),
                4 * error(conv2d_pack, conv2d_pool_forward, conv2d_packed_bytes(s)));
      hwy::SetSupportedTargetsForTest(0);
    }
  }
}

TEST(WinogradTakes, OnlyWhatItCan) {
  Conv2DShape s;
  s.height = s.width = 6;
  s.kernel_h = s.kernel_w = 3;
  s.out_height = s.out_width = 4;
  s.in_channels = s.filters = 16;
  EXPECT_TRUE(winograd_takes(s));
  const auto takes_with = [&](std::int64_t Conv2DShape::*field, std::int64_t value) {
    Conv2DShape other = s;
    other.*field = value;
    return winograd_takes(other);
  };
  for (const auto field :
       {&Conv2DShape::kernel_h, &Conv2DShape::kernel_w, &Conv2DShape::stride_h, &Conv2DShape::stride_w,
        &Conv2DShape::dilation_h, &Conv2DShape::dilation_w, &Conv2DShape::groups}) {
    EXPECT_FALSE(takes_with(field, 2));
  }
  for (const auto field : {&Conv2DShape::in_channels, &Conv2DShape::filters}) {
    EXPECT_FALSE(takes_with(field, 15));
    Conv2DShape few = s;
    few.*field = 1;
    EXPECT_TRUE(winograd_can(few));
    EXPECT_TRUE(takes_with(field, 1024));
    EXPECT_FALSE(takes_with(field, 1025));
  }
  EXPECT_FALSE(takes_with(&Conv2DShape::batch, 0));
  s.in_channels = 3;
  EXPECT_FALSE(winograd_takes(s));
  EXPECT_TRUE(winograd_takes_pooled(s));
  for (const std::int64_t channels : {1, 5, 15}) {
    s.in_channels = channels;
    EXPECT_FALSE(winograd_takes_pooled(s)) << channels;
  }
  s.in_channels = 16;
  EXPECT_TRUE(winograd_takes_pooled(s));
  // Outputs that leave most of a tile unused.
  EXPECT_FALSE(takes_with(&Conv2DShape::out_height, 1));
  EXPECT_FALSE(takes_with(&Conv2DShape::out_width, 1));
  EXPECT_TRUE(takes_with(&Conv2DShape::out_width, 3));
}

// A large aligned output is written around the caches, one that is not aligned through them.
TEST(Conv2DKernelStreaming, HasTheBitsOfOrdinaryStores) {
  Conv2DShape s;
  s.batch = 2;
  s.height = s.width = s.out_height = s.out_width = 530;
  s.in_channels = 2;
  s.filters = 16;
  const Inputs inputs(s);
  Floats packed(conv2d_packed_bytes(s) / sizeof(float));
  Floats memory(inputs.dy.size() + 32);
  const std::size_t to_alignment =
      (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) / sizeof(float);
  ThreadPool pool(2);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const auto forward = [&](std::size_t offset) {
      std::fill(memory.begin(), memory.end(), -7.25F);
      conv2d_pack(s, inputs.w.data(), packed.data(), pool);
      conv2d_forward(s, inputs.x.data(), packed.data(), {.bias = inputs.bias.data(), .relu = true},
                     memory.data() + offset, pool);
      const auto begin = memory.begin() + static_cast<std::ptrdiff_t>(offset);
      return Floats(begin, begin + static_cast<std::ptrdiff_t>(inputs.dy.size()));
    };
    expect_same_bits(forward(to_alignment), forward(to_alignment + 1), "y");
    hwy::SetSupportedTargetsForTest(0);
  }
}

TEST(Conv2DKernelRelu, KeepsNaN) {
  const Conv2DShape s;
  const float x = std::nanf(""), w = 1, bias = 0;
  ThreadPool pool(1);
  Floats packed(conv2d_packed_bytes(s) / sizeof(float));
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    float y = 0;
    conv2d_pack(s, &w, packed.data(), pool);
    conv2d_forward(s, &x, packed.data(), {.bias = &bias, .relu = true}, &y, pool);
    EXPECT_TRUE(std::isnan(y)) << hwy::TargetName(target);
    hwy::SetSupportedTargetsForTest(0);
  }
}

std::vector<NamedConv2DShape> winograd_shapes() {
  std::vector<NamedConv2DShape> all = shapes();
  all.erase(std::remove_if(all.begin(), all.end(), [](const auto& row) { return !winograd_can(row.shape); }),
            all.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2DKernel, testing::ValuesIn(shapes()),
                         [](const auto& row) { return row.param.name; });
INSTANTIATE_TEST_SUITE_P(Shapes, WinogradKernel, testing::ValuesIn(winograd_shapes()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace fovea::cpu
