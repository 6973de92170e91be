#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace fovea {

/// Runs numbered pieces of work on a fixed set of threads, the caller's included. How the work is cut is the
/// caller's choice and never depends on the number of threads, so results have the same bits for any number.
/// A run allocates nothing. When the pool is already busy with another run (two threads predicting at once,
/// or a piece that calls it itself), the pieces run on the calling thread alone. Pieces must not throw.
class ThreadPool {
 public:
  /// `threads` counts the caller; 0 means one per core this process may use.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  /// Calls piece(i) once for each i in [0, pieces); returns when all are done. Threads take the next free
  /// piece.
  template <class Piece>
  void parallel_for(std::int64_t pieces, Piece&& piece) {
    using Plain = std::remove_reference_t<Piece>;
    run(
        pieces,
        [](const void* context, std::int64_t i) { (*static_cast<Plain*>(const_cast<void*>(context)))(i); },
        static_cast<const void*>(&piece));
  }

 private:
  using Call = void (*)(const void* context, std::int64_t piece);
  void run(std::int64_t pieces, Call call, const void* context);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
