// Writing .safetensors files.
#ifndef LASSO_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_
#define LASSO_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_

#include <map>
#include <string>

#include "core/tensor.h"
#include "formats/safetensors/safetensors_reader.h"

namespace lasso {

// Complete or not at all. The data begin at a multiple of 64 bytes. Throws kInvalidArgument where
// the file can't be written, and for a tensor named "__metadata__".
void write_safetensors(const std::string& path, const std::map<std::string, TensorView>& tensors,
                       const Metadata& metadata = {});

}  // namespace lasso

#endif  // LASSO_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_
