// ONNX models: reading a file, with its data where they lie.
#ifndef LASSO_FORMATS_ONNX_ONNX_READER_H_
#define LASSO_FORMATS_ONNX_ONNX_READER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "core/file.h"
#include "formats/onnx/onnx_model.h"

namespace lasso {

// Tensors are views of the mapped file, and of files beside it that hold external data; only
// elements that stand as varints, or in several pieces, are copied. Structure takes about 64 MiB
// and 16 times the file's size at most. Throws kNotFound, kCorruptFile for anything that breaks the
// format's rules, and kUnsupported for what Lasso does not read, each with the place in the file.
// How values hang together is for check_onnx().
OnnxModel read_onnx(const std::string& path);
// The same for a file that is mapped already.
OnnxModel read_onnx(const std::shared_ptr<const MappedFile>& file);

// From bytes in memory, which `owner` keeps alive; `name` stands in error messages, and external
// data are looked for beside it.
OnnxModel parse_onnx(const std::byte* data, std::size_t size, const std::string& name,
                     const std::shared_ptr<const void>& owner);

// A file of a single TensorProto, as ONNX's tests have them (input_0.pb).
OnnxTensor read_onnx_tensor(const std::string& path);

// Whether a file is a model, as far as its outermost fields tell: all are a ModelProto's, among
// them the version of the format and a graph. Files that are cut off in one of them count as well.
bool begins_like_onnx(const MappedFile& file);

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_ONNX_READER_H_
