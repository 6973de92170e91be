#include "core/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/philox.h"
#include "core/thread_scratch.h"

namespace fovea {
namespace {

TEST(ThreadPool, RunsEveryPieceOnce) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int round = 0; round < 300; ++round) {
      std::vector<std::atomic<int>> runs(37);
      pool.parallel_for(37, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
      for (const auto& count : runs) ASSERT_EQ(count.load(), 1);
    }
  }
}

TEST(ThreadScratch, BelongsToOneThread) {
  std::byte* const own = thread_scratch();
  EXPECT_EQ(thread_scratch(), own);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(own) % 64, 0U);
  own[kThreadScratchBytes - 1] = std::byte{7};
  std::byte* other = nullptr;
  std::thread([&] {
    other = thread_scratch();
    std::fill_n(other, kThreadScratchBytes, std::byte{9});
    EXPECT_NE(other, own);
  }).join();
  EXPECT_EQ(own[kThreadScratchBytes - 1], std::byte{7});
}

TEST(ThreadPool, TwoCallersAtOnce) {
  ThreadPool pool(2);
  std::atomic<std::int64_t> total{0};
  const auto work = [&] {
    for (int round = 0; round < 500; ++round) pool.parallel_for(8, [&](std::int64_t i) { total += i; });
  };
  std::thread beside(work);
  work();
  beside.join();
  EXPECT_EQ(total.load(), 2 * 500 * 28);
}

TEST(ThreadPool, APieceMayRunPiecesItself) {
  ThreadPool pool(2);
  std::atomic<std::int64_t> total{0};
  for (int round = 0; round < 100; ++round) {
    pool.parallel_for(6, [&](std::int64_t) { pool.parallel_for(8, [&](std::int64_t i) { total += i; }); });
  }
  EXPECT_EQ(total.load(), 100 * 6 * 28);
}

TEST(Philox, MatchesTheKnownAnswers) {
  // Known-answer vectors of the Random123 distribution, philox4x32-10.
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Philox, DrawsInRangeAndByElement) {
  PhiloxStream stream(3, stream_id("test"), 7);
  const PhiloxStream same(3, stream_id("test"), 7);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(stream.next(), same.at(i));
  EXPECT_NE(PhiloxStream(3, stream_id("test"), 8).at(0), same.at(0));
  EXPECT_NE(PhiloxStream(4, stream_id("test"), 7).at(0), same.at(0));
  double sum = 0, squares = 0;
  for (int i = 0; i < 20000; ++i) {
    EXPECT_LT(stream.below(10), 10U);
    const double value = stream.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.05);
}

}  // namespace
}  // namespace fovea
