#include "models/sam_onnx/roles.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/convert.h"
#include "formats/text.h"

namespace lasso::sam_onnx {

namespace {

bool is_float(OnnxDataType type) {
  return type == OnnxDataType::kFloat32 || type == OnnxDataType::kFloat16 ||
         type == OnnxDataType::kBfloat16 || type == OnnxDataType::kFloat64;
}

std::string to_text(const OnnxValueInfo& info) {
  std::vector<std::string> sizes;
  for (const OnnxDim& dim : info.shape.value_or(std::vector<OnnxDim>())) {
    const auto* number = std::get_if<std::int64_t>(&dim);
    const auto* symbol = std::get_if<std::string>(&dim);
    sizes.push_back(number != nullptr   ? fmt::format("{}", *number)
                    : symbol != nullptr ? printable(*symbol, 40)
                                        : "?");
  }
  return fmt::format("\"{}\" {} [{}]", printable(info.name, 60), to_string(info.elem_type),
                     fmt::join(sizes, ", "));
}

std::string list_of_inputs(const OnnxModel& model) {
  std::vector<std::string> texts;
  for (const std::size_t i : needed_inputs(model)) texts.push_back(to_text(model.graph.inputs[i]));
  return fmt::format("{}", fmt::join(texts, ", "));
}

// Names that exporters give, beside those of the roles.
std::vector<std::string> usual_names(Role role) {
  std::vector<std::string> names{std::string(name_of(role))};
  if (role == Role::kImage) names.insert(names.end(), {"images", "input_image", "x", "input"});
  if (role == Role::kEmbeddings) names.insert(names.end(), {"image_embedding", "image_embed"});
  if (role == Role::kIou) names.insert(names.end(), {"scores", "iou_preds", "iou_pred"});
  return names;
}

// Of several arguments that could have a role: the one that is stated, else the only one, else the
// one with a usual name. `name` gives an argument's name.
std::optional<std::size_t> choose(Role role, const std::vector<std::size_t>& fitting,
                                  const StatedRoles& stated,
                                  const std::function<std::string(std::size_t)>& name) {
  const auto given = stated.find(role);
  if (given != stated.end()) {
    for (const std::size_t i : fitting) {
      if (name(i) == given->second) return i;
    }
  }
  if (fitting.size() == 1) return fitting.front();
  std::vector<std::size_t> named;
  for (const std::string& usual : usual_names(role)) {
    for (const std::size_t i : fitting) {
      if (name(i) == usual) named.push_back(i);
    }
  }
  return named.size() == 1 ? std::optional(named.front()) : std::nullopt;
}

// [.., 2s, 2s] beside [.., s, s], twice: the pyramid that SAM 2's encoder gives and its decoder
// takes.
bool is_pyramid(const std::vector<OnnxValueInfo>& values) {
  std::set<std::int64_t> sides;
  for (const OnnxValueInfo& value : values) {
    if (value.name.find("high_res_feats") != std::string::npos) return true;
    const auto shape = open_shape(value);
    if (!shape || shape->size() != 4 || !(*shape)[2] || (*shape)[2] != (*shape)[3]) continue;
    if (!(*shape)[1] || *(*shape)[1] < 8) continue;  // masks
    sides.insert(*(*shape)[2]);
  }
  return std::any_of(sides.begin(), sides.end(), [&](std::int64_t side) {
    return sides.count(2 * side) > 0 && sides.count(4 * side) > 0;
  });
}

void refuse_sam2(const OnnxModel& model) {
  LASSO_CHECK(!is_pyramid(model.graph.outputs), ErrorCode::kUnsupported,
              "{}: an image encoder of SAM 2 (it gives features of three sizes, high_res_feats_0, "
              "high_res_feats_1 and image_embed), and this release has SAM's decoders only",
              model.path);
  LASSO_CHECK(!is_pyramid(model.graph.inputs), ErrorCode::kUnsupported,
              "{}: a mask decoder of SAM 2 (it takes features of three sizes, high_res_feats_0, "
              "high_res_feats_1 and image_embed), and this release has SAM's decoders only",
              model.path);
}

std::optional<ImageInput> image_input(const OnnxModel& model, std::size_t input) {
  const OnnxValueInfo& info = model.graph.inputs[input];
  const std::optional<OpenShape> shape = open_shape(info);
  std::optional<ImageInput> image =
      shape ? image_of(*shape, is_float(info.elem_type)) : std::nullopt;
  if (image) image->input = input;
  return image;
}

// Whether the last two sizes are equal, and could be those of a mask or an embedding.
bool is_square(const OpenShape& shape) {
  const std::size_t rank = shape.size();
  return rank >= 2 && shape[rank - 1] && shape[rank - 1] == shape[rank - 2] && shape[rank - 1] >= 1;
}

// Which inputs could have each role, by their shapes. One of one dimension, whose size is open,
// could be has_mask_input or orig_im_size: its name must say which.
std::map<Role, std::vector<std::size_t>> fitting_inputs(const OnnxModel& model,
                                                        const StatedRoles& stated) {
  std::map<Role, std::vector<std::size_t>> fitting;
  for (const std::size_t i : needed_inputs(model)) {
    const OnnxValueInfo& info = model.graph.inputs[i];
    const std::optional<OpenShape> shape = open_shape(info);
    if (!shape) continue;
    const std::size_t rank = shape->size();
    const std::optional<std::int64_t> last =
        rank == 0 ? std::optional<std::int64_t>(1) : shape->back();
    const auto fits = [&](Role role, std::int64_t size) {
      const auto given = stated.find(role);
      const bool is_named =
          info.name == name_of(role) || (given != stated.end() && given->second == info.name);
      return last ? last == size : is_named;
    };
    if (rank <= 1 && fits(Role::kHasMask, 1)) fitting[Role::kHasMask].push_back(i);
    if (rank == 1 && fits(Role::kImageSize, 2)) fitting[Role::kImageSize].push_back(i);
    const bool are_pairs = (rank == 3 || rank == 4) && last == 2;
    if (are_pairs) fitting[Role::kPoints].push_back(i);
    if (rank == 2 || (rank == 3 && !are_pairs)) fitting[Role::kLabels].push_back(i);
    if (rank == 4 && is_float(info.elem_type) && is_square(*shape)) {
      fitting[(*shape)[1] == 1 ? Role::kMaskInput : Role::kEmbeddings].push_back(i);
    }
  }
  return fitting;
}

}  // namespace

const EnumNames<Role>& names_of(EnumTag<Role> /*tag*/) {
  static const EnumNames<Role> names{{Role::kImage, "image"},
                                     {Role::kEmbeddings, "image_embeddings"},
                                     {Role::kPoints, "point_coords"},
                                     {Role::kLabels, "point_labels"},
                                     {Role::kMaskInput, "mask_input"},
                                     {Role::kHasMask, "has_mask_input"},
                                     {Role::kImageSize, "orig_im_size"},
                                     {Role::kLowRes, "low_res_masks"},
                                     {Role::kMasks, "masks"},
                                     {Role::kIou, "iou_predictions"}};
  return names;
}

StatedRoles stated_roles(const std::map<std::string, std::string>& roles) {
  StatedRoles stated;
  std::vector<std::string_view> known;
  for (const auto& [role, name] : names_of(EnumTag<Role>())) known.push_back(name);
  for (const auto& [role, name] : roles) {
    const auto& names = names_of(EnumTag<Role>());
    const auto it = std::find_if(names.begin(), names.end(), [&wanted = role](const auto& entry) {
      return entry.second == wanted;
    });
    LASSO_CHECK(it != names.end(), ErrorCode::kInvalidArgument,
                "\"{}\" is no role of an input or output: expected one of {}", role,
                fmt::join(known, ", "));
    stated[it->first] = name;
  }
  return stated;
}

std::optional<OpenShape> open_shape(const OnnxValueInfo& info) {
  if (info.kind != OnnxKind::kTensor || !info.shape) return std::nullopt;
  OpenShape shape;
  for (const OnnxDim& dim : *info.shape) {
    const auto* number = std::get_if<std::int64_t>(&dim);
    shape.push_back(number == nullptr ? std::nullopt : std::optional(*number));
  }
  return shape;
}

std::vector<std::size_t> needed_inputs(const OnnxModel& model) {
  std::set<std::string_view> defaults;
  for (const OnnxTensor& tensor : model.graph.initializers) defaults.insert(tensor.name);
  std::vector<std::size_t> inputs;
  for (std::size_t i = 0; i < model.graph.inputs.size(); ++i) {
    if (defaults.count(model.graph.inputs[i].name) == 0) inputs.push_back(i);
  }
  return inputs;
}

std::optional<ImageInput> image_of(const OpenShape& shape, bool is_float) {
  if (shape.size() != 3 && shape.size() != 4) return std::nullopt;
  ImageInput image;
  image.has_batch = shape.size() == 4;
  if (image.has_batch && shape[0].value_or(1) != 1) return std::nullopt;
  image.is_raw = !image.has_batch || !is_float;
  const OpenShape sizes(shape.end() - 3, shape.end());
  image.channels_last = sizes[0] != 3;
  if (image.channels_last && sizes[2] != 3) return std::nullopt;
  const std::optional<std::int64_t> height = sizes[image.channels_last ? 0 : 1];
  const std::optional<std::int64_t> width = sizes[image.channels_last ? 1 : 2];
  image.side = height.value_or(0);
  return height == width && height.value_or(1) >= 1 ? std::optional(image) : std::nullopt;
}

namespace {

// What is stated goes first, whatever else its shape fits; then what only one input can be, until
// there is nothing left of that; then names decide.
std::map<Role, std::size_t> assign_inputs(const OnnxModel& model, const StatedRoles& stated) {
  std::map<Role, std::vector<std::size_t>> fitting = fitting_inputs(model, stated);
  std::map<Role, std::size_t> found;
  const auto name = [&](std::size_t i) { return model.graph.inputs[i].name; };
  const auto assign = [&](Role role, std::size_t input) {
    found[role] = input;
    for (auto& [other, inputs] : fitting) std::erase(inputs, input);
  };
  for (const auto& [role, stated_name] : stated) {
    const std::vector<std::size_t> candidates = fitting[role];
    for (const std::size_t i : candidates) {
      if (name(i) == stated_name) assign(role, i);
    }
    for (const std::size_t i : needed_inputs(model)) {
      LASSO_CHECK(name(i) != stated_name || found.count(role) > 0, ErrorCode::kInvalidArgument,
                  "{}: input {} can't be {}; it takes {}", model.path,
                  to_text(model.graph.inputs[i]), name_of(role), list_of_inputs(model));
    }
  }
  const auto is_open = [&](const auto& entry) { return found.count(entry.first) == 0; };
  for (auto only = fitting.begin(); only != fitting.end();) {
    only = std::find_if(fitting.begin(), fitting.end(), [&](const auto& entry) {
      return is_open(entry) && entry.second.size() == 1;
    });
    if (only != fitting.end()) assign(only->first, only->second.front());
  }
  for (const auto& [role, inputs] : fitting) {
    if (found.count(role) > 0 || inputs.empty()) continue;
    const auto input = choose(role, inputs, stated, name);
    LASSO_CHECK(input, ErrorCode::kInvalidArgument,
                "{}: which input is {} is unclear: it takes {}; say which by its name (--role "
                "{}=NAME)",
                model.path, name_of(role), list_of_inputs(model), name_of(role));
    assign(role, *input);
  }
  return found;
}

}  // namespace

bool takes_points(const OnnxModel& model) {
  const auto fitting = fitting_inputs(model, {});
  return fitting.count(Role::kPoints) > 0 && fitting.count(Role::kLabels) > 0;
}

ImageInput find_image(const OnnxModel& model, const StatedRoles& stated) {
  refuse_sam2(model);
  LASSO_CHECK(!takes_points(model), ErrorCode::kInvalidArgument,
              "{}: a mask decoder, which takes points, and it is given as an image encoder",
              model.path);
  std::vector<std::size_t> fitting;
  for (const std::size_t i : needed_inputs(model)) {
    if (image_input(model, i)) fitting.push_back(i);
  }
  const auto image = choose(Role::kImage, fitting, stated,
                            [&](std::size_t i) { return model.graph.inputs[i].name; });
  LASSO_CHECK(image && needed_inputs(model).size() == 1, ErrorCode::kInvalidArgument,
              "{}: no image encoder: it takes {}, and one image is expected, [1, 3, side, side], "
              "[1, side, side, 3] or [height, width, 3]",
              model.path, list_of_inputs(model));
  return *image_input(model, *image);
}

DecoderInputs find_decoder_inputs(const OnnxModel& model, const StatedRoles& stated) {
  refuse_sam2(model);
  std::map<Role, std::size_t> found = assign_inputs(model, stated);
  std::set<std::size_t> taken;
  for (const auto& [role, input] : found) taken.insert(input);
  for (const Role role : {Role::kEmbeddings, Role::kPoints, Role::kLabels}) {
    LASSO_CHECK(found.count(role) > 0, ErrorCode::kInvalidArgument,
                "{}: no mask decoder: no input can be {}; it takes {}", model.path, name_of(role),
                list_of_inputs(model));
  }
  for (const std::size_t i : needed_inputs(model)) {
    LASSO_CHECK(taken.count(i) > 0, ErrorCode::kInvalidArgument,
                "{}: what input {} is to a mask decoder is not known", model.path,
                to_text(model.graph.inputs[i]));
  }
  const auto place = [&](Role role) {
    const auto it = found.find(role);
    return it == found.end() ? std::nullopt : std::optional(it->second);
  };
  DecoderInputs inputs{*place(Role::kEmbeddings), *place(Role::kPoints), *place(Role::kLabels),
                       place(Role::kMaskInput),   place(Role::kHasMask), place(Role::kImageSize)};
  const std::size_t rank = model.graph.inputs[inputs.points].shape->size();
  inputs.has_queries = rank == 4;
  LASSO_CHECK(model.graph.inputs[inputs.labels].shape->size() + 1 == rank,
              ErrorCode::kInvalidArgument,
              "{}: points are {} and labels {}: one label for each is "
              "expected",
              model.path, to_text(model.graph.inputs[inputs.points]),
              to_text(model.graph.inputs[inputs.labels]));
  LASSO_CHECK(inputs.mask_input.has_value() == inputs.has_mask.has_value(), ErrorCode::kUnsupported,
              "{}: of mask_input and has_mask_input it takes one alone, and both or none are "
              "expected; it takes {}",
              model.path, list_of_inputs(model));
  return inputs;
}

namespace {

std::string list_of_outputs(const graph::Graph& graph) {
  std::vector<std::string> texts;
  for (const graph::ValueId id : graph.outputs) {
    const graph::Value& value = graph.value(id);
    texts.push_back(fmt::format("\"{}\" {} {}", printable(value.name, 60), to_string(value.dtype),
                                graph::to_string(value.shape)));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

// The outputs whose shape and type a condition takes.
std::vector<std::size_t> outputs_where(const graph::Graph& graph,
                                       const std::function<bool(const graph::Shape&)>& fits) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const graph::Value& value = graph.value(graph.outputs[i]);
    if (is_real(value.dtype) && fits(value.shape)) places.push_back(i);
  }
  return places;
}

// Throws kInvalidArgument where the output that is stated to have a role does not fit.
void check_output(Role role, const std::vector<std::size_t>& fitting, const OnnxModel& model,
                  const graph::Graph& graph, const StatedRoles& stated,
                  const std::string& expected) {
  const auto given = stated.find(role);
  if (given == stated.end()) return;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const bool is_meant = graph.value(graph.outputs[i]).name == given->second;
    const bool does_fit = std::find(fitting.begin(), fitting.end(), i) != fitting.end();
    LASSO_CHECK(!is_meant || does_fit, ErrorCode::kInvalidArgument,
                "{}: output \"{}\" can't be {}: it gives {}, and {} is expected", model.path,
                printable(given->second, 60), name_of(role), list_of_outputs(graph), expected);
  }
}

std::size_t choose_output(Role role, const std::vector<std::size_t>& fitting,
                          const OnnxModel& model, const graph::Graph& graph,
                          const StatedRoles& stated, const std::string& expected) {
  check_output(role, fitting, model, graph, stated, expected);
  const auto output = choose(role, fitting, stated,
                             [&](std::size_t i) { return graph.value(graph.outputs[i]).name; });
  LASSO_CHECK(output || fitting.empty(), ErrorCode::kInvalidArgument,
              "{}: which output is {} is unclear: it gives {}; say which by its name (--role "
              "{}=NAME)",
              model.path, name_of(role), list_of_outputs(graph), name_of(role));
  LASSO_CHECK(output, ErrorCode::kUnsupported,
              "{}: no output can be {}: it gives {}, and {} is "
              "expected",
              model.path, name_of(role), list_of_outputs(graph), expected);
  return *output;
}

}  // namespace

std::size_t find_embeddings(const OnnxModel& model, const graph::Graph& graph,
                            const StatedRoles& stated) {
  const auto fitting = outputs_where(graph, [](const graph::Shape& shape) {
    return shape.size() == 4 && shape[0] == graph::Dim(1) && shape[1].is_constant() &&
           shape[2].is_constant() && shape[2] == shape[3];
  });
  return choose_output(Role::kEmbeddings, fitting, model, graph, stated,
                       "float [1, channels, grid, grid]");
}

DecoderOutputs find_decoder_outputs(const OnnxModel& model, const graph::Graph& graph,
                                    std::int64_t grid, bool has_queries,
                                    const StatedRoles& stated) {
  const std::size_t rank = has_queries ? 5 : 4;
  const graph::Dim side = 4 * grid;
  // EfficientSAM's have no queries.
  const auto are_masks = [&](const graph::Shape& shape) {
    return shape.size() == rank || (has_queries && shape.size() + 1 == rank);
  };
  const auto are_low_res = [&](const graph::Shape& shape) {
    return shape.back() == side && shape[shape.size() - 2] == side;
  };
  const auto low_res = outputs_where(
      graph, [&](const graph::Shape& shape) { return are_masks(shape) && are_low_res(shape); });
  const auto others = outputs_where(
      graph, [&](const graph::Shape& shape) { return are_masks(shape) && !are_low_res(shape); });
  DecoderOutputs outputs;
  outputs.is_low_res = !low_res.empty() || others.empty();
  const std::string size = fmt::format("float of {} dimensions, the last two {}", rank, 4 * grid);
  check_output(Role::kLowRes, low_res, model, graph, stated, size);
  check_output(Role::kMasks, others, model, graph, stated, "masks of another size");
  outputs.masks = choose_output(outputs.is_low_res ? Role::kLowRes : Role::kMasks,
                                outputs.is_low_res ? low_res : others, model, graph, stated, size);
  const graph::Shape& masks = graph.value(graph.outputs[outputs.masks]).shape;
  const auto scores = outputs_where(graph, [&](const graph::Shape& shape) {
    return shape.size() == rank - 2 && shape.back() == masks[masks.size() - 3];
  });
  outputs.iou = choose_output(Role::kIou, scores, model, graph, stated,
                              fmt::format("float of {} dimensions, the last {}", rank - 2,
                                          graph::to_string(masks[masks.size() - 3])));
  return outputs;
}

namespace {

// "image_embeddings", or "image_embeddings emb" where the model calls it otherwise.
std::string role_text(Role role, const std::string& name) {
  const std::string own = printable(name, 60);
  return own == name_of(role) ? own : fmt::format("{} {}", name_of(role), own);
}

}  // namespace

std::string describe_roles(const OnnxModel& model) {
  try {
    if (takes_points(model)) {
      const DecoderInputs inputs = find_decoder_inputs(model, {});
      std::vector<std::string> texts;
      const auto add = [&](Role role, std::optional<std::size_t> input) {
        if (input) texts.push_back(role_text(role, model.graph.inputs[*input].name));
      };
      add(Role::kEmbeddings, inputs.embeddings);
      add(Role::kPoints, inputs.points);
      add(Role::kLabels, inputs.labels);
      add(Role::kMaskInput, inputs.mask_input);
      add(Role::kHasMask, inputs.has_mask);
      add(Role::kImageSize, inputs.image_size);
      return fmt::format("mask decoder: {}{}", fmt::join(texts, ", "),
                         inputs.has_queries ? "; points and masks have queries" : "");
    }
    const auto gives_features = [](const OnnxValueInfo& output) {
      const auto shape = open_shape(output);
      return shape && shape->size() == 4 && is_float(output.elem_type);
    };
    if (needed_inputs(model).size() != 1 ||
        !std::any_of(model.graph.outputs.begin(), model.graph.outputs.end(), gives_features)) {
      return "";
    }
    const ImageInput image = find_image(model, {});
    return fmt::format("image encoder: {}, {}",
                       role_text(Role::kImage, model.graph.inputs[image.input].name),
                       image.is_stretched() ? "of any size, 0 to 1: --preprocess efficientsam"
                       : image.is_raw       ? "0 to 255: it normalises and pads"
                                            : "normalised and padded");
  } catch (const Error& error) {
    return error.code() == ErrorCode::kUnsupported ? error.what() : "";
  }
}

}  // namespace lasso::sam_onnx
