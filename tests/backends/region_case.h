#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace fovea {

/// A region with data for its inputs: what a kernel is tested on.
class RegionCase {
 public:
  explicit RegionCase(std::string name) : name_(std::move(name)) {}

  /// Adds an input; returns its local number.
  int input(Tensor data);
  /// Adds an op; returns the local numbers of its outputs.
  template <class OpClass>
  std::vector<int> add(OpClass op, const std::vector<int>& inputs) {
    return add_op(std::make_shared<OpClass>(std::move(op)), inputs);
  }
  /// Says that a value is read outside.
  void output(int value) { region_.outputs.push_back(value); }

  /// Says that its program trains.
  void trains() { region_.trains = true; }

  const std::string& name() const { return name_; }
  const Region& region() const { return region_; }
  const std::vector<Tensor>& data() const { return data_; }
  /// The same ops on float64 values.
  RegionCase in_double() const;
  /// With each floating input replaced by its magnitude: for sums of products, the scale of their rounding
  /// error.
  RegionCase of_magnitudes() const;
  /// What a backend computes by one kernel for each op, on one thread.
  std::vector<Tensor> outputs_apart(const Backend& backend) const;

 private:
  std::vector<int> add_op(std::shared_ptr<const Op> op, const std::vector<int>& inputs);

  std::string name_;
  Region region_;
  std::vector<std::shared_ptr<const Op>> ops_;
  std::vector<Tensor> data_;
};

/// How far a kernel may be from the formula in double: relative to the result, to the largest result of the
/// output, to the sum of the magnitudes of its terms (RegionCase::of_magnitudes), and at all.
struct Tolerance {
  double relative = 0;
  double of_largest = 0;
  double of_magnitude = 0;
  double absolute = 0;
};

/// For every instruction set of this machine: the cpu backend takes the region with a kernel whose name
/// begins with `kernel`; 1, 2 and 4 threads compute the same bits; no byte is written outside of outputs and
/// workspace or read behind an input's end; inputs keep their bytes; and the outputs are those of the
/// reference backend, in double within the tolerance.
void expect_kernel(const RegionCase& region_case, std::string_view kernel, const Tolerance& tolerance);
/// As expect_kernel; the outputs equal those of the reference in float32.
void expect_kernel_equal(const RegionCase& region_case, std::string_view kernel);
/// As expect_kernel; the outputs have the bits of one kernel for each op, of the same instruction set.
void expect_kernel_as_apart(const RegionCase& region_case, std::string_view kernel);
/// As expect_kernel_equal, with output `output` in the memory of input `input`.
void expect_kernel_in_place(const RegionCase& region_case, std::size_t input, std::size_t output);

/// What a backend's kernel for the region computes, on one thread.
std::vector<Tensor> outputs_of(const Backend& backend, const RegionCase& region_case);
/// As expect_kernel, of every kernel that can do the region on this machine; returns their names.
std::vector<std::string> expect_candidates(const RegionCase& region_case, const Tolerance& tolerance);

/// The reason why the cpu backend declines a region; empty when it does not.
std::string reason_declined(const RegionCase& region_case);
/// The name of the cpu backend's kernel for the region; empty when it declines.
std::string kernel_of(const RegionCase& region_case);

/// Numbers in [low, high), the same for the same seed.
Tensor random_tensor(const Shape& shape, std::uint32_t seed, double low = -1, double high = 1);
/// As random_tensor, with infinities, NaN, both zeros and huge and tiny numbers among them.
Tensor special_tensor(const Shape& shape, std::uint32_t seed);
Tensor random_integers(const Shape& shape, DType dtype, std::uint32_t seed, std::int64_t below);

}  // namespace fovea
