#include "fovea/tensor.h"

#include <gtest/gtest.h>

#include <thread>

#include "fovea/error.h"
#include "fovea/variable.h"

namespace fovea {
namespace {

TEST(Shape, PrintsAsPythonDoes) {
  EXPECT_EQ((Shape{Shape::unknown, 148, 148, 32}).str(), "(None, 148, 148, 32)");
  EXPECT_EQ(Shape{3}.str(), "(3,)");
  EXPECT_EQ(Shape{}.str(), "()");
}

TEST(Shape, CountsItsElementsWithoutOverflow) {
  EXPECT_EQ((Shape{3, 4, 5}).elements(), 60);
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_THROW((Shape{Shape::unknown, 2}).elements(), Error);
  EXPECT_THROW((Shape{std::int64_t{1} << 40, std::int64_t{1} << 40}).elements(), Error);
  EXPECT_THROW((Shape{-2}), Error);
}

TEST(Shape, NegativeAxesCountFromTheEnd) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape[-1], 4);
  EXPECT_EQ(shape.slice(1), (Shape{3, 4}));
  EXPECT_EQ(shape.slice(0, -1), (Shape{2, 3}));
  EXPECT_THROW(shape[3], Error);
  EXPECT_THROW(shape[-4], Error);
}

TEST(Tensor, CopiesShareStorageAndClonesDoNot) {
  Tensor a = Tensor::of<float>({2}, {1, 2});
  Tensor shared = a, copy = a.clone();
  a.data<float>()[0] = 7;
  EXPECT_EQ(shared.data<float>()[0], 7);
  EXPECT_EQ(copy.data<float>()[0], 1);
}

TEST(Tensor, RefusesAnotherType) {
  Tensor a({2}, DType::float32);
  EXPECT_THROW(a.data<double>(), Error);
  EXPECT_THROW(Tensor::of<float>({3}, {1, 2}), Error);
}

TEST(Tensor, ConvertsReshapesAndCutsRows) {
  const Tensor a = Tensor::of<double>({3, 2}, {1.9, -1.9, 3, 4, 5, 6});
  EXPECT_EQ(a.astype(DType::int32).data<std::int32_t>()[1], -1);
  EXPECT_EQ(a.reshaped({2, -1}).shape(), (Shape{2, 3}));
  EXPECT_THROW(a.reshaped({4, -1}), Error);
  EXPECT_THROW(a.reshaped({-1, -1}), Error);
  const Tensor rows = a.rows(1, 2);
  EXPECT_EQ(rows.shape(), (Shape{2, 2}));
  EXPECT_EQ(rows.data<double>()[3], 6);
  EXPECT_THROW(a.rows(2, 2), Error);
}

TEST(Tensor, BorrowsWithoutCopying) {
  float memory[] = {1, 2, 3};
  Tensor view = Tensor::borrow(memory, {3}, DType::float32);
  EXPECT_EQ(view.raw(), memory);
}

TEST(DType, NamesGoBothWays) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int32, DType::int64, DType::uint8}) {
    EXPECT_EQ(dtype_from_name(name(dtype)), dtype);
  }
  EXPECT_THROW(dtype_from_name("float16"), Error);
}

TEST(Variable, AssignmentConvertsChecksAndCounts) {
  Variable v("kernel", {{2}, DType::float32});
  const std::uint64_t version = v.version();
  v.assign(Tensor::of<double>({2}, {0.5, 2}));
  EXPECT_EQ(v.value().data<float>()[0], 0.5F);
  EXPECT_GT(v.version(), version);
  EXPECT_THROW(v.assign(Tensor({3})), Error);
}

TEST(Variable, TakesMemoryOnceItsValueIsAskedFor) {
  const Variable huge("kernel", {{1 << 20, 1 << 20}, DType::float64});  // 8 TB
  EXPECT_EQ(huge.spec().shape.str(), "(1048576, 1048576)");
  const Variable asked("kernel", {{3, 5}, DType::float32});
  std::vector<std::thread> threads;
  std::vector<const void*> seen(4);
  for (std::size_t i = 0; i < seen.size(); ++i)
    threads.emplace_back([&, i] { seen[i] = asked.value().raw(); });
  for (std::thread& thread : threads) thread.join();
  for (const void* const place : seen) EXPECT_EQ(place, seen[0]);
  EXPECT_EQ(asked.value().data<float>()[14], 0);
}

}  // namespace
}  // namespace fovea
