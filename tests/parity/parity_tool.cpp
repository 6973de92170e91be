#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "fovea/error.h"
#include "fovea/model.h"
#include "fovea/numpy.h"
#include "saving/gallery.h"

// Drives fovea for the tests that compare it with a live Keras. Arrays come and go as raw float32 files, one
// behind the other; what is read is cast to the model's types.

namespace {

using namespace fovea;

constexpr const char* kUsage = R"(usage: parity_tool COMMAND
  models                                the names for make
  make NAME OUT.keras                   a model of tests/saving/gallery.cpp
  compile IN.keras HOW OUT.keras        HOW: sgd, momentum, rmsprop, adam (mse), or several (losses by name)
  resave IN.keras OUT.keras             read and written again
  config IN.json                        read, and printed again
  save-weights IN.keras OUT.weights.h5
  load-weights IN.keras WEIGHTS OUT.keras [by_name] [skip_mismatch]
  predict IN.keras N INPUTS OUTPUTS     outputs of N samples
  train IN.keras N STEPS ARRAYS OUT.keras  STEPS steps on N samples, inputs and targets
  steps IN.keras BATCHES.npz LOGS.npz OUT.keras [STATES RESULTS]
                                        a step on each batch (inputs and targets in turn); with folders, each
                                        from STATES/<step>.weights.h5 to RESULTS/<step>.weights.h5
)";

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot open " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// N samples of shapes that are given with the batch, in turn.
class Arrays {
 public:
  explicit Arrays(const std::string& path) : bytes_(read_text(path)) {}
  Tensor next(Shape shape, std::int64_t samples) {
    shape.set(0, samples);
    Tensor result(shape);
    const auto size = static_cast<std::size_t>(result.bytes());
    if (bytes_.size() - at_ < size) throw Error("an input file is too short");
    std::copy_n(bytes_.data() + at_, size, static_cast<char*>(result.raw()));
    at_ += size;
    return result;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

std::vector<Tensor> next_arrays(Arrays& arrays, const std::vector<SymbolicTensor>& like,
                                std::int64_t samples) {
  std::vector<Tensor> result;
  for (const SymbolicTensor& tensor : like) {
    const DType dtype = tensor.call()->layer->dtype_policy.compute_dtype();
    result.push_back(arrays.next(tensor.shape(), samples).astype(dtype));
  }
  return result;
}

void compile(const Model& model, const std::string& how) {
  if (how == "sgd") {
    model.compile({.optimizer = SGD({.learning_rate = 0.05}), .loss = "mse"});
  } else if (how == "momentum") {
    model.compile(
        {.optimizer = SGD({.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}), .loss = "mse"});
  } else if (how == "rmsprop") {
    model.compile({.optimizer = RMSprop({.rho = 0.8, .momentum = 0.5, .centered = true, .clipnorm = 1}),
                   .loss = losses::MeanSquaredError({.reduction = "sum"})});
  } else if (how == "adam") {
    model.compile(
        {.optimizer = Adam({.learning_rate = 0.01, .amsgrad = true, .weight_decay = 0.004}), .loss = "mse"});
  } else if (how == "several") {
    model.compile(
        {.optimizer = "adam",
         .loss = {{"age", "mse"}, {"face", losses::BinaryCrossentropy({.label_smoothing = 0.1})}},
         .loss_weights = {{"age", 0.5}, {"face", 2}},
         .metrics = {{"face", {"acc", metrics::BinaryAccuracy({.threshold = 0.4})}}, {"age", {"mae"}}}});
  } else {
    throw Error("there is no way to compile called '" + how + "'");
  }
}

void predict(const Model& model, std::int64_t samples, const std::string& from, const std::string& to) {
  Arrays arrays(from);
  std::ofstream file(to, std::ios::binary);
  for (const Tensor& output : model.predict_all(next_arrays(arrays, model.inputs(), samples))) {
    const Tensor plain = output.astype(DType::float32);
    file.write(static_cast<const char*>(plain.raw()), plain.bytes());
  }
}

void train(const Model& model, std::int64_t samples, int steps, const std::string& from) {
  Arrays arrays(from);
  Batch batch;
  batch.inputs = next_arrays(arrays, model.inputs(), samples);
  batch.targets = next_arrays(arrays, model.outputs(), samples);
  batch.count = samples;
  for (int step = 0; step < steps; ++step) model.train_on_batch(batch);
}

/// Each step's figures, by name.
class LogTable {
 public:
  explicit LogTable(std::size_t steps) : steps_(static_cast<std::int64_t>(steps)) {}
  void add(std::size_t step, const Logs& logs) {
    for (const auto& [name, value] : logs) column(name).data<double>()[step] = value;
  }
  void save(const std::string& path) const { save_npz(path, columns_); }

 private:
  Tensor& column(const std::string& name) {
    for (auto& [known, values] : columns_) {
      if (known == name) return values;
    }
    return columns_.emplace_back(name, Tensor(Shape{steps_}, DType::float64)).second;
  }

  std::int64_t steps_;
  NamedArrays columns_;
};

/// A model and the batches that it goes on with.
class Continuation {
 public:
  Continuation(const std::string& model, const std::string& batches) : arrays_(load_npz(batches)) {
    // As who works in float64 does before loading: the learning rate is of that type then.
    if (!arrays_.empty() && arrays_[0].second.dtype() == DType::float64) set_floatx(DType::float64);
    model_ = load_model(model);
    each_ = model_.inputs().size() + model_.outputs().size();
    if (arrays_.size() % each_ != 0) throw Error(batches + ": the last batch is not whole");
  }

  const Model& model() const { return model_; }
  /// Before each step the model takes the state in its file of `states`, and leaves in `results` what the
  /// step made of it, unless these are empty.
  LogTable train(const std::string& states, const std::string& results) const {
    LogTable table(steps());
    for (std::size_t step = 0; step < steps(); ++step) {
      const std::string file = "/" + std::to_string(step) + ".weights.h5";
      if (!states.empty()) model_.load_weights(states + file);
      table.add(step, model_.train_on_batch(batch(step)));
      if (!results.empty()) model_.save_weights(results + file);
    }
    return table;
  }

 private:
  std::size_t steps() const { return arrays_.size() / each_; }
  Batch batch(std::size_t step) const {
    Batch result;
    for (std::size_t i = 0; i < each_; ++i) {
      auto& part = i < model_.inputs().size() ? result.inputs : result.targets;
      part.push_back(arrays_[step * each_ + i].second);
    }
    result.count = result.inputs[0].shape()[0];
    return result;
  }

  NamedArrays arrays_;
  Model model_;
  std::size_t each_ = 0;
};

void run(const std::vector<std::string>& words) {
  const auto is = [&](const char* command, std::size_t count) {
    return words[0] == command && words.size() == count;
  };
  if (is("models", 1)) {
    for (const std::string& name : testing::gallery_names()) std::cout << name << "\n";
  } else if (is("make", 3)) {
    testing::gallery_model(words[1]).save(words[2]);
  } else if (is("compile", 4)) {
    const Model model = load_model(words[1]);
    compile(model, words[2]);
    model.save(words[3]);
  } else if (is("resave", 3)) {
    load_model(words[1]).save(words[2]);
  } else if (is("config", 2)) {
    std::cout << model_to_json(model_from_json(read_text(words[1]))) << "\n";
  } else if (is("save-weights", 3)) {
    load_model(words[1]).save_weights(words[2]);
  } else if (words[0] == "load-weights" && words.size() >= 4) {
    const Model model = load_model(words[1]);
    const auto has = [&](const char* option) {
      return std::find(words.begin() + 4, words.end(), option) != words.end();
    };
    model.load_weights(words[2], {.by_name = has("by_name"), .skip_mismatch = has("skip_mismatch")});
    model.save(words[3]);
  } else if (is("predict", 5)) {
    predict(load_model(words[1]), std::stoll(words[2]), words[3], words[4]);
  } else if (is("train", 6)) {
    const Model model = load_model(words[1]);
    train(model, std::stoll(words[2]), std::stoi(words[3]), words[4]);
    model.save(words[5]);
  } else if (words[0] == "steps" && (words.size() == 5 || words.size() == 7)) {
    const Continuation run(words[1], words[2]);
    const bool forced = words.size() == 7;
    run.train(forced ? words[5] : "", forced ? words[6] : "").save(words[3]);
    run.model().save(words[4]);
  } else {
    throw Error(kUsage);
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    std::vector<std::string> words(arguments + 1, arguments + count);
    if (words.empty()) throw Error(kUsage);
    run(words);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
