#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "conformance/op_cases.h"
#include "conformance/run_graph.h"
#include "support/compare.h"
#include "support/names.h"

// Every op of ops.inc on every backend: what a kernel writes, and how close to the formula in double.

namespace fovea::testing {
namespace {

/// The case's inputs in that float type.
std::vector<Tensor> inputs_in(const OpCase& c, DType dtype) {
  std::vector<Tensor> result;
  for (const Tensor& input : c.inputs)
    result.push_back(is_floating(input.dtype()) ? input.astype(dtype) : input);
  return result;
}

std::vector<TensorSpec> specs_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorSpec> specs;
  for (const Tensor& tensor : tensors) specs.push_back(tensor.spec());
  return specs;
}

/// Memory for a tensor of which every byte around and inside starts with one value.
class GuardedBuffer {
 public:
  GuardedBuffer(std::size_t bytes, unsigned char fill) : bytes_(bytes), fill_(fill) {
    const auto size = static_cast<std::int64_t>(bytes + 2 * kGuard);
    memory_ = Tensor({size}, DType::uint8);
    std::memset(memory_.raw(), fill, static_cast<std::size_t>(size));
  }
  void* data() { return static_cast<unsigned char*>(memory_.raw()) + kGuard; }
  bool guards_are_whole() const {
    const auto* bytes = static_cast<const unsigned char*>(memory_.raw());
    for (std::size_t i = 0; i < kGuard; ++i) {
      if (bytes[i] != fill_ || bytes[kGuard + bytes_ + i] != fill_) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 256;
  std::size_t bytes_;
  unsigned char fill_;
  Tensor memory_;
};

struct KernelRun {
  std::vector<Tensor> outputs;
  std::string complaint;  ///< empty when all is well
};

/// Runs the op as a region of its own with outputs full of `fill`, only those in `wanted` being read outside.
KernelRun run_kernel(const OpCase& c, const std::vector<Tensor>& inputs, const Backend& backend,
                     const std::vector<std::size_t>& wanted, unsigned char fill) {
  Region region;
  Region::Step step{c.op.get(), {}, {}};
  for (const TensorSpec& spec : specs_of(inputs)) {
    step.inputs.push_back(static_cast<int>(region.values.size()));
    region.inputs.push_back(step.inputs.back());
    region.values.push_back(spec);
  }
  for (const TensorSpec& spec : c.op->infer(specs_of(inputs))) {
    step.outputs.push_back(static_cast<int>(region.values.size()));
    region.values.push_back(spec);
  }
  for (const std::size_t output : wanted) region.outputs.push_back(step.outputs[output]);
  region.steps = {step};

  KernelRun result;
  Implementation implementation = backend.implement(region);
  if (const auto* declined = std::get_if<Declined>(&implementation)) {
    result.complaint = "a region of one op was declined: " + declined->reason;
    return result;
  }
  const auto& kernel = *std::get<std::unique_ptr<Kernel>>(implementation);
  std::vector<GuardedBuffer> buffers;
  std::vector<const void*> input_pointers;
  std::vector<void*> output_pointers;
  std::vector<Tensor> copies;
  for (const Tensor& input : inputs) {
    copies.push_back(input.clone());
    input_pointers.push_back(copies.back().raw());
  }
  for (const int output : region.outputs) {
    buffers.emplace_back(static_cast<std::size_t>(region.values[static_cast<std::size_t>(output)].bytes()),
                         fill);
  }
  for (GuardedBuffer& buffer : buffers) output_pointers.push_back(buffer.data());
  GuardedBuffer workspace(kernel.workspace_bytes(), fill);
  static ThreadPool threads(2);
  GuardedBuffer packed(kernel.packed_bytes(), fill);
  std::vector<const void*> read = input_pointers;
  if (const int input = kernel.packed_input(); input >= 0) {
    kernel.pack(read[static_cast<std::size_t>(input)], packed.data(), threads);
    read[static_cast<std::size_t>(input)] = nullptr;
  }
  kernel.run({read.data(), output_pointers.data(), workspace.data(), threads, packed.data()});

  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!same_bits(copies[i], inputs[i])) result.complaint += fmt::format("input {} was changed; ", i);
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const TensorSpec& spec = region.values[static_cast<std::size_t>(region.outputs[i])];
    result.outputs.push_back(Tensor::borrow(buffers[i].data(), spec.shape, spec.dtype).clone());
    if (!buffers[i].guards_are_whole())
      result.complaint += fmt::format("it wrote beside output {}; ", wanted[i]);
  }
  if (!packed.guards_are_whole()) result.complaint += "it wrote beside its packed weights; ";
  if (!workspace.guards_are_whole()) result.complaint += "it wrote beside its workspace; ";
  return result;
}

/// The op in a graph of its own, planned and run.
std::vector<Tensor> run_op(const OpCase& c, const std::vector<Tensor>& inputs, const Backend& backend) {
  Graph graph;
  Feeds feeds;
  std::vector<Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = "input" + std::to_string(i);
    values.push_back(graph.feed(name, inputs[i].spec()));
    feeds.emplace(name, inputs[i]);
  }
  for (const Value output : graph.emit(c.op, values)) graph.add_output(output);
  return run(graph, feeds, backend);
}

class OpKernels : public ::testing::TestWithParam<std::tuple<const char*, std::string>> {
 protected:
  const Backend& backend() const { return backend_named(std::get<0>(GetParam())); }
  const OpCase& op() const { return op_case(std::get<1>(GetParam())); }
};

TEST_P(OpKernels, WriteWhatInferSaysAndNothingElse) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    SCOPED_TRACE(name(dtype));
    const std::vector<Tensor> inputs = inputs_in(op(), dtype);
    const std::size_t count = op().op->infer(specs_of(inputs)).size();
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(i);
    const KernelRun first = run_kernel(op(), inputs, backend(), all, 0xFF);
    const KernelRun second = run_kernel(op(), inputs, backend(), all, 0x3C);
    EXPECT_EQ(first.complaint + second.complaint, "");
    for (std::size_t i = 0; i < first.outputs.size(); ++i) {
      SCOPED_TRACE(fmt::format("output {}", i));
      EXPECT_TRUE(same_bits(first.outputs[i], second.outputs[i])) << "some of it was not written";
      // An output has the same bits when nothing reads the others.
      const KernelRun alone = run_kernel(op(), inputs, backend(), {i}, 0x3C);
      EXPECT_EQ(alone.complaint, "");
      EXPECT_TRUE(same_bits(alone.outputs[0], first.outputs[i])) << "without the other outputs";
    }
  }
}

TEST_P(OpKernels, AgreeWithTheFormulaInDouble) {
  const std::vector<Tensor> rounded = inputs_in(op(), DType::float32);
  std::vector<Tensor> exact;
  for (const Tensor& input : rounded) {
    exact.push_back(is_floating(input.dtype()) ? input.astype(DType::float64) : input);
  }
  const std::vector<Tensor> expected = run_op(op(), exact, reference_backend());
  const std::vector<Tensor> got = run_op(op(), rounded, backend());
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(fmt::format("output {}", i));
    EXPECT_TRUE(near(got[i], expected[i].astype(got[i].dtype()),
                     {.of_element = 2e-6, .of_largest = 1e-6, .absolute = 0}));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, OpKernels, ::testing::Combine(kBackends, ::testing::ValuesIn(op_case_names())),
                         CaseName());

TEST(OpCases, CoverEveryOpOfTheList) {
  std::set<std::string> covered, listed;
  for (const OpCase& c : op_cases()) covered.emplace(c.op->class_name());
#define FOVEA_OP(Name) listed.emplace(#Name);
#include "ops/ops.inc"
#undef FOVEA_OP
  EXPECT_EQ(covered, listed) << "each row of ops.inc needs a case in tests/conformance/op_cases_*.cpp";
}

}  // namespace
}  // namespace fovea::testing
