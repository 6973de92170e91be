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
  /// May output `output` (an index into the region's outputs) stand in the memory of `input`? Asked only for
  /// single ops whose Op::in_place allows it.
  virtual bool in_place() const { return true; }
};

/// Why a kernel or backend does not take a region.
struct Declined {
  std::string reason;
};

using Implementation = std::variant<std::unique_ptr<Kernel>, Declined>;

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  /// A region of one op is always taken.
  virtual Implementation implement(const Region& region) const = 0;
};

/// Each formula as one would write it on paper, in float and double, on one thread: the judge of all others.
const Backend& reference_backend();
/// Vector kernels for float32, chosen from named, ordered lists; the reference takes what none of them
/// accepts.
const Backend& cpu_backend();

}  // namespace fovea
