#pragma once

#include <string_view>

#include "fovea/tensor.h"

namespace fovea::testing {

/// Numbers that depend on `name` alone, so that a case keeps its data when others come and go.
Tensor random_normal(const Shape& shape, std::string_view name, DType dtype = DType::float32);
Tensor random_uniform(const Shape& shape, double low, double high, std::string_view name,
                      DType dtype = DType::float32);
/// Whole numbers in [0, bound).
Tensor random_integers(const Shape& shape, std::int64_t bound, std::string_view name,
                       DType dtype = DType::int32);

}  // namespace fovea::testing
