#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "data/files.h"
#include "fovea/data.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor counting(Shape shape) {
  Tensor tensor(shape);
  std::iota(tensor.data<float>(), tensor.data<float>() + tensor.size(), 0.0f);
  return tensor;
}

std::vector<float> first_column(const DatasetPtr& dataset) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(dataset->size()));
  std::iota(positions.begin(), positions.end(), 0);
  Batch batch = dataset->make_batch(dataset->size());
  dataset->fill(positions, batch);
  std::vector<float> values;
  for (std::int64_t row = 0; row < batch.count; ++row)
    values.push_back(row_of<float>(batch.inputs[0], row)[0]);
  return values;
}

DatasetPtr numbers(std::int64_t count) {
  return std::make_shared<ArrayDataset>(counting({count, 1}), Tensor(Shape{count}, DType::int32));
}

TEST(ArrayDataset, FillsRowsOfEveryTensor) {
  const ArrayDataset data({counting({3, 2}), counting({3, 1, 2})}, {Tensor::of<std::int32_t>({3}, {7, 8, 9})},
                          {Tensor::of<float>({3}, {0.5f, 1, 2})});
  EXPECT_EQ(data.inputs()[1], (TensorSpec{{1, 2}, DType::float32}));
  EXPECT_EQ(data.targets()[0], (TensorSpec{{}, DType::int32}));
  Batch batch = data.make_batch(4);
  EXPECT_EQ(batch.inputs[0].shape(), (Shape{4, 2}));
  EXPECT_EQ(batch.targets[0].shape(), (Shape{4}));
  const std::int64_t positions[] = {2, 0};
  data.fill(positions, batch);
  EXPECT_EQ(batch.count, 2);
  EXPECT_THAT(batch.sample_ids, ElementsAre(2, 0));
  const Batch filled = batch.filled();
  EXPECT_THAT(filled.inputs[0].values<float>(), ElementsAre(4, 5, 0, 1));
  EXPECT_THAT(filled.inputs[1].values<float>(), ElementsAre(4, 5, 0, 1));
  EXPECT_THAT(filled.targets[0].values<std::int32_t>(), ElementsAre(9, 7));
  EXPECT_THAT(filled.weights[0].values<float>(), ElementsAre(2, 0.5f));
}

TEST(ArrayDataset, ConvertsInputsWhenAsked) {
  const Tensor x = Tensor::of<std::uint8_t>({2, 1}, {3, 200});
  const Tensor y = Tensor::of<std::uint8_t>({2}, {1, 0});
  EXPECT_EQ(ArrayDataset(x, y).inputs()[0].dtype, DType::uint8);
  const auto data = std::make_shared<ArrayDataset>(x, y, ArrayDatasetOptions{DType::float32, {"a", "b"}});
  EXPECT_EQ(data->inputs()[0].dtype, DType::float32);
  EXPECT_EQ(data->targets()[0].dtype, DType::uint8);
  EXPECT_THAT(first_column(data), ElementsAre(3, 200));
  EXPECT_THAT(take(data, 1)->class_names(), ElementsAre("a", "b"));
}

TEST(ArrayDataset, RefusesWhatDoesNotFit) {
  EXPECT_THAT(error_of([] {
                ArrayDataset(counting({3, 1}), counting({2}));
              }),
              HasSubstr("input 0 with 3, target 0 with 2"));
  EXPECT_THAT(error_of([] { ArrayDataset(counting({}), counting({2})); }), HasSubstr("shape ()"));
  EXPECT_THAT(error_of([] {
                ArrayDataset({counting({2})}, {counting({2})}, {counting({2, 1})});
              }),
              HasSubstr("float32 (N)"));
  EXPECT_THAT(error_of([] {
                ArrayDataset({counting({2})}, {counting({2})}, {counting({2}), counting({2})});
              }),
              HasSubstr("once per target"));
  EXPECT_THAT(error_of([] { ArrayDataset(std::vector<Tensor>{}, {}); }), HasSubstr("at least one input"));
  Batch batch = numbers(3)->make_batch(1);
  const std::int64_t outside[] = {3};
  EXPECT_THAT(error_of([&] { numbers(3)->fill(outside, batch); }), HasSubstr("no sample 3"));
  const std::int64_t two[] = {0, 1};
  EXPECT_THAT(error_of([&] { numbers(3)->fill(two, batch); }), HasSubstr("room for 1"));
}

TEST(Views, TakeSkipSelectKeepIds) {
  const DatasetPtr data = numbers(5);
  EXPECT_THAT(first_column(take(data, 2)), ElementsAre(0, 1));
  EXPECT_THAT(first_column(skip(data, 3)), ElementsAre(3, 4));
  EXPECT_EQ(take(data, 9)->size(), 5);
  EXPECT_EQ(skip(data, 9)->size(), 0);
  const DatasetPtr view = select(skip(data, 2), {2, 0, 0});
  EXPECT_THAT(first_column(view), ElementsAre(4, 2, 2));
  EXPECT_EQ(view->sample_id(0), 4);
  EXPECT_THAT(error_of([&] { take(data, -1); }), HasSubstr("Received: -1"));
  EXPECT_THAT(error_of([&] { select(data, {5}); }), HasSubstr("no sample 5"));
  EXPECT_THAT(error_of([&] { skip(nullptr, 1); }), HasSubstr("null"));
}

TEST(Views, SplitGivesTheLastPartToValidation) {
  // floor(10 * (1 - 0.25)) = 7
  const auto [train, validation] = split(numbers(10), 0.25);
  EXPECT_THAT(first_column(train), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(first_column(validation), ElementsAre(7, 8, 9));
  EXPECT_THAT(error_of([] { split(numbers(2), 0.9); }), HasSubstr("leaves 0 of 2"));
  for (const double share : {0.0, 1.0, -0.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(error_of([&] { split(numbers(10), share); }), HasSubstr("validation_split"));
  }
}

}  // namespace
}  // namespace fovea::test
