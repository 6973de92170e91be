#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fovea/tensor.h"

namespace fovea {

/// One array of a .npy file of NumPy, of format 1, 2 or 3, in any byte order and in C or Fortran order.
/// float32, float64, int32, int64 and uint8 stay what they are. Types that Tensor does not have become the
/// smallest of its own that holds them: float16 float32; bool uint8; int8, int16 and uint16 int32; uint32 and
/// uint64 int64. Pickled objects, structures, texts and complex numbers are refused. Throws Error naming the
/// file and the reason.
Tensor load_npy(const std::string& path);
/// Writes format 1, little-endian and in C order, atomically, what NumPy writes of such an array; bfloat16,
/// which NumPy does not have, as float32. Throws Error naming the file and the reason.
void save_npy(const std::string& path, const Tensor& array);

/// Arrays by their names, in the order of the file.
using NamedArrays = std::vector<std::pair<std::string, Tensor>>;

/// The arrays of a .npz file (numpy.savez and savez_compressed), named without ".npy". Throws Error naming
/// the file, the array and the reason, also when two arrays have one name.
NamedArrays load_npz(const std::string& path);
/// Writes an uncompressed .npz file, atomically, with the arrays in this order. Throws Error for a name that
/// is empty or comes twice.
void save_npz(const std::string& path, const NamedArrays& arrays);

}  // namespace fovea
