#include "training/runtime.h"

#include <cstdlib>
#include <set>

#include "core/log.h"

namespace fovea {
namespace {

// Batches of a few sizes, in three kinds, with some layers frozen or not: rarely more.
constexpr std::size_t kMaxPlans = 32;

std::string describe(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& spec : specs) text += spec.str() + ";";
  return text;
}

/// Which layers train, nested models included: also layers without trained weights behave differently when
/// frozen.
std::string describe_trained(const ModelImpl& model) {
  std::string text(1, model.trainable ? '(' : '[');
  for (const auto& layer : model.layers()) {
    if (const ModelImpl* inner = as_model(*layer)) {
      text += describe_trained(*inner);
    } else {
      text += layer->trainable ? '1' : '0';
    }
  }
  return text + (model.trainable ? ')' : ']');
}

/// "conv2d:winograd", why, and what can be expected.
std::string choice_text(const Program::StepInfo& step) {
  const ChoiceReport& report = step.choice;
  if (report.choice.kernel.empty()) return step.kernel;
  std::string text = fmt::format("{} [{}", step.kernel, report.choice.why);
  if (report.peak_share > 0)
    text += fmt::format(", {:.0f} % of the multiply-add peak", 100 * report.peak_share);
  if (report.choice.milliseconds > 0) text += fmt::format(", {:.3f} ms", report.choice.milliseconds);
  return text + "]";
}

void log_plan(const std::string& key, const Program& program) {
  const char* wanted = std::getenv("FOVEA_LOG");
  if (wanted == nullptr || std::string_view(wanted) != "plan") return;
  std::string text = fmt::format("plan {}: arena {:.1f} MB, derived weights {:.1f} MB\n", key,
                                 static_cast<double>(program.arena_bytes()) / 1e6,
                                 static_cast<double>(program.derived_bytes()) / 1e6);
  for (const Program::StepInfo& step : program.steps()) {
    text += fmt::format("  {:<20} {:<48} {}{}{}\n", step.layer.empty() ? "-" : step.layer, step.region,
                        choice_text(step), step.declined.empty() ? "" : "   declined: ", step.declined);
  }
  log_message(text);
}

}  // namespace

std::shared_ptr<Runtime> Runtime::of(ModelImpl& model) {
  const std::lock_guard lock(model.runtime_mutex);
  if (!model.runtime) model.runtime = std::make_shared<Runtime>();
  return std::static_pointer_cast<Runtime>(model.runtime);
}

template <class Make>
std::shared_ptr<const StepProgram> Runtime::find_or_make(const ModelImpl& model, const Backend& backend,
                                                         std::string key, Make&& make) {
  const std::lock_guard lock(mutex_);
  key += fmt::format(" tuning {}", tuning_version());
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan) {
    if (plan->key != key) continue;
    plans_.splice(plans_.begin(), plans_, plan);
    return plans_.front().step;
  }
  auto step = std::make_shared<const StepProgram>(make(kernel_selection(model, backend, true)));
  instruction_set_ = backend.instruction_set();
  remember_measurements();
  log_plan(key, *step->program);
  plans_.push_front({std::move(key), step});
  while (plans_.size() > kMaxPlans) {
    // Its contexts go too, unless one is running; they go with the next plan then.
    for (Slot& slot : slots_) {
      if (!slot.busy)
        slot.contexts.remove_if([&](const auto& entry) { return entry.first == plans_.back().step; });
    }
    plans_.pop_back();
  }
  return step;
}

std::shared_ptr<const StepProgram> Runtime::inference(ModelImpl& model,
                                                      const std::vector<TensorSpec>& inputs) {
  const Backend& backend = backend_for(model);
  return find_or_make(
      model, backend,
      fmt::format("infer {} {}{}", backend.name(), describe(inputs), prepacking() ? "" : " unpacked"),
      [&](const KernelSelection& selection) {
        return make_inference_program(model, inputs, backend, derived_, selection);
      });
}

std::shared_ptr<const StepProgram> Runtime::loss(ModelImpl& model, const StepProgram& inference,
                                                 const BatchSpecs& batch) {
  const Backend& backend = backend_for(model);
  std::string key =
      fmt::format("loss {} {} {} {} {}", backend.name(), describe(inference.program->output_specs()),
                  describe(batch.targets), batch.weighted, describe_trained(model));
  return find_or_make(model, backend, std::move(key), [&](const KernelSelection&) {
    return make_loss_program(model, inference, batch, backend);
  });
}

std::shared_ptr<const StepProgram> Runtime::training(ModelImpl& model, const BatchSpecs& batch) {
  const Backend& backend = backend_for(model);
  std::string key = fmt::format("train {} {} {} {} {}", backend.name(), describe(batch.inputs),
                                describe(batch.targets), batch.weighted, describe_trained(model));
  auto step = find_or_make(model, backend, std::move(key), [&](const KernelSelection& selection) {
    return make_training_program(model, batch, backend, selection);
  });
  say_what_is_not_possible(backend, model.record, *step->program);
  return step;
}

KernelRecord Runtime::kernels() const {
  const std::lock_guard lock(mutex_);
  KernelRecord record;
  record.instruction_set = instruction_set_;
  std::set<std::string> known;
  for (const Plan& plan : plans_) {
    for (const ChoiceReport& report : plan.step->program->choices()) {
      if (known.insert(choice_key(report.choice)).second) record.choices.push_back(report.choice);
    }
  }
  return record;
}

void Runtime::say_what_is_not_possible(const Backend& backend, const KernelRecord& record,
                                       const Program& program) {
  const std::lock_guard lock(mutex_);
  if (!said_set_ && !record.instruction_set.empty() && record.instruction_set != backend.instruction_set()) {
    said_set_ = true;
    log_message(
        fmt::format("the model was computed with {}, and here is {}: the last bits of results will differ",
                    record.instruction_set, backend.instruction_set()));
  }
  if (said_kernels_ || program.not_possible().empty()) return;
  said_kernels_ = true;
  const std::vector<std::string>& missing = program.not_possible();
  log_message(
      fmt::format("the model was computed with kernels that are not possible here, such as {}: fovea's own "
                  "choice takes their "
                  "place, so that results will differ in rounding",
                  missing[0]));
}

std::int64_t Model::training_bytes(std::int64_t batch_size) const {
  ModelImpl& impl = model();
  if (!impl.compiled) fail("Model '{}': compile it before asking what training needs", impl.shown_name());
  if (batch_size < 1) fail("training_bytes: batch_size must be at least 1. Received: {}", batch_size);
  std::vector<TensorSpec> inputs;
  for (const SymbolicTensor& input : impl.inputs()) {
    Shape shape = input.shape();
    shape.set(0, batch_size);
    if (!shape.is_known()) {
      fail("Model '{}': input '{}' of shape {} leaves sizes open, so what training needs is not known",
           impl.shown_name(), input.call()->layer->name, input.shape().str());
    }
    inputs.push_back({shape, input.call()->layer->dtype_policy.compute_dtype()});
  }
  const Backend& backend = backend_for(impl);
  std::int64_t bytes = make_rehearsal_program(impl, inputs, backend, kernel_selection(impl, backend, false))
                           .program->arena_bytes();
  const std::vector<Variable> trained = impl.collect_weights(true);
  for (const Variable& variable : impl.collect_weights(false)) bytes += variable.spec().bytes();
  for (const Variable& variable : impl.compiled->options.optimizer.impl()->variables(trained)) {
    bytes += variable.spec().bytes();
  }
  return bytes;
}

Runtime::Slot& Runtime::take_slot() {
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    if (slot.busy) continue;
    slot.busy = true;
    return slot;
  }
  slots_.emplace_back().busy = true;
  return slots_.back();
}

ExecutionContext& Runtime::context_in(Slot& slot, const std::shared_ptr<const StepProgram>& step) {
  for (const auto& [planned, context] : slot.contexts) {
    if (planned == step) return *context;
  }
  if (!slot.arena || slot.arena->bytes() < step->program->arena_bytes()) {
    slot.contexts.clear();
    slot.arena.reset();
    slot.arena = std::make_shared<Arena>(step->program->arena_bytes(), compute_threads().get());
  }
  slot.contexts.emplace_front(step, step->program->new_context(slot.arena));
  return *slot.contexts.front().second;
}

void Runtime::run(const std::shared_ptr<const StepProgram>& step, const void* const* feeds,
                  void* const* outputs) {
  Slot& slot = take_slot();
  struct Return {
    Runtime& runtime;
    Slot& slot;
    ~Return() {
      const std::lock_guard lock(runtime.mutex_);
      slot.busy = false;
    }
  } give_back{*this, slot};
  step->program->run(context_in(slot, step), feeds, outputs, *compute_threads());
}

}  // namespace fovea
