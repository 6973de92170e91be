#include <gtest/gtest.h>

#include <cstdlib>

#include "allocations/interposed.h"
#include "fovea/error.h"
#include "fovea/model.h"

// A training step allocates nothing, on no thread, the hand-over of batches included.

namespace fovea {
namespace {

TEST(Interposition, SeesEveryWayToAskForMemory) {
  const auto seen = [](auto&& ask) {
    const std::int64_t before = test::all_allocations();
    ask();
    return test::all_allocations() - before;
  };
  void* volatile memory = nullptr;
  EXPECT_EQ(seen([&] { memory = std::malloc(10); }), 1);
  std::free(memory);
  EXPECT_GE(seen([&] { memory = ::operator new(10); }), 1);
  ::operator delete(memory);
  EXPECT_EQ(seen([] {}), 0);
}

TEST(Steps, TwoToOneHundredAllocateNothing) {
  const Sequential model{Input({20, 20, 3}),
                         Rescaling(1.0 / 255),
                         Conv2D(8, 3),
                         BatchNormalization(),
                         ReLU(),
                         MaxPooling2D(2),
                         Conv2D(8, 3, {.activation = "relu"}),
                         GlobalAveragePooling2D(),
                         Dropout(0.5),
                         Dense(4, {.activation = "softmax", .kernel_regularizer = {.l1 = 0, .l2 = 1e-4}})};
  model.compile({.optimizer = Adam({.clipnorm = 1}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"acc"},
                 .weighted_metrics = {"acc"}});
  // 16 does not divide 1610: the last batch is smaller, and planned anew; so are steps after the hundredth.
  std::vector<std::int32_t> labels(1610);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 4);
  std::vector<std::int64_t> counts;
  counts.reserve(200);
  const auto count = LambdaCallback(
      {.on_train_batch_end = [&](std::int64_t, const Logs&) { counts.push_back(test::all_allocations()); }});
  model.fit(Tensor({1610, 20, 20, 3}), Tensor::of(Shape{1610}, labels),
            {.batch_size = 16, .callbacks = {count}, .workers = 2});
  ASSERT_EQ(counts.size(), 101U);
  for (std::size_t step = 2; step <= 100; ++step) {
    EXPECT_EQ(counts[step - 1] - counts[0], 0) << "until step " << step;
    if (counts[step - 1] != counts[0]) break;
  }
}

}  // namespace
}  // namespace fovea
