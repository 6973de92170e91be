#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/format.h"
#include "fovea/layers.h"
#include "fovea/ops.h"

namespace fovea {

/// A shared implementation with its name set, for the public constructors.
template <class Impl>
std::shared_ptr<Impl> make_impl(const std::string& name) {
  auto impl = std::make_shared<Impl>();
  impl->name = name;
  return impl;
}

/// Grows whenever any layer is frozen or thawed.
std::uint64_t trainable_version();

/// Fails unless the layer got one input.
const Shape& require_one(const LayerImpl& layer, std::span<const Shape> inputs);

}  // namespace fovea
