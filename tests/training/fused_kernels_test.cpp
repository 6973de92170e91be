#include <gtest/gtest.h>

#include "training/models.h"

// Nets whose training runs through the kernels that take several ops at once, against the same in double,
// which the reference backend computes op by op.

namespace fovea {
namespace {

using test::labels;
using test::random_tensor;

/// Wide enough for Winograd; its first layer for the sparse gradient.
Sequential net() {
  return Sequential{Input({39, 41, 3}),
                    Rescaling(1.0 / 2),
                    Conv2D(16, 3, {.activation = "relu"}),
                    MaxPooling2D(2),
                    Conv2D(24, 3, {.activation = "relu"}),
                    MaxPooling2D(2),
                    Conv2D(32, 3, {.padding = "same", .activation = "relu"}),
                    MaxPooling2D(2),
                    Flatten(),
                    Dense(20, {.activation = "relu"}),
                    Dense(1, {.activation = "sigmoid"})};
}

class FusedKernels : public ::testing::Test {
 protected:
  void TearDown() override { set_floatx(DType::float32); }
};

TEST_F(FusedKernels, StepsAreThoseOfTheFormulasInDouble) {
  const Tensor x = random_tensor({6, 39, 41, 3}), y = labels(6, 2);
  set_random_seed(3);
  const Sequential single = net();
  const std::vector<Tensor> start = single.get_weights();
  single.compile({.optimizer = SGD({.learning_rate = 0.05}), .loss = "binary_crossentropy"});
  set_floatx(DType::float64);
  const Sequential twice = net();
  std::vector<Tensor> start_in_double;
  for (const Tensor& weight : start) start_in_double.push_back(weight.astype(DType::float64));
  twice.set_weights(start_in_double);
  twice.compile({.optimizer = SGD({.learning_rate = 0.05}), .loss = "binary_crossentropy"});

  for (int step = 0; step < 5; ++step) {
    const double loss = single.train_on_batch(x, y)["loss"];
    EXPECT_NEAR(loss, twice.train_on_batch(x, y)["loss"], 1e-6 * loss) << "step " << step;
  }
  const std::vector<Tensor> ours = single.get_weights(), wanted = twice.get_weights();
  for (std::size_t i = 0; i < ours.size(); ++i) {
    double error = 0, moved = 0;
    for (std::int64_t k = 0; k < ours[i].size(); ++k) {
      const double step = wanted[i].data<double>()[k] - static_cast<double>(start[i].data<float>()[k]);
      error += std::pow(static_cast<double>(ours[i].data<float>()[k]) - wanted[i].data<double>()[k], 2);
      moved += step * step;
    }
    EXPECT_GT(moved, 0) << single.weights()[i].name();
    EXPECT_LT(std::sqrt(error / moved), 2e-4) << single.weights()[i].name();
  }
}

}  // namespace
}  // namespace fovea
