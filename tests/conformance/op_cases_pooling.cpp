#include "conformance/op_cases.h"
#include "ops/pool2d.h"

namespace fovea::testing {
namespace {

struct Pooling {
  const char* label;
  Shape x;
  Size2 window, strides;
  Padding2 padding;
};

std::vector<Pooling> poolings() {
  return {
      {"window2", {2, 4, 6, 3}, 2, 2, 0},
      {"rest_unread", {1, 5, 7, 3}, 2, 2, 0},
      {"window1_strides2", {1, 5, 4, 2}, 1, 2, 0},
      {"overlapping", {2, 6, 5, 3}, 3, 1, 0},
      {"window3x2_strides2x1", {1, 7, 5, 2}, {3, 2}, {2, 1}, 0},
      {"strides_beyond_window", {1, 8, 7, 2}, 2, 3, 0},
      {"padding1", {1, 5, 5, 2}, 3, 2, 1},
      {"asymmetric_padding", {1, 5, 4, 2}, 3, 2, {0, 2, 1, 0}},
      {"channels17", {1, 4, 4, 17}, 2, 2, 0},
      {"window_is_the_image", {2, 3, 5, 2}, {3, 5}, 1, 0},
      {"window16", {1, 17, 18, 2}, 16, 1, 0},           // 256 elements: the winners are bytes
      {"window17x16", {1, 18, 18, 2}, {17, 16}, 1, 0},  // beyond
  };
}

}  // namespace

void add_pooling_cases(OpCases& cases) {
  for (const Pooling& p : poolings()) {
    for (const auto& [kind, name] : {std::pair{ops::PoolKind::max, "max_"},
                                     {ops::PoolKind::min, "min_"},
                                     {ops::PoolKind::average, "average_"}}) {
      const bool has_winners = kind != ops::PoolKind::average;
      const std::int64_t elements = p.window.height * p.window.width;
      if (!has_winners && elements > 100) continue;  // means of so many round more than the cases allow
      const ops::Pool2DAttributes attributes{
          .kind = kind, .window = p.window, .strides = p.strides, .padding = p.padding};
      const std::string label = std::string(name) + p.label;
      const Pool2DOp pool(attributes);
      cases.add(label, pool, {normal(p.x)});
      const TensorSpec x{p.x, DType::float64};
      const Shape y = pool.infer({&x, 1})[0].shape;
      std::vector<Draw> inputs = {normal(y)};
      // A winner that lies in the padding takes nothing; a kernel never says so of its own.
      if (has_winners) inputs.push_back(integers(y, elements, elements <= 256 ? DType::uint8 : DType::int32));
      cases.add(label, Pool2DBackwardOp(attributes, p.x), inputs);
    }
  }
  // Among equals the first wins; a window in which all are negative has a negative maximum, padded or not.
  for (const ops::PoolKind kind : {ops::PoolKind::max, ops::PoolKind::min}) {
    const std::string name = kind == ops::PoolKind::max ? "max_" : "min_";
    cases.add(name + "ties", Pool2DOp({.kind = kind, .window = 3, .strides = 2, .padding = 1}),
              {whole({2, 7, 7, 3}, 2)}, 0);
    cases.add(name + "negative", Pool2DOp({.kind = kind, .window = 3, .strides = 1, .padding = {1, 1, 1, 1}}),
              {uniform({1, 4, 5, 2}, -3, -1)});
    cases.add(name + "positive", Pool2DOp({.kind = kind, .window = 3, .strides = 1, .padding = {1, 1, 1, 1}}),
              {uniform({1, 4, 5, 2}, 1, 3)});
    // About half of the windows, or a few, are dead: the gradient is that of a ReLU behind it too.
    cases.add(name + "dead", Pool2DOp({.kind = kind, .window = {1, 2}, .strides = {1, 2}}, true),
              {normal({2, 5, 7, 19})}, 0);
    cases.add(name + "dead_overlapping",
              Pool2DOp({.kind = kind, .window = 3, .strides = 1, .padding = 1}, true), {normal({2, 5, 7, 3})},
              0);
    cases.add(name + "dead", Pool2DBackwardOp({.kind = kind}, {2, 6, 9, 21}),
              {normal({2, 3, 4, 21}), integers({2, 3, 4, 21}, 256, DType::uint8)});
  }
}

}  // namespace fovea::testing
