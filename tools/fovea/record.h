#pragma once

#include <string>
#include <vector>

#include "fovea/model.h"
#include "training/layer_values.h"

namespace fovea::program {

/// What a model computed elsewhere: what scripts/record_keras.py writes.
struct Record {
  std::string made_by;          ///< "Keras 3.15.1"
  std::vector<Tensor> inputs;   ///< in the order of the model's
  std::vector<Tensor> factors;  ///< of each output, for the gradients; empty without them
  std::vector<NamedValue> layers, gradients;
};

/// Reads the .npz file that scripts/record_keras.py wrote. Throws Error naming the file and what is wrong.
Record load_record(const std::string& path);

/// What the reference backend computes, on these inputs; the factors are random. Gradients are left out
/// unless they are wanted.
Record make_record(const Model& model, const std::vector<Tensor>& inputs, std::uint64_t seed, bool gradients);

/// Random inputs of so many samples: floats from 0 to 1, bytes from 0 to 255, other whole numbers 0 or 1.
/// Throws Error for a model whose inputs leave sizes open.
std::vector<Tensor> random_inputs(const Model& model, std::int64_t samples, std::uint64_t seed);

}  // namespace fovea::program
