#include <cstring>
#include <utility>

#include "core/format.h"
#include "fovea/data.h"

namespace fovea {
namespace {

std::size_t row_bytes(const Tensor& tensor) {
  return static_cast<std::size_t>(tensor.bytes() / tensor.shape()[0]);
}

void copy_row(const Tensor& from, std::int64_t position, Tensor& to, std::int64_t row) {
  const std::size_t bytes = row_bytes(from);
  std::memcpy(static_cast<std::byte*>(to.raw()) + static_cast<std::size_t>(row) * bytes,
              static_cast<const std::byte*>(from.raw()) + static_cast<std::size_t>(position) * bytes, bytes);
}

template <class From, class To>
void convert_row(const Tensor& from, std::int64_t position, Tensor& to, std::int64_t row) {
  const std::span<To> out = row_of<To>(to, row);
  const From* in = from.data<From>() + position * static_cast<std::int64_t>(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<To>(in[i]);
}

template <class Visit>
void with_type(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::float32:
      return visit(float{});
    case DType::float64:
      return visit(double{});
    case DType::int32:
      return visit(std::int32_t{});
    case DType::int64:
      return visit(std::int64_t{});
    case DType::uint8:
      return visit(std::uint8_t{});
    case DType::bfloat16:
      return visit(bfloat16{});
  }
}

void load_row(const Tensor& from, std::int64_t position, Tensor& to, std::int64_t row) {
  if (from.dtype() == to.dtype()) return copy_row(from, position, to, row);
  with_type(from.dtype(), [&](auto source) {
    with_type(to.dtype(),
              [&](auto target) { convert_row<decltype(source), decltype(target)>(from, position, to, row); });
  });
}

void check_samples(std::string_view what, const std::vector<Tensor>& tensors, std::int64_t samples) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].shape().rank() == 0) {
      fail("ArrayDataset: dimension 0 counts the samples, but {} {} has shape ()", what, i);
    }
    if (tensors[i].shape()[0] != samples) {
      fail(
          "ArrayDataset: every array needs the same number of samples. Received: input 0 with {}, {} {} with "
          "{}",
          samples, what, i, tensors[i].shape()[0]);
    }
  }
}

std::vector<TensorSpec> sample_specs(const std::vector<Tensor>& tensors, std::optional<DType> dtype) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const Tensor& tensor : tensors) {
    specs.push_back({tensor.shape().slice(1), dtype.value_or(tensor.dtype())});
  }
  return specs;
}

}  // namespace

ArrayDataset::ArrayDataset(Tensor x, Tensor y, ArrayDatasetOptions options)
    : ArrayDataset(std::vector<Tensor>{std::move(x)}, std::vector<Tensor>{std::move(y)}, {},
                   std::move(options)) {}

ArrayDataset::ArrayDataset(std::vector<Tensor> inputs, std::vector<Tensor> targets,
                           std::vector<Tensor> weights, ArrayDatasetOptions options)
    : inputs_(std::move(inputs)),
      targets_(std::move(targets)),
      weights_(std::move(weights)),
      options_(std::move(options)) {
  if (inputs_.empty()) fail("ArrayDataset: needs at least one input array. Received: none");
  if (inputs_[0].shape().rank() > 0) size_ = inputs_[0].shape()[0];
  check_samples("input", inputs_, size_);
  check_samples("target", targets_, size_);
  check_samples("weights", weights_, size_);
  if (!weights_.empty() && weights_.size() != targets_.size()) {
    fail("ArrayDataset: sample weights are given once per target. Received: {} weights, {} targets",
         weights_.size(), targets_.size());
  }
  for (const Tensor& weight : weights_) {
    if (weight.dtype() != DType::float32 || weight.shape().rank() != 1) {
      fail("ArrayDataset: sample weights are float32 (N). Received: {}", weight.spec().str());
    }
  }
}

std::vector<TensorSpec> ArrayDataset::inputs() const { return sample_specs(inputs_, options_.input_dtype); }

std::vector<TensorSpec> ArrayDataset::targets() const { return sample_specs(targets_, std::nullopt); }

void ArrayDataset::load(std::int64_t position, std::int64_t row, Batch& into) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) load_row(inputs_[i], position, into.inputs[i], row);
  for (std::size_t i = 0; i < targets_.size(); ++i) copy_row(targets_[i], position, into.targets[i], row);
  for (std::size_t i = 0; i < weights_.size(); ++i) copy_row(weights_[i], position, into.weights[i], row);
}

}  // namespace fovea
