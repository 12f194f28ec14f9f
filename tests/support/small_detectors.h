// ONNX models of detectors that are small enough to know what they find.
#ifndef LASSO_TESTS_SUPPORT_SMALL_DETECTORS_H_
#define LASSO_TESTS_SUPPORT_SMALL_DETECTORS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "support/onnx_writer.h"

namespace lasso::test {

// A row of what a detector gives: centre, sides, objectness, scores of two classes.
using DetectorRow = std::array<float, 7>;

// Whatever is in the images, of 32 x 32 pixels: 63 boxes, three of each place of maps of 8, 16 and
// 32 pixels, of which the first are `rows`, and the others have no objectness. To all values is
// added what the mean of the image times 0 is, so that there is something to compute.
// `batch`: a number, or a symbol.
inline std::string constant_detector(const std::vector<DetectorRow>& rows,
                                     const std::string& batch = onnx_dim("batch")) {
  constexpr std::size_t kBoxes = 63;
  std::vector<float> values(kBoxes * std::tuple_size_v<DetectorRow>);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].begin(), rows[i].end(), values.begin() + static_cast<std::ptrdiff_t>(i * 7));
  }
  return onnx_model(onnx_graph(
      {.nodes = {onnx_node("GlobalAveragePool", {"images"}, {"mean"}),
                 onnx_node("Slice", {"mean", "zero", "one", "one"}, {"red"}),
                 onnx_node("Squeeze", {"red", "three"}, {"flat"}),
                 onnx_node("Mul", {"flat", "nothing"}, {"none"}),
                 onnx_node("Add", {"none", "rows"}, {"output"})},
       .initializers = {onnx_tensor("zero", 7, {1}) + wire_packed(7, {0}),
                        onnx_tensor("one", 7, {1}) + wire_packed(7, {1}),
                        onnx_tensor("three", 7, {1}) + wire_packed(7, {3}),
                        onnx_raw_tensor("nothing", {1}, {0}),
                        onnx_raw_tensor("rows", {1, kBoxes, 7}, values)},
       .inputs = {onnx_value("images", 1, {batch, onnx_dim(3), onnx_dim(32), onnx_dim(32)})},
       .outputs = {onnx_value("output", 1, {})}}));
}

// Finds what is white: three maps that are not decoded, of images of any size, of 8, 16 and 32
// pixels a place, three anchors, one class. Only the first anchor of the first map has an
// objectness, which is that of a place's mean, white above 0.9; its box is in the middle of the
// place, and its sides are those of the anchor.
inline std::string white_detector() {
  constexpr std::size_t kChannels = 18;  // three anchors of six fields
  OnnxGraphParts parts;
  parts.inputs = {onnx_value(
      "images", 1, {onnx_dim("batch"), onnx_dim(3), onnx_dim("height"), onnx_dim("width")})};
  for (std::size_t m = 0; m < 3; ++m) {
    const std::size_t side = std::size_t{8} << m;
    const std::string name = "map" + std::to_string(m);
    std::vector<float> filters(kChannels * 3 * side * side, 0.0F);
    std::vector<float> bias(kChannels, 0.0F);  // sigmoid 1/2: the middle, and the anchor's sides
    for (std::size_t anchor = 0; anchor < 3; ++anchor) bias[anchor * 6 + 4] = -20;
    if (m == 0) {
      // 200 (mean - 0.9)
      const float weight = 200.0F / static_cast<float>(3 * side * side);
      std::fill_n(filters.begin() + static_cast<std::ptrdiff_t>(4 * 3 * side * side),
                  3 * side * side, weight);
      bias[4] = -180;
    }
    const auto size = static_cast<std::int64_t>(side);
    parts.initializers.push_back(onnx_raw_tensor(name + ".filters", {18, 3, size, size}, filters));
    parts.initializers.push_back(onnx_raw_tensor(name + ".bias", {18}, bias));
    parts.nodes.push_back(onnx_node("Conv", {"images", name + ".filters", name + ".bias"}, {name},
                                    name,
                                    {onnx_attribute("strides", 7, wire_packed(8, {size, size}))}));
    parts.outputs.push_back(onnx_value(name, 1, {}));
  }
  return onnx_model(onnx_graph(parts));
}

inline std::string write_detector(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_SMALL_DETECTORS_H_
