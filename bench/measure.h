#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/thread_pool.h"

namespace fovea::bench {

struct Options {
  int threads = 2;
  int rounds = 10;
  std::string filter;
  std::string clock = "wall";
  std::string shapes = FOVEA_SHAPES_DIR "/conv2d.txt";
};

/// Reads the program's arguments; prints the usage and ends the program where they are wrong.
Options parse_options(int argc, char** argv);

/// Seconds on the wall, or of processor time, which leaves out what others on the machine took. The latter is
/// only offered for one thread: a pool's waiting threads count in it, its sleeping ones do not.
double now(const Options& options);

/// Memory at 64 bytes, filled with small numbers.
class Buffer {
 public:
  explicit Buffer(std::size_t floats);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return data_; }

 private:
  float* data_;
};

/// What is run and measured: so much arithmetic, or so many bytes that must be read and written.
struct Row {
  enum class Unit : std::uint8_t { operations, bytes };
  std::string name;
  Unit unit = Unit::operations;
  double work = 0;
  std::function<void()> run;
  double bytes = 0;  ///< of operations that memory may bind: what must be read and written
  double best = 1e30;
};

/// Runs rows in turns, and between them what the machine can do at most: fused multiply-adds in registers,
/// and a pass over memory beyond all caches. Prints a line a row.
class Bench {
 public:
  Bench(const Options& options, ThreadPool& pool);
  const Options& options() const { return options_; }
  ThreadPool& pool() { return pool_; }
  bool wanted(const std::string& name) const;
  void print_head() const;
  void measure(std::vector<Row> rows);

 private:
  double memory_peak();  ///< GB/s read and written

  Options options_;
  ThreadPool& pool_;
  Buffer from_, to_;
};

/// One of each pass of every `bench` line of shapes/conv2d.txt.
void measure_convolutions(Bench& bench);
/// The same of shapes/depthwise.txt.
void measure_depthwise_convolutions(Bench& bench);
/// All other families, planned as in a training program.
void measure_programs(Bench& bench);

}  // namespace fovea::bench
