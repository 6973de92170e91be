#include "saving/model_info.h"

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
  }
  ImageOptions options;
};

}  // namespace

std::string model_info_to_json(const ModelInfo& info) {
  Json object = {{"format", kFormat}, {"class_names", info.class_names}, {"preprocessing", nullptr}};
  if (info.preprocessing) {
    ImageFields fields;
    fields.options = *info.preprocessing;
    object["preprocessing"] = write_config(fields);
  }
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
