#include "saving/model_info.h"

#include <cmath>

#include "core/format.h"
#include "saving/json_access.h"

namespace fovea {
namespace {

constexpr int kFormat = 1;

/// ImageOptions as options are visited.
class ImageFields final : public Configurable {
 public:
  std::string_view class_name() const override { return "preprocessing"; }
  void fields(FieldVisitor& visitor) override {
    std::vector<std::int64_t> size(options.image_size.begin(), options.image_size.end());
    visitor.field("image_size", size);
    if (size.size() != 2) fail("preprocessing: 'image_size' must be a height and a width");
    options.image_size = {size[0], size[1]};
    visitor.field("color_mode", options.color_mode);
    visitor.field("interpolation", options.interpolation);
    visitor.field("crop_to_aspect_ratio", options.crop_to_aspect_ratio);
    visitor.field("pad_to_aspect_ratio", options.pad_to_aspect_ratio);
    visitor.field("scaled_decoding", options.scaled_decoding);
  }
  ImageOptions options;
};

}  // namespace

Json kernels_to_json(const KernelRecord& kernels) {
  Json choices = Json::array();
  for (const KernelChoice& choice : kernels.choices) {
    choices.push_back({{"layer", choice.layer},
                       {"region", choice.region},
                       {"shapes", choice.shapes},
                       {"kernel", choice.kernel},
                       {"why", choice.why}});
    if (choice.milliseconds > 0) choices.back()["milliseconds"] = std::round(choice.milliseconds * 1e5) / 1e5;
  }
  return {{"instruction_set", kernels.instruction_set}, {"choices", choices}};
}

KernelRecord kernels_from_json(std::string_view text) {
  const Json object = parse_json(text);
  if (!object.is_object() || !object.contains("kernels")) return {};
  const Json& kernels = object["kernels"];
  KernelRecord record;
  record.instruction_set = text_member(kernels, "instruction_set", "kernels");
  for (const Json& entry : list_member(kernels, "choices", "kernels")) {
    const auto part = [&](const char* name) { return text_member(entry, name, "kernels: a choice"); };
    record.choices.push_back({part("layer"), part("region"), part("shapes"), part("kernel"), part("why"), 0});
    const auto milliseconds = entry.find("milliseconds");
    if (milliseconds == entry.end()) continue;
    if (!milliseconds->is_number())
      fail("kernels: 'milliseconds' must be a number. Received: {}", shown(*milliseconds));
    record.choices.back().milliseconds = milliseconds->get<double>();
  }
  return record;
}

std::string model_info_to_json(const ModelInfo& info, const KernelRecord& kernels) {
  Json object = {{"format", kFormat}, {"class_names", info.class_names}, {"preprocessing", nullptr}};
  if (info.preprocessing) {
    ImageFields fields;
    fields.options = *info.preprocessing;
    object["preprocessing"] = write_config(fields);
  }
  if (!kernels.choices.empty()) object["kernels"] = kernels_to_json(kernels);
  return json_text(object);
}

ModelInfo model_info_from_json(std::string_view text) {
  const Json object = parse_json(text);
  const Json& format = member(object, "format", "it");
  if (!format.is_number_integer()) fail("its 'format' must be an integer. Received: {}", shown(format));
  if (format != kFormat) {
    fail("is of format {}, and format {} is known. It was written by a later version of fovea", shown(format),
         kFormat);
  }
  ModelInfo info;
  for (const Json& name : list_member(object, "class_names", "it")) {
    if (!name.is_string()) fail("its 'class_names' must be texts. Received: {}", shown(name));
    info.class_names.push_back(name.get<std::string>());
  }
  const Json& preprocessing = member(object, "preprocessing", "it");
  if (preprocessing.is_null()) return info;
  ImageFields fields;
  read_config(fields, preprocessing, "preprocessing");
  const Json known = write_config(fields);
  for (const auto& [name, value] : preprocessing.items()) {
    if (!known.contains(name))
      fail("preprocessing: there is no option '{}'. Received: {}", name, shown(value));
  }
  info.preprocessing = fields.options;
  return info;
}

}  // namespace fovea
