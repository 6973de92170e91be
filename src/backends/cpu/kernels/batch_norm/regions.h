#pragma once

#include <variant>

#include "backends/backend.h"
#include "backends/cpu/kernels/batch_norm/batch_norm.h"

namespace fovea::cpu {

/// The steps of a region from one of them on: a batch normalisation [+ residual] [+ ReLU].
struct NormalisationSteps {
  BatchNormShape shape;
  bool half = false;                         ///< data in bfloat16
  int x = -1;                                ///< value
  int gamma = -1, beta = -1, residual = -1;  ///< positions among the region's inputs
  int y = -1, mean = -1, variance = -1;      ///< and outputs; -1 for none
  BatchNormEpilogue epilogue = {};           ///< without the residual

  BatchNormTensors tensors(const KernelContext& context, Numbers of_x) const;
  Numbers data(const KernelContext& context, int position) const;
};
std::variant<NormalisationSteps, Declined> read_normalisation(const Region& region, std::size_t first);

/// The same of the gradient: [that of a ReLU +] that of a normalisation [+ the sum of its dx, for a bias].
struct NormalisationBackwardSteps {
  BatchNormShape shape;
  bool half = false;
  int dy_value = -1;  ///< value: the gradient by the ReLU's result, if there is one
  int dy = -1, x = -1, gamma = -1, mean = -1, variance = -1;  ///< positions among the region's inputs
  int dx = -1, dgamma = -1, dbeta = -1, dx_sums = -1;         ///< and outputs; -1 for none
  int after = -1;                                             ///< input: the ReLU's result; -1: there is none
  int masked = -1;  ///< output: the gradient by the ReLU's input; -1: not read
  float largest = std::numeric_limits<float>::infinity();

  BatchNormGradients tensors(const KernelContext& context) const;
};
std::variant<NormalisationBackwardSteps, Declined> read_normalisation_backward(const Region& region,
                                                                               std::size_t first);

}  // namespace fovea::cpu
