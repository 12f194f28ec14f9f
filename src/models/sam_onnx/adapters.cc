#include "models/sam_onnx/adapters.h"

#include <array>
#include <vector>

namespace lasso::sam_onnx {

using graph::Shape;
using graph::ValueId;

Shape image_shape(const ImageInput& image, std::int64_t side) {
  Shape shape = image.channels_last ? Shape{side, side, 3} : Shape{3, side, side};
  if (image.has_batch) shape.insert(shape.begin(), 1);
  return shape;
}

ValueId adapt_image(ProgramEditor& editor, ValueId image, const ImageInput& input, DType dtype,
                    const Preprocess& preprocess) {
  ValueId value = image;
  if (input.is_raw) {
    const ValueScale scale = value_scale(preprocess);
    const auto constant = [&](const char* name, const std::array<float, 3>& values) {
      return editor.constant(name,
                             make_tensor({3}, std::vector<float>(values.begin(), values.end())));
    };
    using Kind = graph::BinaryKind;
    value = editor.before("image.scaled", graph::Binary{Kind::kMul},
                          {value, constant("image.divisor", scale.divisor)});
    value = editor.before("image.pixels", graph::Binary{Kind::kAdd},
                          {value, constant("image.shift", scale.shift)});
  }
  if (!input.channels_last) {
    value = editor.before("image.planes", graph::Transpose{{0, 3, 1, 2}}, {value});
  }
  if (!input.has_batch) {
    const Shape& shape = editor.value(value).shape;
    value =
        editor.before("image.one", graph::Reshape{Shape(shape.begin() + 1, shape.end())}, {value});
  }
  if (dtype != DType::kF32) value = editor.before("image.typed", graph::Cast{dtype}, {value});
  return value;
}

ValueId adapt_embeddings(ProgramEditor& editor, ValueId embeddings) {
  ValueId value = embeddings;
  if (editor.value(value).dtype != DType::kF32) {
    value = editor.behind("image_embeddings.float32", graph::Cast{DType::kF32}, {value});
  }
  return editor.behind("image_embeddings", graph::Transpose{{0, 2, 3, 1}}, {value});
}

}  // namespace lasso::sam_onnx
