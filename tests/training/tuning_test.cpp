#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fovea/callbacks.h"
#include "training/models.h"

// Which kernels models are computed with: measured ones, remembered ones, those of a record.

namespace fovea {
namespace {

namespace fs = std::filesystem;
using test::labels;
using test::random_tensor;
using test::same_bits;

/// Its convolution has kernels to choose from, for which 16 channels make Winograd the preferred one.
Sequential net() {
  set_random_seed(5);
  return Sequential{Input({12, 12, 16}), Conv2D(16, 3, {.activation = "relu", .name = "conv"}), Flatten(),
                    Dense(3, {.activation = "softmax"})};
}

void train(const Model& model, std::int64_t epochs = 1, std::int64_t initial_epoch = 0) {
  if (!model.compiled()) model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
  model.fit(random_tensor({6, 12, 12, 16}), labels(6, 3),
            {.batch_size = 4, .epochs = epochs, .initial_epoch = initial_epoch, .workers = 0});
}

/// The record with another forward kernel.
KernelRecord with_forward(KernelRecord record, const std::string& kernel) {
  for (KernelChoice& choice : record.choices) {
    if (choice.region.starts_with("Conv2D +")) choice.kernel = kernel;
  }
  return record;
}

std::vector<KernelChoice> forward_choices(const Model& model) {
  std::vector<KernelChoice> result = model.kernels().choices;
  std::erase_if(result, [](const auto& choice) { return !choice.region.starts_with("Conv2D +"); });
  return result;
}

class Tuning : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("fovea-tuning-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    set_threads(2);
    set_log_callback([this](std::string_view message) { messages_.emplace_back(message); });
  }
  void TearDown() override {
    stop_tuning();
    set_log_callback({});
    set_threads(0);
    fs::remove_all(folder_);
  }
  std::string cache() const { return (folder_ / "cache").string(); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  fs::path cache_file() const {
    const fs::directory_iterator files(cache());
    return files == fs::directory_iterator() ? fs::path() : files->path();
  }
  std::string read_cache() const {
    std::stringstream text;
    text << std::ifstream(cache_file()).rdbuf();
    return text.str();
  }
  /// Replaces a text in the remembered measurements wherever it stands.
  void replace_in_cache(const std::string& from, const std::string& to) const {
    std::string text = read_cache();
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
    std::ofstream(cache_file()) << text;
  }
  long said(const std::string& part) const {
    return std::count_if(messages_.begin(), messages_.end(),
                         [&](const std::string& message) { return message.find(part) != std::string::npos; });
  }

  fs::path folder_;
  std::vector<std::string> messages_;
};

TEST_F(Tuning, IsOffUnlessAskedFor) {
  const Sequential model = net();
  EXPECT_TRUE(model.kernels().choices.empty());
  train(model);
  EXPECT_FALSE(model.kernels().choices.empty());
  for (const KernelChoice& choice : model.kernels().choices)
    EXPECT_TRUE(choice.why == "order" || choice.why == "table") << choice.why;
  EXPECT_FALSE(model.kernels().instruction_set.empty());
  EXPECT_EQ(forward_choices(model).at(0).layer, "conv");
  EXPECT_FALSE(fs::exists(cache()));
}

TEST_F(Tuning, MeasuresAndRemembers) {
  start_tuning({.folder = cache()});
  const Sequential model = net();
  train(model);
  for (const KernelChoice& choice : model.kernels().choices) {
    EXPECT_EQ(choice.why, "measured");
    EXPECT_GT(choice.milliseconds, 0);
  }
  EXPECT_NE(read_cache().find("conv2d_backward_filter"), std::string::npos);
  EXPECT_EQ(said("were measured"), 2);  // batches of 4 and of 2
  // What is remembered is used: whatever was the fastest, it is the direct kernel now.
  replace_in_cache("conv2d:winograd", "conv2d:direct");
  const std::string remembered = read_cache();
  start_tuning({.folder = cache()});
  const Sequential again = net();
  train(again);
  ASSERT_FALSE(forward_choices(again).empty());
  for (const KernelChoice& choice : forward_choices(again)) EXPECT_EQ(choice.kernel, "conv2d:direct");
  EXPECT_EQ(said("were measured"), 2);
  EXPECT_EQ(read_cache(), remembered);
}

TEST_F(Tuning, IsForThePlansThatFollow) {
  const Sequential model = net();
  train(model);
  start_tuning({.folder = cache()});
  train(model);
  EXPECT_EQ(model.kernels().choices.at(0).why, "measured");
  stop_tuning();
  const Sequential other = net();
  train(other);
  EXPECT_NE(other.kernels().choices.at(0).why, "measured");
}

TEST_F(Tuning, RemembersForANumberOfThreads) {
  start_tuning({.folder = cache()});
  train(net());
  set_threads(1);
  train(net());
  EXPECT_EQ(std::distance(fs::directory_iterator(cache()), fs::directory_iterator()), 2);
}

TEST_F(Tuning, ChosenKernelsHaveTheSameBitsForAnyNumberOfThreads) {
  start_tuning({.folder = cache()});
  const Sequential model = net();
  train(model);
  const KernelRecord record = model.kernels();
  stop_tuning();
  for (const int threads : {1, 2, 3}) {
    set_threads(threads);
    const Sequential other = net();
    other.set_kernels(record);
    train(other);
    EXPECT_TRUE(same_bits(other.get_weights(), model.get_weights())) << threads;
  }
}

TEST_F(Tuning, LeavesADamagedFileAlone) {
  start_tuning({.folder = cache()});
  train(net());
  const std::string path = cache_file();
  std::ofstream(path) << "{\"format\": 1";
  start_tuning({.folder = cache()});
  const Sequential model = net();
  train(model);
  train(net());
  EXPECT_EQ(model.kernels().choices.at(0).why, "measured");
  EXPECT_EQ(said("damaged"), 1);
  EXPECT_EQ(read_cache(), "{\"format\": 1");
}

TEST_F(Tuning, GoesOnWhereNothingCanBeRemembered) {
  std::ofstream(cache()) << "no folder";
  start_tuning({.folder = cache()});
  const Sequential model = net();
  train(model);
  EXPECT_EQ(model.kernels().choices.at(0).why, "measured");
  EXPECT_GE(said("not remembered"), 1);
}

TEST_F(Tuning, FindsItsFolderInTheEnvironment) {
  const auto folder_for = [&](const char* own, const char* xdg) {
    own != nullptr ? ::setenv("FOVEA_CACHE_DIR", own, 1) : ::unsetenv("FOVEA_CACHE_DIR");
    xdg != nullptr ? ::setenv("XDG_CACHE_HOME", xdg, 1) : ::unsetenv("XDG_CACHE_HOME");
    start_tuning();
    train(net());
    ::unsetenv("FOVEA_CACHE_DIR");
    ::unsetenv("XDG_CACHE_HOME");
  };
  folder_for(path("own").c_str(), path("xdg").c_str());
  EXPECT_TRUE(fs::exists(path("own")));
  EXPECT_FALSE(fs::exists(path("xdg")));
  folder_for(nullptr, path("xdg").c_str());
  EXPECT_TRUE(fs::exists(path("xdg/fovea")));
}

class Records : public Tuning {};

TEST_F(Records, DecideAndGoBeforeMeasurements) {
  const Sequential plain = net();
  train(plain);
  ASSERT_EQ(forward_choices(plain).at(0).kernel, "conv2d:winograd");
  const Sequential direct = net();
  direct.set_kernels(with_forward(plain.kernels(), "conv2d:direct"));
  start_tuning({.folder = cache()});
  train(direct);
  for (const KernelChoice& choice : forward_choices(direct)) {
    EXPECT_EQ(choice.kernel, "conv2d:direct");
    EXPECT_EQ(choice.why, "record");
  }
  EXPECT_FALSE(same_bits(direct.get_weights(), plain.get_weights()));
}

TEST_F(Records, AreInTheModelsFileAndTrainOnWithTheSameBits) {
  const Sequential plain = net();
  train(plain);
  const KernelRecord direct = with_forward(plain.kernels(), "conv2d:direct");
  const Sequential model = net();
  model.set_kernels(direct);
  train(model);
  model.save(path("model.keras"));
  const Model loaded = load_model(path("model.keras")), free = load_model(path("model.keras"));
  EXPECT_EQ(loaded.kernels().instruction_set, model.kernels().instruction_set);
  ASSERT_EQ(loaded.kernels().choices.size(), model.kernels().choices.size());
  free.set_kernels({});
  train(model, 2, 1);
  train(loaded, 2, 1);
  train(free, 2, 1);
  EXPECT_EQ(forward_choices(loaded).at(0).kernel, "conv2d:direct");
  EXPECT_EQ(forward_choices(free).at(0).kernel, "conv2d:winograd");
  EXPECT_TRUE(same_bits(loaded.get_weights(), model.get_weights()));
  EXPECT_FALSE(same_bits(free.get_weights(), model.get_weights()));
  EXPECT_TRUE(messages_.empty());
}

TEST_F(Records, PassOverWhatIsNotPossibleAndSaySoOnce) {
  const Sequential plain = net();
  train(plain);
  KernelRecord record = with_forward(plain.kernels(), "conv2d:of_the_future");
  const Sequential model = net();
  model.set_kernels(record);
  train(model, 2);
  EXPECT_EQ(said("conv2d:of_the_future of conv"), 1);
  EXPECT_EQ(messages_.size(), 1U);
  EXPECT_TRUE(forward_choices(model).at(0).why == "order" || forward_choices(model).at(0).why == "table");
}

TEST_F(Records, SayOnceThatAnotherInstructionSetHasOtherBits) {
  const Sequential plain = net();
  train(plain);
  KernelRecord record = plain.kernels();
  record.instruction_set = "avx9";
  const Sequential model = net();
  model.set_kernels(record);
  model.predict(random_tensor({1, 12, 12, 16}));
  EXPECT_TRUE(messages_.empty());
  train(model, 2);
  EXPECT_EQ(said("avx9"), 1);
  EXPECT_EQ(messages_.size(), 1U);
}

TEST_F(Records, DoNotBindTheReferenceBackend) {
  const Sequential plain = net();
  train(plain);
  const Sequential model = net();
  model.set_kernels(plain.kernels());
  set_backend("reference");
  train(model);
  set_backend("cpu");
  EXPECT_EQ(said("not possible"), 0);
}

}  // namespace
}  // namespace fovea
