#include "callbacks/event_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <regex>

#include "callbacks/crc32c.h"
#include "callbacks/events.h"
#include "callbacks/histogram.h"
#include "callbacks/support.h"

namespace fovea::test {
namespace {

TEST(Crc32c, KnownVectors) {
  // RFC 3720, B.4, and the usual check value.
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  EXPECT_EQ(crc32c(rising), 0x46DD794EU);
  EXPECT_EQ(crc32c(falling), 0x113FDB5CU);
}

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// tf.summary.scalar("epoch_loss", 0.125, step=1) of TensorFlow 2.21, from the step on.
TEST(EventFile, WritesTheBytesOfTensorFlow) {
  const ScratchFolder folder;
  {
    EventFile file(folder.path());
    file.scalar("epoch_loss", 0.125, 1);
  }
  const std::string bytes = read_file(folder.path(folder.files().at(0)));
  const std::string expected =
      bytes_of_hex("10012a270a250a0a65706f63685f6c6f7373420a0801120022040000003e4a0b0a090a077363616c617273");
  ASSERT_GT(bytes.size(), expected.size() + 4);
  EXPECT_EQ(bytes.substr(bytes.size() - expected.size() - 4, expected.size()), expected);
}

// A record of a file that TensorFlow wrote: an Event with a file_version.
TEST(EventFile, FramesRecordsAsTensorFlow) {
  const std::string record = tf_record("abc");
  ASSERT_EQ(record.size(), 8 + 4 + 3 + 4U);
  EXPECT_EQ(record.substr(0, 8), std::string("\x03\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
}

TEST(EventFile, BeginsWithItsVersionUnderTensorFlowsName) {
  using Seconds = std::chrono::duration<double>;
  const auto now = [] { return Seconds(std::chrono::system_clock::now().time_since_epoch()).count(); };
  const ScratchFolder folder;
  const double before = now();
  { const EventFile first(folder.path("a/b")), second(folder.path("a/b")); }
  const std::vector<std::string> files = folder.files();
  ASSERT_EQ(files.size(), 2U);
  EXPECT_NE(files[0], files[1]);
  const std::regex name(R"(a/b/events\.out\.tfevents\.\d{10}\..+\.\d+\.\d+\.v2)");
  for (const std::string& file : files) {
    EXPECT_TRUE(std::regex_match(file, name)) << file;
    const std::vector<ReadEvent> events = read_events(folder.path(file));
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].file_version, "brain.Event:2");
    EXPECT_GE(events[0].wall_time, before);
    EXPECT_LE(events[0].wall_time, now());
  }
}

TEST(EventFile, FlushShowsWhatWasWritten) {
  const ScratchFolder folder;
  EventFile file(folder.path());
  const std::int64_t large = 1'000'000'000'000;
  file.scalar("a", 0.1, 0);
  file.scalar("b", std::nan(""), large);
  file.flush();
  const std::vector<ReadEvent> events = read_events(folder.path(folder.files().at(0)));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].tag, "a");
  EXPECT_EQ(events[1].plugin, "scalars");
  EXPECT_EQ(events[1].dtype, 1);
  EXPECT_EQ(events[1].step, 0);
  EXPECT_EQ(events[1].scalar(), static_cast<double>(0.1F));
  EXPECT_EQ(events[2].step, large);
  EXPECT_TRUE(std::isnan(events[2].scalar()));
}

TEST(EventFile, ErrorsNameThePathAndTheReason) {
  const ScratchFolder folder;
  write_file(folder.path("file"), "");
  const std::string error = error_of([&] { EventFile{folder.path("file/train")}; });
  EXPECT_NE(error.find(folder.path("file/train")), std::string::npos) << error;
  EXPECT_NE(error.find("Not a directory"), std::string::npos) << error;
}

TEST(Histogram, HasTensorBoardsBuckets) {
  std::vector<float> values;
  for (int i = 0; i <= 60; ++i) values.push_back(static_cast<float>(i));
  const auto buckets = histogram_of(Tensor::of<float>({61}, values));
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(buckets[i].left, 2.0 * static_cast<double>(i));
    EXPECT_EQ(buckets[i].right, 2.0 * static_cast<double>(i + 1));
    EXPECT_EQ(buckets[i].count, i == 29 ? 3 : 2) << i;  // the last is closed
  }
}

TEST(Histogram, EqualElementsAreInTheLastBucket) {
  const auto buckets = histogram_of(Tensor::of<std::int32_t>({2, 2}, {7, 7, 7, 7}));
  for (const HistogramBucket& bucket : buckets) {
    EXPECT_EQ(bucket.left, 7);
    EXPECT_EQ(bucket.right, 7);
  }
  EXPECT_EQ(buckets[28].count, 0);
  EXPECT_EQ(buckets[29].count, 4);
  EXPECT_EQ(histogram_of(Tensor::of<float>({0}, {}))[29].right, 0);
}

// As TensorFlow 2.21 does with 30 buckets.
TEST(Histogram, OfElementsThatAreNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& values :
       {std::vector{std::nan(""), 1.0, 4.0}, std::vector{1.0, std::nan(""), 4.0}}) {
    for (const HistogramBucket& bucket : histogram_of(Tensor::of<double>({3}, values))) {
      EXPECT_TRUE(std::isnan(bucket.left) && std::isnan(bucket.right));
      EXPECT_EQ(bucket.count, 0);
    }
  }
  const auto buckets = histogram_of(Tensor::of<double>({3}, {1.0, inf, 4.0}));
  EXPECT_EQ(buckets[0].left, 1);
  EXPECT_EQ(buckets[0].right, inf);
  EXPECT_EQ(buckets[0].count, 2);
  EXPECT_EQ(buckets[29].count, 0);
}

}  // namespace
}  // namespace fovea::test
