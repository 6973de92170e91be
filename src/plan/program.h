#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "core/arena.h"
#include "graph/graph.h"
#include "plan/choose_kernel.h"
#include "plan/derived.h"

namespace fovea {

/// Memory that one run of a program uses: the arena with the steps' pointers into it. One run at a time.
class ExecutionContext {
 public:
  virtual ~ExecutionContext() = default;
};
using ContextPtr = std::unique_ptr<ExecutionContext>;

/// A graph made flat: kernels in order, every tensor at a fixed place. Immutable, so several threads may run
/// it at once, each with its own context. A run allocates nothing.
class Program {
 public:
  /// What was decided, for `FOVEA_LOG=plan`.
  struct StepInfo {
    std::string region, kernel, declined;
    std::string layer;    ///< whose ops they are
    ChoiceReport choice;  ///< its `choice.kernel` is empty where there was none
  };

  /// What its steps read and write, in bytes.
  struct Traffic {
    std::int64_t largest_step = 0;  ///< tensors of the step that has most, weights left out
    std::int64_t steps = 0;         ///< of all steps, weights left out
    std::int64_t weights = 0;       ///< weights, constants and what was derived from them
  };

  virtual ~Program() = default;
  /// A context with memory of its own, or in `arena` of at least arena_bytes(), which contexts of other
  /// programs may share as long as no two run at once.
  virtual ContextPtr new_context(std::shared_ptr<Arena> arena = nullptr) const = 0;
  /// Bytes of one context's arena.
  virtual std::int64_t arena_bytes() const = 0;
  /// Bytes of folded and packed weights, which all contexts and programs with the same store share.
  virtual std::int64_t derived_bytes() const = 0;
  virtual const std::vector<StepInfo>& steps() const = 0;
  virtual Traffic traffic() const = 0;
  /// Where there was more than one kernel, or way to cut regions.
  virtual const std::vector<ChoiceReport>& choices() const = 0;
  /// Kernels of `selection.record` that the backend does not have for their regions, with the layer's name.
  virtual const std::vector<std::string>& not_possible() const = 0;
  virtual const std::vector<TensorSpec>& output_specs() const = 0;
  /// Position of a feed; -1 when the graph does not read it.
  virtual int feed_index(std::string_view name) const = 0;
  virtual std::size_t feed_count() const = 0;
  virtual const std::vector<TensorSpec>& feed_specs() const = 0;
  /// Runs all steps. `feeds[i]` points to the data of feed i, `outputs[i]` to where output i goes (null: not
  /// wanted). Variables take their new values and versions.
  virtual void run(ExecutionContext& context, const void* const* feeds, void* const* outputs,
                   ThreadPool& threads) const = 0;
};

/// Plans a graph for a backend. Ops that no output or assignment needs are dropped; regions are offered
/// largest first; buffers share one arena by their lifetimes.
/// What follows from variables and constants alone is computed when it is first needed and after they moved,
/// in `store` (null: one of its own), unless the program assigns variables or `selection` asks for no
/// prepacking. `selection` decides between kernels before the backend does; it is not kept.
std::unique_ptr<Program> make_program(const Graph& graph, const Backend& backend,
                                      std::shared_ptr<DerivedStore> store = nullptr,
                                      const KernelSelection& selection = {});

}  // namespace fovea
