#include "formats/onnx/onnx_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/file_set.h"
#include "formats/onnx/onnx_builder.h"
#include "formats/onnx/onnx_reader.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/onnx_parse.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;
using namespace test;  // NOLINT(google-build-using-namespace)

std::string elements(const OnnxTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data), tensor.bytes};
}

void expect_equal(const OnnxTensor& a, const OnnxTensor& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.data_type, b.data_type);
  EXPECT_EQ(a.dims, b.dims);
  EXPECT_EQ(a.strings, b.strings);
  EXPECT_EQ(elements(a), elements(b)) << a.name;
}

void expect_equal(const OnnxGraph& a, const OnnxGraph& b);

void expect_equal(const OnnxAttribute& a, const OnnxAttribute& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.type, b.type);
  ASSERT_EQ(a.value.index(), b.value.index()) << a.name;
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        const auto& other = std::get<T>(b.value);
        if constexpr (std::is_same_v<T, OnnxTensor>) {
          expect_equal(value, other);
        } else if constexpr (std::is_same_v<T, std::vector<OnnxGraph>> ||
                             std::is_same_v<T, std::vector<OnnxTensor>>) {
          ASSERT_EQ(value.size(), other.size());
          for (std::size_t i = 0; i < value.size(); ++i) expect_equal(value[i], other[i]);
        } else {
          EXPECT_EQ(value, other) << a.name;
        }
      },
      a.value);
}

void expect_equal(const std::vector<OnnxValueInfo>& a, const std::vector<OnnxValueInfo>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].elem_type, b[i].elem_type);
    EXPECT_EQ(a[i].shape, b[i].shape);
  }
}

void expect_equal(const OnnxGraph& a, const OnnxGraph& b) {
  EXPECT_EQ(a.name, b.name);
  expect_equal(a.inputs, b.inputs);
  expect_equal(a.outputs, b.outputs);
  expect_equal(a.value_infos, b.value_infos);
  ASSERT_EQ(a.initializers.size(), b.initializers.size());
  for (std::size_t i = 0; i < a.initializers.size(); ++i) {
    expect_equal(a.initializers[i], b.initializers[i]);
  }
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    const OnnxNode& x = a.nodes[i];
    const OnnxNode& y = b.nodes[i];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.op_type, y.op_type);
    EXPECT_EQ(x.domain, y.domain);
    EXPECT_EQ(x.inputs, y.inputs);
    EXPECT_EQ(x.outputs, y.outputs);
    ASSERT_EQ(x.attributes.size(), y.attributes.size());
    for (std::size_t j = 0; j < x.attributes.size(); ++j) {
      expect_equal(x.attributes[j], y.attributes[j]);
    }
  }
}

// What the sample has, written and read back.
TEST(OnnxWriter, WritesAllOfAModel) {
  const TempDir folder;
  const OnnxModel model = parse(onnx_sample_model());
  write_onnx(model, folder / "copy.onnx");
  const OnnxModel copy = read_onnx(folder / "copy.onnx");
  EXPECT_EQ(copy.ir_version, 8);
  EXPECT_EQ(copy.producer_name, "test");
  EXPECT_EQ(copy.metadata_props, model.metadata_props);
  ASSERT_EQ(copy.opset_imports.size(), 1U);
  EXPECT_EQ(copy.opset_imports[0].version, 17);
  expect_equal(model.graph, copy.graph);
  EXPECT_FALSE(fs::exists(folder / "copy.onnx.data"));
}

BuiltOnnx large_and_small() {
  OnnxBuilder b("main", 16);
  b.input("x", OnnxDataType::kFloat32, {std::string("rows"), std::int64_t{512}});
  std::vector<float> values(512);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) + 0.5F;
  b.constant("large", make_tensor({512}, values));
  b.constant("made", DType::kF32, {256},
             [] { return make_tensor({256}, std::vector<float>(256, 7.0F)); });
  const auto sum = b.node("sum", "Add", {"x", "large"});
  const auto row = b.node("row", "Concat", {"made", "made"}, {{"axis", std::int64_t{0}}});
  b.node("y", "Mul", {b.node("whole", "Add", {sum, row}), b.scalar(2.0F)});
  b.output("y", OnnxDataType::kFloat32, {std::string("rows"), std::int64_t{512}});
  return std::move(b).finish();
}

void write(const BuiltOnnx& built, const std::string& path, const OnnxWriteOptions& options = {}) {
  FileSet files;
  built.write(files, path, options);
  files.commit();
}

// Where the file would exceed the limit, large initialisers lie beside it.
TEST(OnnxWriter, PutsWeightsBesideAFileThatIsTooLarge) {
  const TempDir folder;
  const BuiltOnnx built = large_and_small();
  write(built, folder / "one.onnx");
  EXPECT_FALSE(fs::exists(folder / "one.onnx.data"));
  const auto size = fs::file_size(folder / "one.onnx");
  write(built, folder / "fits.onnx", {.most_bytes = size});
  EXPECT_FALSE(fs::exists(folder / "fits.onnx.data"));
  write(built, folder / "two.onnx", {.most_bytes = size - 1});
  EXPECT_LT(fs::file_size(folder / "two.onnx"), 1024U);
  EXPECT_EQ(fs::file_size(folder / "two.onnx.data"), 4096U + 1024U);

  const OnnxModel one = read_onnx(folder / "one.onnx");
  const OnnxModel two = read_onnx(folder / "two.onnx");
  expect_equal(one.graph, two.graph);
  ASSERT_EQ(two.graph.initializers.size(), 3U);
  EXPECT_EQ(two.graph.initializers[0].file->path(), folder / "two.onnx.data");
  EXPECT_EQ(to_tensor(two.graph.initializers[0]).view().as<float>()[511], 511.5F);
  EXPECT_EQ(to_tensor(two.graph.initializers[1]).view().as<float>()[255], 7.0F);
  EXPECT_EQ(two.graph.initializers[2].file->path(), folder / "two.onnx");  // one number
}

// Neither file is left where the second can't be written.
TEST(OnnxWriter, LeavesNothingBehindAFailure) {
  const TempDir folder;
  const BuiltOnnx built = large_and_small();
  fs::create_directory(folder / "model.onnx");
  EXPECT_EQ(
      code_of([&] { write(built, folder / "model.onnx", {.most_bytes = 2000}); }, "model.onnx"),
      ErrorCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(folder / "model.onnx.data"));
  EXPECT_EQ(code_of([&] { write(built, folder / "m.onnx", {.most_bytes = 10}); },
                    "without the large initialisers"),
            ErrorCode::kUnsupported);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / ""), fs::directory_iterator()), 1);
}

// The weights that were there before belong to the model that was there before.
TEST(OnnxWriter, ReplacesBothFilesOrNeither) {
  const TempDir folder;
  const BuiltOnnx built = large_and_small();
  write(built, folder / "m.onnx", {.most_bytes = 2000});
  const std::string before = read_file(folder / "m.onnx.data");
  BuiltOnnx broken = large_and_small();
  broken.makers["made"] = []() -> Tensor { fail(ErrorCode::kDevice, "interrupted"); };
  EXPECT_EQ(code_of([&] { write(broken, folder / "m.onnx", {.most_bytes = 2000}); }, "interrupted"),
            ErrorCode::kDevice);
  EXPECT_EQ(read_file(folder / "m.onnx.data"), before);
  FileSet files;
  broken = large_and_small();
  broken.makers["made"] = [] { return make_tensor({256}, std::vector<float>(256, 8.0F)); };
  broken.write(files, folder / "m.onnx", {.most_bytes = 2000});
  EXPECT_EQ(read_file(folder / "m.onnx.data"), before);
  files.commit();
  EXPECT_NE(read_file(folder / "m.onnx.data"), before);
  EXPECT_EQ(to_tensor(read_onnx(folder / "m.onnx").graph.initializers[1]).view().as<float>()[0],
            8.0F);
}

TEST(OnnxWriter, RefusesWhatWasNotRead) {
  const TempDir folder;
  OnnxModel model = parse(onnx_sample_model());
  model.graph.nodes[1].attributes[0].type = OnnxAttributeType::kTypeProto;
  model.graph.nodes[1].attributes[0].value = std::monostate();
  EXPECT_EQ(code_of([&] { write_onnx(model, folder / "m.onnx"); },
                    "node add_0 (Add): the attribute alpha of type TYPE_PROTO"),
            ErrorCode::kUnsupported);
  EXPECT_FALSE(fs::exists(folder / "m.onnx"));
}

}  // namespace
}  // namespace lasso
