#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <regex>
#include <sstream>
#include <thread>

#include "callbacks/progress_line.h"
#include "callbacks/support.h"
#include "data/allocations.h"

namespace fovea::test {
namespace {

std::string bar_line(const Progress& progress, const Logs& logs, int columns = 79) {
  std::string line;
  append_bar_line(line, progress, logs, columns);
  return line;
}

const Logs kFigures{{"loss", 0.31}, {"acc", 0.87}};

TEST(ProgressLine, ShowsCountBarTimeAndFigures) {
  EXPECT_EQ(bar_line({.step = 12, .steps = 30, .elapsed = 2, .step_time = 0.105}, kFigures),
            "12/30 [=======>............] 1s 105ms/step - loss: 0.3100 - acc: 0.8700");
  EXPECT_EQ(
      bar_line({.step = 30, .steps = 30, .elapsed = 2.6, .step_time = 0.105, .finished = true}, kFigures),
      "30/30 [====================] 3s 105ms/step - loss: 0.3100 - acc: 0.8700");
  EXPECT_EQ(bar_line({.step = 0, .steps = 300}, {}), "  0/300 [....................] 0s 0s/step");
  EXPECT_EQ(bar_line({.step = 7, .elapsed = 4, .step_time = 2}, {{"loss", 1}}),
            "7 4s 2s/step - loss: 1.0000");
}

TEST(ProgressLine, TimesAsKeras) {
  const auto left = [](double step_time) {
    return bar_line({.step = 1, .steps = 2, .step_time = step_time}, {});
  };
  EXPECT_EQ(left(0.00025), "1/2 [=========>..........] 0s 250us/step");
  EXPECT_EQ(left(59.9), "1/2 [=========>..........] 59s 60s/step");
  EXPECT_EQ(left(65), "1/2 [=========>..........] 1:05 65s/step");
  EXPECT_EQ(left(3665), "1/2 [=========>..........] 1:01:05 3665s/step");
}

TEST(ProgressLine, FiguresAsKeras) {
  const auto figure = [](double value) {
    std::string line;
    append_plain_line(line, 0, 1, {.finished = true}, {{"x", value}});
    return line.substr(line.rfind(": ") + 2);
  };
  EXPECT_EQ(figure(0.00123456), "0.0012");
  EXPECT_EQ(figure(0.001), "1.0000e-03");
  EXPECT_EQ(figure(-0.00012345), "-1.2345e-04");
  EXPECT_EQ(figure(0), "0.0000e+00");
  EXPECT_EQ(figure(12345.67891), "12345.6789");
  EXPECT_EQ(figure(std::nan("")), "nan");
  EXPECT_EQ(figure(HUGE_VAL), "inf");
}

TEST(ProgressLine, PlainLine) {
  std::string line;
  append_plain_line(line, 2, 30, {.step = 8, .steps = 8, .elapsed = 61.5, .step_time = 7.5, .finished = true},
                    kFigures);
  EXPECT_EQ(line, "Epoch 3/30 - 1:02 8s/step - loss: 0.3100 - acc: 0.8700");
}

TEST(ProgressLine, NeverTakesMoreColumnsThanItHas) {
  Progress progress{.step = 12, .steps = 30, .elapsed = 2, .step_time = 0.105};
  EXPECT_EQ(bar_line(progress, kFigures, 64),
            "12/30 [====>........] 1s 105ms/step - loss: 0.3100 - acc: 0.8700");
  EXPECT_EQ(bar_line(progress, kFigures, 55), "12/30 1s 105ms/step - loss: 0.3100 - acc: 0.8700");
  EXPECT_EQ(bar_line(progress, kFigures, 47), "12/30 [=>.....] 1s - loss: 0.3100 - acc: 0.8700");
  EXPECT_EQ(bar_line(progress, kFigures, 38), "12/30 1s - loss: 0.3100 - acc: 0.8700");
  EXPECT_EQ(bar_line(progress, kFigures, 25), "12/30 1s - loss: 0.3100");
  EXPECT_EQ(bar_line(progress, kFigures, 6), "12/30 ");
  const Logs figures{{"Verlust-größer", 0.5}, {"精度", 0.25}, {"loss", 1e-9}};
  for (const bool finished : {false, true}) {
    progress.finished = finished;
    for (int columns = 1; columns < 120; ++columns) {
      std::istringstream lines(bar_line(progress, figures, columns));
      for (std::string line; std::getline(lines, line);) EXPECT_LE(columns_of_text(line), columns) << line;
    }
  }
}

TEST(ProgressLine, KeepsEveryFigureOfAFinishedEpoch) {
  const Progress progress{.step = 30, .steps = 30, .elapsed = 3, .step_time = 0.105, .finished = true};
  const Logs figures{{"loss", 0.31}, {"acc", 0.87}, {"val_loss", 0.41}, {"val_acc", 0.81}};
  EXPECT_EQ(bar_line(progress, figures, 79),
            "30/30 3s - loss: 0.3100 - acc: 0.8700 - val_loss: 0.4100 - val_acc: 0.8100");
  EXPECT_EQ(bar_line(progress, figures, 40),
            "30/30 3s - loss: 0.3100 - acc: 0.8700\n - val_loss: 0.4100 - val_acc: 0.8100");
  EXPECT_EQ(bar_line(progress, figures, 24),
            "30/30 3s - loss: 0.3100\n - acc: 0.8700\n - val_loss: 0.4100\n - val_acc: 0.8100");
}

/// What a ProgressBar of fit writes, piece by piece.
std::vector<std::string> pieces(const ProgressBarOptions& given, std::int64_t epochs, std::int64_t batches,
                                double seconds_per_batch = 0) {
  std::vector<std::string> result;
  ProgressBarOptions options = given;
  options.write = [&](std::string_view text) { result.emplace_back(text); };
  ProgressBar callback(options);
  callback.set_parameters({.epochs = epochs, .steps = batches});
  callback.on_train_begin({});
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    callback.on_epoch_begin(epoch, {});
    for (std::int64_t batch = 0; batch < batches; ++batch) {
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds_per_batch));
      callback.on_train_batch_end(batch, {{"loss", 0.5}});
    }
    Logs logs{{"loss", 0.25}, {"val_loss", 0.75}};
    callback.on_epoch_end(epoch, logs);
  }
  return result;
}

void expect_match(const std::string& text, const std::string& pattern) {
  EXPECT_TRUE(std::regex_match(text, std::regex(pattern))) << text;
}

TEST(ProgressBar, RedrawsOneLineInPlace) {
  const std::vector<std::string> all = pieces({.redraw = true}, 2, 3);
  ASSERT_EQ(all.size(), 5U);  // the first batch at once, then no more within a tenth of a second
  EXPECT_EQ(all[0], "Epoch 1/2\n");
  expect_match(all[1], R"(\r1/3 \[=====>\.{14}\] \d+s \d+.?s/step - loss: 0\.5000)");
  expect_match(all[2], R"(\r3/3 \[={20}\] \d+s \d+.?s/step - loss: 0\.2500 - val_loss: 0\.7500\n)");
  EXPECT_EQ(all[3], "Epoch 2/2\n");
  EXPECT_EQ(all[4].substr(0, 6), "\r3/3 [");
}

TEST(ProgressBar, OneEpochNeedsNoHeading) {
  EXPECT_EQ(pieces({.redraw = true}, 1, 3).at(0).substr(0, 6), "\r1/3 [");
}

TEST(ProgressBar, RedrawsAtMostTenTimesASecond) {
  const auto began = std::chrono::steady_clock::now();
  const std::size_t count = pieces({.redraw = true}, 1, 60, 0.005).size();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(count, 3U);
  EXPECT_LE(static_cast<double>(count), took.count() / 0.1 + 2);
}

TEST(ProgressBar, BlanksTheEndOfALongerLine) {
  std::vector<std::string> all;
  ProgressBar callback({.write = [&](std::string_view text) { all.emplace_back(text); }, .redraw = true});
  callback.set_parameters({.epochs = 1, .steps = 2});
  callback.on_train_begin({});
  callback.on_epoch_begin(0, {});
  callback.on_train_batch_end(0, {{"loss", 1}, {"gone_at_the_end", 2}});
  Logs logs{{"loss", 1}};
  callback.on_epoch_end(0, logs);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].size(), all[0].size() + 1);
  EXPECT_EQ(all[1].substr(all[1].size() - 10), "         \n");
}

TEST(ProgressBar, StaysWithinItsWidth) {
  for (const int width : {20, 40, 80, 0}) {
    for (const std::string& text : pieces({.redraw = true, .width = width}, 1, 3)) {
      std::istringstream lines(text.substr(1));  // without the \r
      for (std::string line; std::getline(lines, line);) {
        EXPECT_LT(columns_of_text(line), width == 0 ? 80 : width) << line;
      }
    }
  }
  EXPECT_NE(error_of([] { ProgressBar({.width = -1}); }), "");
}

TEST(ProgressBar, OffATerminalWritesALineAnEpoch) {
  for (const ProgressBarOptions& options : {ProgressBarOptions{.redraw = false}, ProgressBarOptions{}}) {
    const std::vector<std::string> all = pieces(options, 2, 3);
    ASSERT_EQ(all.size(), 2U);
    expect_match(all[0], R"(Epoch 1/2 - \d+s \d+.?s/step - loss: 0\.2500 - val_loss: 0\.7500\n)");
    expect_match(all[1], R"(Epoch 2/2 - .*\n)");
  }
}

TEST(ProgressBar, WritesToStandardOutputAtOnce) {
  const ScratchFolder folder;
  std::fflush(stdout);
  const int before = dup(STDOUT_FILENO);
  const int file = open(folder.path("out").c_str(), O_WRONLY | O_CREAT, 0600);  // and so no terminal
  ASSERT_GE(dup2(file, STDOUT_FILENO), 0);
  ProgressBar callback;
  callback.set_parameters({.epochs = 1, .steps = 1});
  callback.on_train_begin({});
  callback.on_epoch_begin(0, {});
  callback.on_train_batch_end(0, {{"loss", 0.5}});
  Logs logs{{"loss", 0.5}};
  callback.on_epoch_end(0, logs);
  const std::string text = read_file(folder.path("out"));
  dup2(before, STDOUT_FILENO);
  close(before);
  close(file);
  expect_match(text, R"(Epoch 1/1 - \d+s \d+.?s/step - loss: 0\.5000\n)");
}

TEST(ProgressBar, ABatchAllocatesNothingAfterTheFirstEpoch) {
  std::size_t written = 0;
  ProgressBar callback({.write = [&](std::string_view text) { written += text.size(); }, .redraw = true});
  callback.set_parameters({.epochs = 2, .steps = 4});
  callback.on_train_begin({});
  const Logs batch_logs{{"loss", 0.5}};
  Logs logs{{"loss", 0.5}, {"val_loss", 0.25}};
  std::int64_t before = 0;
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    callback.on_epoch_begin(epoch, {});
    before = allocations();
    written = 0;
    for (std::int64_t batch = 0; batch < 4; ++batch) {
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
      callback.on_train_batch_end(batch, batch_logs);
    }
    if (epoch == 0) callback.on_epoch_end(epoch, logs);
  }
  EXPECT_GT(written, 0U);
  EXPECT_EQ(allocations(), before);
}

TEST(ProgressBar, ShowsTheBatchesThatRanWhenAnEpochEndsEarly) {
  std::string text;
  ProgressBar callback({.write = [&](std::string_view piece) { text = piece; }, .redraw = true});
  callback.set_parameters({.epochs = 1, .steps = 10});
  callback.on_train_begin({});
  callback.on_epoch_begin(0, {});
  callback.on_train_batch_end(0, {});
  callback.on_train_batch_end(1, {});
  Logs logs;
  callback.on_epoch_end(0, logs);
  EXPECT_EQ(text.substr(0, 8), "\r 2/10 [");
}

}  // namespace
}  // namespace fovea::test
