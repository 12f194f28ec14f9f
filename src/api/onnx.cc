#include "lasso/onnx.h"

#include <filesystem>
#include <utility>

#include "api/engine_impl.h"
#include "core/check.h"
#include "core/file_set.h"
#include "core/guard.h"
#include "models/onnx/clean/clean.h"
#include "models/onnx/family.h"
#include "models/sam/calibrate/activation_scales.h"
#include "models/sam/export/export.h"
#include "models/sam/family.h"

namespace lasso {

namespace {

namespace fs = std::filesystem;

void check_options(const OnnxExportOptions& options) {
  constexpr int kFirst = 13;
  constexpr int kLast = 21;
  LASSO_CHECK(options.opset >= kFirst && options.opset <= kLast, ErrorCode::kInvalidArgument,
              "operator set {}: expected {} to {}", options.opset, kFirst, kLast);
  LASSO_CHECK(options.postprocess || !options.extra_metrics, ErrorCode::kInvalidArgument,
              "extra metrics are of masks at the picture's size, which only postprocessing gives");
}

void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  LASSO_CHECK(fs::is_directory(folder), ErrorCode::kInvalidArgument,
              "{}: no such folder, and it can't be made: {}", folder, error.message());
}

}  // namespace

OnnxExport export_onnx(const std::string& path, const std::string& folder,
                       const OnnxExportOptions& options, const EngineOptions& engine) {
  return guarded([&] {
    check_options(options);
    const EngineSettings settings(engine);
    const Preprocess preprocess = sam::preprocess_of(settings.describe);
    LASSO_CHECK(!options.postprocess || preprocess.resize == Preprocess::Resize::kLongestSide,
                ErrorCode::kInvalidArgument,
                "postprocessing, as in Meta's decoder, is of pictures that keep their ratio, and "
                "\"{}\" stretches them",
                preprocess.name);
    const ModelSource source(path);
    const sam::SamCheckpoint checkpoint =
        sam::checkpoint_of(source, settings.describe, "exporting");
    sam::EncoderExport encoder;
    encoder.opset = options.opset;
    encoder.parts = options.parts;
    LASSO_CHECK(options.parts >= 1 && options.parts <= checkpoint.config.depth,
                ErrorCode::kInvalidArgument, "{} parts: the encoder has {} blocks", options.parts,
                checkpoint.config.depth);
    if (options.quantise) {
      encoder.scales =
          sam::activation_scales(checkpoint, preprocess, settings.measured(), *options.quantise)
              .scales;
    }
    const sam::DecoderExport decoder{options.opset, options.single_mask, options.stability_score,
                                     options.extra_metrics, options.postprocess};
    OnnxWriteOptions write;
    write.most_bytes = options.most_bytes;
    make_folder(folder);
    OnnxExport result;
    sam::ExportedFiles names;
    FileSet files;
    const auto path_of = [&](const std::string& name) {
      return (fs::path(folder) / name).string();
    };
    for (encoder.part = 1; encoder.part <= encoder.parts; ++encoder.part) {
      names.encoders.push_back(encoder.parts == 1 ? "encoder.onnx"
                                                  : fmt::format("encoder_{}.onnx", encoder.part));
      result.encoders.push_back(path_of(names.encoders.back()));
      sam::export_encoder(checkpoint, encoder).write(files, result.encoders.back(), write);
    }
    names.decoder = "decoder.onnx";
    names.quantised = options.quantise.has_value();
    result.decoder = path_of(names.decoder);
    sam::export_decoder(checkpoint, decoder).write(files, result.decoder, write);
    result.readme = path_of("README.md");
    files.write_text(result.readme,
                     sam::export_readme(checkpoint.config, preprocess, names, decoder));
    files.commit();
    return result;
  });
}

OnnxCleaning clean_onnx(const std::string& path, const std::string& output,
                        std::uint64_t most_bytes) {
  return guarded([&] {
    std::error_code ignored;
    LASSO_CHECK(!fs::equivalent(path, output, ignored), ErrorCode::kInvalidArgument,
                "{}: is the model itself", output);
    onnx::CleanModel clean = onnx::clean(onnx::read_model(ModelSource(path)));
    OnnxWriteOptions write;
    write.most_bytes = most_bytes;
    write_onnx(clean.model, output, write);
    return OnnxCleaning{clean.nodes_before, static_cast<int>(clean.model.graph.nodes.size()),
                        std::move(clean.unknown)};
  });
}

}  // namespace lasso
