#include "saving/legacy_operations.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "core/format.h"
#include "saving/json_access.h"
#include "saving/layer_json.h"

// Source: tf_keras/src/layers/core/tf_op_layer.py; tf_keras/src/engine/node.py, serialize.

namespace fovea {
namespace {

constexpr const char* kNumpy = "keras.src.ops.numpy";
constexpr const char* kNn = "keras.src.ops.nn";
constexpr const char* kMath = "keras.src.ops.math";
constexpr const char* kCore = "keras.src.ops.core";
constexpr const char* kImage = "keras.src.ops.image";
constexpr const char* kLayers = "keras.layers";

/// An argument of the function: its name there and here, and what it is if it was not given. One that has no
/// name here must be that.
struct Option {
  const char *theirs, *ours, *standard;
};

/// What was made of a call so far.
struct Converted {
  Json config, arguments, named = Json::object();
};

struct Row {
  const char* function;  ///< without "compat.v1."
  const char *module, *kind;
  const char* second = nullptr;  ///< the name of its second tensor, which may be a number or an array
  std::vector<Option> options = {};
  void (*finish)(Converted& call, const std::string& where) = nullptr;
};

// ---- what differs by more than names ----

void lower_case(Json& text) {
  if (!text.is_string()) return;
  auto letters = text.get<std::string>();
  std::transform(letters.begin(), letters.end(), letters.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  text = letters;
}

/// (h, w), also written as (1, h, w, 1).
void window(Json& size) {
  if (size.is_array() && size.size() == 4 && size[0] == 1 && size[3] == 1)
    size = Json::array({size[1], size[2]});
}

void finish_pool(Converted& call, const std::string&) {
  window(call.config["pool_size"]);
  window(call.config["strides"]);
  lower_case(call.config["padding"]);
}

void finish_pad(Converted& call, const std::string&) {
  lower_case(call.config["mode"]);
  const Json value = call.config["constant_values"];
  call.config.erase("constant_values");
  call.named["constant_values"] = value == 0 ? Json(nullptr) : value;
}

/// TensorFlow bounds the sum of squares, Keras its root.
void finish_normalize(Converted& call, const std::string& where) {
  Json& epsilon = call.config["epsilon"];
  if (!epsilon.is_number()) fail("{}: epsilon must be a number. Received: {}", where, shown(epsilon));
  epsilon = std::sqrt(epsilon.get<double>());
}

/// Sizes of parts become the places where they begin.
void finish_split(Converted& call, const std::string& where) {
  Json& sizes = call.config["indices_or_sections"];
  if (!sizes.is_array()) return;
  Json places = Json::array();
  std::int64_t place = 0;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    const bool fits =
        sizes[i].is_number_unsigned() && sizes[i].get<std::uint64_t>() < (std::uint64_t{1} << 32);
    if (!fits) fail("{}: the sizes of parts must be known. Received: {}", where, shown(sizes));
    place += sizes[i].get<std::int64_t>();
    places.push_back(place);
  }
  sizes = std::move(places);
}

void finish_key(Converted& call, const std::string&) {
  Json key = call.config["slice_spec"];
  call.config.erase("slice_spec");
  const auto convert = [](Json& part) {
    const bool is_ellipsis =
        part == "Ellipsis" || (part.is_object() && part.value("class_name", Json()) == "__ellipsis__");
    if (is_ellipsis) {
      part = {{"class_name", "__ellipsis__"}, {"config", Json::object()}};
    } else if (part.is_object()) {
      part = {{"class_name", "__slice__"}, {"config", part}};
    }
  };
  if (key.is_array()) {
    for (Json& part : key) convert(part);
  } else {
    const bool alone = key.is_object() || key.is_string();
    convert(key);
    if (alone) key = Json::array({key});
  }
  call.arguments.push_back(std::move(key));
}

// ---- the list ----

constexpr Option kAxis{"axis", "axis", "null"}, kKeepdims{"keepdims", "keepdims", "false"};
constexpr Option kChannelsLast{"data_format", nullptr, "\"NHWC\""};

const std::vector<Option> kPoolOptions = {{"ksize", "pool_size", "null"},
                                          {"strides", "strides", "null"},
                                          {"padding", "padding", "null"},
                                          kChannelsLast};
const std::vector<Option> kBlockOptions = {{"block_size", "block_size", "null"}, kChannelsLast};

const Row kRows[] = {
    {"__operators__.add", kNumpy, "Add", "y"},
    {"math.add", kNumpy, "Add", "y"},
    {"math.subtract", kNumpy, "Subtract", "y"},
    {"math.multiply", kNumpy, "Multiply", "y"},
    {"math.truediv", kNumpy, "TrueDivide", "y"},
    {"math.divide", kNumpy, "Divide", "y"},
    {"math.maximum", kNumpy, "Maximum", "y"},
    {"math.minimum", kNumpy, "Minimum", "y"},
    {"math.pow", kNumpy, "Power", "y"},
    {"linalg.matmul",
     kNumpy,
     "Matmul",
     "b",
     {{"transpose_a", nullptr, "false"},
      {"transpose_b", nullptr, "false"},
      {"adjoint_a", nullptr, "false"},
      {"adjoint_b", nullptr, "false"},
      {"a_is_sparse", nullptr, "false"},
      {"b_is_sparse", nullptr, "false"}}},
    {"math.negative", kNumpy, "Negative"},
    {"math.square", kNumpy, "Square"},
    {"math.sqrt", kNumpy, "Sqrt"},
    {"math.rsqrt", kMath, "Rsqrt"},
    {"math.reciprocal", kNumpy, "Reciprocal"},
    {"math.exp", kNumpy, "Exp"},
    {"math.log", kNumpy, "Log"},
    {"math.abs", kNumpy, "Absolute"},
    {"math.tanh", kNumpy, "Tanh"},
    {"nn.tanh", kNumpy, "Tanh"},
    {"math.sigmoid", kNn, "Sigmoid"},
    {"nn.sigmoid", kNn, "Sigmoid"},
    {"math.log_sigmoid", kNn, "LogSigmoid"},
    {"nn.relu", kNn, "Relu"},
    {"nn.relu6", kNn, "Relu6"},
    {"nn.silu", kNn, "Silu", nullptr, {{"beta", nullptr, "1.0"}}},
    {"nn.swish", kNn, "Silu", nullptr, {{"beta", nullptr, "1.0"}}},
    {"nn.selu", kNn, "Selu"},
    {"nn.elu", kNn, "Elu"},
    {"math.softplus", kNn, "Softplus"},
    {"nn.softplus", kNn, "Softplus"},
    {"nn.softsign", kNn, "Softsign"},
    {"nn.leaky_relu", kNn, "LeakyRelu", nullptr, {{"alpha", "negative_slope", "0.2"}}},
    {"nn.gelu", kNn, "Gelu", nullptr, {{"approximate", "approximate", "false"}}},
    {"nn.softmax", kNn, "Softmax", nullptr, {{"axis", "axis", "-1"}}},
    {"nn.log_softmax", kNn, "LogSoftmax", nullptr, {{"axis", "axis", "-1"}}},
    {"clip_by_value",
     kNumpy,
     "Clip",
     nullptr,
     {{"clip_value_min", "x_min", "null"}, {"clip_value_max", "x_max", "null"}}},
    {"math.reduce_mean", kNumpy, "Mean", nullptr, {kAxis, kKeepdims}},
    {"math.reduce_sum", kNumpy, "Sum", nullptr, {kAxis, kKeepdims}},
    {"math.reduce_max", kNumpy, "Max", nullptr, {kAxis, kKeepdims}},
    {"math.reduce_min", kNumpy, "Min", nullptr, {kAxis, kKeepdims}},
    {"math.reduce_variance", kNumpy, "Var", nullptr, {kAxis, kKeepdims}},
    {"math.reduce_std", kNumpy, "Std", nullptr, {kAxis, kKeepdims}},
    {"math.l2_normalize",
     kNn,
     "Normalize",
     nullptr,
     {kAxis, {"epsilon", "epsilon", "1e-12"}, {"dim", nullptr, "null"}},
     finish_normalize},
    {"reshape", kNumpy, "Reshape", nullptr, {{"shape", "newshape", "null"}}},
    {"transpose", kNumpy, "Transpose", nullptr, {{"perm", "axes", "null"}, {"conjugate", nullptr, "false"}}},
    {"expand_dims", kNumpy, "ExpandDims", nullptr, {kAxis, {"dim", nullptr, "null"}}},
    {"squeeze", kNumpy, "Squeeze", nullptr, {kAxis, {"squeeze_dims", nullptr, "null"}}},
    {"concat", kNumpy, "Concatenate", nullptr, {{"axis", "axis", "null"}}},
    {"stack", kNumpy, "Stack", nullptr, {{"axis", "axis", "0"}}},
    {"unstack", kCore, "Unstack", nullptr, {{"num", "num", "null"}, {"axis", "axis", "0"}}},
    {"split",
     kNumpy,
     "Split",
     nullptr,
     {{"num_or_size_splits", "indices_or_sections", "null"}, {"axis", "axis", "0"}, {"num", nullptr, "null"}},
     finish_split},
    {"pad",
     kNumpy,
     "Pad",
     nullptr,
     {{"paddings", "pad_width", "null"},
      {"mode", "mode", "\"CONSTANT\""},
      {"constant_values", "constant_values", "0"}},
     finish_pad},
    {"reverse", kNumpy, "Flip", nullptr, {kAxis}},
    {"roll", kNumpy, "Roll", nullptr, {{"shift", "shift", "null"}, kAxis}},
    {"repeat", kNumpy, "Repeat", nullptr, {{"repeats", "repeats", "null"}, kAxis}},
    {"tile", kNumpy, "Tile", nullptr, {{"multiples", "repeats", "null"}}},
    {"__operators__.getitem", kNumpy, "GetItem", nullptr, {{"slice_spec", "slice_spec", "null"}}, finish_key},
    {"cast", kCore, "Cast", nullptr, {{"dtype", "dtype", "null"}}},
    {"stop_gradient", kCore, "StopGradient"},
    {"image.resize",
     kImage,
     "Resize",
     nullptr,
     {{"size", "size", "null"},
      {"method", "interpolation", "\"bilinear\""},
      {"antialias", "antialias", "false"},
      {"preserve_aspect_ratio", nullptr, "false"}}},
    {"nn.max_pool2d", kNn, "MaxPool", nullptr, kPoolOptions, finish_pool},
    {"nn.avg_pool2d", kNn, "AveragePool", nullptr, kPoolOptions, finish_pool},
    {"nn.depth_to_space", kNn, "DepthToSpace", nullptr, kBlockOptions},
    {"nn.space_to_depth", kNn, "SpaceToDepth", nullptr, kBlockOptions},
    {"identity", kLayers, "Identity"},
    {"math.add_n", kLayers, "Add"},
};

const Row& row_of(const std::string& function, const std::string& where) {
  constexpr std::string_view kOld = "compat.v1.";
  const std::string_view name =
      std::string_view(function).substr(function.rfind(kOld, 0) == 0 ? kOld.size() : 0);
  const auto* found =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return row.function == name; });
  if (found == std::end(kRows)) {
    fail(
        "{}: records tf.{}, for which fovea has no operation. Write what it does as a layer of its own, in "
        "Python "
        "and here, and save the model again",
        where, function);
  }
  return *found;
}

// ---- a call ----

/// [layer, call, tensor], and behind the first argument the others by name.
bool is_tensor(const Json& value) {
  return value.is_array() && (value.size() == 3 || value.size() == 4) && value[0].is_string();
}
/// In its place, a first argument that is no tensor: ["_CONSTANT_VALUE", -1, value, arguments].
bool is_constant(const Json& value) { return is_tensor(value) && value[0] == "_CONSTANT_VALUE"; }

/// The first argument, a tensor or a list of them, as a list.
Json first_of(const Json& node, const std::string& where) {
  if (!node.is_array() || node.empty())
    fail("{}: expected a list of tensors. Received: {}", where, shown(node));
  return is_tensor(node) ? Json::array({node}) : node;
}

/// The other arguments.
Json named_of(const Json& first, const std::string& where) {
  const Json& last = first.back();
  if (!last.is_array() || last.size() < 4) return Json::object();
  if (!last[3].is_object()) fail("{}: expected arguments by name. Received: {}", where, shown(last[3]));
  return last[3];
}

/// A tensor, or what stands in its place.
Json value_from(const Json& value, const std::function<Json(const Json&)>& tensor) {
  if (is_constant(value)) return value_from(value[2], tensor);
  if (is_tensor(value)) return tensor(value);
  if (!value.is_array()) return value;
  return {{"class_name", "__tensor__"}, {"config", {{"value", value}, {"dtype", "float32"}}}};
}

}  // namespace

bool is_recorded_function(const Json& layer) {
  const Json class_name = layer.is_object() ? layer.value("class_name", Json()) : Json();
  return class_name == "TFOpLambda" || class_name == "SlicingOpLambda";
}

Json tensors_of_function(const Json& node, const std::string& where) {
  Json result = Json::array();
  const Json first = first_of(node, where);
  const auto add = [&](const Json& value) {
    if (is_tensor(value) && !is_constant(value)) result.push_back(value);
  };
  for (const Json& value : first) add(value);
  const Json named = named_of(first, where);
  for (const auto& [name, value] : named.items()) add(value);
  return result;
}

Json operation_from_legacy(const Json& layer, const std::function<Json(const Json&)>& tensor) {
  const Json& config = member(layer, "config", layer_of(layer));
  const std::string function = text_member(config, "function", layer_of(layer));
  const std::string where = fmt::format("{}, its function tf.{}", layer_of(layer), function);
  const Row& row = row_of(function, layer_of(layer));
  const std::string name = text_member(config, "name", where);
  Json nodes = Json::array();
  Converted call;
  for (const Json& node : list_member(layer, "inbound_nodes", where)) {
    const Json first = first_of(node, where);
    Json named = named_of(first, where);
    named.erase("name");
    call = Converted{.config = {{"name", name}}, .arguments = Json::array()};
    if (is_tensor(node)) {
      call.arguments.push_back(value_from(node, tensor));
    } else {
      Json list = Json::array();
      for (const Json& value : first) list.push_back(value_from(value, tensor));
      call.arguments.push_back(std::move(list));
    }
    if (row.second != nullptr) {
      call.arguments.push_back(value_from(member(named, row.second, where), tensor));
      named.erase(row.second);
    }
    for (const Option& option : row.options) {
      const Json standard = Json::parse(option.standard);
      const Json given = named.value(option.theirs, Json());
      const Json value = given.is_null() ? standard : given;
      named.erase(option.theirs);
      if (option.ours != nullptr) {
        call.config[option.ours] = value;
      } else if (value != standard) {
        fail("{}: {} must be {}. Received: {}", where, option.theirs, option.standard, shown(value));
      }
    }
    for (const auto& [argument, value] : named.items()) {
      if (!value.is_null())
        fail("{}: the argument '{}' is not known. Received: {}={}", where, argument, argument, shown(value));
    }
    if (row.finish != nullptr) row.finish(call, where);
    nodes.push_back({{"args", call.arguments}, {"kwargs", call.named}});
  }
  const bool is_layer = std::string_view(row.module) == kLayers;
  return {{"module", row.module},
          {"class_name", row.kind},
          {"config", call.config.is_null() ? Json{{"name", name}} : call.config},
          {"registered_name", is_layer ? Json(nullptr) : Json(row.kind)},
          {"name", layer.value("name", Json(name))},
          {"inbound_nodes", std::move(nodes)}};
}

}  // namespace fovea
