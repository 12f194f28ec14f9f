// README.md beside exported models.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/sam/export/export.h"

namespace lasso::sam {

namespace {

// An input of the decoder: sizes that are open have a range.
struct Input {
  std::string name;
  std::string least;
  std::string usual;
  std::string most;
};

std::vector<Input> decoder_inputs(const SamConfig& config, const DecoderExport& decoder) {
  const int grid = config.grid();
  const auto fixed = [](const std::string& name, const std::string& shape) {
    return Input{name, shape, shape, shape};
  };
  std::vector<Input> inputs{
      fixed(kOnnxEmbeddings, fmt::format("1x{}x{}x{}", config.prompt_dim, grid, grid)),
      {"point_coords", "1x1x2", "1x2x2", "64x16x2"},
      {"point_labels", "1x1", "1x2", "64x16"},
      fixed("mask_input", fmt::format("1x1x{}x{}", 4 * grid, 4 * grid)),
      fixed("has_mask_input", "1")};
  if (decoder.postprocess) inputs.push_back(fixed("orig_im_size", "2"));
  return inputs;
}

std::string shapes(const std::vector<Input>& inputs, std::string Input::*which) {
  std::vector<std::string> texts;
  texts.reserve(inputs.size());
  for (const Input& input : inputs) texts.push_back(input.name + ":" + input.*which);
  return fmt::format("{}", fmt::join(texts, ","));
}

std::string table(const SamConfig& config, const ExportedFiles& files,
                  const std::vector<Input>& inputs) {
  std::string text = "| file | input | min | opt | max |\n| --- | --- | --- | --- | --- |\n";
  const auto row = [&](const std::string& file, const Input& input) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", file, input.name, input.least, input.usual,
                        input.most);
  };
  const std::string image = fmt::format("1x3x{0}x{0}", config.image_size);
  const std::string hidden = fmt::format("1x{0}x{0}x{1}", config.grid(), config.embed_dim);
  for (std::size_t i = 0; i < files.encoders.size(); ++i) {
    const std::string name = i == 0 ? kOnnxImage : fmt::format("hidden_{}", i);
    const std::string& shape = i == 0 ? image : hidden;
    row(files.encoders[i], {name, shape, shape, shape});
  }
  for (const Input& input : inputs) row(files.decoder, input);
  return text;
}

std::string trtexec(const ExportedFiles& files, const std::vector<Input>& inputs,
                    bool postprocess) {
  const auto engine = [](const std::string& file) {
    return file.substr(0, file.rfind('.')) + ".plan";
  };
  // With --int8, layers between Q and DQ nodes have 8 bits, and --fp16 is for the others.
  const std::string precision = files.quantised ? "--int8 --fp16" : "--fp16";
  std::string text;
  for (const std::string& file : files.encoders) {
    text += fmt::format("trtexec --onnx={} --saveEngine={} {}\n", file, engine(file), precision);
  }
  if (postprocess) return text;
  text += fmt::format(
      "trtexec --onnx={} --saveEngine={} \\\n  --minShapes={} \\\n  --optShapes={} \\\n  "
      "--maxShapes={}\n",
      files.decoder, engine(files.decoder), shapes(inputs, &Input::least),
      shapes(inputs, &Input::usual), shapes(inputs, &Input::most));
  return text;
}

// How a picture becomes the encoder's input.
std::string preparation(const Preprocess& preprocess, std::int64_t side) {
  std::string scaled;
  switch (preprocess.scale) {
    case Preprocess::Scale::kMeanStd:
      scaled = fmt::format("normalised as (RGB - [{}]) / [{}]", fmt::join(preprocess.mean, ", "),
                           fmt::join(preprocess.std, ", "));
      break;
    case Preprocess::Scale::kMinMax:
      scaled = "scaled from its least and greatest value to [0, 1]";
      break;
    case Preprocess::Scale::kUnit:
      scaled = "divided by 255";
      break;
  }
  const char* filter = preprocess.filter == ResizeFilter::kBicubic ? " (bicubic)" : "";
  if (preprocess.resize == Preprocess::Resize::kStretch) {
    return fmt::format("The picture is stretched to {0}x{0}{1} and {2}.", side, filter, scaled);
  }
  return fmt::format(
      "The picture is resized so that its longest side is {0}, {1}, and padded with zeros at the "
      "right and below to {0}x{0}.",
      side, scaled);
}

std::string snippet(const SamConfig& config, const ExportedFiles& files,
                    const DecoderExport& decoder) {
  std::string text = "import numpy as np\nimport onnxruntime as ort\n\n";
  text += fmt::format("x = np.zeros((1, 3, {0}, {0}), np.float32)  # the picture, prepared\n",
                      config.image_size);
  text += fmt::format("for file in {}:\n",
                      files.encoders.size() == 1
                          ? fmt::format("[\"{}\"]", files.encoders.front())
                          : fmt::format("[\"{}\"]", fmt::join(files.encoders, "\", \"")));
  text +=
      "    encoder = ort.InferenceSession(file)\n"
      "    x, = encoder.run(None, {encoder.get_inputs()[0].name: x})\n";
  text += fmt::format(
      "decoder = ort.InferenceSession(\"{}\")\n"
      "outputs = decoder.run(None, {{\n"
      "    \"image_embeddings\": x,\n"
      "    \"point_coords\": np.array([[[500, 375], [0, 0]]], np.float32),\n"
      "    \"point_labels\": np.array([[1, -1]], np.float32),\n"
      "    \"mask_input\": np.zeros((1, 1, {}, {}), np.float32),\n"
      "    \"has_mask_input\": np.zeros(1, np.float32),\n",
      files.decoder, 4 * config.grid(), 4 * config.grid());
  if (decoder.postprocess) {
    text += "    \"orig_im_size\": np.array([1200, 1800], np.float32),\n";
  }
  text += "})\nprint([(o.name, y.shape) for o, y in zip(decoder.get_outputs(), outputs)])\n";
  return text;
}

}  // namespace

std::string export_readme(const SamConfig& config, const Preprocess& preprocess,
                          const ExportedFiles& files, const DecoderExport& decoder) {
  const std::vector<Input> inputs = decoder_inputs(config, decoder);
  std::string text = fmt::format("# {} as ONNX models\n\n", model_name(config));
  text += "Written by `lasso export`. All tensors are float32.\n\n";
  text += table(config, files, inputs);
  text += "\n" + preparation(preprocess, config.image_size);
  text +=
      " Points are in pixels of the resized picture; labels are 1 (object), 0 (background), 2 and "
      "3 (a box's corners), and -1 for a point that stands for nothing: without a box, one of "
      "them, (0, 0), comes last.";
  text += decoder.postprocess
              ? " orig_im_size is the height and width of the picture; masks are logits at its "
                "size.\n"
              : " low_res_masks are logits of the padded square at a quarter of its side.\n";
  text += "\n## TensorRT\n\n```sh\n" + trtexec(files, inputs, decoder.postprocess) + "```\n\n";
  text += decoder.postprocess
              ? "TensorRT takes decoders without --postprocess: sizes of masks are values of an "
                "input here."
              : "The decoder keeps float32 here: in fp16, predicted IoUs lose digits.";
  if (files.quantised) text += " Q/DQ nodes ask for TensorRT 10 or later.";
  text += "\n\n## ONNX Runtime\n\n```python\n" + snippet(config, files, decoder) + "```\n";
  return text;
}

}  // namespace lasso::sam
