#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/format.h"
#include "fovea/layers.h"
#include "fovea/ops.h"
#include "ops/axes.h"

namespace fovea {

/// Throws Error for a policy that layers cannot have.
void set_policy(LayerImpl& layer, const DTypePolicy& policy);

/// A shared implementation with its name and policy set, for the public constructors.
template <class Impl, class Options>
std::shared_ptr<Impl> make_impl(const Options& options) {
  auto impl = std::make_shared<Impl>();
  impl->name = options.name;
  if (options.dtype) set_policy(*impl, *options.dtype);
  return impl;
}

/// The weight "kernel", as a layer's options kernel_... have it.
template <class Options>
ParameterSpec kernel_of(const Options& o, const Shape& shape) {
  return {"kernel", shape, o.kernel_initializer, true, o.kernel_regularizer, o.kernel_constraint};
}

/// The weight "bias", one number for each of `size`, where there is one.
template <class Options>
void add_bias(std::vector<ParameterSpec>& list, const Options& o, std::int64_t size) {
  if (o.use_bias)
    list.push_back({"bias", {size}, o.bias_initializer, true, o.bias_regularizer, o.bias_constraint});
}

/// The options of both, and of penalties on what the layer gives, in Keras' order.
template <class Options>
void kernel_and_bias_fields(FieldVisitor& visitor, LayerImpl& layer, Options& o) {
  field(visitor, "kernel_initializer", o.kernel_initializer);
  field(visitor, "bias_initializer", o.bias_initializer);
  field(visitor, "kernel_regularizer", o.kernel_regularizer);
  field(visitor, "bias_regularizer", o.bias_regularizer);
  field(visitor, "activity_regularizer", layer.activity_regularizer);
  field(visitor, "kernel_constraint", o.kernel_constraint);
  field(visitor, "bias_constraint", o.bias_constraint);
}

/// The weights of a normalization, those that it has of "gamma" and "beta".
template <class Options>
std::vector<ParameterSpec> gamma_and_beta(const Options& o, const Shape& shape) {
  std::vector<ParameterSpec> list;
  if (o.scale)
    list.push_back({"gamma", shape, o.gamma_initializer, true, o.gamma_regularizer, o.gamma_constraint});
  if (o.center)
    list.push_back({"beta", shape, o.beta_initializer, true, o.beta_regularizer, o.beta_constraint});
  return list;
}

/// Their options, in Keras' order: how they start, and what holds for them.
template <class Options>
void gamma_and_beta_starts(FieldVisitor& visitor, Options& o) {
  field(visitor, "beta_initializer", o.beta_initializer);
  field(visitor, "gamma_initializer", o.gamma_initializer);
}
template <class Options>
void gamma_and_beta_rules(FieldVisitor& visitor, Options& o) {
  field(visitor, "beta_regularizer", o.beta_regularizer);
  field(visitor, "gamma_regularizer", o.gamma_regularizer);
  field(visitor, "beta_constraint", o.beta_constraint);
  field(visitor, "gamma_constraint", o.gamma_constraint);
}

/// An option that is one or many; null in a config: none.
template <class T>
void one_or_many_field(FieldVisitor& visitor, std::string_view name, OneOrMany<T>& value) {
  std::optional<OneOrMany<T>> given = value;
  visitor.field(name, given);
  if (visitor.reads()) value = given.value_or(OneOrMany<T>{});
}

/// The type of whole numbers that Keras promotes these to.
DType promoted(std::span<const DType> integers);

/// Grows whenever any layer is frozen or thawed.
std::uint64_t trainable_version();

/// Axes counted from the front, in ascending order; nothing where one is not there or stands twice.
std::optional<std::vector<std::int64_t>> distinct_axes(const Axes& axes, std::size_t rank);

/// The shape that two of one rank, in which sizes may be open, broadcast to; Error where they do not.
Shape merged_shape(const LayerImpl& layer, const Shape& a, const Shape& b);
/// The shape of tensors side by side along an axis, sizes open where one's is; Error where they do not fit.
Shape concatenated_shape(const LayerImpl& layer, std::span<const Shape> inputs, std::int64_t axis);

/// Fails unless the layer got one input.
const Shape& require_one(const LayerImpl& layer, std::span<const Shape> inputs);

/// An option of Keras of which fovea knows one value only: it is written, and any other is refused.
template <class T>
void fixed_option(FieldVisitor& visitor, const LayerImpl& layer, std::string_view option, T value) {
  T given = value;
  visitor.field(option, given);
  if (given != value) {
    layer.fail_rule(fmt::format("{} must be {}; no other value is supported. Received: {}={}", option, value,
                                option, given));
  }
}

}  // namespace fovea
