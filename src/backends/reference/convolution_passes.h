#pragma once

#include <algorithm>
#include <vector>

#include "backends/reference/reference.h"

// The three passes of a convolution are sums of the same products of (x, kernel, y), each over what belongs
// to one element of another of the three. `products(x, kernel, y, visit)` says which: it is given the shapes,
// and calls visit(index in x, index in the kernel, index in y) for each. The sums are collected in double, so
// that the judge's own rounding stays out of the way.

namespace fovea {

template <class T, class Accumulate>
void collect_sums(T* result, std::int64_t size, Accumulate accumulate) {
  std::vector<double> sums(static_cast<std::size_t>(size));
  accumulate(sums);
  std::transform(sums.begin(), sums.end(), result, [](double sum) { return static_cast<T>(sum); });
}

/// y from the call's (x, kernel).
template <class Products>
void convolution_forward(const ReferenceCall& call, Products products) {
  const Shape &x = call.input_specs[0].shape, &kernel = call.input_specs[1].shape,
              &y = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    collect_sums(call.output<T>(), y.elements(), [&](std::vector<double>& sums) {
      const T *xs = call.input<T>(0), *ks = call.input<T>(1);
      products(x, kernel, y, [&](auto i, auto k, auto o) {
        sums[static_cast<std::size_t>(o)] += static_cast<double>(xs[i]) * static_cast<double>(ks[k]);
      });
    });
  });
}

/// dx from the call's (dy, kernel).
template <class Products>
void convolution_backward_input(const ReferenceCall& call, Products products) {
  const Shape &y = call.input_specs[0].shape, &kernel = call.input_specs[1].shape,
              &x = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    collect_sums(call.output<T>(), x.elements(), [&](std::vector<double>& sums) {
      const T *dys = call.input<T>(0), *ks = call.input<T>(1);
      products(x, kernel, y, [&](auto i, auto k, auto o) {
        sums[static_cast<std::size_t>(i)] += static_cast<double>(dys[o]) * static_cast<double>(ks[k]);
      });
    });
  });
}

/// dkernel from the call's (x, dy).
template <class Products>
void convolution_backward_filter(const ReferenceCall& call, Products products) {
  const Shape &x = call.input_specs[0].shape, &y = call.input_specs[1].shape,
              &kernel = call.output_specs[0].shape;
  with_float_type(call.output_specs[0].dtype, [&]<class T>() {
    collect_sums(call.output<T>(), kernel.elements(), [&](std::vector<double>& sums) {
      const T *xs = call.input<T>(0), *dys = call.input<T>(1);
      products(x, kernel, y, [&](auto i, auto k, auto o) {
        sums[static_cast<std::size_t>(k)] += static_cast<double>(xs[i]) * static_cast<double>(dys[o]);
      });
    });
  });
}

}  // namespace fovea
