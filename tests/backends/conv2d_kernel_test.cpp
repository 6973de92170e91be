#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/conv2d/shape_file.h"

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
  Guarded forward(conv2d_forward_workspace(s) / sizeof(float));
  Guarded backward_input(conv2d_backward_input_workspace(s) / sizeof(float));
  Guarded backward_filter(conv2d_backward_filter_workspace(s) / sizeof(float));
  conv2d_forward(s, x.data(), w.data(), bias.data(), ConvActivation::relu, y.data(), forward.data(), pool);
  conv2d_forward(s, x.data(), w.data(), nullptr, ConvActivation::none, y_plain.data(), forward.data(), pool);
  conv2d_backward_input(s, dy.data(), w.data(), dx.data(), backward_input.data(), pool);
  conv2d_backward_filter(s, x.data(), dy.data(), dw.data(), db.data(), backward_filter.data(), pool);
  conv2d_backward_filter(s, x.data(), dy.data(), dw_alone.data(), nullptr, backward_filter.data(), pool);
  for (const Guarded* memory : {&x, &w, &bias, &dy, &y, &y_plain, &dx, &dw, &dw_alone, &db, &forward,
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

/// The first element that is further off than rounding explains.
void expect_close(const Floats& actual, const Judged& expected, const char* what) {
  ASSERT_EQ(actual.size(), expected.value.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double tolerance = 2e-6 * expected.magnitude[i] + 1e-30;
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
  Judged activated = expected.y;
  for (std::size_t i = 0; i < activated.value.size(); ++i) {
    activated.add(i, inputs.bias[i % inputs.bias.size()]);
    activated.value[i] = std::max(0.0, activated.value[i]);
  }
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

// A large aligned output is written around the caches, one that is not aligned through them.
TEST(Conv2DKernelStreaming, HasTheBitsOfOrdinaryStores) {
  Conv2DShape s;
  s.batch = 2;
  s.height = s.width = s.out_height = s.out_width = 530;
  s.in_channels = 2;
  s.filters = 16;
  const Inputs inputs(s);
  Floats workspace(conv2d_forward_workspace(s) / sizeof(float));
  Floats memory(inputs.dy.size() + 32);
  const std::size_t to_alignment =
      (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) / sizeof(float);
  ThreadPool pool(2);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const auto forward = [&](std::size_t offset) {
      std::fill(memory.begin(), memory.end(), -7.25F);
      conv2d_forward(s, inputs.x.data(), inputs.w.data(), inputs.bias.data(), ConvActivation::relu,
                     memory.data() + offset, workspace.data(), pool);
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
  Floats workspace(conv2d_forward_workspace(s) / sizeof(float));
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    float y = 0;
    conv2d_forward(s, &x, &w, &bias, ConvActivation::relu, &y, workspace.data(), pool);
    EXPECT_TRUE(std::isnan(y)) << hwy::TargetName(target);
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

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2DKernel, testing::ValuesIn(shapes()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace fovea::cpu
