#include <utility>

#include "core/format.h"
#include "fovea/data.h"

namespace fovea {
namespace {

Tensor batched(const TensorSpec& sample, std::int64_t capacity) {
  Shape shape{capacity};
  for (const std::int64_t size : sample.shape) shape.push_back(size);
  return Tensor(shape, sample.dtype);
}

}  // namespace

Batch Batch::filled() const {
  Batch cut;
  for (const Tensor& tensor : inputs) cut.inputs.push_back(tensor.rows(0, count));
  for (const Tensor& tensor : targets) cut.targets.push_back(tensor.rows(0, count));
  for (const Tensor& tensor : weights) cut.weights.push_back(tensor.rows(0, count));
  cut.sample_ids = sample_ids;
  cut.count = count;
  return cut;
}

Batch Dataset::make_batch(std::int64_t capacity) const {
  if (capacity < 1) fail("a batch needs room for at least 1 sample. Received: {}", capacity);
  Batch batch;
  for (const TensorSpec& spec : inputs()) batch.inputs.push_back(batched(spec, capacity));
  for (const TensorSpec& spec : targets()) batch.targets.push_back(batched(spec, capacity));
  if (has_weights()) {
    for (std::size_t i = 0; i < batch.targets.size(); ++i) batch.weights.emplace_back(Shape{capacity});
  }
  batch.sample_ids.reserve(static_cast<std::size_t>(capacity));
  return batch;
}

void Dataset::fill(std::span<const std::int64_t> positions, Batch& into) const {
  const auto count = static_cast<std::int64_t>(positions.size());
  for (const auto* tensors : {&into.inputs, &into.targets, &into.weights}) {
    for (const Tensor& tensor : *tensors) {
      if (tensor.shape()[0] < count) {
        fail("a batch has room for {} samples. Received: {} positions", tensor.shape()[0], count);
      }
    }
  }
  into.count = 0;
  into.sample_ids.clear();
  const std::int64_t samples = size();
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t position = positions[static_cast<std::size_t>(row)];
    if (position < 0 || position >= samples) {
      fail("a dataset of {} samples has no sample {}", samples, position);
    }
    load(position, row, into);
    into.sample_ids.push_back(sample_id(position));
  }
  into.count = count;
}

}  // namespace fovea
