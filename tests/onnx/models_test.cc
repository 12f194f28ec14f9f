// Models that exporters wrote, on the inputs that they were exported with: results as PyTorch's.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "formats/npy/npy.h"
#include "formats/npy/npz.h"
#include "onnx/onnx_run.h"
#include "support/capped.h"
#include "support/files.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;

struct Golden {
  const char* model;   // below the folder of reference data
  const char* inputs;  // .npz with all, or .npy of the only one
  const char* output;  // .npy, or a name in the .npz
  double tolerance = 1e-4;
};

class OnnxModels : public testing::TestWithParam<Golden> {};

Tensor stored(const std::string& path, const std::string& name) {
  return path.ends_with(".npz") ? read_npz(path).at(name) : read_npy(path);
}

TEST_P(OnnxModels, GivesPytorchsResults) {
  const Golden& golden = GetParam();
  const std::string path = test::golden_path(golden.model);
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  Runner runner(Engine::build(path, test::capped()));
  const std::string inputs = test::golden_path(golden.inputs);
  const ArgumentInfo& input = runner.inputs().at(0);
  Tensor x = stored(inputs, "images");
  if (x.dtype == DType::kF16) x = make_tensor(x.dims, read_f32(x.view()));
  const auto results = runner.run({{input.name, test::view_of(x)}});
  const std::string where = golden.output;
  const Tensor expected =
      where.ends_with(".npy") ? read_npy(test::golden_path(where)) : read_npz(inputs).at(where);
  const HostTensor& result = results.at(runner.outputs().at(0).name);
  ASSERT_EQ(result.shape, expected.dims);
  const double error = test::relative_error(test::numbers(result), test::numbers(expected));
  EXPECT_LE(error, golden.tolerance);
  RecordProperty("relative_error", fmt::format("{}", error));
}

INSTANTIATE_TEST_SUITE_P(
    Encoders, OnnxModels,
    testing::Values(
        Golden{"yolov7_micro/raw.onnx", "yolov7_micro/input.npy", "yolov7_micro/raw_output.npy"},
        Golden{"yolov7_tiny_micro/raw.onnx", "yolov7_tiny_micro/input.npy",
               "yolov7_tiny_micro/raw_output.npy"},
        Golden{"sam_micro/encoder.onnx", "sam_micro/encoder_onnx_input.npy",
               "sam_micro/encoder_onnx_output.npy"},
        Golden{"sam_1024/encoder.onnx", "sam_1024/encoder_onnx_input.npy",
               "sam_1024/encoder_onnx_output.npy"},
        Golden{"mobile_sam_micro/encoder_op17_script.onnx", "mobile_sam_micro/images_fp16.npy",
               "mobile_sam_micro/image_embeddings.npy", 1e-3},
        Golden{"mobile_sam_micro/encoder_op18_dynamo.onnx", "mobile_sam_micro/images_fp16.npy",
               "mobile_sam_micro/image_embeddings.npy", 1e-3},
        Golden{"sam_micro_exports/encoder_op16_script.onnx", "sam_micro_exports/encoder_io.npz",
               "image_embeddings"},
        Golden{"sam_micro_exports/encoder_op17_script.onnx", "sam_micro_exports/encoder_io.npz",
               "image_embeddings"},
        Golden{"sam_micro_exports/encoder_op18_dynamo.onnx", "sam_micro_exports/encoder_io.npz",
               "image_embeddings"},
        Golden{"sam_micro_exports/encoder_op20_dynamo.onnx", "sam_micro_exports/encoder_io.npz",
               "image_embeddings"}));

// SAM's decoders: several inputs, one of which the size of the masks is computed from.
struct GoldenDecoder {
  const char* model;
  const char* prefix;  // of "in_NAME.npy" and "out_NAME.npy", or the .npz with all
};

class OnnxDecoders : public testing::TestWithParam<GoldenDecoder> {};

TEST_P(OnnxDecoders, GivePytorchsResults) {
  const GoldenDecoder& golden = GetParam();
  const std::string path = test::golden_path(golden.model);
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  const std::string prefix = test::golden_path(golden.prefix);
  const auto array = [&](const std::string& kind, const std::string& name) {
    return prefix.ends_with(".npz") ? read_npz(prefix).at(name)
                                    : read_npy(prefix + kind + name + ".npy");
  };
  EngineOptions options = test::capped();
  const Tensor size = array("in_", "orig_im_size");
  const auto* bytes = static_cast<const std::byte*>(size.data.get());
  options.fixed_inputs["orig_im_size"] = {
      ElementType::kFloat32, size.dims, {bytes, bytes + size.bytes()}};
  // Once as a part of the model, and once as an input, between other sizes.
  Runner fixed(Engine::build(path, options));
  Runner live(Engine::build(path, test::capped()));
  std::map<std::string, Tensor> tensors;
  std::map<std::string, HostTensorView> inputs;
  for (const ArgumentInfo& input : live.inputs()) {
    tensors[input.name] = array("in_", input.name);
    inputs.emplace(input.name, test::view_of(tensors[input.name]));
  }
  const std::vector<float> other{31, 20};
  std::map<std::string, HostTensorView> others = inputs;
  others["orig_im_size"].data = other.data();
  EXPECT_EQ(live.run(others).at("masks").shape.back(), 20);
  const auto with_live_size = live.run(inputs);
  inputs.erase("orig_im_size");
  const auto with_fixed_size = fixed.run(inputs);
  for (const char* name : {"iou_predictions", "low_res_masks", "masks"}) {
    const Tensor expected = array("out_", name);
    for (const auto* results : {&with_fixed_size, &with_live_size}) {
      const HostTensor& result = results->at(name);
      ASSERT_EQ(result.shape, expected.dims) << name;
      EXPECT_LE(test::relative_error(test::numbers(result), test::numbers(expected)), 1e-4) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Decoders, OnnxDecoders,
    testing::Values(GoldenDecoder{"sam_micro/decoder.onnx", "sam_micro/decoder_"},
                    GoldenDecoder{"sam_micro/decoder_single.onnx", "sam_micro/decoder_single_"},
                    GoldenDecoder{"sam_1024/decoder.onnx", "sam_1024/decoder_"},
                    GoldenDecoder{"sam_micro_exports/decoder_op17_script.onnx",
                                  "sam_micro_exports/decoder_io.npz"}));

}  // namespace
}  // namespace lasso
