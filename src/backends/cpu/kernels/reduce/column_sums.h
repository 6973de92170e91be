#pragma once

#include <cstdint>

namespace fovea::cpu {

/// sums[c] += the sum over the rows of x[row * columns + c], on the calling thread. A few dozen rows are
/// summed in float, their sums in double: the error stays near that of a float's last digit for any number of
/// rows.
void add_rows(const float* x, std::int64_t rows, std::int64_t columns, double* sums);

/// result[c] = factor * the sum over parts of sums[part * columns + c], in their order.
inline void add_parts(const double* sums, std::int64_t parts, std::int64_t columns, double factor,
                      float* result) {
  for (std::int64_t c = 0; c < columns; ++c) {
    double total = 0;
    for (std::int64_t part = 0; part < parts; ++part) total += sums[part * columns + c];
    result[c] = static_cast<float>(total * factor);
  }
}

}  // namespace fovea::cpu
