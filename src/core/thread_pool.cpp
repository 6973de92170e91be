#include "core/thread_pool.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "core/thread_scratch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fovea {
namespace {

// Steps of a training program follow each other within microseconds; sleeping and waking costs tens of them.
constexpr int kSpins = 4000;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

int usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

struct ThreadPool::Impl {
  // The run in progress. Workers read it after seeing `generation` move, and count themselves out in
  // `working`.
  Call call = nullptr;
  const void* context = nullptr;
  std::int64_t pieces = 0;
  std::atomic<std::int64_t> next{0};
  std::atomic<int> working{0};
  std::atomic<std::uint64_t> generation{0};
  std::atomic<bool> stopping{false};

  std::atomic<bool> busy = false;  ///< with a run; no mutex, for a piece may ask on the thread that set it
  std::mutex sleep_mutex;
  std::condition_variable wake;
  int sleepers = 0;  // guarded by sleep_mutex
  std::vector<std::thread> workers;

  void take_pieces() {
    for (std::int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < pieces;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      call(context, i);
    }
  }

  void work() {
    thread_scratch();
    std::uint64_t seen = 0;
    for (;;) {
      int spins = 0;
      while (generation.load(std::memory_order_acquire) == seen) {
        if (++spins < kSpins) {
          pause();
          continue;
        }
        std::unique_lock lock(sleep_mutex);
        ++sleepers;
        wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
        --sleepers;
      }
      ++seen;
      if (stopping.load(std::memory_order_relaxed)) return;
      take_pieces();
      working.fetch_sub(1, std::memory_order_release);
    }
  }

  void announce() {
    generation.fetch_add(1, std::memory_order_release);
    const std::lock_guard lock(sleep_mutex);
    if (sleepers > 0) wake.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  const int count = threads > 0 ? threads : usable_cores();
  for (int i = 1; i < count; ++i) impl_->workers.emplace_back([this] { impl_->work(); });
}

ThreadPool::~ThreadPool() {
  impl_->stopping = true;
  impl_->announce();
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::run(std::int64_t pieces, Call call, const void* context) {
  thread_scratch();
  Impl& impl = *impl_;
  if (pieces <= 1 || impl.workers.empty() || impl.busy.exchange(true, std::memory_order_acquire)) {
    for (std::int64_t i = 0; i < pieces; ++i) call(context, i);
    return;
  }
  impl.call = call;
  impl.context = context;
  impl.pieces = pieces;
  impl.next.store(0, std::memory_order_relaxed);
  impl.working.store(static_cast<int>(impl.workers.size()), std::memory_order_relaxed);
  impl.announce();
  impl.take_pieces();
  for (int spins = 0; impl.working.load(std::memory_order_acquire) != 0;) {
    if (++spins < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
  impl.busy.store(false, std::memory_order_release);
}

}  // namespace fovea
