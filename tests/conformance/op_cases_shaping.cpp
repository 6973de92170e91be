#include "conformance/op_cases.h"
#include "ops/shaping.h"
#include "ops/take.h"

namespace fovea::testing {

void add_shaping_cases(OpCases& cases) {
  cases.add("flat", ReshapeOp({30}), {normal({2, 3, 5})});
  cases.add("image", ReshapeOp({2, 3, 1, 5}), {normal({2, 15})});
  cases.add("to_scalar", ReshapeOp(Shape{}), {normal({1, 1})});
  cases.add("integers", ReshapeOp({6}), {integers({2, 3}, 100)});

  cases.add("matrix", TransposeOp({1, 0}), {normal({3, 5})});
  cases.add("rotated", TransposeOp({2, 0, 1}), {normal({2, 3, 5})});
  cases.add("channels_first", TransposeOp({0, 3, 1, 2}), {normal({2, 3, 5, 7})});
  cases.add("unchanged", TransposeOp({0, 1, 2}), {normal({2, 3, 5})});
  cases.add("integers", TransposeOp({1, 0}), {integers({3, 5}, 100, DType::int64)});
  cases.add("bytes", TransposeOp({1, 0}), {integers({3, 5}, 256, DType::uint8)});

  cases.add("first_axis", ConcatenateOp(0), {normal({2, 5}), normal({3, 5})});
  cases.add("inner_axis_three", ConcatenateOp(1), {normal({2, 1, 3}), normal({2, 4, 3}), normal({2, 2, 3})});
  cases.add("channels", ConcatenateOp(3), {normal({2, 3, 3, 2}), normal({2, 3, 3, 5})});
  cases.add("one", ConcatenateOp(1), {normal({2, 5})});
  cases.add("empty_part", ConcatenateOp(1), {normal({2, 0}), normal({2, 3})});

  cases.add("middle", SliceOp(1, 2, 3), {normal({2, 7, 3})});
  cases.add("start", SliceOp(0, 0, 1), {normal({3, 5})});
  cases.add("end", SliceOp(2, 4, 1), {normal({2, 3, 5})});
  cases.add("whole", SliceOp(1, 0, 5), {normal({2, 5})});

  cases.add("asymmetric", PadOp(1, 2, 1), {normal({2, 3, 5})});
  cases.add("before_only", PadOp(0, 3, 0), {normal({2, 3})});
  cases.add("nothing", PadOp(2, 0, 0), {normal({2, 3, 5})});

  cases.add("reversed", TakeOp(1, {4, 3, 2, 1, 0}), {normal({2, 5, 3})});
  cases.add("every_other", TakeOp(0, {0, 2, 4}), {normal({5, 3})});
  cases.add("repeated", TakeOp(2, {1, 1, 0, 3, 3, 3}), {normal({2, 3, 4})});
  cases.add("none", TakeOp(1, {}), {normal({2, 3})});
  cases.add("bytes", TakeOp(0, {2, 0, 2}), {integers({3, 5}, 256, DType::uint8)});
  cases.add("unique", TakeBackwardOp(1, {3, 0, 2}, 5), {normal({2, 3, 3})});
  cases.add("repeated", TakeBackwardOp(0, {1, 1, 0, 1, 4}, 5), {normal({5, 3})});
  cases.add("repeated_last", TakeBackwardOp(2, {1, 1, 0}, 2), {normal({2, 3, 3})});

  cases.add("to_float32", CastOp(DType::float32), {uniform({3, 5}, -4, 4)}, 0.25);
  cases.add("to_float64", CastOp(DType::float64), {normal({3, 5})});
  cases.add("to_int32", CastOp(DType::int32), {uniform({3, 5}, -9, 9)}, 0);
  cases.add("to_int64", CastOp(DType::int64), {uniform({3, 5}, -9, 9)}, 0);
  cases.add("to_uint8", CastOp(DType::uint8), {uniform({3, 5}, 0, 255)}, 0);
  cases.add("from_int32", CastOp(DType::float64), {integers({3, 5}, 1000)});
  cases.add("from_int64", CastOp(DType::float32), {integers({3, 5}, 1000, DType::int64)});
  cases.add("from_uint8", CastOp(DType::float32), {integers({3, 5}, 256, DType::uint8)});

  cases.add("labels", OneHotOp(4, DType::float32), {integers({3, 2}, 4)});
  cases.add("out_of_range", OneHotOp(3, DType::float64),
            {given(Tensor::of<std::int32_t>({5}, {-1, 0, 2, 3, 100}))});

  cases.add("plain", StopGradientOp(), {normal({3, 5})}, 0);
}

}  // namespace fovea::testing
