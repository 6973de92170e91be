#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

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

TEST(Steps, WithEveryKindOfMetricAllocateNothing) {
  using namespace metrics;
  const Sequential model{Input({6}), Dense(4, {.activation = "softmax"})};
  model.compile(
      {.optimizer = Nadam({.learning_rate = schedules::CosineDecay(0.1, 50),
                           .clipvalue = 1,
                           .use_ema = true,
                           .ema_overwrite_frequency = 5,
                           .gradient_accumulation_steps = 3}),
       .loss = losses::CategoricalFocalCrossentropy(),
       .metrics = {"acc", "categorical_crossentropy", "mape", "hinge", "categorical_hinge",
                   CosineSimilarity(), RootMeanSquaredError(), TopKCategoricalAccuracy({.k = 2}),
                   Precision({.top_k = 2}), Recall(), AUC(), AUC({.multi_label = true}),
                   PrecisionAtRecall(0.5), F1Score({.average = "macro"}), OneHotMeanIoU(4), TruePositives()},
       .weighted_metrics = {AUC({.curve = "PR"}), "kl_divergence"}});
  const std::int64_t samples = 16 * 40;
  Tensor labels({samples, 4});
  for (std::int64_t i = 0; i < samples; ++i) labels.data<float>()[4 * i + i % 4] = 1;
  std::vector<std::int64_t> counts;
  counts.reserve(100);
  const LambdaCallback count({.on_train_batch_end = [&](std::int64_t batch, const Logs&) {
    // A thread of the pool asks for memory of its own when it starts, which is late on a busy machine.
    if (batch == 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    counts.push_back(test::all_allocations());
  }});
  model.fit(Tensor({samples, 6}), labels,
            {.batch_size = 16, .sample_weight = Tensor({samples}), .callbacks = {count}, .workers = 0});
  ASSERT_EQ(counts.size(), 40U);
  for (std::size_t step = 1; step < counts.size(); ++step)
    EXPECT_EQ(counts[step] - counts[step - 1], 0) << "in step " << step + 1;
}

}  // namespace
}  // namespace fovea
