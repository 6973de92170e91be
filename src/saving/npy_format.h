#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fovea/tensor.h"

// The format of a .npy file: "\x93NUMPY", version, length of the header, the header (a Python dictionary),
// the elements. Source: numpy/lib/format.py.

namespace fovea {

/// What a header says.
struct NpyHeader {
  char kind = 'f';  ///< 'f', 'i', 'u' or 'b' (bool)
  std::size_t width = 4;
  bool big_endian = false;
  bool fortran_order = false;
  Shape shape;
  std::size_t size = 0;       ///< of all that stands before the elements
  std::int64_t elements = 0;  ///< their bytes

  /// What the array becomes, see load_npy.
  DType dtype() const;
  /// Do the bytes in the file lie as they do in a Tensor?
  bool is_plain() const;
};

/// As much of a file as its header can take.
inline constexpr std::size_t kMaxNpyHeader = std::size_t{64} << 10;

/// Of the first bytes of a file, all of it or at least kMaxNpyHeader. Throws Error with the reason.
NpyHeader read_npy_header(std::string_view start);
/// `elements` are the bytes behind the header. Throws Error with the reason.
Tensor read_npy_elements(const NpyHeader& header, std::string_view elements);

/// What stands before the elements of such an array; not for bfloat16, which NumPy does not have.
std::string npy_header(const TensorSpec& spec);

}  // namespace fovea
