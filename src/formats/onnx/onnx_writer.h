// ONNX models: writing a file, and one beside it for weights that it can't hold.
#ifndef LASSO_FORMATS_ONNX_ONNX_WRITER_H_
#define LASSO_FORMATS_ONNX_ONNX_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "core/file_set.h"
#include "formats/onnx/onnx_model.h"

namespace lasso {

struct OnnxWriteOptions {
  // A file of more bytes has its weights in "FILE.data" beside it. Protocol Buffers' own readers
  // take messages of less than 2 GiB.
  std::uint64_t most_bytes = (std::uint64_t{1} << 31) - 1;
  // The elements of an initialiser that has none (`data` is null, `bytes` is not 0), made when they
  // are written and dropped behind it. Called once or twice for each.
  std::function<Tensor(const OnnxTensor& tensor)> make = {};
};

// Writes what read_onnx() reads: all that an OnnxModel holds. Elements of mapped files are given
// back to the system as they are written. Both files appear complete or not at all, the weights
// first. Throws kInvalidArgument where they can't be written, and kUnsupported, with the place, for
// what the model's file had and an OnnxModel has not: sparse tensors, functions, values that are no
// tensors.
void write_onnx(const OnnxModel& model, const std::string& path,
                const OnnxWriteOptions& options = {});
// The same, with names once files.commit() gives them.
void write_onnx(const OnnxModel& model, FileSet& files, const std::string& path,
                const OnnxWriteOptions& options = {});

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_ONNX_WRITER_H_
