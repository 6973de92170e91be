#include <iostream>
#include <nlohmann/json.hpp>

#include "fovea/error.h"
#include "fovea/model.h"

// Trains a small model with the TensorBoard callback and prints, as JSON, what the event files must say:
// tensorboard_test.py reads them with TensorBoard's own reader.
//
// usage: tensorboard_tool LOG_DIR UPDATE_FREQ

namespace {

using namespace fovea;
using Json = nlohmann::ordered_json;

Json to_json(const Logs& logs) {
  Json result = Json::object();
  for (const auto& [name, value] : logs) result[name] = value;
  return result;
}

Json to_json(const Tensor& tensor) {
  const std::span<const float> values = tensor.values<float>();
  return std::vector<float>(values.begin(), values.end());
}

/// After the callbacks before it: figures and weights of every epoch, figures of every batch.
class Recorder : public Callback {
 public:
  void on_train_batch_end(std::int64_t, const Logs& logs) override {
    record["batches"].push_back(to_json(logs));
  }
  void on_test_end(const Logs& logs) override {
    record["evaluations"].push_back(
        {{"iterations", model().optimizer().iterations()}, {"logs", to_json(logs)}});
  }
  void on_epoch_end(std::int64_t epoch, Logs& logs) override {
    Json weights = Json::array();
    for (const Tensor& weight : model().get_weights()) weights.push_back(to_json(weight));
    record["epochs"].push_back({{"epoch", epoch},
                                {"logs", to_json(logs)},
                                {"learning_rate", model().optimizer().learning_rate()},
                                {"weights", weights}});
  }

  Json record;
};

void run(const std::string& log_dir, std::int64_t update_freq) {
  set_random_seed(3);
  const Sequential model(
      {Input({4}), Dense(3, {.activation = "relu"}), BatchNormalization(), Dense(1, {.name = "last"})});
  model.compile({.optimizer = SGD({.learning_rate = 0.05}), .loss = "mse", .metrics = {"mae"}});
  Tensor x({8, 4}), y({8, 1});
  for (std::int64_t i = 0; i < x.size(); ++i) x.data<float>()[i] = static_cast<float>(i * 7 % 13) / 13.0F;
  for (std::int64_t i = 0; i < y.size(); ++i) y.data<float>()[i] = static_cast<float>(i * 3 % 5) / 5.0F;

  const auto recorder = std::make_shared<Recorder>();
  model.fit(
      x, y,
      {.batch_size = 2,
       .epochs = 3,
       .validation_data = std::make_shared<ArrayDataset>(x, y),
       .callbacks = {ReduceLROnPlateau({.monitor = "loss", .factor = 0.5, .patience = 1, .min_delta = 100}),
                     TensorBoard({.log_dir = log_dir, .histogram_freq = 2, .update_freq = update_freq}),
                     recorder}});
  std::cout << recorder->record << "\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "usage: tensorboard_tool LOG_DIR UPDATE_FREQ\n";
    return 2;
  }
  try {
    run(arguments[1], std::stoll(arguments[2]));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
