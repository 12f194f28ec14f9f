// NumPy's .npz format: a zip archive of .npy files.
#ifndef LASSO_FORMATS_NPY_NPZ_H_
#define LASSO_FORMATS_NPY_NPZ_H_

#include <map>
#include <string>

#include "core/tensor.h"

namespace lasso {

// Arrays by name (without ".npy"), as numpy.savez and numpy.savez_compressed write them. Stored
// arrays share the file's bytes in memory. Throws kNotFound, kCorruptFile (a checksum that does not
// fit included), kOutOfMemory, kUnsupported.
std::map<std::string, Tensor> read_npz(const std::string& path);

// Stored, not compressed; complete or not at all.
void write_npz(const std::string& path, const std::map<std::string, TensorView>& tensors);

}  // namespace lasso

#endif  // LASSO_FORMATS_NPY_NPZ_H_
