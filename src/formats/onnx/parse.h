// The parts of an ONNX file, each from the bytes of its message.
#ifndef LASSO_FORMATS_ONNX_PARSE_H_
#define LASSO_FORMATS_ONNX_PARSE_H_

#include <string>
#include <string_view>
#include <utility>

#include "formats/onnx/onnx_model.h"
#include "formats/onnx/place.h"

namespace lasso {

OnnxModel parse_model(std::string_view bytes, const Place& place);

// `depth` graphs lie around this one.
OnnxGraph parse_graph(std::string_view bytes, const Place& place, int depth);

// `depth` graphs lie around an attribute's graphs.
OnnxAttribute parse_attribute(std::string_view bytes, const Place& place, int depth);

OnnxTensor parse_tensor(std::string_view bytes, const Place& place);

OnnxValueInfo parse_value_info(std::string_view bytes, const Place& place);

// A StringStringEntryProto: key and value.
std::pair<std::string, std::string> parse_entry(std::string_view bytes, const Place& place);

// An element type's number; throws kUnsupported for one that ONNX 1.23 lacks.
OnnxDataType parse_data_type(std::uint64_t number, const Place& place);

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_PARSE_H_
