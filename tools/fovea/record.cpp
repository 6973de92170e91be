#include "record.h"

#include <map>

#include "arrays.h"
#include "core/format.h"
#include "core/philox.h"
#include "saving/json_access.h"

// The format is said in scripts/record_keras.py.

namespace fovea::program {
namespace {

constexpr int format = 1;

class RecordReader {
 public:
  explicit RecordReader(const std::string& path) {
    for (auto& [name, array] : load_npz(path)) arrays_.emplace(name, array);
  }

  Record read() const {
    const Tensor& bytes = array("record");
    if (bytes.dtype() != DType::uint8)
      fail("its array 'record' must be bytes. Received: {}", bytes.spec().str());
    const Json json =
        parse_json({static_cast<const char*>(bytes.raw()), static_cast<std::size_t>(bytes.size())});
    const std::string where = "its record";
    if (member(json, "format", where) != format) {
      fail(
          "is a record of format {}, and {} is known; make it again with this version's "
          "scripts/record_keras.py",
          shown(json["format"]), format);
    }
    Record record;
    record.made_by = "Keras " + text_member(json, "keras_version", where);
    const auto numbered = [&](const char* what, std::size_t i) {
      return array(fmt::format("{}/{}", what, i));
    };
    const std::size_t inputs = list_member(json, "inputs", where).size();
    for (std::size_t i = 0; i < inputs; ++i) record.inputs.push_back(numbered("inputs", i));
    const Json& factors = member(json, "factors", where);
    if (!factors.is_number_unsigned())
      fail("{}: 'factors' must be a number. Received: {}", where, shown(factors));
    for (std::size_t i = 0; i < factors.get<std::size_t>(); ++i)
      record.factors.push_back(numbered("factors", i));
    for (const Json& layer : list_member(json, "layers", where)) {
      record.layers.push_back({text_member(layer, "path", where), text_member(layer, "class_name", where),
                               numbered("layers", record.layers.size())});
    }
    for (const Json& name : list_member(json, "gradients", where)) {
      if (!name.is_string()) fail("{}: 'gradients' must be names. Received: {}", where, shown(name));
      record.gradients.push_back(
          {name.get<std::string>(), {}, numbered("gradients", record.gradients.size())});
    }
    return record;
  }

 private:
  const Tensor& array(const std::string& name) const {
    const auto found = arrays_.find(name);
    if (found == arrays_.end()) fail("has no array '{}'; is it a record of scripts/record_keras.py?", name);
    return found->second;
  }

  std::map<std::string, Tensor> arrays_;
};

/// Each stream is one array.
Tensor random_array(const TensorSpec& spec, std::uint64_t seed, const std::string& name, bool normal) {
  PhiloxStream random(seed, stream_id(name));
  Tensor values(spec.shape, DType::float64);
  for (std::int64_t i = 0; i < values.size(); ++i) {
    double& value = values.data<double>()[i];
    if (normal) {
      value = random.normal();
    } else if (is_floating(spec.dtype)) {
      value = static_cast<double>(random.uniform());
    } else {
      value = static_cast<double>(random.below(spec.dtype == DType::uint8 ? 256 : 2));
    }
  }
  return values.astype(spec.dtype);
}

}  // namespace

Record load_record(const std::string& path) {
  const RecordReader reader(path);
  try {
    return reader.read();
  } catch (const Error& error) {
    fail("{}: {}", path, error.what());
  }
}

std::vector<Tensor> random_inputs(const Model& model, std::int64_t samples, std::uint64_t seed) {
  std::vector<Tensor> inputs;
  for (const std::string& name : input_names(model)) {
    const SymbolicTensor input = model.inputs()[inputs.size()];
    Shape shape = input.shape();
    shape.set(0, samples);
    if (!shape.is_known()) {
      fail("model '{}': its input '{}' of shape {} leaves sizes open; give arrays with --input", model.name(),
           name, input.shape().str());
    }
    inputs.push_back(
        random_array({shape, input.call()->layer->dtype_policy.compute_dtype()}, seed, name, false));
  }
  return inputs;
}

Record make_record(const Model& model, const std::vector<Tensor>& inputs, std::uint64_t seed,
                   bool gradients) {
  Record record;
  record.made_by = "fovea's reference backend";
  record.inputs = inputs;
  record.layers = layer_outputs(model, inputs, Computation::reference);
  if (!gradients) return record;
  std::vector<Shape> shapes;
  for (const Tensor& input : inputs) shapes.push_back(input.shape());
  for (const Shape& shape : model.impl()->output_shapes(shapes)) {
    const std::string name = fmt::format("factor {}", record.factors.size());
    record.factors.push_back(random_array({shape, DType::float32}, seed, name, true));
  }
  record.gradients = output_gradients(model, inputs, record.factors, Computation::reference);
  return record;
}

}  // namespace fovea::program
