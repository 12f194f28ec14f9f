#include <algorithm>
#include <utility>

#include "core/check.h"
#include "formats/text.h"
#include "models/sam/describe/describe.h"
#include "models/sam_onnx/adapters.h"
#include "models/sam_onnx/open_decoder.h"
#include "models/sam_onnx/programs.h"

namespace lasso::sam_onnx {

using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::ValueId;

namespace {

// What larger masks were resized from: the value [.., masks, side, side] behind them.
ValueId before_resize(const OnnxModel& model, const Graph& graph, ValueId masks,
                      std::int64_t side) {
  const std::string& name = graph.value(masks).name;
  const Dim count = graph.value(masks).shape.at(graph.value(masks).shape.size() - 3);
  for (ValueId id = masks;;) {
    const Shape& shape = graph.value(id).shape;
    if (shape.size() == 4 && shape[1] == count && shape[2] == Dim(side) && shape[3] == Dim(side)) {
      return id;
    }
    const auto node = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                   [&](const Node& n) { return n.outputs.front() == id; });
    const bool moves =
        node != graph.nodes.end() && (std::holds_alternative<graph::Resize>(node->op) ||
                                      std::holds_alternative<graph::Slice>(node->op) ||
                                      std::holds_alternative<graph::Reshape>(node->op) ||
                                      std::holds_alternative<graph::Transpose>(node->op) ||
                                      std::holds_alternative<graph::Expand>(node->op) ||
                                      std::holds_alternative<graph::Cast>(node->op));
    LASSO_CHECK(moves, ErrorCode::kUnsupported,
                "{}: it gives masks of another size alone (\"{}\" {}), which are not resized from "
                "masks of {}x{}; export it with low_res_masks among its outputs",
                model.path, printable(name), graph::to_string(graph.value(masks).shape), side,
                side);
    id = node->inputs.front();
  }
}

ValueId shaped(ProgramEditor& editor, const std::string& name, ValueId id, const Shape& shape) {
  return editor.value(id).shape == shape ? id : editor.behind(name, graph::Reshape{shape}, {id});
}

ValueId as_float(ProgramEditor& editor, const std::string& name, ValueId id) {
  return editor.value(id).dtype == DType::kF32
             ? id
             : editor.behind(name, graph::Cast{DType::kF32}, {id});
}

// [prompts, 1, ...] of [prompts, masks, ...]: those of the highest predicted IoU.
struct Best {
  ValueId masks = kNoValue;
  ValueId iou = kNoValue;
};
Best best_of(ProgramEditor& editor, ValueId masks, ValueId iou, const Dim& prompts) {
  const ValueId place =
      editor.behind("best", graph::ArgReduce{graph::ReduceKind::kMax, 1, true, false}, {iou});
  const ValueId index = editor.behind("best.index", graph::Reshape{{prompts, 1, 1}}, {place});
  return {editor.behind("best.masks", graph::GatherNd{1}, {masks, index}),
          editor.behind("best.iou", graph::GatherElements{1}, {iou, place})};
}

// A value of its own: no input, constant or another shape of one or of another output.
ValueId separate(ProgramEditor& editor, const std::string& name, ValueId id) {
  return editor.behind(name, graph::Expand{editor.value(id).shape}, {id});
}

// What is read of the model: its masks, which may stand inside it, and predicted IoUs.
ModelPlace place_of(const OnnxModel& model, const Graph& graph, const DecoderOutputs& outputs,
                    ValueId masks, const onnx::FixedInputs& fixed) {
  ModelPlace place{model.path, {}, fixed, {}, {}};
  if (outputs.is_low_res) {
    place.outputs.emplace_back(model.graph.outputs[outputs.masks].name, masks);
  } else {
    const std::string& name = graph.value(masks).name;
    place.outputs.emplace_back(name, masks);
    place.more_outputs.push_back(name);
  }
  place.outputs.emplace_back(model.graph.outputs[outputs.iou].name, graph.outputs[outputs.iou]);
  return place;
}

}  // namespace

DecoderShape decoder_shape(const OnnxModel& model, const StatedRoles& stated) {
  DecoderShape shape;
  shape.inputs = find_decoder_inputs(model, stated);
  const OnnxValueInfo& info = model.graph.inputs[shape.inputs.embeddings];
  const OpenShape sizes = *open_shape(info);
  LASSO_CHECK(sizes[1] && sizes[2] && *sizes[1] >= 1 && *sizes[2] >= 1, ErrorCode::kUnsupported,
              "{}: input \"{}\" leaves the embedding's channels or grid open; export it with their "
              "numbers",
              model.path, printable(info.name));
  shape.channels = *sizes[1];
  shape.grid = *sizes[2];
  constexpr std::int64_t kMost = 1 << 10;
  LASSO_CHECK(shape.grid <= kMost && shape.channels <= 64 * kMost, ErrorCode::kUnsupported,
              "{}: input \"{}\" has {} channels of {}x{}: at most {} of {}x{} are supported",
              model.path, printable(info.name), shape.channels, shape.grid, shape.grid, 64 * kMost,
              kMost, kMost);
  shape.preprocess = shape.inputs.has_queries ? "efficientsam" : "sam";
  return shape;
}

DecoderProgram decoder_program(const OnnxModel& model, const DecoderShape& shape,
                               std::int64_t image_size, bool with_mask, const StatedRoles& stated) {
  const OpenDecoder open(model, shape, image_size, with_mask);
  ProgramEditor editor(open.import());
  const Graph& graph = editor.graph();
  const std::int64_t side = 4 * shape.grid;
  const DecoderOutputs outputs =
      find_decoder_outputs(model, graph, shape.grid, shape.inputs.has_queries, stated);
  ValueId masks = graph.outputs[outputs.masks];
  ValueId iou = graph.outputs[outputs.iou];
  if (!outputs.is_low_res) masks = before_resize(model, graph, masks, side);
  const Shape& given_shape = editor.value(masks).shape;
  const Dim count = given_shape[given_shape.size() - 3];
  LASSO_CHECK(count.is_constant() && count.constant() >= 1 && count.constant() <= 255,
              ErrorCode::kUnsupported, "{}: \"{}\" is {}: a number of masks is expected",
              model.path, printable(editor.value(masks).name),
              graph::to_string(editor.value(masks).shape));

  DecoderProgram decoder;
  decoder.model = place_of(model, graph, outputs, masks, open.fixed());

  // Inputs.
  const auto input_of = [&](std::size_t input) {
    const auto it = std::find_if(graph.inputs.begin(), graph.inputs.end(), [&](ValueId id) {
      return graph.value(id).name == open.name(input);
    });
    LASSO_CHECK(it != graph.inputs.end(), ErrorCode::kInternal, "{}: the input \"{}\" is gone",
                model.path, printable(open.name(input)));
    return *it;
  };
  // Gives the model's input the value, in its type and shape.
  const auto feed = [&](std::size_t input, ValueId value) {
    const ValueId old = input_of(input);
    const Shape wanted = editor.value(old).shape;
    const std::string name = editor.value(value).name + ".model";
    if (editor.value(value).shape != wanted) {
      value = editor.before(name, graph::Reshape{wanted}, {value});
    }
    const DType dtype = editor.value(old).dtype;
    if (editor.value(value).dtype != dtype)
      value = editor.before(name, graph::Cast{dtype}, {value});
    editor.replace(old, value);
    decoder.model.inputs.emplace_back(open.name(input), value);
  };
  const ValueId embeddings =
      editor.input("image_embeddings", DType::kF32, {1, shape.grid, shape.grid, shape.channels});
  const ValueId coords =
      editor.input("point_coords", DType::kF32, {open.prompts(), open.points(), 2});
  const ValueId labels = editor.input("point_labels", DType::kI32, {open.prompts(), open.points()});
  std::vector<ValueId> inputs{embeddings, coords, labels};
  feed(shape.inputs.embeddings,
       editor.before("image_embeddings.planes", graph::Transpose{{0, 3, 1, 2}}, {embeddings}));
  // From (x + 0.5) / side to pixels of the square.
  const auto scalar = [&](const char* name, float value) {
    return editor.constant(name, make_tensor({1}, std::vector<float>{value}));
  };
  const ValueId scaled =
      editor.before("point_coords.scaled", graph::Binary{graph::BinaryKind::kMul},
                    {coords, scalar("point_coords.side", static_cast<float>(image_size))});
  ValueId pixels = editor.before("point_coords.pixels", graph::Binary{graph::BinaryKind::kSub},
                                 {scaled, scalar("point_coords.half", 0.5F)});
  if (shape.inputs.has_queries) {
    // EfficientSAM's padding lies at -1, which its embedding shows.
    const ValueId padding = editor.before(
        "point_labels.padding", graph::Compare{graph::CompareKind::kEqual},
        {labels,
         editor.constant("point_labels.none", make_tensor({1}, std::vector<std::int32_t>{-1}))});
    const ValueId each = editor.before(
        "point_labels.each", graph::Reshape{{open.prompts(), open.points(), 1}}, {padding});
    pixels = editor.before("point_coords.padded", graph::Select{},
                           {each, scalar("point_coords.none", -1.0F), pixels});
  }
  feed(shape.inputs.points, pixels);
  feed(shape.inputs.labels, labels);
  editor.read_sizes_from(coords);  // not from the embedding, which image_tokens alone reads
  if (with_mask) {
    inputs.push_back(editor.input("mask_input", DType::kF32, {open.prompts(), side, side, 1}));
    feed(*shape.inputs.mask_input, inputs.back());
  }

  // Outputs.
  const std::int64_t given = count.constant();
  masks = shaped(editor, "low_res_logits", as_float(editor, "low_res_logits", masks),
                 {open.prompts(), given, side, side});
  iou = shaped(editor, "iou_predictions", as_float(editor, "iou_predictions", iou),
               {open.prompts(), given});
  decoder.masks = given;
  constexpr std::int64_t kCandidates = 3;
  if (given == kCandidates) {
    const Best best = best_of(editor, masks, iou, open.prompts());
    masks = editor.behind("low_res_logits", graph::Concat{1}, {best.masks, masks});
    iou = editor.behind("iou_predictions", graph::Concat{1}, {best.iou, iou});
    ++decoder.masks;
  } else {
    masks = separate(editor, "low_res_logits", masks);
    iou = separate(editor, "iou_predictions", iou);
  }
  decoder.program =
      editor.take(with_mask ? sam::kMaskDecoderWithMask : sam::kMaskDecoder, inputs, {masks, iou});
  decoder.program.typical.clear();
  for (const std::string& symbol : graph::symbols(decoder.program)) {
    decoder.program.typical[symbol] = symbol == "points" ? 2 : 1;
  }
  return decoder;
}

}  // namespace lasso::sam_onnx
