#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/check.h"
#include "formats/text.h"
#include "models/onnx/import/importer.h"
#include "models/sam/describe/describe.h"
#include "models/sam_onnx/adapters.h"
#include "models/sam_onnx/programs.h"

namespace lasso::sam_onnx {

using graph::Graph;
using graph::Shape;
using graph::ValueId;

namespace {

void set_shape(OnnxValueInfo& info, const Shape& shape) {
  std::vector<OnnxDim> dims;
  for (const graph::Dim& dim : shape) dims.emplace_back(dim.constant());
  info.shape = std::move(dims);
}

bool is_static(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(),
                     [](const graph::Dim& dim) { return dim.is_constant(); });
}

// Whether an input takes a value: its type, and its sizes as far as the file says them.
bool takes(const OnnxValueInfo& input, const graph::Value& value) {
  const std::optional<OpenShape> shape = open_shape(input);
  if (!shape || lasso::dtype_of(input.elem_type) != value.dtype || !is_static(value.shape) ||
      shape->size() != value.shape.size()) {
    return false;
  }
  for (std::size_t i = 0; i < shape->size(); ++i) {
    if ((*shape)[i] && *(*shape)[i] != value.shape[i].constant()) return false;
  }
  return true;
}

// For each input of the next model the value among `given` that it takes: the only one of its type
// and shape, or of several the one of its name.
std::vector<ValueId> link(const OnnxModel& next, const Graph& graph,
                          const std::vector<ValueId>& given, const std::string& before) {
  std::vector<ValueId> values;
  for (const std::size_t i : needed_inputs(next)) {
    const OnnxValueInfo& input = next.graph.inputs[i];
    std::vector<ValueId> fitting;
    for (const ValueId id : given) {
      if (takes(input, graph.value(id))) fitting.push_back(id);
    }
    if (fitting.size() > 1) {
      std::erase_if(fitting, [&](ValueId id) { return graph.value(id).name != input.name; });
    }
    std::vector<std::string> texts;
    for (const ValueId id : given) {
      const graph::Value& value = graph.value(id);
      texts.push_back(fmt::format("\"{}\" {} {}", printable(value.name, 60), to_string(value.dtype),
                                  graph::to_string(value.shape)));
    }
    LASSO_CHECK(fitting.size() == 1, ErrorCode::kInvalidArgument,
                "{}: {} of what {} gives can be its input \"{}\": {}; one is expected, by type, "
                "shape and, of several, name",
                next.path, fitting.empty() ? "nothing" : "more than one", before,
                printable(input.name, 60), fmt::join(texts, ", "));
    values.push_back(fitting.front());
  }
  return values;
}

// The model's results that are among `read`.
void note_outputs(const OnnxModel& model, const std::vector<ValueId>& results,
                  const std::vector<ValueId>& read, ModelPlace& place) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (std::find(read.begin(), read.end(), results[i]) == read.end()) continue;
    place.outputs.emplace_back(model.graph.outputs[i].name, results[i]);
  }
}

}  // namespace

EncoderProgram encoder_program(const std::vector<OnnxModel>& models, std::int64_t side,
                               const StatedRoles& stated, const std::string& preprocess) {
  EncoderProgram encoder;
  OnnxModel first = models.front();
  const ImageInput image = find_image(first, stated);
  encoder.image_size = image.side == 0 ? side : image.side;
  encoder.preprocess = !preprocess.empty()    ? preprocess
                       : image.is_stretched() ? "efficientsam"
                                              : "sam";
  set_shape(first.graph.inputs[image.input], image_shape(image, encoder.image_size));
  ProgramEditor editor(onnx::import_model(first));
  const ValueId taken = editor.graph().inputs.at(0);
  std::vector<ValueId> results = editor.graph().outputs;
  encoder.models.push_back({first.path, {}, {}, {}, {}});
  for (std::size_t i = 1; i < models.size(); ++i) {
    OnnxModel next = models[i];
    LASSO_CHECK(!takes_points(next), ErrorCode::kInvalidArgument,
                "{}: a mask decoder, which takes points, and it is given as an image encoder",
                next.path);
    const std::vector<ValueId> values = link(next, editor.graph(), results, models[i - 1].path);
    const std::vector<std::size_t> inputs = needed_inputs(next);
    note_outputs(models[i - 1], results, values, encoder.models.back());
    encoder.models.push_back({next.path, {}, {}, {}, {}});
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      set_shape(next.graph.inputs[inputs[j]], editor.value(values[j]).shape);
      encoder.models.back().inputs.emplace_back(next.graph.inputs[inputs[j]].name, values[j]);
    }
    results = editor.append(onnx::import_model(next), values);
  }
  // Roles are found among the last model's outputs.
  Graph named;
  named.values = editor.graph().values;
  named.outputs = results;
  const ValueId embeddings = results[find_embeddings(models.back(), named, stated)];
  note_outputs(models.back(), results, {embeddings}, encoder.models.back());
  const Shape shape = editor.value(embeddings).shape;
  encoder.channels = shape[1].constant();
  encoder.grid = shape[2].constant();
  const ValueId prepared =
      editor.input("image", DType::kF32, {1, encoder.image_size, encoder.image_size, 3});
  const ValueId adapted = adapt_image(editor, prepared, image, editor.value(taken).dtype,
                                      preprocess_preset(encoder.preprocess));
  editor.replace(taken, adapted);
  encoder.models.front().inputs.emplace_back(first.graph.inputs[image.input].name, adapted);
  const ValueId result = adapt_embeddings(editor, embeddings);
  encoder.program = editor.take(sam::kImageEncoder, {prepared}, {result});
  // Exporters number weights: a decoder may have others of the same names, which precisions name.
  for (graph::Value& value : encoder.program.values) {
    if (value.constant) value.name = "image_encoder/" + value.name;
  }
  return encoder;
}

}  // namespace lasso::sam_onnx
