// Makes ONNX models node by node.
#ifndef LASSO_FORMATS_ONNX_ONNX_BUILDER_H_
#define LASSO_FORMATS_ONNX_ONNX_BUILDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor.h"
#include "formats/onnx/onnx_model.h"
#include "formats/onnx/onnx_writer.h"

namespace lasso {

// A model, and how elements are made that are not in memory: what write_onnx() takes.
struct BuiltOnnx {
  OnnxModel model;
  std::map<std::string, std::function<Tensor()>> makers;  // by initialiser

  void write(FileSet& files, const std::string& path, OnnxWriteOptions options = {}) const;
};

// Values are known by their names. Nodes are named after their first result.
class OnnxBuilder {
 public:
  using Value = std::string;
  using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>>;
  using Attributes = std::vector<std::pair<std::string, Attribute>>;

  // From 13 to 21: what later operator sets change is up to whoever calls node().
  OnnxBuilder(std::string name, std::int64_t opset);

  std::int64_t opset() const { return opset_; }

  Value input(const std::string& name, OnnxDataType type, std::vector<OnnxDim> shape);
  void output(const Value& value, OnnxDataType type, std::vector<OnnxDim> shape);

  Value node(const std::string& name, const std::string& op_type, std::vector<Value> inputs,
             const Attributes& attributes = {});
  // With several results.
  std::vector<Value> nodes(const std::vector<std::string>& names, const std::string& op_type,
                           std::vector<Value> inputs, const Attributes& attributes = {});

  // An initialiser, once for each name.
  Value constant(const std::string& name, const Tensor& tensor);
  // The same, whose elements are made when the model is written.
  Value constant(const std::string& name, DType dtype, const Dims& dims,
                 std::function<Tensor()> make);
  // Numbers, one initialiser for all that are equal. A shape of one number is [1]; a scalar's is
  // [].
  Value ints(const std::vector<std::int64_t>& values);
  Value scalar(std::int64_t value);
  Value scalar(float value);

  BuiltOnnx finish() && { return std::move(built_); }

 private:
  // Null: there is one of that name.
  OnnxTensor* add_initializer(const std::string& name, DType dtype, const Dims& dims);
  Value integers(const std::string& name, const Dims& dims,
                 const std::vector<std::int64_t>& values);

  std::int64_t opset_;
  BuiltOnnx built_;
  std::set<std::string> constants_;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_ONNX_BUILDER_H_
