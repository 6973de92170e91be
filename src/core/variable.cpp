#include "fovea/variable.h"

#include <atomic>
#include <cstring>
#include <mutex>

#include "core/format.h"

namespace fovea {

struct Variable::State {
  std::string name;
  TensorSpec spec;
  std::once_flag is_made;
  Tensor value;
  std::atomic<std::uint64_t> version{1};
};

Variable::Variable(std::string name, const TensorSpec& spec) : state_(std::make_shared<State>()) {
  state_->name = std::move(name);
  state_->spec = spec;
}

const std::string& Variable::name() const { return state_->name; }
const TensorSpec& Variable::spec() const { return state_->spec; }
Tensor Variable::value() const {
  std::call_once(state_->is_made, [this] { state_->value = Tensor(state_->spec); });
  return state_->value;
}
std::uint64_t Variable::version() const { return state_->version.load(std::memory_order_acquire); }
void Variable::touch() { state_->version.fetch_add(1, std::memory_order_acq_rel); }

void Variable::assign(const Tensor& value) {
  if (value.shape() != spec().shape) {
    fail("Variable '{}' has shape {}. Received: a value of shape {}", name(), spec().shape.str(),
         value.shape().str());
  }
  const Tensor converted = value.dtype() == spec().dtype ? value : value.astype(spec().dtype);
  if (converted.size() != 0) {
    std::memcpy(this->value().raw(), converted.raw(), static_cast<std::size_t>(converted.bytes()));
  }
  touch();
}

}  // namespace fovea
