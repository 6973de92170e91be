#pragma once

#include <vector>

#include "backends/backend.h"
#include "backends/cpu/kernels/cut.h"
#include "backends/cpu/kernels/elementwise/broadcast_view.h"
#include "ops/binary.h"
#include "ops/unary.h"

namespace fovea::cpu {

/// Elementwise steps over one shape, run block by block: a block of each outside tensor is read and written
/// once, and what lies between two steps stays in a buffer in L1.
struct ElementwiseChain {
  /// Floats of a block: a few of these, and the buffers, are L1's size. Whole rows or periods of what is
  /// broadcast may need more, up to a buffer's size.
  static constexpr std::int64_t kBlockFloats = 512;
  static constexpr std::int64_t kBufferFloats = 1024;
  static constexpr int kMaxBuffers = 12;

  /// Where a block of a value is: an outside input or output (of `size` bytes an element), or a buffer.
  struct Operand {
    enum class Place : std::uint8_t { input, output, buffer };
    Place place = Place::buffer;
    int index = 0;
    std::int64_t size = sizeof(float);
  };
  struct Step {
    enum class Kind : std::uint8_t {
      unary,
      unary_backward,
      binary,
      select_gradient,
      sigmoid_cross_entropy,
      cast_uint8,
      cast_int32,
      round_bfloat16,  ///< floats to those that a bfloat16 can be
      copy
    };
    Kind kind = Kind::copy;
    UnaryKind unary = UnaryKind::relu;
    ops::UnaryParameters parameters = {};
    BinaryKind binary = BinaryKind::add;
    bool largest = true, first = true;  ///< of select_gradient
    Operand from[3], to;
  };
  /// A broadcast input, spread out in a buffer. Blocks that lie in one of the view's spans see the same of
  /// it, if a block holds whole periods (`repeats`).
  struct Fill {
    int input, buffer;
    BroadcastView view;
    bool repeats;
    bool bfloat16;
  };
  /// Outside tensors of bfloat16: steps compute in float, on a buffer that is read before them, and what they
  /// make is written after them.
  struct Load {
    int input, buffer;
  };
  struct Store {
    Operand from;
    int output;
  };

  std::int64_t elements = 0;
  std::int64_t block = kBlockFloats;
  int outside = 0;  ///< tensors of the whole shape that are read or written
  std::vector<Step> steps;
  std::vector<Fill> fills;
  std::vector<Load> loads;
  std::vector<Store> stores;
  /// With columns > 0, `summed` is also added up over rows of that many elements, into output `sums`.
  std::int64_t columns = 0;
  Operand summed;
  int sums = -1;
  bool sums_bfloat16 = false;

  EvenParts pieces() const { return pieces_of_rows(ceil_div(elements, block), block * std::max(1, outside)); }
  std::size_t workspace_bytes() const {
    // The last row is for sums that are rounded.
    return static_cast<std::size_t>((pieces().parts + 1) * columns) * sizeof(double);
  }
};

void run_chain(const ElementwiseChain& chain, const KernelContext& context);

}  // namespace fovea::cpu
