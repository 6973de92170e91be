#include <algorithm>
#include <cstring>

#include "backends/cpu/kernel_list.h"
#include "backends/cpu/kernels/moving/moving.h"
#include "ops/shaping.h"
#include "ops/take.h"

// Which regions the kernels that move elements take: each op alone. Concatenate, Slice, Pad and Take copy
// runs of bytes, of any type: along the axis they are all made of rows whose parts come from inputs or are
// zero.

namespace fovea::cpu {
namespace {

class Transpose final : public Kernel {
 public:
  explicit Transpose(Permutation permutation) : permutation_(std::move(permutation)) {}
  std::string_view name() const override { return "transpose:blocks"; }
  void run(const KernelContext& c) const override {
    permute(permutation_, input<float>(c, 0), output<float>(c, 0), c.threads);
  }

 private:
  Permutation permutation_;
};

class OneHot final : public Kernel {
 public:
  OneHot(std::int64_t count, std::int64_t classes) : count_(count), classes_(classes) {}
  std::string_view name() const override { return "one_hot:rows"; }
  void run(const KernelContext& c) const override {
    one_hot(input<std::int32_t>(c, 0), count_, classes_, output<float>(c, 0), c.threads);
  }

 private:
  std::int64_t count_, classes_;
};

/// A part of each row of the result: `bytes` from byte `offset` of the input's row of `row_bytes`, or zeros.
struct RowPart {
  int input;  ///< -1 for zeros
  std::int64_t offset, row_bytes, bytes;
};

class RowCopy final : public Kernel {
 public:
  RowCopy(std::string_view name, std::int64_t rows, std::vector<RowPart> parts)
      : name_(name), rows_(rows), parts_(std::move(parts)) {
    for (const RowPart& part : parts_) row_bytes_ += part.bytes;
  }
  std::string_view name() const override { return name_; }
  void run(const KernelContext& c) const override {
    const EvenParts pieces = pieces_of_rows(rows_, 2 * row_bytes_ / static_cast<std::int64_t>(sizeof(float)));
    c.threads.parallel_for(pieces.parts, [&](std::int64_t piece) {
      for (std::int64_t row = pieces.begin(piece); row < pieces.range(piece).end; ++row) copy(c, row);
    });
  }

 private:
  void copy(const KernelContext& c, std::int64_t row) const {
    char* to = output<char>(c, 0) + row * row_bytes_;
    for (const RowPart& part : parts_) {
      const auto bytes = static_cast<std::size_t>(part.bytes);
      if (part.input < 0) {
        std::memset(to, 0, bytes);
      } else {
        std::memcpy(to, input<char>(c, part.input) + row * part.row_bytes + part.offset, bytes);
      }
      to += part.bytes;
    }
  }

  std::string_view name_;
  std::int64_t rows_, row_bytes_ = 0;
  std::vector<RowPart> parts_;
};

/// Rows of a tensor from an axis on.
struct AxisRows {
  AxisRows(const TensorSpec& spec, std::int64_t axis)
      : count(spec.shape.slice(0, axis).elements()),
        unit(spec.shape.slice(axis + 1).elements() * static_cast<std::int64_t>(size_of(spec.dtype))),
        bytes(spec.shape[axis] * unit) {}
  std::int64_t count, unit, bytes;  ///< rows; bytes of one position along the axis, and of a row
};

/// Each position of a row is the sum of positions of the input's row, or zero.
class RowSums final : public Kernel {
 public:
  RowSums(std::int64_t rows, std::int64_t size, std::int64_t inner, std::vector<std::int64_t> indices)
      : rows_(rows), size_(size), inner_(inner), indices_(std::move(indices)) {}
  std::string_view name() const override { return "take_backward:sums"; }
  void run(const KernelContext& c) const override {
    const auto taken = static_cast<std::int64_t>(indices_.size());
    const EvenParts pieces = pieces_of_rows(rows_, (size_ + 2 * taken) * inner_);
    c.threads.parallel_for(pieces.parts, [&](std::int64_t piece) {
      for (std::int64_t row = pieces.begin(piece); row < pieces.range(piece).end; ++row)
        add(input<float>(c, 0) + row * taken * inner_, output<float>(c, 0) + row * size_ * inner_);
    });
  }

 private:
  void add(const float* from, float* row) const {
    std::fill_n(row, size_ * inner_, 0.0F);
    for (const std::int64_t index : indices_) {
      float* const to = row + index * inner_;
      for (std::int64_t i = 0; i < inner_; ++i) to[i] += from[i];
      from += inner_;
    }
  }

  std::int64_t rows_, size_, inner_;
  std::vector<std::int64_t> indices_;
};

Implementation row_copy(const Region& region, std::string_view name, std::int64_t rows,
                        std::vector<RowPart> parts) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  return std::make_unique<RowCopy>(name, rows, std::move(parts));
}

}  // namespace

Implementation make_transpose(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  const TensorSpec& x = spec_of(region, region.inputs[0]);
  if (size_of(x.dtype) != 4) return decline("takes elements of 4 bytes only");
  return std::make_unique<Transpose>(Permutation(x.shape, op_as<TransposeOp>(region, 0)->permutation));
}

Implementation make_one_hot(const Region& region) {
  if (region.steps.size() != 1) return decline("takes the op alone");
  if (spec_of(region, region.outputs[0]).dtype != DType::float32) return decline("makes float32 only");
  return std::make_unique<OneHot>(spec_of(region, region.inputs[0]).shape.elements(),
                                  op_as<OneHotOp>(region, 0)->classes);
}

Implementation make_concatenate(const Region& region) {
  const std::int64_t axis = op_as<ConcatenateOp>(region, 0)->axis;
  std::vector<RowPart> parts;
  for (const int value : region.steps[0].inputs) {
    const AxisRows x(spec_of(region, value), axis);
    parts.push_back({position_of(region.inputs, value), 0, x.bytes, x.bytes});
  }
  const AxisRows y(spec_of(region, region.steps[0].outputs[0]), axis);
  return row_copy(region, "concatenate:rows", y.count, std::move(parts));
}

Implementation make_slice(const Region& region) {
  const auto& op = *op_as<SliceOp>(region, 0);
  const AxisRows x(spec_of(region, region.inputs[0]), op.axis);
  return row_copy(region, "slice:rows", x.count, {{0, op.first * x.unit, x.bytes, op.size * x.unit}});
}

Implementation make_pad(const Region& region) {
  const auto& op = *op_as<PadOp>(region, 0);
  const AxisRows x(spec_of(region, region.inputs[0]), op.axis);
  return row_copy(region, "pad:rows", x.count,
                  {{-1, 0, 0, op.before * x.unit}, {0, 0, x.bytes, x.bytes}, {-1, 0, 0, op.after * x.unit}});
}

Implementation make_take(const Region& region) {
  const auto& op = *op_as<TakeOp>(region, 0);
  const AxisRows x(spec_of(region, region.inputs[0]), op.axis);
  std::vector<RowPart> parts;
  std::int64_t next = -1;
  for (const std::int64_t index : op.indices) {
    if (index == next) {
      parts.back().bytes += x.unit;
    } else {
      parts.push_back({0, index * x.unit, x.bytes, x.unit});
    }
    next = index + 1;
  }
  return row_copy(region, "take:rows", x.count, std::move(parts));
}

Implementation make_take_backward(const Region& region) {
  const auto& op = *op_as<TakeBackwardOp>(region, 0);
  const AxisRows dy(spec_of(region, region.inputs[0]), op.axis);
  std::vector<std::int64_t> taken_at(static_cast<std::size_t>(op.size), -1);
  bool once = true;
  for (std::size_t i = 0; i < op.indices.size(); ++i) {
    std::int64_t& place = taken_at[static_cast<std::size_t>(op.indices[i])];
    once = once && place < 0;
    place = static_cast<std::int64_t>(i);
  }
  if (!once) {
    if (region.steps.size() != 1) return decline("takes the op alone");
    if (!all_float32(region)) return decline("sums float32 only");
    return std::make_unique<RowSums>(dy.count, op.size, dy.unit / static_cast<std::int64_t>(sizeof(float)),
                                     op.indices);
  }
  std::vector<RowPart> parts;
  for (const std::int64_t place : taken_at)
    parts.push_back(place < 0 ? RowPart{-1, 0, 0, dy.unit} : RowPart{0, place * dy.unit, dy.bytes, dy.unit});
  return row_copy(region, "take_backward:rows", dy.count, std::move(parts));
}

}  // namespace fovea::cpu
