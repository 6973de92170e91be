#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fovea {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four 32-bit words
/// as a pure function of a counter and a key, so any element can be drawn by any thread, in any order.
inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// A 64-bit name for a stream of random numbers: FNV-1a of its text ("dropout/1").
constexpr std::uint64_t stream_id(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

/// Random numbers of one (seed, stream, step), addressed by element or drawn in order.
class PhiloxStream {
 public:
  PhiloxStream(std::uint64_t seed, std::uint64_t stream, std::uint32_t step = 0)
      : key_{static_cast<std::uint32_t>(seed) ^ static_cast<std::uint32_t>(stream >> 32),
             static_cast<std::uint32_t>(seed >> 32) ^ static_cast<std::uint32_t>(stream)},
        step_(step) {}

  /// The four words of block `index`; element e lives in block e / 4, word e % 4.
  std::array<std::uint32_t, 4> block(std::uint64_t index) const {
    return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), step_, 0},
                  key_);
  }
  /// What block() is made of, beside the index.
  const std::array<std::uint32_t, 2>& key() const { return key_; }
  std::uint32_t step() const { return step_; }
  std::uint32_t at(std::uint64_t element) const { return block(element / 4)[element % 4]; }

  /// The next 32 random bits.
  std::uint32_t next() {
    if (position_ % 4 == 0) drawn_ = block(position_ / 4);
    return drawn_[position_++ % 4];
  }
  /// Uniform in [0, 1) with 24 random bits, exact in float.
  float uniform() { return static_cast<float>(next() >> 8) * 0x1p-24f; }
  /// Uniform in [0, bound), without bias.
  std::uint64_t below(std::uint64_t bound);
  /// Standard normal (Box-Muller).
  double normal();

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint32_t step_;
  std::uint64_t position_ = 0;
  std::array<std::uint32_t, 4> drawn_{};  ///< the block of the last position
};

}  // namespace fovea
