#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "layers/activations.h"
#include "layers/rows.h"

// One class for convolutions of images, whose sizes are Size2, and of rows, whose sizes are numbers: a row is
// an image one pixel high.

namespace fovea {

template <class Size>
inline constexpr bool is_of_rows = std::is_same_v<Size, std::int64_t>;

/// Both show what derives from them images.
template <class Size>
using ConvolutionBase = std::conditional_t<is_of_rows<Size>, RowLayer, ImageLayer>;

constexpr Size2 of_images(Size2 size) { return size; }
constexpr Size2 of_images(std::int64_t length) { return {1, length}; }

template <class Size, class Options>
Window2D window_of(Size kernel_size, const Options& o) {
  return {of_images(kernel_size), of_images(o.strides), of_images(o.dilation_rate), o.padding,
          is_of_rows<Size>};
}

/// (kh, kw, in, out), or (k, in, out).
inline Shape kernel_shape(Size2 size, std::int64_t in, std::int64_t out) {
  return {size.height, size.width, in, out};
}
inline Shape kernel_shape(std::int64_t length, std::int64_t in, std::int64_t out) {
  return {length, in, out};
}
/// A kernel of that shape, as one of images.
Value kernel_of_images(GraphBuilder& g, Value kernel);

inline void size_field(FieldVisitor& visitor, std::string_view name, Size2& size) {
  visitor.field(name, size);
}
inline void size_field(FieldVisitor& visitor, std::string_view name, std::optional<Size2>& size) {
  visitor.field(name, size);
}
inline void size_field(FieldVisitor& visitor, std::string_view name, std::int64_t& length) {
  one_number_field(visitor, name, length);
}
void size_field(FieldVisitor& visitor, std::string_view name, std::optional<std::int64_t>& length);

/// For the constructors.
template <class Impl, class Size, class Options>
std::shared_ptr<Impl> make_convolution(Size kernel_size, const Options& options) {
  auto impl = make_impl<Impl>(options);
  impl->kernel_size = kernel_size;
  impl->options = options;
  impl->activity_regularizer = options.activity_regularizer;
  return impl;
}
/// Of layers with filters.
template <class Impl, class Size, class Options>
std::shared_ptr<Impl> make_convolution(std::int64_t filters, Size kernel_size, const Options& options) {
  auto impl = make_convolution<Impl>(kernel_size, options);
  impl->filters = filters;
  return impl;
}

/// Fails unless the window's options are possible and the images' channels known.
template <class Size, class Options>
void require_window(const LayerImpl& layer, const Shape& images, Size kernel_size, const Options& o) {
  require_padding(layer, o.padding);
  require_activation(layer.class_name(), o.activation);
  require_at_least_one(layer, "kernel_size", kernel_size);
  require_at_least_one(layer, "strides", o.strides);
  require_at_least_one(layer, "dilation_rate", o.dilation_rate);
  require_channels(layer, images);
}

constexpr std::int64_t count_of(Size2 size) { return size.height * size.width; }
constexpr std::int64_t count_of(std::int64_t length) { return length; }
/// For derivations of numbers: "3*2", or "3".
std::string product_of(Size2 size);
std::string product_of(std::int64_t length);
/// "a 3x2 kernel", or "a kernel of 3".
std::string kernel_text(Size2 size);
std::string kernel_text(std::int64_t length);
/// "(3, 2)", or "3".
std::string text_of(Size2 size);
std::string text_of(std::int64_t length);

}  // namespace fovea
