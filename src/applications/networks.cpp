#include <array>

#include "core/format.h"
#include "fovea/applications.h"

namespace fovea::applications {
namespace {

struct Entry {
  const char* name;
  Sequential (*make)(const Options&);
};
constexpr std::array<Entry, 2> entries = {{{"convnet", convnet}, {"lenet", lenet}}};

Options with_defaults(const char* name, Options options, const Shape& input_shape, std::int64_t outputs) {
  if (options.input_shape.rank() == 0) options.input_shape = input_shape;
  if (options.outputs == 0) options.outputs = outputs;
  if (options.name.empty()) options.name = name;
  if (options.input_shape.rank() != 3 || !options.input_shape.is_known()) {
    fail("{}: input_shape must be (height, width, channels), all known. Received: {}", name,
         options.input_shape.str());
  }
  if (options.outputs < 1) fail("{}: outputs must be at least 1. Received: {}", name, options.outputs);
  return options;
}

void require_size(const char* name, const Shape& input_shape, std::int64_t least, const char* advice) {
  if (input_shape[0] >= least && input_shape[1] >= least) return;
  fail("{}: images must be at least {}x{}, or nothing is left of them. Received: {}x{}{}", name, least, least,
       input_shape[0], input_shape[1], advice);
}

/// In float32 under mixed_bfloat16 too, as Keras advises: probabilities, and losses from logits, are precise.
Dense output_layer(std::int64_t outputs) {
  return Dense(outputs, {.activation = outputs == 1 ? "sigmoid" : "softmax", .dtype = floatx()});
}

}  // namespace

Sequential convnet(const Options& given) {
  const Options options = with_defaults("convnet", given, {150, 150, 3}, 1);
  // Four times: 2 pixels off for the 3x3 kernel, then halved. 46 -> 44 -> 22 -> 20 -> 10 -> 8 -> 4 -> 2 -> 1.
  require_size("convnet", options.input_shape, 46, "; lenet takes smaller ones");
  return Sequential({Input(options.input_shape), Rescaling(1.0 / 255),                         //
                     Conv2D(32, 3, {.activation = "relu"}), MaxPooling2D(2),                   //
                     Conv2D(64, 3, {.activation = "relu"}), MaxPooling2D(2),                   //
                     Conv2D(128, 3, {.activation = "relu"}), MaxPooling2D(2),                  //
                     Conv2D(128, 3, {.activation = "relu"}), MaxPooling2D(2),                  //
                     Flatten(), Dropout(options.dropout), Dense(512, {.activation = "relu"}),  //
                     output_layer(options.outputs)},
                    {options.name});
}

Sequential lenet(const Options& given) {
  const Options options = with_defaults("lenet", given, {28, 28, 1}, 10);
  require_size("lenet", options.input_shape, 4, "");
  const Conv2DOptions same{.padding = "same", .activation = "relu"};
  return Sequential({Input(options.input_shape), Rescaling(1.0 / 255),                         //
                     Conv2D(32, 5, same), MaxPooling2D(2),                                     //
                     Conv2D(64, 5, same), MaxPooling2D(2),                                     //
                     Flatten(), Dropout(options.dropout), Dense(256, {.activation = "relu"}),  //
                     output_layer(options.outputs)},
                    {options.name});
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const Entry& entry : entries) result.emplace_back(entry.name);
  return result;
}

Sequential make(std::string_view name, const Options& options) {
  std::string known;
  for (const Entry& entry : entries) {
    if (name == entry.name) return entry.make(options);
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  fail("There is no architecture '{}'. Known are: {}", name, known);
}

}  // namespace fovea::applications
