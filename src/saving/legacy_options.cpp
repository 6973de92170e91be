#include "saving/legacy_options.h"

#include <algorithm>
#include <string_view>

#include "core/format.h"
#include "saving/json_access.h"

// Sources: keras/src/legacy/saving/saving_utils.py; for Keras 1, keras/legacy/interfaces.py and
// keras/legacy/layers.py of Keras 2.

namespace fovea {
namespace {

struct Renamed {
  std::string_view layer;  ///< "": any
  std::string_view old_name, name;
};

constexpr Renamed kClasses[] = {
    {"", "BatchNormalizationV1", "BatchNormalization"},
    {"", "BatchNormalizationV2", "BatchNormalization"},
    {"", "Convolution2D", "Conv2D"},
    {"", "SeparableConvolution1D", "SeparableConv1D"},
    {"", "SeparableConvolution2D", "SeparableConv2D"},
    // x where x > theta, else 0: what a ReLU with a threshold is.
    {"", "ThresholdedReLU", "ReLU"},
};

constexpr Renamed kOptions[] = {
    {"InputLayer", "batch_input_shape", "batch_shape"},
    {"LeakyReLU", "alpha", "negative_slope"},
    {"ReLU", "theta", "threshold"},
    // Keras 1
    {"InputLayer", "input_dtype", "dtype"},
    {"Dense", "output_dim", "units"},
    {"Dropout", "p", "rate"},
    {"", "nb_filter", "filters"},
    {"", "border_mode", "padding"},
    {"", "subsample", "strides"},
    {"", "dim_ordering", "data_format"},
    {"", "bias", "use_bias"},
    {"", "init", "kernel_initializer"},
    {"", "W_regularizer", "kernel_regularizer"},
    {"", "b_regularizer", "bias_regularizer"},
    {"", "W_constraint", "kernel_constraint"},
    {"", "b_constraint", "bias_constraint"},
    {"SeparableConv2D", "depthwise_init", "depthwise_initializer"},
    {"SeparableConv2D", "pointwise_init", "pointwise_initializer"},
};

/// Options that Keras 3 no longer has and that change nothing at this value, in JSON; null: at any value.
struct Dropped {
  std::string_view layer, name;  ///< layer "": any; a '?' in it stands for any character
  const char* value;
};

constexpr Dropped kDropped[] = {
    {"", "batch_input_shape", nullptr},  // said by an InputLayer
    {"InputLayer", "sparse", "false"},
    {"InputLayer", "ragged", "false"},
    {"", "rng_type", nullptr},  // how augmentation drew its numbers
    {"DepthwiseConv?D", "groups", "1"},
    {"Conv?DTranspose", "groups", "1"},
    {"SpatialDropout?D", "noise_shape", "null"},
    // What a convolution has and the parts of a separable one do not.
    {"SeparableConv?D", "groups", "1"},
    {"DepthwiseConv?D", "filters", "null"},
    {"DepthwiseConv?D", "kernel_initializer", nullptr},
    {"DepthwiseConv?D", "kernel_regularizer", "null"},
    {"DepthwiseConv?D", "kernel_constraint", "null"},
    {"SeparableConv?D", "kernel_initializer", nullptr},
    {"SeparableConv?D", "kernel_regularizer", "null"},
    {"SeparableConv?D", "kernel_constraint", "null"},
    {"BatchNormalization", "fused", nullptr},
    {"BatchNormalization", "virtual_batch_size", "null"},
    // Keras 1
    {"BatchNormalization", "mode", "0"},
    {"", "input_dim", nullptr},
    {"", "input_dtype", nullptr},
};

bool is_for(std::string_view layer, std::string_view class_name) {
  const auto same = [](char a, char b) { return a == b || a == '?'; };
  return layer.empty() || std::equal(layer.begin(), layer.end(), class_name.begin(), class_name.end(), same);
}

/// Values in the forms of Keras 3: a policy as its name, an initializer without its type, a number that was
/// one of NumPy's, a regularizer of Keras 1.
Json value_from_legacy(const Json& value) {
  if (!value.is_object()) return value;
  if (value.value("type", Json()) == "ndarray" && value.contains("value")) return value["value"];
  if (value.value("name", Json()) == "WeightRegularizer") {
    return {{"class_name", "L1L2"},
            {"config", {{"l1", value.value("l1", Json(0.0))}, {"l2", value.value("l2", Json(0.0))}}}};
  }
  Json result = value;
  const auto config = result.find("config");
  if (!result.contains("class_name") || config == result.end() || !config->is_object()) return result;
  if (result["class_name"] == "Policy" && config->contains("name")) return (*config)["name"];
  if (result["class_name"] == "DTypePolicy") return result;
  config->erase("dtype");
  if (config->value("distribution", Json()) == "normal") (*config)["distribution"] = "truncated_normal";
  return result;
}

void rename_options(Json& config, std::string_view class_name) {
  for (const Renamed& option : kOptions) {
    const std::string old_name(option.old_name), name(option.name);
    if (!is_for(option.layer, class_name) || !config.contains(old_name) || config.contains(name)) continue;
    config[name] = Json(config[old_name]);
    config.erase(old_name);
  }
  if (config.contains("nb_row") && config.contains("nb_col")) {
    config["kernel_size"] = Json::array({config["nb_row"], config["nb_col"]});
    config.erase("nb_row");
    config.erase("nb_col");
  }
  if (config.value("data_format", Json()) == "tf") config["data_format"] = "channels_last";
  if (config.value("data_format", Json()) == "th") config["data_format"] = "channels_first";
}

}  // namespace

Json options_from_legacy(std::string& class_name, const Json& legacy, const std::string& where) {
  if (!legacy.is_object()) fail("{}: its config must be an object. Received: {}", where, shown(legacy));
  for (const Renamed& known : kClasses) {
    if (class_name == known.old_name) class_name = known.name;
  }
  Json config = legacy;
  rename_options(config, class_name);
  for (const Dropped& option : kDropped) {
    const auto found = config.find(std::string(option.name));
    if (found == config.end() || !is_for(option.layer, class_name)) continue;
    if (option.value == nullptr || *found == Json::parse(option.value)) config.erase(found);
  }
  for (auto& value : config) value = value_from_legacy(Json(value));
  if (const auto axis = config.find("axis"); axis != config.end() && axis->is_array() && axis->size() == 1)
    config["axis"] = Json((*axis)[0]);
  return config;
}

}  // namespace fovea
