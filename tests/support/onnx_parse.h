// ONNX models from bytes in memory.
#ifndef LASSO_TESTS_SUPPORT_ONNX_PARSE_H_
#define LASSO_TESTS_SUPPORT_ONNX_PARSE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "formats/onnx/onnx_reader.h"

namespace lasso::test {

// The model, called "m.onnx" in messages; it keeps a copy of the bytes.
inline OnnxModel parse(const std::string& bytes) {
  const auto owner = std::make_shared<const std::string>(bytes);
  return parse_onnx(reinterpret_cast<const std::byte*>(owner->data()), owner->size(), "m.onnx",
                    owner);
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_ONNX_PARSE_H_
