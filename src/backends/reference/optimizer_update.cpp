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
  const bool waits = op.waits(call.input<std::int64_t>(1)[0]);
  const T rate = call.input<T>(0)[0], factor = op.scaled ? call.input<T>(2)[0] : T{1};
  for (std::size_t v = 0; v < op.variables(call.input_specs.size()); ++v) {
    const std::size_t first = op.head() + v * op.group();
    const T divisor = op.clip_norm > 0 ? call.input<T>(first + kept + 1)[0] : T{1};
    for (std::int64_t i = 0; i < call.input_specs[first].shape.elements(); ++i) {
      T values[4] = {};
      for (std::size_t s = 0; s < kept; ++s) values[s] = call.input<T>(first + s)[i];
      if (!waits) {
        if (op.weight_decay != 0) values[0] -= values[0] * cast<T>(op.weight_decay) * rate;
        element(values[0], values + 1, clipped(op, call.input<T>(first + kept)[i], divisor, factor), rate);
      }
      for (std::size_t s = 0; s < kept; ++s) {
        if (call.outputs[v * kept + s] != nullptr) call.output<T>(v * kept + s)[i] = values[s];
      }
    }
  }
}

/// The number of the step, counted from 1.
template <class T>
T step_number(const ReferenceCall& call) {
  const auto& op = static_cast<const OptimizerUpdate&>(call.op);
  return static_cast<T>(op.step_of(call.input<std::int64_t>(1)[0]));
}

/// pair(first, second) for every element of every pair: references to the outputs, set from the inputs.
template <class T, class Pair>
void for_each_pair(const ReferenceCall& call, Pair pair) {
  for (std::size_t i = 1; i < call.input_specs.size(); i += 2) {
    for (std::int64_t k = 0; k < call.input_specs[i].shape.elements(); ++k) {
      T first = call.input<T>(i)[k], second = call.input<T>(i + 1)[k];
      pair(first, second);
      if (call.outputs[i - 1] != nullptr) call.output<T>(i - 1)[k] = first;
      if (call.outputs[i] != nullptr) call.output<T>(i)[k] = second;
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
    const T step = step_number<T>(call);
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

void reference_AdagradUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const AdagradUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T epsilon = static_cast<T>(op.epsilon);
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      slots[0] += g * g;
      w -= rate * g / std::sqrt(slots[0] + epsilon);
    });
  });
}

void reference_AdadeltaUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const AdadeltaUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T rho = static_cast<T>(op.rho), rest = static_cast<T>(1 - op.rho),
            epsilon = static_cast<T>(op.epsilon);
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      slots[0] = rho * slots[0] + rest * (g * g);
      const T step = -(std::sqrt(slots[1] + epsilon) * g / std::sqrt(slots[0] + epsilon));
      slots[1] = rho * slots[1] + rest * (step * step);
      w += rate * step;
    });
  });
}

void reference_AdamaxUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const AdamaxUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T rest_1 = static_cast<T>(1 - op.beta_1), beta_2 = static_cast<T>(op.beta_2),
            epsilon = static_cast<T>(op.epsilon);
    const T correction = 1 - std::pow(cast<T>(op.beta_1), step_number<T>(call));
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      T &m = slots[0], &u = slots[1];
      m += (g - m) * rest_1;
      u = std::max(beta_2 * u, std::abs(g));
      w -= rate * m / (correction * (u + epsilon));
    });
  });
}

// Here Keras forms 1 - beta in the variables' own type.
void reference_NadamUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const NadamUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T beta_1 = cast<T>(op.beta_1), beta_2 = cast<T>(op.beta_2), decay = cast<T>(0.96),
            epsilon = static_cast<T>(op.epsilon), half = static_cast<T>(0.5);
    const T step = step_number<T>(call), product = call.input<T>(op.head() - 1)[0];
    const T u = beta_1 * (1 - half * std::pow(decay, step)),
            next_u = beta_1 * (1 - half * std::pow(decay, step + 1));
    const T rest_product = 1 - product, rest_next = 1 - product * next_u, square = 1 - std::pow(beta_2, step);
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      T &m = slots[0], &v = slots[1];
      m += (g - m) * (1 - beta_1);
      v += (g * g - v) * (1 - beta_2);
      const T mean = next_u * m / rest_next + (1 - u) * g / rest_product;
      w -= mean * rate / (std::sqrt(v / square) + epsilon);
    });
  });
}

void reference_NadamProduct(const ReferenceCall& call) {
  const auto& op = static_cast<const NadamProductOp&>(call.op);
  const std::int64_t iteration = call.input<std::int64_t>(0)[0];
  with_variable_type(call.output_specs[0].dtype, [&]<class T>() {
    T product = call.input<T>(1)[0];
    if (iteration % op.accumulation_steps == 0) {
      const T step = static_cast<T>(iteration / op.accumulation_steps);
      product = product * static_cast<T>(op.beta_1) *
                (1 - static_cast<T>(0.5) * std::pow(static_cast<T>(0.96), step));
    }
    call.output<T>()[0] = product;
  });
}

void reference_LionUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const LionUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T beta_1 = cast<T>(op.beta_1), beta_2 = cast<T>(op.beta_2);
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      const T direction = slots[0] * beta_1 + g * (1 - beta_1);
      w -= rate * (direction > 0 ? T{1} : (direction < 0 ? T{-1} : direction));
      slots[0] = slots[0] * beta_2 + g * (1 - beta_2);
    });
  });
}

void reference_FtrlUpdate(const ReferenceCall& call) {
  const auto& op = static_cast<const FtrlUpdateOp&>(call.op);
  with_variable_type(call.input_specs[0].dtype, [&]<class T>() {
    const T l1 = static_cast<T>(op.l1), shrinkage = static_cast<T>(2 * op.shrinkage);
    const auto root = [&](T x) {
      return op.power == -0.5 ? std::sqrt(x) : std::pow(x, static_cast<T>(-op.power));
    };
    for_each_element<T>(call, [&](T& w, T* slots, T g, T rate) {
      T &sum = slots[0], &z = slots[1];
      const T l2 = static_cast<T>(op.l2) + static_cast<T>(op.beta) / (2 * rate), next = sum + g * g;
      z += g + shrinkage * w - (root(next) - root(sum)) / rate * w;
      const T quadratic = root(next) / rate + 2 * l2;
      w = (std::min(std::max(z, -l1), l1) - z) / quadratic;
      sum = next;
    });
  });
}

void reference_GradientAccumulation(const ReferenceCall& call) {
  const auto& op = static_cast<const GradientAccumulationOp&>(call.op);
  const bool last = call.input<std::int64_t>(0)[0] % op.steps == 0;
  if (call.output_specs.empty()) return;
  with_variable_type(call.output_specs[0].dtype, [&]<class T>() {
    for_each_pair<T>(call, [&](T& g, T& sum) {
      const T all = g + sum;
      g = all / static_cast<T>(op.steps);
      sum = last ? T{0} : all;
    });
  });
}

void reference_MovingAverage(const ReferenceCall& call) {
  const auto& op = static_cast<const MovingAverageOp&>(call.op);
  const std::int64_t iteration = call.input<std::int64_t>(0)[0];
  if (call.output_specs.empty()) return;
  with_variable_type(call.output_specs[0].dtype, [&]<class T>() {
    const T momentum = op.steps_before(iteration) == 0 ? T{0} : static_cast<T>(op.momentum);
    for_each_pair<T>(call, [&](T& w, T& average) {
      average = momentum * average + (1 - momentum) * w;
      if (op.overwrites(iteration)) w = average;
    });
  });
}

}  // namespace fovea
