#pragma once

#include <string>
#include <vector>

namespace fovea {

/// Which kernel computes a part of a model, where there was a choice.
struct KernelChoice {
  std::string layer;  ///< whose part, "block/conv2d" inside of another model; empty for losses and optimizers
  std::string region;  ///< its ops, "Conv2D + Binary + Unary"
  std::string shapes;  ///< types, shapes and attributes, for which alone the choice holds
  std::string kernel;  ///< "conv2d:winograd"; "apart" where the ops are parts of their own
  /// What decided: "record" (an earlier run's choice), "measured", "table" (of measurements that fovea comes
  /// with) or "order" (of the kernels, by what they say of themselves).
  std::string why;
  double milliseconds = 0;  ///< where it was measured on this machine
};

/// What a model was computed with. Equal bits hold for one instruction set and one set of choices.
struct KernelRecord {
  std::string instruction_set;  ///< "avx512", "avx2", "baseline"; empty: nothing was computed yet
  std::vector<KernelChoice> choices;
};

struct TuningOptions {
  /// Where measurements are remembered, a file for each machine; empty: $FOVEA_CACHE_DIR, or
  /// $XDG_CACHE_HOME/fovea, or ~/.cache/fovea.
  std::string folder = {};
};

/// From here on, plans take for each part of a model the kernel that was the fastest on this machine with
/// this number of threads: what is remembered is used, the rest is measured, which takes up to a few seconds
/// a plan, and remembered. Without it plans never depend on measurements of this machine, so that equal
/// machines compute equal bits. A model's record (Model::kernels) goes before both. A file that cannot be
/// read or is no such file is left alone, with a message (set_log_callback).
void start_tuning(const TuningOptions& options = {});
/// Back to the table that fovea comes with, for plans from here on.
void stop_tuning();

}  // namespace fovea
