// ONNX models with the inputs and outputs of SAM's encoders and decoders, which compute sums that a
// test can check: of an image of 32x32 pixels the embedding is [1, 3, 2, 2], the means of its
// quarters, and masks are 8x8.
#ifndef LASSO_TESTS_SUPPORT_ONNX_SAM_H_
#define LASSO_TESTS_SUPPORT_ONNX_SAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "support/onnx_writer.h"

namespace lasso::test {

constexpr int kFloat = 1;
constexpr int kInt64 = 7;

using OnnxSizes = std::vector<std::string>;
// A size below 0 is open: "d0", "d1", ...
inline OnnxSizes onnx_sizes(const std::vector<std::int64_t>& sizes) {
  OnnxSizes dims;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    dims.push_back(sizes[i] < 0 ? onnx_dim("d" + std::to_string(i)) : onnx_dim(sizes[i]));
  }
  return dims;
}

inline std::string onnx_integers(const std::string& name, const std::vector<std::int64_t>& values) {
  return onnx_tensor(name, kInt64, {static_cast<std::int64_t>(values.size())}) +
         wire_bytes(9, raw_bytes(values));
}

inline std::string onnx_ints(const std::string& name, const std::vector<std::int64_t>& values) {
  std::string fields;
  for (const std::int64_t value : values) fields += wire_number(8, value);
  return onnx_attribute(name, 7, fields);
}

// The means of quarters of `planes`, [1, 3, 32, 32].
inline std::string onnx_means(const std::string& planes) {
  return onnx_node("AveragePool", {planes}, {"image_embeddings"}, "means",
                   {onnx_ints("kernel_shape", {16, 16}), onnx_ints("strides", {16, 16})});
}

// Of what Meta's, MobileSAM's and EdgeSAM's encoders take: [1, 3, 32, 32].
inline std::string plain_encoder(const std::string& image = "images") {
  return onnx_model(
      onnx_graph({{onnx_means(image)},
                  {},
                  {onnx_value(image, kFloat, onnx_sizes({1, 3, 32, 32}))},
                  {onnx_value("image_embeddings", kFloat, onnx_sizes({1, 3, 2, 2}))}}));
}

// Of what samexporter's takes with preprocessing: [height, width, 3], from 0 to 255.
inline std::string raw_encoder(std::int64_t side = -1) {
  OnnxGraphParts parts;
  parts.nodes = {onnx_node("Sub", {"input_image", "mean"}, {"s"}, "s"),
                 onnx_node("Div", {"s", "std"}, {"n"}, "n"),
                 onnx_node("Transpose", {"n"}, {"t"}, "t", {onnx_ints("perm", {2, 0, 1})}),
                 onnx_node("Unsqueeze", {"t", "axis"}, {"planes"}, "u"), onnx_means("planes")};
  parts.initializers = {onnx_raw_tensor("mean", {3}, {123.675F, 116.28F, 103.53F}),
                        onnx_raw_tensor("std", {3}, {58.395F, 57.12F, 57.375F}),
                        onnx_integers("axis", {0})};
  parts.inputs = {onnx_value("input_image", kFloat, onnx_sizes({side, side, 3}))};
  parts.outputs = {onnx_value("image_embeddings", kFloat, onnx_sizes({1, 3, 2, 2}))};
  return onnx_model(onnx_graph(parts));
}

// Of what EfficientSAM's takes: [batch, 3, height, width], from 0 to 1, which it stretches.
inline std::string stretching_encoder() {
  OnnxGraphParts parts;
  parts.nodes = {onnx_node("Resize", {"batched_images", "", "", "sizes"}, {"planes"}, "r",
                           {onnx_attribute("mode", 3, wire_bytes(4, "linear"))}),
                 onnx_means("planes")};
  parts.initializers = {onnx_integers("sizes", {1, 3, 32, 32})};
  parts.inputs = {onnx_value("batched_images", kFloat, onnx_sizes({-1, 3, -1, -1}))};
  parts.outputs = {onnx_value("image_embeddings", kFloat, onnx_sizes({-1, 3, 2, 2}))};
  return onnx_model(onnx_graph(parts));
}

// What PyTorch's exporter makes of repeating an embedding: how many dimensions are missing is asked
// at run time, and one of two graphs gives "image".
inline void add_repetition(OnnxGraphParts& parts) {
  const auto scalar = [](const std::string& name, std::int64_t value) {
    return onnx_tensor(name, kInt64, {}) + wire_bytes(9, raw_bytes(std::vector{value}));
  };
  const auto branch = [](const std::string& name, const OnnxGraphParts& graph) {
    return onnx_attribute(name, 5, wire_bytes(6, onnx_graph(graph)));
  };
  OnnxGraphParts more;
  more.nodes = {onnx_node("Abs", {"surplus"}, {"missing"}, "missing"),
                onnx_node("Reshape", {"missing", "row"}, {"count"}, "count"),
                onnx_node("Expand", {"one", "count"}, {"ones"}, "ones"),
                onnx_node("Concat", {"ones", "shape"}, {"longer"}, "longer",
                          {onnx_attribute("axis", 2, wire_number(3, 0))}),
                onnx_node("Reshape", {"image_embeddings", "longer"}, {"reshaped"}, "reshaped")};
  more.outputs = {onnx_value("reshaped", kFloat, {})};
  OnnxGraphParts same;
  same.nodes = {onnx_node("Identity", {"image_embeddings"}, {"same"}, "same")};
  same.outputs = {onnx_value("same", kFloat, {})};
  parts.initializers.insert(parts.initializers.end(),
                            {scalar("four", 4), scalar("zero", 0), onnx_integers("row", {-1}),
                             onnx_integers("one", {1})});
  parts.nodes.insert(parts.nodes.end(),
                     {onnx_node("Shape", {"image_embeddings"}, {"shape"}, "shape"),
                      onnx_node("Size", {"shape"}, {"rank"}, "rank"),
                      onnx_node("Sub", {"rank", "four"}, {"surplus"}, "surplus"),
                      onnx_node("Less", {"surplus", "zero"}, {"is_less"}, "less"),
                      onnx_node("If", {"is_less"}, {"image"}, "repeat",
                                {branch("then_branch", more), branch("else_branch", same)})});
}

struct OnnxDecoderParts {
  std::int64_t masks = 4;
  bool takes_mask = true;
  bool takes_size = true;
  bool has_queries = false;  // as EfficientSAM's, with its nodes of the type If
  bool scores_first = false;
  bool low_res = true;  // else masks of the original size alone
  std::int64_t points = -1;
  std::int64_t prompts = 1;
  std::string labels = "point_labels";
};

// masks[m, y, x] = 100 m + 8 y + x + sum(embedding) + sum(points) + 1000 sum(labels) + what the
// mask adds, has_mask_input * sum(mask_input); iou[m] = (1, 5, 9, 7)[m] + sum(labels).
inline std::string sum_decoder(const OnnxDecoderParts& of = {}) {
  OnnxGraphParts parts;
  std::vector<float> ramp;
  for (std::int64_t m = 0; m < of.masks; ++m) {
    for (int i = 0; i < 64; ++i) ramp.push_back(static_cast<float>(100 * m + i));
  }
  const std::vector<float> iou{1, 5, 9, 7};
  const std::int64_t q = of.prompts;
  const bool queries = of.has_queries;
  parts.initializers = {
      onnx_raw_tensor("ramp", {1, of.masks, 8, 8}, ramp),
      onnx_raw_tensor("iou", {1, of.masks}, {iou.begin(), iou.begin() + of.masks}),
      onnx_raw_tensor("thousand", {1}, {1000}),
      onnx_integers("coordinates",
                    queries ? std::vector<std::int64_t>{0, 2, 3} : std::vector<std::int64_t>{1, 2}),
      onnx_integers("each",
                    queries ? std::vector<std::int64_t>{0, 2} : std::vector<std::int64_t>{1}),
      onnx_integers("as_masks", {-1, 1, 1, 1}),
      onnx_integers("as_iou", {-1, 1})};
  const auto keep = [](std::int64_t value) {
    return std::vector<std::string>{onnx_attribute("keepdims", 2, wire_number(3, value))};
  };
  parts.nodes = {
      onnx_node("ReduceSum", {queries ? "image" : "image_embeddings"}, {"e"}, "e", keep(1)),
      onnx_node("ReduceSum", {"point_coords", "coordinates"}, {"p0"}, "p0", keep(0)),
      onnx_node("Reshape", {"p0", "as_masks"}, {"p"}, "p"),
      onnx_node("ReduceSum", {of.labels, "each"}, {"l0"}, "l0", keep(0)),
      onnx_node("Mul", {"l0", "thousand"}, {"l1"}, "l1"),
      onnx_node("Reshape", {"l1", "as_masks"}, {"l"}, "l"),
      onnx_node("Reshape", {"l0", "as_iou"}, {"l2"}, "l2"),
      onnx_node("Add", {"ramp", "e"}, {"a"}, "a"),
      onnx_node("Add", {"a", "p"}, {"b"}, "b"),
      onnx_node("Add", {"iou", "l2"}, {"scores"}, "scores")};
  if (queries) add_repetition(parts);
  const auto points = [&](std::vector<std::int64_t> sizes) {
    if (queries) sizes.insert(sizes.begin(), 1);
    return onnx_sizes(sizes);
  };
  parts.inputs = {onnx_value(of.labels, kFloat, points({q, of.points})),
                  onnx_value("image_embeddings", kFloat, onnx_sizes({1, 3, 2, 2})),
                  onnx_value("point_coords", kFloat, points({q, of.points, 2}))};
  std::string masks = "b";
  if (of.takes_mask) {
    parts.nodes.push_back(onnx_node("Mul", {"mask_input", "has_mask_input"}, {"m0"}, "m0"));
    parts.nodes.push_back(onnx_node("ReduceSum", {"m0", "planes"}, {"m"}, "m", keep(1)));
    parts.nodes.push_back(onnx_node("Add", {masks, "m"}, {"c"}, "c"));
    masks = "c";
    parts.initializers.push_back(onnx_integers("planes", {1, 2, 3}));
    parts.inputs.push_back(onnx_value("has_mask_input", kFloat, onnx_sizes({1})));
    parts.inputs.push_back(onnx_value("mask_input", kFloat, onnx_sizes({q, 1, 8, 8})));
  }
  parts.nodes.push_back(onnx_node("Add", {masks, "l"}, {"low"}, "low"));
  if (of.takes_size) {
    parts.inputs.push_back(onnx_value("orig_im_size", queries ? kInt64 : kFloat, onnx_sizes({2})));
  }
  std::vector<std::string> outputs;
  const std::string scores = onnx_value("scores", kFloat, onnx_sizes({q, of.masks}));
  if (of.low_res && queries) {
    parts.initializers.push_back(onnx_integers("as_queries", {1, -1, of.masks, 8, 8}));
    parts.initializers.push_back(onnx_integers("as_scores", {1, -1, of.masks}));
    parts.nodes.push_back(onnx_node("Reshape", {"low", "as_queries"}, {"masks"}, "masks"));
    parts.nodes.push_back(onnx_node("Reshape", {"scores", "as_scores"}, {"iou_q"}, "iou_q"));
    outputs = {onnx_value("masks", kFloat, onnx_sizes({1, q, of.masks, 8, 8})),
               onnx_value("iou_q", kFloat, onnx_sizes({1, q, of.masks}))};
  } else if (of.low_res) {
    outputs = {onnx_value("low", kFloat, onnx_sizes({q, of.masks, 8, 8})), scores};
  } else {
    parts.initializers.push_back(onnx_integers("kept", {1, of.masks}));
    parts.nodes.push_back(onnx_node("Cast", {"orig_im_size"}, {"size"}, "size",
                                    {onnx_attribute("to", 2, wire_number(3, kInt64))}));
    parts.nodes.push_back(onnx_node("Concat", {"kept", "size"}, {"sizes"}, "sizes",
                                    {onnx_attribute("axis", 2, wire_number(3, 0))}));
    parts.nodes.push_back(onnx_node("Resize", {"low", "", "", "sizes"}, {"large"}, "large",
                                    {onnx_attribute("mode", 3, wire_bytes(4, "linear"))}));
    outputs = {onnx_value("large", kFloat, onnx_sizes({q, of.masks, -1, -1})), scores};
  }
  if (of.scores_first) std::swap(outputs[0], outputs[1]);
  parts.outputs = outputs;
  return onnx_model(onnx_graph(parts));
}

// The value that sum_decoder() gives at mask m, row 0, column 0.
inline float sum_of(float embedding, float points, float labels, int m = 0, float mask = 0) {
  return 100.0F * static_cast<float>(m) + embedding + points + 1000 * labels + mask;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_ONNX_SAM_H_
