#include "plan/batched_program.h"

#include <algorithm>

#include "core/format.h"

namespace fovea {
namespace {

class BatchedContext final : public ExecutionContext {
 public:
  ContextPtr larger, smaller;
  // Of the part that runs.
  std::vector<const void*> feeds;
  std::vector<void*> outputs;
};

class BatchedProgram final : public Program {
 public:
  BatchedProgram(std::int64_t samples, std::int64_t together,
                 const std::function<std::unique_ptr<Program>(std::int64_t)>& make)
      : parts_(std::max<std::int64_t>(1, samples / together)),
        small_(samples / parts_),
        extra_(samples % parts_),
        smaller_(make(small_)),
        larger_(extra_ > 0 ? make(small_ + 1) : nullptr),
        output_specs_(smaller_->output_specs()) {
    for (TensorSpec& spec : output_specs_) {
      output_rows_.push_back(spec.bytes() / small_);
      spec.shape.set(0, samples);
    }
    for (const TensorSpec& spec : smaller_->feed_specs()) feed_rows_.push_back(spec.bytes() / small_);
  }

  ContextPtr new_context(std::shared_ptr<Arena> arena) const override {
    if (!arena) arena = std::make_shared<Arena>(arena_bytes());
    auto context = std::make_unique<BatchedContext>();
    context->smaller = smaller_->new_context(arena);
    if (larger_) context->larger = larger_->new_context(arena);
    context->feeds.resize(feed_rows_.size());
    context->outputs.resize(output_rows_.size());
    return context;
  }
  std::int64_t arena_bytes() const override {
    return std::max(smaller_->arena_bytes(), larger_ ? larger_->arena_bytes() : 0);
  }
  std::int64_t derived_bytes() const override { return smaller_->derived_bytes(); }
  const std::vector<StepInfo>& steps() const override { return smaller_->steps(); }
  Traffic traffic() const override { return smaller_->traffic(); }
  const std::vector<ChoiceReport>& choices() const override { return smaller_->choices(); }
  const std::vector<std::string>& not_possible() const override { return smaller_->not_possible(); }
  const std::vector<TensorSpec>& output_specs() const override { return output_specs_; }
  const std::vector<TensorSpec>& feed_specs() const override { return smaller_->feed_specs(); }
  int feed_index(std::string_view name) const override { return smaller_->feed_index(name); }
  std::size_t feed_count() const override { return smaller_->feed_count(); }

  void run(ExecutionContext& any_context, const void* const* feeds, void* const* outputs,
           ThreadPool& threads) const override {
    auto& context = static_cast<BatchedContext&>(any_context);
    for (std::int64_t part = 0, first = 0; part < parts_; ++part) {
      for (std::size_t i = 0; i < feed_rows_.size(); ++i)
        context.feeds[i] = static_cast<const char*>(feeds[i]) + first * feed_rows_[i];
      for (std::size_t i = 0; i < output_rows_.size(); ++i) {
        const bool wanted = outputs[i] != nullptr;
        context.outputs[i] = wanted ? static_cast<char*>(outputs[i]) + first * output_rows_[i] : nullptr;
      }
      const bool larger = part < extra_;
      const Program& program = larger ? *larger_ : *smaller_;
      program.run(larger ? *context.larger : *context.smaller, context.feeds.data(), context.outputs.data(),
                  threads);
      first += small_ + (larger ? 1 : 0);
    }
  }

 private:
  std::int64_t parts_, small_, extra_;  ///< parts of `small_` samples, the first `extra_` of one more
  std::unique_ptr<Program> smaller_, larger_;
  std::vector<TensorSpec> output_specs_;
  std::vector<std::int64_t> feed_rows_, output_rows_;  ///< bytes of a sample
};

}  // namespace

std::int64_t samples_together(const Program& whole, std::int64_t samples) {
  // About what two cores' second-level caches and their share of the third hold.
  constexpr std::int64_t kCacheBytes = 12 << 20;
  const Program::Traffic traffic = whole.traffic();
  const auto of_sample = [&](std::int64_t bytes) { return std::max<std::int64_t>(1, bytes / samples); };
  const std::int64_t by_caches = kCacheBytes / of_sample(traffic.largest_step);
  const std::int64_t by_weights = traffic.weights / of_sample(traffic.steps) + 1;
  return std::min(samples, std::max(by_caches, by_weights));
}

std::unique_ptr<Program> make_batched_program(
    std::int64_t samples, std::int64_t together,
    const std::function<std::unique_ptr<Program>(std::int64_t)>& make) {
  if (samples < 1 || together < 1) fail("Program: {} samples cannot run {} at a time", samples, together);
  return std::make_unique<BatchedProgram>(samples, together, make);
}

}  // namespace fovea
