#include "conformance/op_cases.h"
#include "ops/reduce.h"

namespace fovea::testing {

void add_reduction_cases(OpCases& cases) {
  const std::pair<ops::ReduceKind, const char*> kinds[] = {{ops::ReduceKind::sum, "sum"},
                                                           {ops::ReduceKind::mean, "mean"},
                                                           {ops::ReduceKind::max, "max"},
                                                           {ops::ReduceKind::min, "min"}};
  const std::pair<const char*, std::vector<std::int64_t>> axes[] = {{"first", {0}},        {"last", {3}},
                                                                    {"image", {1, 2}},     {"apart", {0, 3}},
                                                                    {"all", {0, 1, 2, 3}}, {"none", {}}};
  for (const auto& [kind, kind_name] : kinds) {
    for (const auto& [label, over] : axes) {
      for (const bool keepdims : {false, true}) {
        cases.add(std::string(kind_name) + "_" + label + (keepdims ? "_kept" : ""),
                  ReduceOp(kind, over, keepdims), {normal({2, 3, 5, 7})});
      }
    }
    cases.add(std::string(kind_name) + "_of_scalar", ReduceOp(kind, {}, false), {normal({})});
    cases.add(std::string(kind_name) + "_of_size_one", ReduceOp(kind, {1}, false), {normal({3, 1, 2})});
  }
  // Equal extremes share the gradient; differences mean nothing there.
  cases.add("max_ties", ReduceOp(ops::ReduceKind::max, {1}, false), {whole({5, 8}, 3)}, 0);
  cases.add("min_ties", ReduceOp(ops::ReduceKind::min, {0}, true), {whole({8, 5}, 3)}, 0);
  cases.add("ties", ReduceExtremeBackwardOp({1}),
            {given(Tensor::of<double>({2, 4}, {1, 3, 3, 2, 5, 5, 5, 5})),
             given(Tensor::of<double>({2, 1}, {3, 5})), normal({2, 1})});
  cases.add(
      "image", ReduceExtremeBackwardOp({1, 2}),
      {whole({2, 3, 3, 2}, 2), given(Tensor::of<double>({2, 1, 1, 2}, {1, 0, 1, 1})), normal({2, 1, 1, 2})});

  cases.add("scalar", BroadcastToOp({3, 5}), {normal({})});
  cases.add("row", BroadcastToOp({3, 2, 5}), {normal({5})});
  cases.add("column", BroadcastToOp({3, 5}), {normal({3, 1})});
  cases.add("inner", BroadcastToOp({4, 2, 3, 5}), {normal({2, 1, 5})});
  cases.add("same", BroadcastToOp({3, 5}), {normal({3, 5})});
}

}  // namespace fovea::testing
