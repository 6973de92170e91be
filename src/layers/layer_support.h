#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/format.h"
#include "fovea/layers.h"
#include "fovea/ops.h"

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

/// Grows whenever any layer is frozen or thawed.
std::uint64_t trainable_version();

/// An axis, counted from the end where it is negative, goes behind the others, and back to its place.
Value axis_to_last(GraphBuilder& graph, Value x, std::int64_t axis);
Value axis_from_last(GraphBuilder& graph, Value x, std::int64_t axis);

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
