// Models that exporters wrote, and the single-node tests of ONNX itself, against what Python's onnx
// package says of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "formats/file_kind.h"
#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "support/files.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;

std::uint64_t sum_of_bytes(const OnnxTensor& tensor) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < tensor.bytes; ++i) sum += std::to_integer<unsigned>(tensor.data[i]);
  return sum;
}

struct Exported {
  const char* name;
  std::int64_t ir_version;
  std::int64_t opset;
  std::size_t nodes;
  std::size_t attributes;
  std::size_t floats;  // initialisers of float32
  std::size_t int64s;
  std::size_t value_infos;
  std::int64_t elements;  // of all initialisers
  std::uint64_t sum;      // of their bytes
};

class OnnxGolden : public testing::TestWithParam<Exported> {};

TEST_P(OnnxGolden, IsWhatPythonReads) {
  const Exported& expected = GetParam();
  const std::string path = test::golden_path(expected.name) + ".onnx";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto file = MappedFile::open(path);
  EXPECT_EQ(file_kind(*file), FileKind::kOnnx);
  const OnnxModel model = read_onnx(file);
  EXPECT_EQ(model.ir_version, expected.ir_version);
  EXPECT_EQ(model.producer_name, "pytorch");
  ASSERT_FALSE(model.opset_imports.empty());
  EXPECT_EQ(model.opset_imports[0].domain, "");
  EXPECT_EQ(model.opset_imports[0].version, expected.opset);
  const OnnxGraph& graph = model.graph;
  EXPECT_EQ(graph.nodes.size(), expected.nodes);
  EXPECT_EQ(graph.value_infos.size(), expected.value_infos);
  std::size_t attributes = 0;
  for (const OnnxNode& node : graph.nodes) attributes += node.attributes.size();
  EXPECT_EQ(attributes, expected.attributes);
  std::size_t floats = 0;
  std::size_t int64s = 0;
  std::int64_t elements = 0;
  std::uint64_t sum = 0;
  for (const OnnxTensor& tensor : graph.initializers) {
    floats += tensor.data_type == OnnxDataType::kFloat32 ? 1 : 0;
    int64s += tensor.data_type == OnnxDataType::kInt64 ? 1 : 0;
    elements += element_count(tensor);
    sum += sum_of_bytes(tensor);
    EXPECT_EQ(tensor.file, file) << tensor.name << " is a view";
  }
  EXPECT_EQ(graph.initializers.size(), floats + int64s);
  EXPECT_EQ(floats, expected.floats);
  EXPECT_EQ(int64s, expected.int64s);
  EXPECT_EQ(elements, expected.elements);
  EXPECT_EQ(sum, expected.sum);

  const OnnxModel checked = check_onnx(model);
  const auto same = [](const OnnxNode& a, const OnnxNode& b) { return a.outputs == b.outputs; };
  EXPECT_TRUE(std::equal(checked.graph.nodes.begin(), checked.graph.nodes.end(),
                         graph.nodes.begin(), graph.nodes.end(), same))
      << "exporters write nodes in an order that is right";
  EXPECT_TRUE(unsupported_parts(checked).empty());
}

INSTANTIATE_TEST_SUITE_P(
    Models, OnnxGolden,
    testing::Values(
        Exported{"mobile_sam_micro/encoder_op17_script", 8, 17, 573, 490, 104, 0, 0, 2103696,
                 1050788117},
        Exported{"mobile_sam_micro/encoder_op18_dynamo", 10, 18, 322, 281, 117, 39, 487, 2291131,
                 1144866410},
        Exported{"sam_1024/decoder", 8, 17, 1142, 746, 136, 0, 0, 160136, 79805793},
        Exported{"sam_1024/encoder", 8, 17, 499, 328, 37, 0, 0, 1084288, 543810876},
        Exported{"sam_micro/decoder", 8, 17, 1142, 746, 136, 0, 0, 160136, 79860099},
        Exported{"sam_micro/decoder_single", 8, 17, 1199, 787, 136, 0, 0, 160136, 79860099},
        Exported{"sam_micro/encoder", 8, 17, 987, 635, 65, 0, 0, 314176, 157224109},
        Exported{"sam_micro_exports/decoder_op17_script", 8, 17, 1146, 752, 136, 0, 0, 160136,
                 79860099},
        Exported{"sam_micro_exports/encoder_op16_script", 8, 16, 1067, 651, 65, 0, 0, 314176,
                 157224109},
        Exported{"sam_micro_exports/encoder_op17_script", 8, 17, 987, 635, 65, 0, 0, 314176,
                 157224109},
        Exported{"sam_micro_exports/encoder_op18_dynamo", 10, 18, 214, 118, 71, 25, 309, 364708,
                 182380826},
        Exported{"sam_micro_exports/encoder_op20_dynamo", 10, 20, 198, 122, 68, 25, 290, 364705,
                 182380081},
        Exported{"yolov7_micro/ort", 7, 12, 432, 610, 184, 0, 0, 630397, 315633842},
        Exported{"yolov7_micro/raw", 7, 12, 350, 552, 184, 0, 0, 630397, 315633842},
        Exported{"yolov7_micro/trt", 7, 12, 367, 571, 184, 0, 0, 630397, 315633842},
        Exported{"yolov7_tiny_micro/ort", 7, 12, 270, 484, 116, 0, 0, 433837, 217365410},
        Exported{"yolov7_tiny_micro/raw", 7, 12, 188, 426, 116, 0, 0, 433837, 217365410},
        Exported{"yolov7_tiny_micro/trt", 7, 12, 205, 445, 116, 0, 0, 433837, 217365410}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::replace(name.begin(), name.end(), '/', '_');
      return name;
    });

TEST(OnnxGoldenNodes, AllModelsAndTensorsAreRead) {
  const std::string root = test::golden_path("onnx_node_tests");
  if (!fs::exists(root)) GTEST_SKIP() << root << " is not there";
  std::size_t models = 0;
  std::size_t nodes = 0;
  std::size_t tensors = 0;
  std::size_t others = 0;  // sequences and optionals, which are no tensors
  std::int64_t elements = 0;
  std::uint64_t raw_sum = 0;  // of bytes of raw_data, which are views
  std::set<OnnxDataType> types;
  for (const auto& folder : fs::directory_iterator(root)) {
    const OnnxModel model = check_onnx(read_onnx((folder.path() / "model.onnx").string()));
    ++models;
    nodes += model.graph.nodes.size();
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".pb") continue;
      const std::string stem = entry.path().stem().string();  // "input_0"
      const auto& values = stem.starts_with("input") ? model.graph.inputs : model.graph.outputs;
      const OnnxValueInfo& value = values.at(std::stoul(stem.substr(stem.find('_') + 1)));
      if (value.kind != OnnxKind::kTensor) {
        ++others;
        continue;
      }
      const OnnxTensor tensor = read_onnx_tensor(entry.path().string());
      EXPECT_EQ(tensor.data_type, value.elem_type) << entry.path();
      ++tensors;
      types.insert(tensor.data_type);
      elements += element_count(tensor);
      if (tensor.file != nullptr) raw_sum += sum_of_bytes(tensor);
    }
  }
  EXPECT_EQ(models, 849U);
  EXPECT_EQ(nodes, 849U);
  EXPECT_EQ(tensors, 2785U);
  EXPECT_EQ(others, 4U);
  EXPECT_EQ(elements, 288867);
  EXPECT_EQ(raw_sum, 113962800U);
  EXPECT_EQ(types.size(), 24U) << "all but complex numbers, float6 and undefined";
}

}  // namespace
}  // namespace lasso
