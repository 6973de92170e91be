#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/kernels/conv2d/conv2d.h"
#include "backends/cpu/kernels/cut.h"
#include "core/thread_scratch.h"

namespace fovea::cpu {

/// A tile is 6x6 inputs and the 4x4 outputs that they make; its transform has 36 positions.
inline constexpr std::int64_t kTileOutputs = 4, kTileInputs = 6, kPositions = 36;

/// From one position to the next, for blocks of `floats`. One cache line more than these: at a multiple of 4
/// KB, what a transform writes would all fall into the same few lines of L1.
inline std::int64_t position_stride(std::int64_t floats) { return floats + kMaxLanes; }

/// The tiles of all images, in blocks whose transforms, of `floats_per_tile` a position, fit into a thread's
/// scratch memory. The same for every instruction set and number of threads.
struct WinogradTiles {
  /// Tiles that one read of the weights serves: from about 18 on, reading them is hidden behind the products.
  static constexpr std::int64_t kLargestBlock = 18;
  /// The part of the scratch memory that is used; the rest leaves room for the strides' lines, and in L2 for
  /// weights that pass.
  static constexpr std::int64_t kFloats = static_cast<std::int64_t>(kThreadScratchBytes) / 4 * 7 / 8;

  WinogradTiles(std::int64_t batch, std::int64_t out_height, std::int64_t out_width,
                std::int64_t floats_per_tile)
      : down(ceil_div(out_height, kTileOutputs)),
        across(ceil_div(out_width, kTileOutputs)),
        block(std::min(kLargestBlock, kFloats / (kPositions * floats_per_tile))),
        blocks(batch * down * across, std::max<std::int64_t>(1, block)) {}

  struct Place {
    std::int64_t image, top, left;  ///< of the first output
  };
  Place place(std::int64_t tile) const {
    const std::int64_t in_image = tile % (down * across);
    return {tile / (down * across), in_image / across * kTileOutputs, in_image % across * kTileOutputs};
  }

  std::int64_t down, across;  ///< tiles of an image
  std::int64_t block;         ///< the largest number of tiles in a block; 0 when not even one fits
  EvenParts blocks;
};

/// How the gradient by the weights is cut: runs of blocks of tiles form shares, each with sums of its own;
/// the same for every instruction set and number of threads.
struct WinogradGradientCut {
  static constexpr std::int64_t kMaxShares = 8, kMaxSharedFloats = 6 * 1024 * 1024;

  explicit WinogradGradientCut(const Conv2DShape& s)
      : channels(round_up(s.in_channels, kMaxLanes)),
        filters(round_up(s.filters, kMaxLanes)),
        tiles(s.batch, s.out_height, s.out_width, channels + filters),
        share_floats(kPositions * s.in_channels * filters),
        shares(tiles.blocks.parts,
               ceil_div(tiles.blocks.parts,
                        std::clamp<std::int64_t>(kMaxSharedFloats / share_floats, 1, kMaxShares))) {}

  std::int64_t channels, filters;  ///< in whole vectors
  WinogradTiles tiles;
  std::int64_t share_floats;
  EvenParts shares;  ///< of the blocks of tiles
};

}  // namespace fovea::cpu
