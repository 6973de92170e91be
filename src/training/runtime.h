#pragma once

#include <list>
#include <string>
#include <vector>

#include "training/step_graph.h"

namespace fovea {

/// Plans and memory of one model, shared by all that train, evaluate and predict with it.
class Runtime final : public ModelRuntime {
 public:
  /// That of the model, made when there is none.
  static std::shared_ptr<Runtime> of(ModelImpl& model);

  /// The program for such a batch, planned at the first request. Valid as long as the returned pointer.
  std::shared_ptr<const StepProgram> inference(ModelImpl& model, const std::vector<TensorSpec>& inputs);
  std::shared_ptr<const StepProgram> loss(ModelImpl& model, const StepProgram& inference,
                                          const BatchSpecs& batch);
  std::shared_ptr<const StepProgram> training(ModelImpl& model, const BatchSpecs& batch);

  KernelRecord kernels() const override;

  /// Runs it in memory of its own, taken from this runtime's pool.
  void run(const std::shared_ptr<const StepProgram>& step, const void* const* feeds, void* const* outputs);

 private:
  struct Slot {
    std::shared_ptr<Arena> arena;
    std::list<std::pair<std::shared_ptr<const StepProgram>, ContextPtr>> contexts;
    bool busy = false;
  };
  struct Plan {
    std::string key;
    std::shared_ptr<const StepProgram> step;
  };

  /// make(selection) makes the program.
  template <class Make>
  std::shared_ptr<const StepProgram> find_or_make(const ModelImpl& model, const Backend& backend,
                                                  std::string key, Make&& make);
  /// Once, of what makes a run that goes on differ from how it began.
  void say_what_is_not_possible(const Backend& backend, const KernelRecord& record, const Program& program);
  Slot& take_slot();
  static ExecutionContext& context_in(Slot& slot, const std::shared_ptr<const StepProgram>& step);

  mutable std::mutex mutex_;
  std::shared_ptr<DerivedStore> derived_ = std::make_shared<DerivedStore>();
  std::list<Plan> plans_;  ///< the newest used first
  std::list<Slot> slots_;
  std::string instruction_set_;  ///< of the backend that was planned for
  bool said_set_ = false, said_kernels_ = false;
};

/// The threads that programs run on, and the backend they are planned for.
std::shared_ptr<ThreadPool> compute_threads();
const Backend& backend_for(const ModelImpl& model);
/// As set_prepacking() left it.
bool prepacking();
/// What decides between kernels for this model, before the backend does; nothing but the record for others
/// than the cpu backend. With `measure`, what is missing is measured where start_tuning() was called.
KernelSelection kernel_selection(const ModelImpl& model, const Backend& backend, bool measure);
/// Counts the calls of start_tuning() and stop_tuning(); odd while tuning.
std::uint64_t tuning_version();
/// Writes what was measured, and says so.
void remember_measurements();
/// Its weights' type, float32 when it has none.
DType weights_dtype(const ModelImpl& model);

}  // namespace fovea
