#include "ops/optimizer_update.h"

#include <algorithm>
#include <cmath>

#include "backends/reference/reference.h"

// Arithmetic is done in the variables' own type and in Keras' order of operations, so that rounding follows
// Keras too; 1 - rho and the like are formed in double first, as in Python.

namespace fovea {
namespace {

/// As keras.ops.cast makes it of a Python number, which is float32 first, in double too.
template <class T>
T cast(double option) {
  return static_cast<T>(static_cast<float>(option));
}

/// The gradient as it is clipped, with a variable's divisor and the factor of all.
template <class T>
T clipped(const OptimizerUpdate& op, T g, T divisor, T factor) {
  if (op.clip_value > 0) {
    const T limit = cast<T>(op.clip_value);
    if (g < -limit) return -limit;
    return g > limit ? limit : g;
  }
  if (op.clip_norm > 0) return g * cast<T>(op.clip_norm) / divisor;
  return op.scaled ? g * factor : g;
}

/// Variables are never bfloat16.
template <class Function>
void with_variable_type(DType dtype, Function&& function) {
  dtype == DType::float64 ? function.template operator()<double>() : function.template operator()<float>();
}

/// Calls element(w, slots, g) for every element of every variable: w and slots are references to the outputs,
/// set from the inputs.
template <class T, class Element>
void for_each_element(const ReferenceCall& call, Element element) {
  const auto& op = static_cast<const OptimizerUpdate&>(call.op);
  const std::size_t kept = op.slots() + 1;
  const T rate = call.input<T>(0)[0], factor = op.scaled ? call.input<T>(2)[0] : T{1};
  for (std::size_t v = 0; v < op.variables(call.input_specs.size()); ++v) {
    const std::size_t first = op.head() + v * op.group();
    const T divisor = op.clip_norm > 0 ? call.input<T>(first + kept + 1)[0] : T{1};
    for (std::int64_t i = 0; i < call.input_specs[first].shape.elements(); ++i) {
      T values[4] = {};
      for (std::size_t s = 0; s < kept; ++s) values[s] = call.input<T>(first + s)[i];
      if (op.weight_decay != 0) values[0] -= values[0] * cast<T>(op.weight_decay) * rate;
      element(values[0], values + 1, clipped(op, call.input<T>(first + kept)[i], divisor, factor), rate);
      for (std::size_t s = 0; s < kept; ++s) {
        if (call.outputs[v * kept + s] != nullptr) call.output<T>(v * kept + s)[i] = values[s];
      }
    }
  }
}

}  // namespace

void reference_SgdUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const SgdUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T momentum = cast<T>(op.momentum);
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      if (op.momentum == 0) {
        w -= g * rate;
        return;
      }
      slots[0] = slots[0] * momentum - g * rate;
      w += op.nesterov ? slots[0] * momentum - g * rate : slots[0];
    });
  });
}

void reference_RmspropUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const RmspropUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T rho = static_cast<T>(op.rho), rest = static_cast<T>(1 - op.rho),
            epsilon = static_cast<T>(op.epsilon), momentum = static_cast<T>(op.momentum);
    const std::size_t average_slot = op.momentum > 0 ? 2 : 1;
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      slots[0] = rho * slots[0] + rest * (g * g);
      T denominator = slots[0] + epsilon;
      if (op.centered) {
        T& average = slots[average_slot];
        average = rho * average + rest * g;
        denominator = slots[0] - average * average + epsilon;
      }
      const T increment = rate * g / std::sqrt(denominator);
      if (op.momentum > 0) {
        slots[1] = momentum * slots[1] + increment;
        w -= slots[1];
      } else {
        w -= increment;
      }
    });
  });
}

void reference_AdamUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const AdamUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T beta_1 = cast<T>(op.beta_1), beta_2 = cast<T>(op.beta_2), rest_1 = static_cast<T>(1 - op.beta_1),
            rest_2 = static_cast<T>(1 - op.beta_2), epsilon = static_cast<T>(op.epsilon);
    const T step = static_cast<T>(call.input<std::int64_t>(1)[0]);
    const T root = std::sqrt(1 - std::pow(beta_2, step)), first = 1 - std::pow(beta_1, step);
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      T &m = slots[0], &v = slots[1];
      m += (g - m) * rest_1;
      v += (g * g - v) * rest_2;
      if (op.amsgrad) slots[2] = std::max(slots[2], v);
      w -= m * (rate * root / first) / (std::sqrt(op.amsgrad ? slots[2] : v) + epsilon);
    });
  });
}

}  // namespace fovea
