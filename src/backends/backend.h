#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/thread_pool.h"
#include "ops/op.h"

namespace fovea {

/// A few ops that may become one kernel: what it reads, and what of it is read outside. Ops stand in
/// execution order; values are local numbers, the same number for the same tensor.
struct Region {
  struct Step {
    const Op* op;
    std::vector<int> inputs, outputs;
  };
  std::vector<Step> steps;
  std::vector<TensorSpec> values;  ///< spec of each local value
  std::vector<int> inputs;         ///< local values that come from outside
  std::vector<int> outputs;        ///< local values that anything outside reads
  bool trains = false;             ///< in a program that changes variables: kernels may be less precise there
  bool produces(int value) const;
  std::string str() const;  ///< "Conv2D + Binary + Unary"
};

/// What a kernel is handed at each step: pointers to its region's inputs and outputs, in the region's order.
struct KernelContext {
  const void* const* inputs;
  void* const* outputs;
  void* workspace;
  ThreadPool& threads;
  const void* packed = nullptr;  ///< what Kernel::pack filled
};

/// Code for one region with fixed shapes. Immutable after construction: several threads may run one kernel at
/// once. Allocates nothing in run().
class Kernel {
 public:
  virtual ~Kernel() = default;
  /// As `FOVEA_LOG=plan` prints it: "conv2d:avx512_direct".
  virtual std::string_view name() const = 0;
  virtual std::size_t workspace_bytes() const { return 0; }
  virtual void run(const KernelContext& context) const = 0;

  /// The input, a region's weights, that is read in another form only: run() finds it packed, and may be
  /// handed null for it. -1: none.
  virtual int packed_input() const { return -1; }
  /// Names the form; kernels with the same one and an input of the same shape share what was packed.
  virtual std::string packed_form() const { return {}; }
  virtual std::size_t packed_bytes() const { return 0; }
  virtual void pack(const void* /*input*/, void* /*packed*/, ThreadPool& /*threads*/) const {}
  /// May outputs stand in the memory of the inputs that Op::in_place names for them? Asked only for single
  /// ops, and for an optimizer's update behind the ops that make its gradient.
  virtual bool in_place() const { return true; }
};

/// Why a kernel or backend does not take a region.
struct Declined {
  std::string reason;
};

/// A kernel that can do a region, though another way is likely to be faster, and why.
struct Discouraged {
  std::unique_ptr<Kernel> kernel;
  std::string reason;
};

/// Of a backend as a whole: a kernel, or why there is none. Discouraged is what a single kernel may say.
using Implementation = std::variant<std::unique_ptr<Kernel>, Declined, Discouraged>;

/// What may stand in place of a kernel's name for a region of several ops: it is taken apart.
inline constexpr std::string_view kTakenApart = "apart";

/// What can be done with a region, and what the backend would do.
struct Candidates {
  std::vector<std::unique_ptr<Kernel>> kernels;  ///< each can do it; their names differ
  /// Number of the kernel that the backend takes unless someone knows better; -1: the region is taken apart.
  int preferred = -1;
  /// Is taking the region apart a choice too? Where it is, that may be faster.
  bool may_be_apart = false;
  bool from_table = false;  ///< `preferred` is what the backend's table of measurements says
  double peak_share = 0;    ///< of the preferred kernel, of the multiply-add peak, from there; 0: not known
  std::string reasons;      ///< of the kernels that do not take it
  std::string table_key;    ///< the rows of the table that it has or would have; empty: none
  std::int64_t batch = 0;   ///< images, which tell those rows apart
  double operations = 0;    ///< multiplications and additions of the formula; 0: not counted
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  /// What the backend does by itself. A region of one op is always taken.
  virtual Implementation implement(const Region& region) const = 0;
  /// What else can be done; by default what implement() says is all there is.
  virtual Candidates candidates(const Region& region) const;
  /// The instruction set of its kernels on this machine, "AVX3"; results have equal bits for one alone.
  virtual std::string instruction_set() const { return "baseline"; }
  /// Counts up when kernels change so much that measurements of them no longer hold.
  virtual int kernels_version() const { return 1; }
};

/// Each formula as one would write it on paper, in float and double, on one thread: the judge of all others.
const Backend& reference_backend();
/// Vector kernels for float32, chosen from named, ordered lists; the reference takes what none of them
/// accepts.
const Backend& cpu_backend();

}  // namespace fovea
