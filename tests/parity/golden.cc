#include "parity/golden.h"

#include <fstream>
#include <stdexcept>

#include "core/json.h"
#include "formats/npy/npy.h"

namespace lasso::test {

namespace fs = std::filesystem;

namespace {

std::vector<std::uint8_t> unpack_bits(const Tensor& packed, std::int64_t rows, std::int64_t width) {
  const std::int64_t row_bytes = (width + 7) / 8;
  if (element_count(packed.dims) != rows * row_bytes) throw std::runtime_error("packed masks");
  const auto* bytes = static_cast<const std::uint8_t*>(packed.data.get());
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(rows * width));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t x = 0; x < width; ++x) {
      bits[static_cast<std::size_t>(r * width + x)] =
          (bytes[r * row_bytes + x / 8] >> (7 - x % 8)) & 1;
    }
  }
  return bits;
}

Box to_box(const Json& value) {
  return {value[0].get<float>(), value[1].get<float>(), value[2].get<float>(),
          value[3].get<float>()};
}

Prompt to_prompt(const fs::path& folder, const Json& value) {
  Prompt prompt;
  if (!value["points"].is_null()) {
    for (std::size_t i = 0; i < value["points"].size(); ++i) {
      const bool foreground = value["labels"][i].get<int>() == 1;
      prompt.points.push_back({value["points"][i][0].get<float>(),
                               value["points"][i][1].get<float>(),
                               foreground ? PointLabel::kForeground : PointLabel::kBackground});
    }
  }
  if (!value["box"].is_null()) prompt.box = to_box(value["box"]);
  if (!value["mask_input"].is_null()) {
    // "image0_case0_low_res[0]": a mask of an earlier case.
    const auto text = value["mask_input"].get<std::string>();
    const std::size_t bracket = text.find('[');
    const Tensor all = read_npy((folder / (text.substr(0, bracket) + ".npy")).string());
    const auto index = static_cast<std::size_t>(std::stoi(text.substr(bracket + 1)));
    const std::vector<float> values = to_floats(all);
    const auto plane = static_cast<std::size_t>(all.dims[1] * all.dims[2]);
    prompt.mask_input.assign(values.begin() + static_cast<std::ptrdiff_t>(index * plane),
                             values.begin() + static_cast<std::ptrdiff_t>((index + 1) * plane));
  }
  return prompt;
}

void read_results(const fs::path& folder, const Json& mask_shape, GoldenCase& result) {
  const std::string prefix = (folder / result.key).string();
  result.low_res = read_npy(prefix + "_low_res.npy");
  result.iou = read_npy(prefix + "_iou.npy");
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < mask_shape.size(); ++i) rows *= mask_shape[i].get<std::int64_t>();
  result.masks = unpack_bits(read_npy(prefix + "_masks_packed.npy"), rows,
                             mask_shape.back().get<std::int64_t>());
}

}  // namespace

std::vector<float> to_floats(const Tensor& tensor) {
  if (tensor.dtype != DType::kF32) throw std::runtime_error("float32 expected");
  const auto* data = static_cast<const float*>(tensor.data.get());
  return {data, data + element_count(tensor.dims)};
}

GoldenModel read_golden(const fs::path& folder) {
  GoldenModel model;
  model.checkpoint = (folder / "checkpoint.pth").string();
  const Json description = Json::parse(std::ifstream(folder / "cases.json"));
  for (const Json& entry : description["images"]) {
    GoldenImage image;
    const auto file = entry["file"].get<std::string>();
    image.path = (folder / file).string();
    image.width = entry["width"].get<int>();
    image.height = entry["height"].get<int>();
    const std::string stem = file.substr(0, file.find('.'));
    image.embedding = read_npy((folder / (stem + "_embedding.npy")).string());
    for (const Json& value : entry["cases"]) {
      GoldenCase c;
      c.key = value["key"].get<std::string>();
      c.multimask = value["multimask"].get<bool>();
      c.prompts.push_back(to_prompt(folder, value));
      read_results(folder, value["mask_shape"], c);
      image.cases.push_back(std::move(c));
    }
    const Json& boxes = entry["box_batch"];
    GoldenCase batch;
    batch.key = boxes["key"].get<std::string>();
    for (const Json& box : boxes["boxes"]) batch.prompts.push_back({{}, to_box(box), {}});
    read_results(folder, boxes["mask_shape"], batch);
    image.cases.push_back(std::move(batch));
    model.images.push_back(std::move(image));
  }
  return model;
}

}  // namespace lasso::test
