#pragma once

#include <span>
#include <string>
#include <string_view>

#include "backends/backend.h"

// Which kernel was the fastest where it was measured: a list for each instruction set, in choices/*.inc,
// which bench_choices writes. What is not in it goes by the order of kernels.inc and by what kernels say of
// themselves.

namespace fovea::cpu {

/// A row: regions of that key, measured with so many images.
struct MeasuredChoice {
  std::string_view key;  ///< table_key()
  std::int64_t batch = 0;
  std::string_view method;     ///< "winograd" of "conv2d:winograd+pool"; kTakenApart
  double percent_of_peak = 0;  ///< of the multiply-add peak, in terms of the direct formula
};

/// What the table says of a region: pass, kernel size and the shapes of one image, as in "Conv2DBackwardInput
/// 3x3 56x56x64 to 56x56x64". Empty for regions without a convolution of float32.
struct TableKey {
  std::string key;
  std::int64_t batch = 0;
  double operations = 0;  ///< of the direct formula, multiplications and additions
};
TableKey table_key(const Region& region);

/// The rows for an instruction set, "avx512" or "avx2"; none for others.
std::span<const MeasuredChoice> choice_table(std::string_view instruction_set);

/// The row for the next larger batch, or else the largest; null when nothing has the key.
const MeasuredChoice* look_up(std::span<const MeasuredChoice> table, const TableKey& key);

/// Makes what the table says of the region the preferred way, where that is one of the candidates.
void apply_table(std::span<const MeasuredChoice> table, const Region& region, Candidates& candidates);

/// "winograd" of "conv2d:winograd+pool"; empty when the name has no such part.
std::string_view method_of(std::string_view kernel);

}  // namespace fovea::cpu
