// An ONNX model as its file has it. Names follow onnx.proto; what Lasso makes of it is decided
// elsewhere.
#ifndef LASSO_FORMATS_ONNX_ONNX_MODEL_H_
#define LASSO_FORMATS_ONNX_ONNX_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/file.h"
#include "core/tensor.h"
#include "formats/onnx/onnx_types.h"

namespace lasso {

struct OnnxTensor {
  std::string name;
  OnnxDataType data_type = OnnxDataType::kUndefined;
  Dims dims;
  // The elements as raw_data has them: dense, row-major, little-endian, those of less than a byte
  // packed from the lowest bits on. A view where the file has them so, and may be unaligned.
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::vector<std::string> strings;        // in place of `data`, of type kString; any bytes
  std::shared_ptr<const void> owner;       // keeps `data` alive
  std::shared_ptr<const MappedFile> file;  // the map that holds `data`; none: it lies in memory
};

// The number of elements, which readers checked.
std::int64_t element_count(const OnnxTensor& tensor);

// A tensor of one of Lasso's own types: a view that shares ownership where the elements are
// aligned, or are many floats, which then may have to be made dense; a copy otherwise. Throws
// kUnsupported, with the tensor's name and type, for other types, and kCorruptFile where a bool is
// neither 0 nor 1.
Tensor to_tensor(const OnnxTensor& tensor);

// A size: unknown, a number, or a symbol.
using OnnxDim = std::variant<std::monostate, std::int64_t, std::string>;

enum class OnnxKind : std::uint8_t {
  kUnknown,
  kTensor,
  kSequence,
  kMap,
  kOptional,
  kSparseTensor,
  kOpaque
};
const EnumNames<OnnxKind>& names_of(EnumTag<OnnxKind> tag);

struct OnnxValueInfo {
  std::string name;
  OnnxKind kind = OnnxKind::kUnknown;
  // Of tensors alone.
  OnnxDataType elem_type = OnnxDataType::kUndefined;
  std::optional<std::vector<OnnxDim>> shape;  // none: even the rank is unknown
};

struct OnnxGraph;

// AttributeProto.AttributeType, with its numbers.
enum class OnnxAttributeType : std::uint8_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparseTensor = 11,
  kSparseTensors = 12,
  kTypeProto = 13,
  kTypeProtos = 14,
};
// "FLOAT", "INTS", ...: as onnx.proto has them.
const EnumNames<OnnxAttributeType>& names_of(EnumTag<OnnxAttributeType> tag);

struct OnnxAttribute {
  std::string name;
  OnnxAttributeType type = OnnxAttributeType::kUndefined;
  // By type. A graph stands in a vector of one; a string is any bytes. Sparse tensors and types are
  // recognised and not read: nothing stands for them.
  std::variant<std::monostate, float, std::int64_t, std::string, OnnxTensor, std::vector<float>,
               std::vector<std::int64_t>, std::vector<std::string>, std::vector<OnnxTensor>,
               std::vector<OnnxGraph>>
      value;
};

struct OnnxNode {
  std::string name;     // may be empty, or another node's, too
  std::string op_type;  // never empty
  std::string domain;   // empty: ONNX's own, which files also call "ai.onnx"
  std::string overload;
  std::vector<std::string> inputs;   // an empty name stands for an optional input that is left out
  std::vector<std::string> outputs;  // the same
  std::vector<OnnxAttribute> attributes;

  // Null if there is none of that name.
  const OnnxAttribute* find_attribute(std::string_view attribute) const;
};

struct OnnxGraph {
  std::string name;
  std::vector<OnnxNode> nodes;
  std::vector<OnnxValueInfo> inputs;
  std::vector<OnnxValueInfo> outputs;
  std::vector<OnnxValueInfo> value_infos;
  std::vector<OnnxTensor> initializers;
  std::vector<std::string> sparse_initializers;  // names; the values are not read
};

struct OnnxOpset {
  std::string domain;  // empty: ONNX's own
  std::int64_t version = 0;
};

// A function of the model's own; its body is not read.
struct OnnxFunction {
  std::string domain;
  std::string name;
  std::string overload;
};

struct OnnxModel {
  std::string path;  // of the file, for messages
  std::int64_t ir_version = 0;
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  std::int64_t model_version = 0;
  std::vector<OnnxOpset> opset_imports;
  std::vector<std::pair<std::string, std::string>> metadata_props;
  OnnxGraph graph;
  std::vector<OnnxFunction> functions;
  bool has_training_info = false;  // which running a model does not need, and is not read
  std::shared_ptr<const MappedFile> file;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_ONNX_MODEL_H_
