#include "support/errors.h"

#include <gtest/gtest.h>

#include "fovea/error.h"
#include "training/models.h"

// What is refused, and whether the message tells what to do.

namespace fovea {
namespace {

using test::count_up;
using test::line_model;

Sequential compiled_line() {
  const Sequential model = line_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  return model;
}

TEST(TrainingErrors, BeforeCompile) {
  EXPECT_MESSAGE(line_model().fit(count_up(2), count_up(2)), "compile it before training");
  EXPECT_MESSAGE(line_model().optimizer(), "compile it first");
  EXPECT_MESSAGE(line_model().training_bytes(1), "compile it before");
  EXPECT_NO_THROW(line_model().predict(count_up(2)));
}

TEST(TrainingErrors, DataThatDoesNotFitTheModel) {
  const Sequential model = compiled_line();
  EXPECT_MESSAGE(model.fit(Tensor({4, 2}), Tensor({4, 1})),
                 "Model 'sequential': input 0 ('input_layer') takes samples of shape (1,). Received: (2,)");
  EXPECT_MESSAGE(model.predict(Tensor({4, 2})), "takes samples of shape (1,). Received: (2,)");
  EXPECT_MESSAGE(model.fit(Tensor({4, 1}), Tensor({3, 1})), "same number of samples");
  EXPECT_MESSAGE(model.fit(std::make_shared<ArrayDataset>(std::vector{Tensor({2, 1})},
                                                          std::vector{Tensor({2, 1}), Tensor({2, 1})})),
                 "has 1 outputs. Received: data with 2 targets");
  EXPECT_MESSAGE(model.fit(DatasetPtr()), "no data was given");
  EXPECT_MESSAGE(model.train_on_batch(Tensor({2, 1}), Tensor({3, 1})), "as many labels as inputs");
}

TEST(TrainingErrors, LabelsThatDoNotFitTheLoss) {
  const Sequential classes{Input({1}), Dense(3, {.activation = "softmax"})};
  classes.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy"});
  EXPECT_MESSAGE(classes.fit(count_up(2), Tensor::of<std::int32_t>({2}, {0, 3}), {.shuffle = false}),
                 "Label 3 (sample 1) does not fit the loss sparse_categorical_crossentropy");
  EXPECT_MESSAGE(classes.fit(count_up(2), Tensor::of<std::int32_t>({2}, {0, -1})),
                 "whole numbers from 0 to 2");
  EXPECT_MESSAGE(classes.fit(count_up(2), Tensor({2, 3})), "One-hot labels want categorical_crossentropy");
  const Sequential two{Input({1}), Dense(1, {.activation = "sigmoid"})};
  two.compile({.optimizer = "sgd", .loss = "binary_crossentropy"});
  EXPECT_MESSAGE(two.fit(count_up(2), Tensor::of<float>({2, 1}, {0, 2})), "sparse_categorical_crossentropy");
  EXPECT_MESSAGE(two.fit(count_up(2), Tensor({2, 3})), "shape");
}

TEST(TrainingErrors, OptionsOutOfRange) {
  const Sequential model = compiled_line();
  const Tensor x = count_up(2);
  EXPECT_MESSAGE(model.fit(x, x, {.batch_size = 0}), "batch_size must be at least 1. Received: 0");
  EXPECT_MESSAGE(model.fit(x, x, {.epochs = -1}), "epochs must be at least 0");
  EXPECT_MESSAGE(model.fit(x, x, {.validation_split = 1.5}), "validation_split");
  EXPECT_MESSAGE(model.fit(x, x, {.validation_freq = 0}), "validation_freq must be at least 1");
  EXPECT_MESSAGE(model.fit(x, x, {.class_weight = {{0, -1}}}), "class_weight of 0");
  EXPECT_MESSAGE(model.fit(x, x, {.class_weight = {{0, 1}}, .sample_weight = Tensor({2})}),
                 "cannot be used together");
  EXPECT_MESSAGE(model.fit(std::make_shared<ArrayDataset>(x, x), {.sample_weight = Tensor({2})}),
                 "goes with arrays");
  EXPECT_MESSAGE(model.evaluate(std::make_shared<ArrayDataset>(x, x), {.sample_weight = Tensor({2})}),
                 "goes with arrays");
  EXPECT_MESSAGE(model.fit(x, x, {.sample_weight = Tensor({3})}), "same number of samples");
  EXPECT_MESSAGE(model.predict(x, {.batch_size = 0}), "batch_size must be at least 1");
  EXPECT_MESSAGE(model.training_bytes(0), "batch_size must be at least 1");
  EXPECT_MESSAGE(set_threads(-1), "set_threads");
  EXPECT_MESSAGE(set_backend("gpu"), "must be 'cpu' or 'reference'. Received: 'gpu'");
}

TEST(TrainingErrors, CompileNamesTheOutputsThereAre) {
  const Sequential model = line_model();
  EXPECT_MESSAGE(model.compile({.optimizer = "sgd", .loss = {{"lime", "mse"}}}), "The outputs are: 'line'");
  EXPECT_MESSAGE(model.compile({.optimizer = "sgd", .loss = {Loss("mse"), Loss("mse")}}), "Received: 2");
  EXPECT_MESSAGE(model.compile({.optimizer = "sdg", .loss = "mse"}), "There is no optimizer 'sdg'");
  EXPECT_MESSAGE(model.compile({.optimizer = "sgd", .loss = "msee"}), "There is no loss 'msee'");
  EXPECT_MESSAGE(model.compile({.optimizer = "sgd", .loss = "mse", .metrics = {"accu"}}),
                 "There is no metric 'accu'");
  model.compile({.optimizer = "sgd"});
  EXPECT_MESSAGE(model.fit(count_up(2), count_up(2)), "no output has a loss");
}

TEST(TrainingErrors, OneOfTheDatasetReachesTheCallerAndLeavesTheModelUsable) {
  class Broken final : public Dataset {
   public:
    std::int64_t size() const override { return 4; }
    std::vector<TensorSpec> inputs() const override { return {{{1}, DType::float32}}; }
    std::vector<TensorSpec> targets() const override { return {{{1}, DType::float32}}; }
    void load(std::int64_t position, std::int64_t, Batch&) const override {
      if (position == 3) throw Error("sample 3 cannot be read");
    }
  };
  const Sequential model = compiled_line();
  EXPECT_MESSAGE(model.fit(std::make_shared<Broken>(), {.batch_size = 2, .epochs = 2}),
                 "sample 3 cannot be read");
  EXPECT_NO_THROW(model.fit(count_up(2, 0.1F), count_up(2)));
}

}  // namespace
}  // namespace fovea
