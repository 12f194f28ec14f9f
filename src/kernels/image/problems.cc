#include "kernels/image/problems.h"

namespace lasso::kernels {

PreprocessProblem make_preprocess_problem(const Preprocess& preprocess, const ImageView& image,
                                          int image_size, ResizeTaps& columns, ResizeTaps& rows) {
  const ResizedSize size = resized_size(preprocess, image.width, image.height, image_size);
  columns.prepare(image.width, size.width, preprocess.filter);
  rows.prepare(image.height, size.height, preprocess.filter);
  PreprocessProblem problem;
  problem.width = image.width;
  problem.height = image.height;
  problem.pixel_bytes = channels(image.format);
  problem.channel = channel_places(image.format);
  problem.side = image_size;
  problem.resized_width = size.width;
  problem.resized_height = size.height;
  problem.offset_x = size.offset_x;
  problem.offset_y = size.offset_y;
  problem.column_stride = columns.stride;
  problem.row_stride = rows.stride;
  problem.pad_value = preprocess.pad_value;
  problem.min_max = preprocess.scale == Preprocess::Scale::kMinMax;
  if (!problem.min_max) {
    const ValueScale scale = value_scale(preprocess);
    problem.shift = scale.shift;
    problem.divisor = scale.divisor;
  }
  return problem;
}

LetterboxProblem make_letterbox_problem(const Letterbox& letterbox, PixelFormat format,
                                        DType output) {
  return {.width = letterbox.width,
          .height = letterbox.height,
          .pixel_bytes = channels(format),
          .channel = channel_places(format),
          .input_width = letterbox.input_width,
          .input_height = letterbox.input_height,
          .resized_width = letterbox.resized_width,
          .resized_height = letterbox.resized_height,
          .left = letterbox.left,
          .top = letterbox.top,
          .output = output};
}

MaskProblem make_mask_problem(const MaskUpsample& u, int count, float threshold) {
  MaskProblem problem;
  problem.count = count;
  problem.side = u.low_res_side;
  problem.width = u.width;
  problem.height = u.height;
  problem.image_size = u.image_size;
  problem.resized_width = u.resized.width;
  problem.resized_height = u.resized.height;
  problem.offset_x = u.resized.offset_x;
  problem.offset_y = u.resized.offset_y;
  problem.probabilities = u.method == Preprocess::MaskResize::kProbabilities;
  problem.limit = mask_limit(u.method, threshold);
  return problem;
}

}  // namespace lasso::kernels
