#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "fovea/kernels.h"

namespace fovea {

class MeasuredKernels;

/// Kernels' names by choice_key().
using KernelNames = std::map<std::string, std::string, std::less<>>;

/// What decides between kernels before the backend's own table and order do, and how they run.
struct KernelSelection {
  KernelNames record = {};                         ///< what an earlier run chose
  std::shared_ptr<MeasuredKernels> measured = {};  ///< what was the fastest on this machine; null: not asked
  std::shared_ptr<ThreadPool> threads =
      {};                ///< measures with these what `measured` lacks; null: measures nothing
  bool prepacks = true;  ///< computes what follows from variables and constants once, not in each run
};

/// What a choice holds for: types and shapes, what reads what, the ops' attributes, and whether packing the
/// weights is part of each run.
std::string choice_shapes(const Region& region, bool packs_each_run);
/// Names region and shapes of a choice.
std::string choice_key(const KernelChoice& choice);

/// A choice, with what is known of it.
struct ChoiceReport {
  KernelChoice choice = {};
  double peak_share = 0;       ///< expected, of the multiply-add peak; 0: not known
  std::string preferred = {};  ///< what the backend would do
  std::string table_key = {};  ///< this and the next two as in Candidates
  std::int64_t batch = 0;
  double operations = 0;
  std::vector<std::pair<std::string, double>> seconds = {};  ///< of each way, when it was measured now
};

/// What was chosen for a region.
struct ChosenKernel {
  std::unique_ptr<Kernel> kernel = {};  ///< null: the region is declined or taken apart
  std::string declined = {};            ///< why
  bool is_choice = false;               ///< there was more than one way
  ChoiceReport report = {};             ///< filled where it was; the layer is for the caller to fill
  std::string not_possible = {};        ///< the kernel in the record that there is not here
};

/// The way that measurements speak for: the fastest, but what the backend would do (`preferred`) unless
/// something is clearly faster. A region that is taken apart must gain more: it needs memory for what is
/// between its parts.
std::size_t fastest_way(const std::vector<std::pair<std::string, double>>& seconds,
                        std::string_view preferred);

/// Chooses by the record, then by measurements, then as the backend would. `seconds_apart` measures the
/// region taken apart.
ChosenKernel choose_kernel(const Region& region, const Backend& backend, const KernelSelection& selection,
                           bool packs_each_run, const std::function<double()>& seconds_apart);

}  // namespace fovea
