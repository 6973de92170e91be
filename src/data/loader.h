#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fovea/data.h"

namespace fovea {

struct LoaderOptions {
  std::int64_t batch_size = 32;
  bool shuffle = false;
  std::uint64_t seed = 0;
  /// Threads that load ahead; each fills whole batches. 0 loads in next(), on the caller's thread.
  int threads = 1;
  /// Batches loaded ahead of the one in use, at least 1.
  int prefetch = 2;
};

/// Cuts a dataset into batches, epoch by epoch; the last, smaller one is kept. The order of an epoch is a
/// function of (seed, epoch) alone. Batches live in a fixed ring: nothing is allocated after construction,
/// unless the dataset itself does.
class Loader {
 public:
  /// Throws Error for an empty dataset or options out of range.
  Loader(DatasetPtr dataset, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Batches in an epoch.
  std::int64_t batches() const;
  const Dataset& dataset() const;
  /// Begins `epoch` at batch `first_batch`; whatever an earlier epoch still had to give is dropped.
  void start(std::int64_t epoch, std::int64_t first_batch = 0);
  /// The next batch, valid until the following call, or null at the end of the epoch (and before a start).
  /// Rethrows what the dataset threw; the epoch is then over.
  const Batch* next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Fisher-Yates with Philox(seed, "shuffle", round): the same order everywhere. `order` is permuted in place.
void shuffle(std::span<std::int64_t> order, std::uint64_t seed, std::uint32_t round);

}  // namespace fovea
