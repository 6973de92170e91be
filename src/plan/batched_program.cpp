#include "plan/batched_program.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "core/cache_lines.h"
#include "core/format.h"

namespace fovea {
namespace {

/// What one part needs while it runs.
struct Lane {
  ContextPtr larger, smaller;
  std::vector<const void*> feeds;
  std::vector<void*> outputs;
  std::atomic<bool> busy = false;
};

class BatchedContext final : public ExecutionContext {
 public:
  std::shared_ptr<Arena> arena;
  std::deque<Lane> lanes;  ///< one, and from the first run on one for each thread
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
    context->arena = std::move(arena);
    add_lane(*context);
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
    const std::int64_t count = threads.threads();
    // A thread with a part of its own waits for nobody; a few parts would leave threads without one.
    const bool apart = parts_ % count == 0 || parts_ >= 4 * count;
    std::int64_t first = 0;
    if (!apart || static_cast<std::int64_t>(context.lanes.size()) < count) {
      const std::int64_t together = apart ? 1 : parts_;  // weights are packed by all threads
      for (; first < together; ++first) run_part(context.lanes[0], first, feeds, outputs, threads);
      while (apart && static_cast<std::int64_t>(context.lanes.size()) < count) add_lane(context);
    }
    threads.parallel_for(parts_ - first, [&](std::int64_t part) {
      for (Lane& lane : context.lanes) {
        if (lane.busy.exchange(true)) continue;
        run_part(lane, first + part, feeds, outputs, threads);
        lane.busy = false;
        return;
      }
    });
  }

 private:
  /// Its memory lies behind the other lanes' in the context's arena, as far as that reaches.
  void add_lane(BatchedContext& context) const {
    const std::int64_t bytes = whole_lines(arena_bytes());
    const std::int64_t offset = static_cast<std::int64_t>(context.lanes.size()) * bytes;
    const bool fits = offset + bytes <= context.arena->bytes();
    const auto arena = context.lanes.empty() ? context.arena
                       : fits                ? std::make_shared<Arena>(context.arena, offset, bytes)
                                             : std::make_shared<Arena>(arena_bytes());
    Lane& lane = context.lanes.emplace_back();
    lane.smaller = smaller_->new_context(arena);
    if (larger_) lane.larger = larger_->new_context(arena);
    lane.feeds.resize(feed_rows_.size());
    lane.outputs.resize(output_rows_.size());
  }

  void run_part(Lane& lane, std::int64_t part, const void* const* feeds, void* const* outputs,
                ThreadPool& threads) const {
    const std::int64_t first = part * small_ + std::min(part, extra_);
    for (std::size_t i = 0; i < feed_rows_.size(); ++i)
      lane.feeds[i] = static_cast<const char*>(feeds[i]) + first * feed_rows_[i];
    for (std::size_t i = 0; i < output_rows_.size(); ++i) {
      const bool wanted = outputs[i] != nullptr;
      lane.outputs[i] = wanted ? static_cast<char*>(outputs[i]) + first * output_rows_[i] : nullptr;
    }
    const bool larger = part < extra_;
    const Program& program = larger ? *larger_ : *smaller_;
    program.run(larger ? *lane.larger : *lane.smaller, lane.feeds.data(), lane.outputs.data(), threads);
  }

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
