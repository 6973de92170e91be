#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace fovea {

/// What measurements hold for.
struct MeasuredMachine {
  std::string cpu;  ///< its model, as the system calls it
  std::string instruction_set;
  int kernels_version = 1;
  int threads = 1;
};

/// The processor's model; "unknown" where the system does not say.
std::string cpu_model();

/// The kernel that was the fastest for each choice_key(), in memory and in a file of the machine. Threads may
/// use it side by side.
class MeasuredKernels {
 public:
  struct Entry {
    std::string kernel;
    double milliseconds = 0;
  };

  /// In memory alone.
  MeasuredKernels() = default;
  /// Reads the machine's file in `folder` if there is one. One that cannot be read, is damaged or is of
  /// another machine is left alone, see problem().
  MeasuredKernels(const std::string& folder, const MeasuredMachine& machine);

  std::optional<Entry> find(std::string_view key) const;
  void add(const std::string& key, Entry entry);
  /// Writes what was added since, with what others have written meanwhile; atomically. Makes the folder. Does
  /// nothing when nothing was added or the file is left alone. Returns how many were written anew. Throws
  /// Error when it cannot be written.
  std::size_t save();

  /// Where it is; empty: in memory alone.
  const std::string& path() const { return path_; }
  /// Why the file is neither read nor written, in words; empty when it is.
  const std::string& problem() const { return problem_; }

 private:
  using Entries = std::map<std::string, Entry, std::less<>>;
  /// Throws Error for what is no such file, or that of another machine.
  Entries read() const;

  mutable std::mutex mutex_;
  std::string path_, problem_;
  MeasuredMachine machine_;
  Entries entries_;
  std::size_t added_ = 0;  ///< since the last save
};

}  // namespace fovea
