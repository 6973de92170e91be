#include "plan/memory_plan.h"

#include <gtest/gtest.h>

#include "core/philox.h"

namespace fovea {
namespace {

TEST(AssignOffsets, BuffersThatLiveTogetherDoNotOverlap) {
  PhiloxStream random(1, stream_id("lives"));
  for (int round = 0; round < 50; ++round) {
    std::vector<BufferLife> lives;
    for (int i = 0; i < 40; ++i) {
      const std::size_t first = random.below(30);
      lives.push_back({static_cast<std::int64_t>(random.below(5000)) + 1, first, first + random.below(10)});
    }
    std::vector<std::int64_t> offsets;
    const std::int64_t total = assign_offsets(lives, offsets);
    for (std::size_t i = 0; i < lives.size(); ++i) {
      EXPECT_EQ(offsets[i] % 64, 0);
      EXPECT_LE(offsets[i] + lives[i].bytes, total);
      for (std::size_t j = 0; j < i; ++j) {
        const bool meet = lives[i].first <= lives[j].last && lives[j].first <= lives[i].last;
        const bool apart =
            offsets[i] + lives[i].bytes <= offsets[j] || offsets[j] + lives[j].bytes <= offsets[i];
        EXPECT_TRUE(!meet || apart) << "buffers " << i << " and " << j;
      }
    }
  }
}

TEST(AssignOffsets, BuffersOfDifferentTimesShareBytes) {
  std::vector<std::int64_t> offsets;
  EXPECT_EQ(assign_offsets({{640, 0, 1}, {640, 2, 3}, {640, 4, 5}}, offsets), 640);
}

}  // namespace
}  // namespace fovea
