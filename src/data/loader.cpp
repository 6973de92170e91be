#include "data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "core/format.h"
#include "core/philox.h"

namespace fovea {

void shuffle(std::span<std::int64_t> order, std::uint64_t seed, std::uint32_t round) {
  PhiloxStream random(seed, stream_id("shuffle"), round);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
}

/// Batch b of an epoch lives in slot b % slots. Workers take batch numbers in turn and may run ahead of the
/// consumer by as many batches as the ring has slots, less the one in use.
struct Loader::Impl {
  struct Slot {
    Batch batch;
    std::int64_t loaded = -1;  ///< number of the batch that lies here, once it is complete
    std::exception_ptr error;
  };

  DatasetPtr dataset;
  LoaderOptions options;
  std::int64_t batches = 0;
  std::vector<std::int64_t> order;
  std::vector<Slot> ring;
  std::vector<std::thread> workers;

  std::mutex mutex;
  std::condition_variable may_load, has_loaded;
  std::int64_t wanted = 0;   ///< next batch that a worker takes
  std::int64_t current = 0;  ///< next batch for the consumer
  std::int64_t in_use = -1;  ///< batch that the consumer holds
  int loading = 0;           ///< workers inside the dataset
  bool stop = false;

  Impl(DatasetPtr data, const LoaderOptions& given) : dataset(std::move(data)), options(given) {
    const std::int64_t samples = dataset->size();
    batches = (samples + options.batch_size - 1) / options.batch_size;
    current = wanted = batches;
    order.resize(static_cast<std::size_t>(samples));
    const int slots = options.threads == 0 ? 1 : options.prefetch + 1;
    ring.resize(static_cast<std::size_t>(slots));
    for (Slot& slot : ring) slot.batch = dataset->make_batch(std::min(options.batch_size, samples));
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    may_load.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  Slot& slot_of(std::int64_t batch) { return ring[static_cast<std::size_t>(batch) % ring.size()]; }

  void load(std::int64_t batch, Slot& slot) noexcept {
    const std::int64_t first = batch * options.batch_size;
    const auto samples = static_cast<std::int64_t>(order.size());
    const auto count = static_cast<std::size_t>(std::min(options.batch_size, samples - first));
    try {
      dataset->fill(std::span(order).subspan(static_cast<std::size_t>(first), count), slot.batch);
    } catch (...) {
      slot.error = std::current_exception();
    }
  }

  bool may_take() const {
    const std::int64_t oldest = in_use >= 0 ? in_use : current;
    return wanted < batches && wanted < oldest + static_cast<std::int64_t>(ring.size());
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      may_load.wait(lock, [this] { return stop || may_take(); });
      if (stop) return;
      const std::int64_t batch = wanted++;
      Slot& slot = slot_of(batch);
      ++loading;
      lock.unlock();
      load(batch, slot);
      lock.lock();
      --loading;
      slot.loaded = batch;
      has_loaded.notify_all();
    }
  }

  /// Waits until no worker touches the ring, so that it can be used for another epoch.
  void drain(std::unique_lock<std::mutex>& lock) {
    wanted = batches;
    has_loaded.wait(lock, [this] { return loading == 0; });
    for (Slot& slot : ring) {
      slot.loaded = -1;
      slot.error = nullptr;
    }
    current = batches;
    in_use = -1;
  }
};

Loader::Loader(DatasetPtr dataset, const LoaderOptions& options) {
  if (!dataset || dataset->size() < 1) fail("a dataset needs at least 1 sample to be loaded. Received: none");
  if (options.batch_size < 1) fail("batch_size must be at least 1. Received: {}", options.batch_size);
  if (options.threads < 0) fail("loader threads must not be negative. Received: {}", options.threads);
  if (options.prefetch < 1) fail("prefetch must be at least 1 batch. Received: {}", options.prefetch);
  impl_ = std::make_unique<Impl>(std::move(dataset), options);
  for (int i = 0; i < options.threads; ++i)
    impl_->workers.emplace_back([impl = impl_.get()] { impl->work(); });
}

Loader::~Loader() = default;

std::int64_t Loader::batches() const { return impl_->batches; }

const Dataset& Loader::dataset() const { return *impl_->dataset; }

void Loader::start(std::int64_t epoch, std::int64_t first_batch) {
  if (epoch < 0 || first_batch < 0 || first_batch > impl_->batches) {
    fail("an epoch of {} batches cannot start at epoch {}, batch {}", impl_->batches, epoch, first_batch);
  }
  std::unique_lock lock(impl_->mutex);
  impl_->drain(lock);
  std::iota(impl_->order.begin(), impl_->order.end(), 0);
  if (impl_->options.shuffle) shuffle(impl_->order, impl_->options.seed, static_cast<std::uint32_t>(epoch));
  impl_->current = impl_->wanted = first_batch;
  impl_->may_load.notify_all();
}

const Batch* Loader::next() {
  std::unique_lock lock(impl_->mutex);
  impl_->in_use = -1;
  if (impl_->current >= impl_->batches) return nullptr;
  const std::int64_t batch = impl_->current;
  Impl::Slot& slot = impl_->slot_of(batch);
  if (impl_->options.threads == 0) {
    impl_->load(batch, slot);
  } else {
    impl_->may_load.notify_all();
    impl_->has_loaded.wait(lock, [&] { return slot.loaded == batch; });
  }
  if (slot.error) {
    const std::exception_ptr error = slot.error;
    impl_->drain(lock);
    std::rethrow_exception(error);
  }
  impl_->in_use = batch;
  ++impl_->current;
  return &slot.batch;
}

}  // namespace fovea
