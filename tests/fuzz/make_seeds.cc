// make_seeds DIR: writes small files of every format, honest ones and nearly so, as a fuzzer's
// first inputs: DIR/zip, DIR/pickle, DIR/safetensors, DIR/npy, DIR/onnx, DIR/checkpoint,
// DIR/engine, DIR/image, DIR/prompts, DIR/mask_input.
#include <cstdio>
#include <filesystem>

#include "engine_input.h"
#include "formats/npy/npy.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "make_image_seeds.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/precision.h"
#include "support/files.h"
#include "support/legacy_writer.h"
#include "support/onnx_writer.h"
#include "support/pickles.h"
#include "support/sam_files.h"
#include "support/small_detector.h"
#include "support/small_sam.h"
#include "support/torch_writer.h"

namespace {

using namespace lasso;        // NOLINT(google-build-using-namespace)
using namespace lasso::test;  // NOLINT(google-build-using-namespace)

void write_seeds(const std::string& dir) {
  for (const char* name : {"zip", "pickle", "safetensors", "npy", "onnx", "onnx_import",
                           "checkpoint", "engine", "prompts", "mask_input"}) {
    std::filesystem::create_directories(dir + "/" + name);
  }
  const std::string half = tensor(storage("0", 6, "HalfStorage"), 1, {2, 2}, {1, 2});
  const std::string parameter =
      call(global("torch._utils", "_rebuild_parameter"), {half, "\x88", dict({})});
  const std::string state =
      ordered_dict({{"a", half}, {"b", parameter}}) + dict({{"_metadata", dict({})}}) + "b";
  const std::string training =
      dict({{"epoch", integer(3)},
            {"args", global("argparse", "Namespace") + ")\x81" + dict({{"lr", integer(1)}}) + "b"},
            {"sizes", call(global("torch", "Size"), {integers({1, 2})})},
            {"model", state},
            {"list", list({"N", "\x88", "\x89", "K\x05"})}});
  // Values that Lasso only records: calls of calls, keywords, attributes, items and entries.
  const std::string object = global("m", "C") + ")\x81" + dict({{"x", "N"}}) + "b](N" + "e";
  const std::string recorded =
      dict({{"mode", call(call(global("builtins", "getattr"), {text("x"), text("y")}), {"N"})},
            {"easy", global("easydict", "EasyDict") + ")\x81(" + text("k") + half + "u"},
            {"keywords", global("m", "D") + "))\x81" + tuple({half}) + dict({{"z", "N"}}) + "\x92"},
            {"items", global("m", "L") + ")\x81(" + object + "e"},
            {"set", std::string("\x8f(K\x01\x90")},
            {"class", call(global("copyreg", "_reconstructor"), {global("m", "E"), "N", "N"})},
            {"subclass",
             call(global("torch._tensor", "_rebuild_from_type_v2"),
                  {global("torch._utils", "_rebuild_tensor_v2"), global("torch", "Tensor"),
                   tuple({storage("0", 6, "HalfStorage"), "K\x01", integers({2}), integers({1})}),
                   "N"})}});
  write_bytes(dir + "/pickle/recorded", program(recorded));
  write_bytes(dir + "/pickle/protocol0",
              "(lp0\nI01\naL12L\naF0.5\naVa\\u20ac\np1\naS'x\\x41'\nag1\na(im\nC\na.");
  write_bytes(dir + "/checkpoint/legacy", legacy_file(dict({{"model", state}, {"more", recorded}}),
                                                      {{"0", 6, std::string(12, '\1')}}));
  write_bytes(dir + "/checkpoint/index", R"({"weight_map": {"a": "b"}})");
  write_bytes(dir + "/pickle/state", program(state));
  write_bytes(dir + "/pickle/detector", SmallDetector().pickle());
  write_bytes(dir + "/pickle/training", program(training));
  write_bytes(dir + "/pickle/protocol4", std::string("\x80\x04\x95\x0a\0\0\0\0\0\0\0\x8c\x01"
                                                     "a\x94]\x94(h\0e\x86.",
                                                     23));
  write_bytes(dir + "/pickle/system", program(call(global("os", "system"), {text("true")})));
  write_archive(dir + "/zip/training", program(training), {{"0", std::string(12, '\1')}},
                {{"archive/version", "3\n"}, {"archive/byteorder", "little"}});
  write_archive(dir + "/checkpoint/training", program(training), {{"0", std::string(12, '\1')}});
  write_bytes(dir + "/zip/empty", std::string("PK\5\6") + std::string(18, '\0'));

  const auto expected = sam::expected_tensors(tiny_sam());
  std::vector<TorchEntry> entries;
  std::vector<Tensor> tensors;
  std::map<std::string, TensorView> views;
  for (const sam::ExpectedTensor& e : expected) {
    entries.push_back({e.name, DType::kF32, e.dims});
    tensors.push_back(sam::random_tensor(e, 1));
    views[e.name] = tensors.back().view();
  }
  write_pytorch(dir + "/checkpoint/tiny.pth", entries, [&](std::size_t i) { return tensors[i]; });
  write_safetensors(dir + "/checkpoint/tiny.safetensors", views);
  write_safetensors(dir + "/safetensors/three", {views.begin(), std::next(views.begin(), 3)},
                    {{"format", "pt"}});
  write_safetensors(dir + "/safetensors/none", {});
  write_npy(dir + "/npy/float32", tensors.front().view());
  write_bytes(dir + "/npy/fortran",
              std::string("\x93NUMPY\x02\0\x3a\0\0\0", 12) +
                  "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)} \n" + "123456");
}

void write_onnx_seeds(const std::string& dir) {
  write_bytes(dir + "/onnx/sample", onnx_sample_model());
  write_bytes(dir + "/onnx/external",
              onnx_model(onnx_graph(
                  {.initializers = {onnx_external_tensor("w", {2}, "weights.bin", "4096", "8")}})));
  // Four elements of every type, and some of those that int32_data holds.
  std::vector<std::string> tensors;
  for (int type = 1; type <= 28; ++type) {
    const std::size_t bytes = bits_of(static_cast<OnnxDataType>(type)) / 2;
    if (bytes == 0) continue;
    tensors.push_back(onnx_tensor(std::to_string(type), type, {4}) +
                      wire_bytes(9, std::string(bytes, '\1')));
  }
  for (const int type : {3, 9, 10, 27}) {
    tensors.push_back(onnx_tensor("i" + std::to_string(type), type, {2}) + wire_packed(5, {1, 0}));
  }
  write_bytes(dir + "/onnx/types", onnx_model(onnx_graph({.initializers = tensors})));
  write_bytes(dir + "/onnx/unsorted",
              onnx_model(onnx_graph({.nodes = {onnx_node("B", {"a"}, {"b"}, "second"),
                                               onnx_node("A", {"x", ""}, {"a"}, "first")},
                                     .inputs = {onnx_value("x", 1, {onnx_dim("n")})},
                                     .outputs = {onnx_value("b", 1, {})}})));
  write_bytes(dir + "/onnx_import/sample", onnx_sample_model());
  write_bytes(dir + "/onnx_import/shapes", onnx_shapes_model());
}

void write_prompt_seeds(const std::string& dir) {
  write_bytes(dir + "/prompts/lines",
              R"({"image": "a.png", "points": [[1, 2], [3.5, 4e1]], "labels": [1, 0], "id": "x"}
{"image": "\udbff\udeff.png", "box": [1, 2, 3, 4], "multimask": true, "id": 18446744073709551615}
{"image": null, "points": null, "box": [-1, -2, 3, 4], "labels": null, "multimask": null}
)");
  for (const DType dtype : {DType::kF16, DType::kF32, DType::kF64}) {
    const std::vector<std::byte> values(16 * size_of(dtype));
    write_npy(dir + "/mask_input/" + std::string(to_string(dtype)),
              {dtype, {1, 1, 4, 4}, values.data()});
  }
  write_bytes(dir + "/mask_input/columns",
              std::string("\x93NUMPY\x02\0\x38\0\0\0", 12) +
                  "{'descr': '<f2', 'fortran_order': True, 'shape': (2, 2)}" + "12345678");
}

// In both forms of an input; in float32 with fast kernels, and in int8.
void write_engine_seeds(const std::string& dir) {
  const sam::SamCheckpoint checkpoint = random_checkpoint(tiny_sam());
  for (const auto& [precision, name] :
       {std::pair(Precision::kFp32, "fp32"), std::pair(Precision::kInt8, "int8")}) {
    engine::CompileOptions options;
    options.precision = sam::precision_plan(checkpoint.config, precision, options.target, false);
    const std::string path = dir + "/engine/" + name;
    build_engine_file(checkpoint, options, name, path);
    load_engine_file(path, {}, true);
    const std::string file = read_bytes(path);
    write_bytes(path, fuzz::engine_input(file));
    write_bytes(path + "_header", file.substr(0, 8192));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_seeds DIR\n", stderr);
    return 2;
  }
  try {
    write_seeds(argv[1]);
    write_prompt_seeds(argv[1]);
    write_onnx_seeds(argv[1]);
    write_engine_seeds(argv[1]);
    make_image_seeds(std::string(argv[1]) + "/image");
    read_onnx(std::string(argv[1]) + "/onnx/sample");
    read_onnx(std::string(argv[1]) + "/onnx/types");
    sam::load_sam_checkpoint(std::string(argv[1]) + "/checkpoint/tiny.pth");
    sam::load_sam_checkpoint(std::string(argv[1]) + "/checkpoint/tiny.safetensors");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_seeds: %s\n", error.what());
    return 1;
  }
  return 0;
}
