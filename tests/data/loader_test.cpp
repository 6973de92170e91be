#include "data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <set>

#include "data/allocations.h"
#include "data/files.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

DatasetPtr numbers(std::int64_t count) {
  Tensor x(Shape{count, 1});
  std::iota(x.data<float>(), x.data<float>() + count, 0.0f);
  return std::make_shared<ArrayDataset>(x, Tensor(Shape{count}, DType::int32));
}

/// Throws at one position.
class Failing final : public Dataset {
 public:
  std::int64_t size() const override { return 20; }
  std::vector<TensorSpec> inputs() const override { return {{{1}, DType::float32}}; }
  std::vector<TensorSpec> targets() const override { return {}; }
  void load(std::int64_t position, std::int64_t, Batch&) const override {
    if (position == 9 && fails) throw Error("sample 9 is broken");
  }
  std::atomic<bool> fails{true};
};

std::vector<std::int64_t> epoch_ids(Loader& loader, std::int64_t epoch, std::int64_t first_batch = 0) {
  std::vector<std::int64_t> ids;
  loader.start(epoch, first_batch);
  while (const Batch* batch = loader.next()) {
    EXPECT_EQ(batch->count, static_cast<std::int64_t>(batch->sample_ids.size()));
    for (std::int64_t row = 0; row < batch->count; ++row) {
      const std::int64_t id = batch->sample_ids[static_cast<std::size_t>(row)];
      EXPECT_EQ(batch->inputs[0].data<float>()[row], static_cast<float>(id));
      ids.push_back(id);
    }
  }
  return ids;
}

TEST(Loader, KeepsTheOrderAndTheLastPartialBatch) {
  for (const int threads : {0, 1, 3}) {
    Loader loader(numbers(7), {.batch_size = 3, .threads = threads});
    EXPECT_EQ(loader.batches(), 3);
    EXPECT_EQ(loader.next(), nullptr);
    EXPECT_THAT(epoch_ids(loader, 0), ElementsAre(0, 1, 2, 3, 4, 5, 6));
    EXPECT_EQ(loader.next(), nullptr);
    loader.start(1);
    EXPECT_EQ(loader.next()->count, 3);
    EXPECT_EQ(loader.next()->count, 3);
    EXPECT_EQ(loader.next()->count, 1);
  }
}

TEST(Loader, ShuffleDependsOnSeedAndEpochOnly) {
  Loader one(numbers(50), {.batch_size = 4, .shuffle = true, .seed = 1, .threads = 0});
  Loader three(numbers(50), {.batch_size = 4, .shuffle = true, .seed = 1, .threads = 3, .prefetch = 5});
  Loader other(numbers(50), {.batch_size = 4, .shuffle = true, .seed = 2});
  std::set<std::vector<std::int64_t>> orders;
  for (const std::int64_t epoch : {0, 1, 2}) {
    const std::vector<std::int64_t> ids = epoch_ids(one, epoch);
    EXPECT_EQ(epoch_ids(three, epoch), ids);
    EXPECT_NE(epoch_ids(other, epoch), ids);
    orders.insert(ids);
    std::vector<std::int64_t> sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);
  }
  EXPECT_EQ(orders.size(), 3u);
}

TEST(Loader, ShuffledOrderIsPinned) {
  std::vector<std::int64_t> order(8);
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, 42, 3);
  EXPECT_THAT(order, ElementsAre(2, 3, 7, 5, 1, 4, 6, 0));
}

TEST(Loader, ResumesInsideAnEpochAndRestarts) {
  Loader loader(numbers(30), {.batch_size = 4, .shuffle = true, .seed = 5, .threads = 2});
  const std::vector<std::int64_t> whole = epoch_ids(loader, 6);
  EXPECT_EQ(epoch_ids(loader, 6, 3), std::vector<std::int64_t>(whole.begin() + 12, whole.end()));
  for (int i = 0; i < 50; ++i) {
    loader.start(i);
    loader.next();
  }
  EXPECT_EQ(epoch_ids(loader, 6), whole);
}

TEST(Loader, ErrorsSurfaceInNext) {
  for (const int threads : {0, 1, 3}) {
    const auto data = std::make_shared<Failing>();
    Loader loader(data, {.batch_size = 4, .threads = threads});
    loader.start(0);
    EXPECT_NE(loader.next(), nullptr);
    EXPECT_NE(loader.next(), nullptr);
    EXPECT_EQ(error_of([&] { loader.next(); }), "sample 9 is broken");
    EXPECT_EQ(loader.next(), nullptr);
    data->fails = false;
    loader.start(1);
    int batches = 0;
    while (loader.next() != nullptr) ++batches;
    EXPECT_EQ(batches, 5);
  }
}

TEST(Loader, AllocatesNothingOnceItRuns) {
  Loader loader(numbers(64), {.batch_size = 8, .shuffle = true, .threads = 2});
  const auto run_epoch = [&](std::int64_t epoch) {
    loader.start(epoch);
    while (loader.next() != nullptr) {
    }
  };
  run_epoch(0);
  const std::int64_t before = allocations();
  for (std::int64_t epoch = 1; epoch < 20; ++epoch) run_epoch(epoch);
  EXPECT_EQ(allocations() - before, 0);
}

TEST(Loader, RefusesOptions) {
  EXPECT_THAT(error_of([] { Loader(numbers(3), {.batch_size = 0}); }), HasSubstr("batch_size"));
  EXPECT_THAT(error_of([] { Loader(numbers(3), {.threads = -1}); }), HasSubstr("threads"));
  EXPECT_THAT(error_of([] { Loader(numbers(3), {.prefetch = 0}); }), HasSubstr("prefetch"));
  EXPECT_THAT(error_of([] { Loader(take(numbers(3), 0), {}); }), HasSubstr("at least 1 sample"));
  Loader loader(numbers(3), {});
  EXPECT_THAT(error_of([&] { loader.start(0, 2); }), HasSubstr("cannot start"));
}

}  // namespace
}  // namespace fovea::test
