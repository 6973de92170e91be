#include "layers/size_limits.h"

#include <algorithm>

#include "core/format.h"

namespace fovea {
namespace {

class Limits final : public FieldVisitor {
 public:
  explicit Limits(const LayerImpl& layer) : layer_(layer) {}

  void field(std::string_view name, std::int64_t& value) override { require(name, value); }
  void field(std::string_view name, Size2& value) override {
    for (const std::int64_t size : {value.height, value.width}) require(name, size);
  }
  void field(std::string_view name, Padding2& value) override {
    for (const std::int64_t size : {value.top, value.bottom, value.left, value.right}) require(name, size);
  }
  void field(std::string_view name, Shape& value) override {
    for (const std::int64_t size : value) require(name, size);
  }
  void field(std::string_view name, std::vector<std::int64_t>& value) override {
    for (const std::int64_t size : value) require(name, size);
  }
  void field(std::string_view name, Pairs& value) override {
    for (const auto& pair : value)
      for (const std::int64_t size : pair) require(name, size);
  }
  void field(std::string_view name, std::optional<Size2>& value) override {
    if (value) field(name, *value);
  }
  void field(std::string_view name, std::optional<Shape>& value) override {
    if (value) field(name, *value);
  }
  void field(std::string_view name, std::optional<Axes>& value) override {
    if (value) field(name, value->values);
  }
  void field(std::string_view, bool&) override {}
  void field(std::string_view, double&) override {}
  void field(std::string_view, Literal&) override {}
  void field(std::string_view, std::string&) override {}
  void field(std::string_view, std::vector<double>&) override {}
  void field(std::string_view, std::optional<std::int64_t>&) override {}
  void field(std::string_view, std::optional<double>&) override {}
  void field(std::string_view, std::optional<std::string>&) override {}
  void field(std::string_view, std::optional<Numbers>&) override {}
  void field(std::string_view, ObjectSlot&) override {}

 private:
  void require(std::string_view name, std::int64_t value) const {
    if (value > -size_limit && value < size_limit) return;
    layer_.fail_rule(value > 0 ? fmt::format("{} must be below {}. Received: {}", name, size_limit, value)
                               : fmt::format("{} must be above -{}. Received: {}", name, size_limit, value));
  }

  const LayerImpl& layer_;
};

}  // namespace

void require_modest_options(LayerImpl& layer) {
  const std::string_view name = layer.class_name();
  const bool own =
      name.find('>') == std::string_view::npos || name.starts_with("fovea>") || name.starts_with("keras.");
  if (!own) return;
  Limits limits(layer);
  layer.fields(limits);
}

void require_modest_shapes(const LayerImpl& layer, std::span<const Shape> shapes) {
  for (const Shape& shape : shapes) {
    const auto largest = std::max_element(shape.begin(), shape.end());
    if (largest == shape.end() || *largest < size_limit) continue;
    layer.fail_rule(fmt::format("its output would be too large: a size must be below {}. Received: {}",
                                size_limit, shape.str()));
  }
}

}  // namespace fovea
