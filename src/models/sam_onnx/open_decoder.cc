#include "models/sam_onnx/open_decoder.h"

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/check.h"
#include "formats/text.h"

namespace lasso::sam_onnx {

using graph::Dim;
using graph::Shape;

namespace {

constexpr char kPrompts[] = "prompts";
constexpr char kPoints[] = "points";
// EfficientSAM's decoders fill up prompts to so many points, and take no more.
constexpr std::int64_t kEfficientSamPoints = 6;

// A tensor whose elements are all the same, of the type of an input.
Tensor filled(const OnnxModel& model, const OnnxValueInfo& input, const Dims& dims, double value) {
  const std::optional<DType> dtype = lasso::dtype_of(input.elem_type);
  LASSO_CHECK(dtype, ErrorCode::kUnsupported, "{}: input \"{}\" is of type {}", model.path,
              printable(input.name), to_string(input.elem_type));
  const auto count = static_cast<std::size_t>(element_count(dims));
  const auto bytes = std::make_shared<std::vector<std::byte>>(count * size_of(*dtype));
  const auto fill = [&]<typename T>(T element) {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(bytes->data() + i * sizeof(T), &element, sizeof(T));
    }
  };
  const auto number = static_cast<std::int64_t>(value);
  switch (*dtype) {
    case DType::kF32:
      fill(static_cast<float>(value));
      break;
    case DType::kF64:
      fill(value);
      break;
    case DType::kF16:
    case DType::kBF16:
      fill(f32_to_half(*dtype, static_cast<float>(value)));
      break;
    case DType::kI64:
      fill(number);
      break;
    case DType::kI32:
      fill(static_cast<std::int32_t>(number));
      break;
    case DType::kI16:
      fill(static_cast<std::int16_t>(number));
      break;
    default:
      fill(static_cast<std::uint8_t>(number));
      break;
  }
  return {*dtype, dims, std::shared_ptr<const void>(bytes, bytes->data()), nullptr};
}

}  // namespace

OpenDecoder::OpenDecoder(const OnnxModel& model, const DecoderShape& shape, std::int64_t image_size,
                         bool with_mask)
    : model_(model) {
  const DecoderInputs& inputs = shape.inputs;
  const OnnxValueInfo& points = info(inputs.points);
  const std::size_t first = inputs.has_queries ? 1 : 0;
  prompts_ = size((*points.shape)[first], kPrompts, points);
  points_ = size((*points.shape)[first + 1], kPoints, points);
  if (inputs.has_queries && !points_.is_constant()) points_ = kEfficientSamPoints;
  // Masks of one prompt are no masks of several.
  if (inputs.mask_input && std::get_if<std::int64_t>(&info(*inputs.mask_input).shape->at(0))) {
    prompts_ = 1;
  }
  LASSO_CHECK(prompts_ == Dim(1) || prompts_ == Dim::symbol(kPrompts), ErrorCode::kUnsupported,
              "{}: input \"{}\" has {} prompts: one, or any number, is expected", model.path,
              printable(points.name), graph::to_string(prompts_));
  const auto with_queries = [&](Shape sizes) {
    if (inputs.has_queries) sizes.insert(sizes.begin(), 1);
    return sizes;
  };
  const std::int64_t grid = shape.grid;
  set(inputs.embeddings, {1, shape.channels, grid, grid});
  set(inputs.points, with_queries({prompts_, points_, 2}));
  set(inputs.labels, with_queries({prompts_, points_}));
  if (inputs.mask_input) {
    if (with_mask) {
      set(*inputs.mask_input, {prompts_, 1, 4 * grid, 4 * grid});
    } else {
      fix(*inputs.mask_input, {1, 1, 4 * grid, 4 * grid}, 0);
    }
    const bool is_scalar = info(*inputs.has_mask).shape->empty();
    fix(*inputs.has_mask, is_scalar ? Dims{} : Dims{1}, with_mask ? 1 : 0);
  }
  // Of the model's square: masks that are resized to it are those of Meta's postprocess_masks
  // before they are cropped, and points that are scaled to it stay where they are.
  if (inputs.image_size) fix(*inputs.image_size, {2}, static_cast<double>(image_size));
}

Dim OpenDecoder::size(const OnnxDim& dim, const char* symbol, const OnnxValueInfo& points) const {
  const auto* number = std::get_if<std::int64_t>(&dim);
  if (number == nullptr) return Dim::symbol(symbol);
  constexpr std::int64_t kMost = 1 << 10;
  LASSO_CHECK(*number >= 1 && *number <= kMost, ErrorCode::kUnsupported,
              "{}: input \"{}\" has {} {}: 1 to {} are supported", model_.path,
              printable(points.name), *number, symbol, kMost);
  return *number;
}

// Sizes that the file says must be these.
void OpenDecoder::set(std::size_t input, const Shape& shape) {
  OnnxValueInfo& value = info(input);
  bool fits = value.shape && value.shape->size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    const auto* number = std::get_if<std::int64_t>(&(*value.shape)[i]);
    fits = number == nullptr || (shape[i].is_constant() && shape[i].constant() == *number);
  }
  LASSO_CHECK(fits, ErrorCode::kUnsupported,
              "{}: input \"{}\" does not take {}, which goes with its other inputs", model_.path,
              printable(value.name), graph::to_string(shape));
  std::vector<OnnxDim> dims;
  for (const Dim& dim : shape) {
    if (dim.is_constant()) {
      dims.emplace_back(dim.constant());
    } else {
      dims.emplace_back(*dim.as_symbol());
    }
  }
  value.shape = std::move(dims);
}

void OpenDecoder::fix(std::size_t input, const Dims& dims, double value) {
  fixed_[info(input).name] = filled(model_, info(input), dims, value);
}

}  // namespace lasso::sam_onnx
