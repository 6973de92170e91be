#include "layers/convolution_sizes.h"

namespace fovea {

Value kernel_of_images(GraphBuilder& g, Value kernel) {
  const Shape k = g.spec(kernel).shape;
  return k.rank() == 4 ? kernel : ops::reshape(g, kernel, {1, k[0], k[1], k[2]});
}

void size_field(FieldVisitor& visitor, std::string_view name, std::optional<std::int64_t>& length) {
  std::optional<Axes> given;
  if (length) given = Axes(std::vector<std::int64_t>{*length});
  visitor.field(name, given);
  if (!visitor.reads()) return;
  length.reset();
  if (given) length = given->size() == 1 ? given->values[0] : -1;  // which no layer takes
}

std::string product_of(Size2 size) { return fmt::format("{}*{}", size.height, size.width); }
std::string product_of(std::int64_t length) { return fmt::format("{}", length); }
std::string kernel_text(Size2 size) { return fmt::format("a {}x{} kernel", size.height, size.width); }
std::string kernel_text(std::int64_t length) { return fmt::format("a kernel of {}", length); }
std::string text_of(Size2 size) { return fmt::format("({}, {})", size.height, size.width); }
std::string text_of(std::int64_t length) { return fmt::format("{}", length); }

}  // namespace fovea
