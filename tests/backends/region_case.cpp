#include "backends/region_case.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "backends/fenced_memory.h"

namespace fovea {
namespace {

using Kernels = std::unique_ptr<Kernel>;

/// Runs a kernel between fences. `in_place`: {input, output} that share memory, or {-1, -1}.
std::vector<Tensor> run(const Kernel& kernel, const RegionCase& region_case, ThreadPool& threads,
                        Placement placement, std::pair<int, int> in_place = {-1, -1}) {
  const Region& region = region_case.region();
  std::vector<std::unique_ptr<FencedMemory>> inputs, outputs;
  std::vector<const void*> input_pointers;
  std::vector<void*> output_pointers;
  for (const Tensor& tensor : region_case.data()) {
    const auto bytes = static_cast<std::size_t>(tensor.bytes());
    inputs.push_back(std::make_unique<FencedMemory>(bytes, placement));
    if (bytes != 0) std::memcpy(inputs.back()->data(), tensor.raw(), bytes);
    input_pointers.push_back(inputs.back()->data());
  }
  for (std::size_t i = 0; i < region.outputs.size(); ++i) {
    const auto bytes =
        static_cast<std::size_t>(region.values[static_cast<std::size_t>(region.outputs[i])].bytes());
    outputs.push_back(std::make_unique<FencedMemory>(bytes, placement));
    const bool shared = static_cast<int>(i) == in_place.second;
    output_pointers.push_back(shared ? inputs[static_cast<std::size_t>(in_place.first)]->data()
                                     : outputs.back()->data());
  }
  FencedMemory workspace(kernel.workspace_bytes(), Placement::after_fence);
  FencedMemory packed(kernel.packed_bytes(), Placement::after_fence);
  std::vector<const void*> read = input_pointers;
  if (const int input = kernel.packed_input(); input >= 0) {
    kernel.pack(read[static_cast<std::size_t>(input)], packed.data(), threads);
    read[static_cast<std::size_t>(input)] = nullptr;
  }
  kernel.run({read.data(), output_pointers.data(), workspace.data(), threads, packed.data()});

  EXPECT_TRUE(workspace.intact()) << "wrote outside of its workspace";
  EXPECT_TRUE(packed.intact()) << "wrote outside of its packed weights";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_TRUE(inputs[i]->intact()) << "wrote around input " << i;
    if (static_cast<int>(i) == in_place.first) continue;
    const Tensor& tensor = region_case.data()[i];
    const auto bytes = static_cast<std::size_t>(tensor.bytes());
    EXPECT_TRUE(bytes == 0 || std::memcmp(inputs[i]->data(), tensor.raw(), bytes) == 0)
        << "wrote over input " << i;
  }
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_TRUE(outputs[i]->intact()) << "wrote around output " << i;
    Tensor result(region.values[static_cast<std::size_t>(region.outputs[i])]);
    if (result.bytes() != 0)
      std::memcpy(result.raw(), output_pointers[i], static_cast<std::size_t>(result.bytes()));
    results.push_back(std::move(result));
  }
  return results;
}

std::vector<Tensor> reference(const RegionCase& region_case) {
  ThreadPool one(1);
  const Implementation made = reference_backend().implement(region_case.region());
  return run(*std::get<Kernels>(made), region_case, one, Placement::after_fence);
}

double value_at(const Tensor& tensor, std::int64_t i) {
  switch (tensor.dtype()) {
    case DType::float32:
      return static_cast<double>(tensor.data<float>()[i]);
    case DType::float64:
      return tensor.data<double>()[i];
    case DType::int32:
      return tensor.data<std::int32_t>()[i];
    case DType::int64:
      return static_cast<double>(tensor.data<std::int64_t>()[i]);
    case DType::uint8:
      return tensor.data<std::uint8_t>()[i];
    case DType::bfloat16:
      return static_cast<double>(tensor.data<bfloat16>()[i]);
  }
  return 0;
}

bool close(double got, double want, double tolerance) {
  if (std::isnan(want)) return std::isnan(got);
  // What overflows float32 may do so a rounding error earlier or later.
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (std::abs(want) > kLargest * (1 - 1e-6))
    return std::signbit(got) == std::signbit(want) && std::abs(got) > kLargest * (1 - 2e-6);
  return std::abs(got - want) <= tolerance;
}

void expect_close(const Tensor& got, const Tensor& want, const Tensor& magnitude,
                  const Tolerance& tolerance) {
  double largest = 0;
  for (std::int64_t i = 0; i < want.size(); ++i) {
    if (std::isfinite(value_at(want, i))) largest = std::max(largest, std::abs(value_at(want, i)));
  }
  for (std::int64_t i = 0; i < want.size(); ++i) {
    const double expected = value_at(want, i);
    const double scale = tolerance.of_magnitude == 0 ? 0 : value_at(magnitude, i);
    const double allowed = tolerance.relative * std::abs(expected) + tolerance.of_largest * largest +
                           tolerance.of_magnitude * scale + tolerance.absolute;
    ASSERT_TRUE(close(value_at(got, i), expected, allowed))
        << "[" << i << "] is " << value_at(got, i) << ", not " << expected << " +- " << allowed;
  }
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), static_cast<std::size_t>(a.bytes())) == 0;
}

/// check(outputs) for every instruction set, once for all numbers of threads, which must agree.
template <class Check>
void for_each_target(const RegionCase& region_case, std::string_view name, std::pair<int, int> in_place,
                     Check check) {
  static ThreadPool one(1), two(2), four(4);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(region_case.name() + " with " + hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const Implementation made = cpu_backend().implement(region_case.region());
    if (const auto* declined = std::get_if<Declined>(&made)) {
      ADD_FAILURE() << "declined: " << declined->reason;
    } else {
      const Kernel& kernel = *std::get<Kernels>(made);
      EXPECT_EQ(kernel.name().substr(0, name.size()), name);
      EXPECT_TRUE(in_place.first < 0 || kernel.in_place());
      const std::vector<Tensor> results = run(kernel, region_case, one, Placement::before_fence, in_place);
      const std::vector<Tensor> by_two = run(kernel, region_case, two, Placement::after_fence, in_place);
      const std::vector<Tensor> by_four = run(kernel, region_case, four, Placement::misaligned, in_place);
      for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_TRUE(same_bits(results[i], by_two[i])) << "two threads differ in output " << i;
        EXPECT_TRUE(same_bits(results[i], by_four[i])) << "four threads differ in output " << i;
      }
      check(results);
    }
    hwy::SetSupportedTargetsForTest(0);
    if (testing::Test::HasFailure()) return;
  }
}

Tensor magnitudes(const Tensor& tensor) {
  if (!is_floating(tensor.dtype())) return tensor;
  std::vector<double> values;
  for (std::int64_t i = 0; i < tensor.size(); ++i) values.push_back(std::abs(value_at(tensor, i)));
  return Tensor::of(tensor.shape(), values).astype(tensor.dtype());
}

std::uint32_t next(std::uint32_t& state) { return state = state * 1664525U + 1013904223U; }

}  // namespace

int RegionCase::input(Tensor data) {
  region_.values.push_back(data.spec());
  region_.inputs.push_back(static_cast<int>(region_.values.size()) - 1);
  data_.push_back(std::move(data));
  return region_.inputs.back();
}

std::vector<int> RegionCase::add_op(std::shared_ptr<const Op> op, const std::vector<int>& inputs) {
  std::vector<TensorSpec> specs;
  for (const int value : inputs) specs.push_back(region_.values[static_cast<std::size_t>(value)]);
  Region::Step step{op.get(), inputs, {}};
  for (const TensorSpec& spec : op->infer(specs)) {
    step.outputs.push_back(static_cast<int>(region_.values.size()));
    region_.values.push_back(spec);
  }
  ops_.push_back(std::move(op));
  region_.steps.push_back(step);
  return step.outputs;
}

RegionCase RegionCase::in_double() const {
  RegionCase result = *this;
  for (TensorSpec& spec : result.region_.values) {
    if (is_floating(spec.dtype)) spec.dtype = DType::float64;
  }
  for (Tensor& tensor : result.data_) {
    if (is_floating(tensor.dtype())) tensor = tensor.astype(DType::float64);
  }
  return result;
}

RegionCase RegionCase::of_magnitudes() const {
  RegionCase result = *this;
  for (Tensor& tensor : result.data_) tensor = magnitudes(tensor);
  return result;
}

void expect_kernel(const RegionCase& region_case, std::string_view kernel, const Tolerance& tolerance) {
  const std::vector<Tensor> wanted = reference(region_case.in_double());
  const std::vector<Tensor> scale =
      tolerance.of_magnitude == 0 ? wanted : reference(region_case.in_double().of_magnitudes());
  for_each_target(region_case, kernel, {-1, -1}, [&](const std::vector<Tensor>& results) {
    for (std::size_t i = 0; i < results.size(); ++i) {
      SCOPED_TRACE("output " + std::to_string(i));
      expect_close(results[i], wanted[i], scale[i], tolerance);
    }
  });
}

void expect_kernel_equal(const RegionCase& region_case, std::string_view kernel) {
  const std::vector<Tensor> wanted = reference(region_case);
  for_each_target(region_case, kernel, {-1, -1}, [&](const std::vector<Tensor>& results) {
    for (std::size_t i = 0; i < results.size(); ++i) {
      SCOPED_TRACE("output " + std::to_string(i));
      expect_close(results[i], wanted[i], wanted[i], {});
    }
  });
}

void expect_kernel_as_apart(const RegionCase& region_case, std::string_view kernel) {
  for_each_target(region_case, kernel, {-1, -1}, [&](const std::vector<Tensor>& results) {
    const std::vector<Tensor> apart = region_case.outputs_apart(cpu_backend());
    for (std::size_t i = 0; i < results.size(); ++i)
      EXPECT_TRUE(same_bits(results[i], apart[i])) << "one kernel for each op differs in output " << i;
  });
}

void expect_kernel_in_place(const RegionCase& region_case, std::size_t input, std::size_t output) {
  // Against the kernel itself, with memory of its own for each output.
  std::vector<Tensor> apart;
  const std::pair<int, int> none{-1, -1}, shared{static_cast<int>(input), static_cast<int>(output)};
  std::vector<std::vector<Tensor>> by_target;
  for_each_target(region_case, "", none,
                  [&](const std::vector<Tensor>& results) { by_target.push_back(results); });
  std::size_t next_target = 0;
  for_each_target(region_case, "", shared, [&](const std::vector<Tensor>& results) {
    const std::vector<Tensor>& expected = by_target[next_target++];
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_TRUE(same_bits(results[i], expected[i])) << "in place, output " << i << " differs";
    }
  });
}

std::vector<Tensor> outputs_of(const Backend& backend, const RegionCase& region_case) {
  ThreadPool one(1);
  const Implementation made = backend.implement(region_case.region());
  return run(*std::get<Kernels>(made), region_case, one, Placement::after_fence);
}

std::vector<Tensor> RegionCase::outputs_apart(const Backend& backend) const {
  std::vector<Tensor> values(region_.values.size());
  for (std::size_t i = 0; i < data_.size(); ++i)
    values[static_cast<std::size_t>(region_.inputs[i])] = data_[i];
  for (const Region::Step& step : region_.steps) {
    RegionCase alone(name_ + ", " + std::string(step.op->class_name()));
    std::vector<int> inputs;
    for (const int value : step.inputs)
      inputs.push_back(alone.input(values[static_cast<std::size_t>(value)]));
    // The op is this region's.
    const std::vector<int> outputs =
        alone.add_op(std::shared_ptr<const Op>(std::shared_ptr<const Op>(), step.op), inputs);
    for (const int value : outputs) alone.output(value);
    const std::vector<Tensor> results = outputs_of(backend, alone);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      values[static_cast<std::size_t>(step.outputs[i])] = results[i];
  }
  std::vector<Tensor> results;
  for (const int value : region_.outputs) results.push_back(values[static_cast<std::size_t>(value)]);
  return results;
}

std::vector<std::string> expect_candidates(const RegionCase& region_case, const Tolerance& tolerance) {
  ThreadPool one(1), two(2), four(4);
  const std::vector<Tensor> wanted = reference(region_case.in_double());
  const std::vector<Tensor> scale = reference(region_case.in_double().of_magnitudes());
  std::vector<std::string> names;
  for (const auto& kernel : cpu_backend().candidates(region_case.region()).kernels) {
    names.emplace_back(kernel->name());
    SCOPED_TRACE(names.back());
    const std::vector<Tensor> results = run(*kernel, region_case, one, Placement::before_fence);
    const std::vector<Tensor> by_two = run(*kernel, region_case, two, Placement::after_fence);
    const std::vector<Tensor> by_four = run(*kernel, region_case, four, Placement::misaligned);
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_TRUE(same_bits(results[i], by_two[i])) << "two threads differ in output " << i;
      EXPECT_TRUE(same_bits(results[i], by_four[i])) << "four threads differ in output " << i;
      expect_close(results[i], wanted[i], scale[i], tolerance);
    }
  }
  return names;
}

std::string reason_declined(const RegionCase& region_case) {
  const Implementation made = cpu_backend().implement(region_case.region());
  const auto* declined = std::get_if<Declined>(&made);
  return declined == nullptr ? "" : declined->reason;
}

std::string kernel_of(const RegionCase& region_case) {
  const Implementation made = cpu_backend().implement(region_case.region());
  const auto* kernel = std::get_if<Kernels>(&made);
  return kernel == nullptr ? "" : std::string((*kernel)->name());
}

Tensor random_tensor(const Shape& shape, std::uint32_t seed, double low, double high) {
  Tensor result(shape);
  std::uint32_t state = seed * 2654435761U + 12345U;
  for (std::int64_t i = 0; i < result.size(); ++i) {
    const double unit = static_cast<double>(next(state) >> 8) * 0x1p-24;
    result.data<float>()[i] = static_cast<float>(low + (high - low) * unit);
  }
  return result;
}

Tensor special_tensor(const Shape& shape, std::uint32_t seed) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float specials[] = {kInfinity, -kInfinity, std::nanf(""), 0.0F,  -0.0F,  3e38F,  -3e38F,  1e-38F,
                            -1e-38F,   1e-44F,     -1e-44F,       1.0F,  -1.0F,  100.0F, -100.0F, 20.0F,
                            -20.0F,    88.0F,      -88.0F,        1e10F, -1e10F, 0.5F,   -0.5F,   1e-5F};
  Tensor result = random_tensor(shape, seed, -3, 3);
  std::uint32_t state = seed;
  for (std::int64_t i = 0; i < result.size(); ++i) {
    if (next(state) >> 30 == 0) result.data<float>()[i] = specials[(next(state) >> 16) % std::size(specials)];
  }
  return result;
}

Tensor random_integers(const Shape& shape, DType dtype, std::uint32_t seed, std::int64_t below) {
  return random_tensor(shape, seed, 0, static_cast<double>(below)).astype(dtype);
}

}  // namespace fovea
