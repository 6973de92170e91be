#include "support/random.h"

#include <vector>

#include "core/philox.h"

namespace fovea::testing {
namespace {

template <class Draw>
Tensor fill(const Shape& shape, std::string_view name, DType dtype, Draw draw) {
  PhiloxStream random(1, stream_id(name));
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (double& value : values) value = draw(random);
  return Tensor::of<double>(shape, values).astype(dtype);
}

}  // namespace

Tensor random_normal(const Shape& shape, std::string_view name, DType dtype) {
  return fill(shape, name, dtype, [](PhiloxStream& random) { return random.normal(); });
}

Tensor random_uniform(const Shape& shape, double low, double high, std::string_view name, DType dtype) {
  return fill(shape, name, dtype, [&](PhiloxStream& random) {
    return low + (high - low) * static_cast<double>(random.uniform());
  });
}

Tensor random_integers(const Shape& shape, std::int64_t bound, std::string_view name, DType dtype) {
  return fill(shape, name, dtype, [&](PhiloxStream& random) {
    return static_cast<double>(random.below(static_cast<std::uint64_t>(bound)));
  });
}

}  // namespace fovea::testing
