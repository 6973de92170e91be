#include "arrays.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/format.h"
#include "errors.h"
#include "report.h"

// Source: keras/src/models/functional.py, _standardize_inputs.

namespace fovea::program {
namespace {

namespace fs = std::filesystem;

bool is_npz(const std::string& path) { return fs::path(path).extension() == ".npz"; }

std::vector<std::string> names_of(const std::vector<SymbolicTensor>& tensors) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const SymbolicTensor& tensor : tensors) {
    const LayerImpl& layer = *tensor.call()->layer;
    const std::string stem = layer.name.empty() ? layer.default_name() : layer.name;
    std::string name = stem;
    for (int count = 1; !taken.insert(name).second; ++count) name = fmt::format("{}_{}", stem, count);
    names.push_back(name);
  }
  return names;
}

/// As Keras reads numbers: floats as float32 first, unless more is wanted.
Tensor cast(const Tensor& array, DType wanted) {
  if (array.dtype() == wanted) return array;
  if (is_floating(wanted)) return array.dtype() == DType::uint8 ? array : array.astype(wanted);
  return (array.dtype() == DType::float64 ? array.astype(DType::float32) : array).astype(wanted);
}

/// With a last size of 1 more or less, where the model's input has one less or more.
Tensor with_rank(const Tensor& array, std::size_t rank, std::int64_t last) {
  Shape shape = array.shape();
  if (shape.rank() == rank + 1 && shape[-1] == 1) return array.reshaped(shape.slice(0, -1));
  if (shape.rank() + 1 == rank && last == 1) {
    shape.push_back(1);
    return array.reshaped(shape);
  }
  return array;
}

bool fits(const Shape& given, const Shape& wanted) {
  if (given.rank() != wanted.rank()) return false;
  for (std::size_t axis = 1; axis < wanted.rank(); ++axis) {
    const auto at = static_cast<std::ptrdiff_t>(axis);
    if (wanted[at] != Shape::unknown && wanted[at] != given[at]) return false;
  }
  return true;
}

/// In the order of the model's inputs.
std::vector<Tensor> arrays_by_name(const std::vector<std::string>& names, const std::string& path) {
  NamedArrays arrays = load_npz(path);
  std::vector<std::string> found;
  for (const auto& [name, array] : arrays) found.push_back("'" + name + "'");
  // Of one there is no doubt what it is for: numpy.savez calls it arr_0.
  if (names.size() == 1 && arrays.size() == 1) return {arrays[0].second};
  std::vector<Tensor> result;
  for (const std::string& name : names) {
    const auto array =
        std::find_if(arrays.begin(), arrays.end(), [&](const auto& a) { return a.first == name; });
    if (array == arrays.end()) break;
    result.push_back(array->second);
  }
  if (result.size() != names.size() || arrays.size() != names.size()) {
    fail("{}: must have an array for each input of the model, named '{}'. Received: {}", path,
         joined(names, "', '"), found.empty() ? "no array" : joined(found));
  }
  return result;
}

}  // namespace

bool is_array_file(const std::string& path) { return fs::path(path).extension() == ".npy" || is_npz(path); }

std::vector<std::string> input_names(const Model& model) { return names_of(model.inputs()); }
std::vector<std::string> output_names(const Model& model) { return names_of(model.outputs()); }

std::vector<Tensor> load_inputs(const Model& model, const std::string& path) {
  const std::vector<std::string> names = input_names(model);
  if (!is_npz(path) && names.size() != 1) {
    fail("{}: the model has {} inputs; give a .npz file with an array for each, named '{}'", path,
         names.size(), joined(names, "', '"));
  }
  std::vector<Tensor> arrays =
      is_npz(path) ? arrays_by_name(names, path) : std::vector<Tensor>{load_npy(path)};
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const SymbolicTensor input = model.inputs()[i];
    const Shape wanted = input.shape(), given = arrays[i].shape();
    arrays[i] = with_rank(arrays[i], wanted.rank(), wanted[-1]);
    if (!fits(arrays[i].shape(), wanted)) {
      fail("{}: input '{}' of the model takes an array of shape {}. Received: {}", path, names[i],
           wanted.str(), given.str());
    }
    const std::int64_t samples = arrays[i].shape()[0];
    if (samples == 0)
      fail("{}: holds no samples for input '{}': its shape is {}", path, names[i], given.str());
    if (samples != arrays[0].shape()[0]) {
      fail("{}: all inputs must have the same number of samples. Received: {} for '{}' and {} for '{}'", path,
           arrays[0].shape()[0], names[0], samples, names[i]);
    }
    arrays[i] = cast(arrays[i], input.call()->layer->dtype_policy.compute_dtype());
  }
  return arrays;
}

void save_outputs(const Model& model, const std::vector<Tensor>& outputs, const std::string& path) {
  if (!is_npz(path)) return save_npy(path, outputs.at(0));
  const std::vector<std::string> names = output_names(model);
  NamedArrays arrays;
  for (std::size_t i = 0; i < outputs.size(); ++i) arrays.emplace_back(names[i], outputs[i]);
  save_npz(path, arrays);
}

void require_other_file(const std::string& input, const std::string& output) {
  std::error_code status;
  if (fs::equivalent(input, output, status))
    usage_error("{}: would replace what is read; give another file", output);
}

void require_folder_of(const std::string& output) {
  const fs::path folder = fs::path(output).parent_path();
  if (!folder.empty() && !fs::is_directory(folder))
    fail("{}: there is no folder {}", output, folder.string());
}

}  // namespace fovea::program
