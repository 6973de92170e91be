#include "ops/batch_norm.h"

#include <cmath>
#include <vector>

#include "backends/reference/reference.h"
#include "core/philox.h"

namespace fovea {

void reference_BatchNormTraining(const ReferenceCall& call) {
  const double epsilon = static_cast<const BatchNormTrainingOp&>(call.op).epsilon;
  const Shape& shape = call.input_specs[0].shape;
  const std::int64_t channels = shape[-1], rows = shape.elements() / channels;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const T* x = call.input<T>(0);
    const Sum<T>*gamma = call.input<Sum<T>>(1), *beta = call.input<Sum<T>>(2);
    for (std::int64_t c = 0; c < channels; ++c) {
      double mean = 0, variance = 0;
      for (std::int64_t r = 0; r < rows; ++r) mean += static_cast<double>(x[r * channels + c]);
      mean /= static_cast<double>(rows);
      for (std::int64_t r = 0; r < rows; ++r) {
        const double distance = static_cast<double>(x[r * channels + c]) - mean;
        variance += distance * distance;
      }
      variance /= static_cast<double>(rows);
      const double factor = static_cast<double>(gamma[c]) / std::sqrt(variance + epsilon);
      for (std::int64_t r = 0; r < rows && call.outputs[0] != nullptr; ++r) {
        const double distance = static_cast<double>(x[r * channels + c]) - mean;
        call.output<T>()[r * channels + c] = static_cast<T>(distance * factor + static_cast<double>(beta[c]));
      }
      if (call.outputs[1] != nullptr) call.output<Sum<T>>(1)[c] = static_cast<Sum<T>>(mean);
      if (call.outputs[2] != nullptr) call.output<Sum<T>>(2)[c] = static_cast<Sum<T>>(variance);
    }
  });
}

void reference_BatchNormBackward(const ReferenceCall& call) {
  const double epsilon = static_cast<const BatchNormBackwardOp&>(call.op).epsilon;
  const Shape& shape = call.input_specs[0].shape;
  const std::int64_t channels = shape[-1], rows = shape.elements() / channels;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const T *x = call.input<T>(0), *dy = call.input<T>(4);
    const Sum<T>* gamma = call.input<Sum<T>>(1);
    for (std::int64_t c = 0; c < channels; ++c) {
      const double mean = static_cast<double>(call.input<Sum<T>>(2)[c]);
      const double inverse = 1 / std::sqrt(static_cast<double>(call.input<Sum<T>>(3)[c]) + epsilon);
      const auto xhat = [&](std::int64_t r) {
        return (static_cast<double>(x[r * channels + c]) - mean) * inverse;
      };
      double dgamma = 0, dbeta = 0;
      for (std::int64_t r = 0; r < rows; ++r) {
        const double gradient = static_cast<double>(dy[r * channels + c]);
        dbeta += gradient;
        dgamma += gradient * xhat(r);
      }
      const double n = static_cast<double>(rows);
      for (std::int64_t r = 0; r < rows && call.outputs[0] != nullptr; ++r) {
        const double gradient = static_cast<double>(dy[r * channels + c]);
        call.output<T>()[r * channels + c] = static_cast<T>(static_cast<double>(gamma[c]) * inverse *
                                                            (gradient - dbeta / n - xhat(r) * dgamma / n));
      }
      if (call.outputs[1] != nullptr) call.output<Sum<T>>(1)[c] = static_cast<Sum<T>>(dgamma);
      if (call.outputs[2] != nullptr) call.output<Sum<T>>(2)[c] = static_cast<Sum<T>>(dbeta);
    }
  });
}

void reference_Dropout(const ReferenceCall& call) {
  const auto& op = static_cast<const DropoutOp&>(call.op);
  const std::int64_t* state = call.input<std::int64_t>(1);
  const PhiloxStream random(static_cast<std::uint64_t>(state[0]), static_cast<std::uint64_t>(op.stream),
                            static_cast<std::uint32_t>(state[1]));
  const double threshold = std::floor(op.rate * 0x1p32);
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    const auto keep = static_cast<Sum<T>>(1 / (1 - op.rate));
    for (std::int64_t i = 0; i < call.output_specs[0].shape.elements(); ++i) {
      const bool kept = static_cast<double>(random.at(static_cast<std::uint64_t>(i))) >= threshold;
      call.output<T>()[i] = kept ? static_cast<T>(call.input<T>(0)[i] * keep) : T(0);
    }
  });
}

}  // namespace fovea
