#include "image/mask/mask_upsample.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/cpu_features.h"
#include "core/threads.h"
#include "image/mask/mask_rows.h"

namespace lasso {

namespace {

const MaskRows& usable_rows(CpuFeatures features) {
  return features.has(CpuFeature::kAvx512) ? mask_rows_avx512() : mask_rows_avx2();
}

float sigmoid(float logit) { return 1.0f / (1.0f + std::exp(-logit)); }

std::size_t line_size(int count) {
  return align_up(static_cast<std::size_t>(count) + kLineSlack, kAlignment / sizeof(float));
}

StretchTaps plain(const BilinearTaps& t) {
  return {t.index.data(), t.w0.data(), t.w1.data(), t.count, t.span8, t.span16};
}

int span(const std::int32_t* index, int count, int outputs) {
  int widest = 0;
  for (int i = 0; i < count; i += outputs) {
    const int last = std::min(i + outputs, count) - 1;
    widest = std::max(widest, index[last] - index[i] + 2);
  }
  return widest;
}

// The three stages of one thread, each with the last lines it made: neighbouring output rows share
// them. A line's slot is its number modulo 2, as a row needs a line and its successor.
class Upsampler {
 public:
  Upsampler(const MaskUpsample& u, const float* low_res, const MaskScratch& scratch,
            const MaskRows& rows, float* memory)
      : u_(u), low_res_(low_res), scratch_(scratch), rows_(rows) {
    const auto take = [&memory](int count) {
      float* line = memory;
      memory += line_size(count);
      return line;
    };
    low_ = take(u.low_res_side);
    if (through_model()) {
      grid_ = take(u.resized.width);
      for (Line& line : wide_) line.values = take(u.resized.width);
    }
    for (Line& line : out_) line.values = take(u.width);
  }

  static std::size_t memory(const MaskUpsample& u) {
    return line_size(u.low_res_side) + 3 * line_size(u.resized.width) + 2 * line_size(u.width);
  }

  // Calls emit(a, b, weight of a, weight of b): output row y is their weighted sum.
  template <typename Emit>
  void row(int y, Emit&& emit) {
    const BilinearTaps& taps = scratch_.rows;
    const int top = taps.index.data()[y];
    const float* a = full_width(top);
    const float* b = full_width(std::min(top + 1, taps.in_size - 1));
    emit(a, b, taps.w0.data()[y], taps.w1.data()[y]);
  }

 private:
  struct Line {
    int number = -1;
    float* values = nullptr;
  };

  bool through_model() const { return u_.method == Preprocess::MaskResize::kThroughModel; }

  // A row of the logits, with the last value repeated.
  const float* low(int number) {
    const float* in = low_res_ + static_cast<std::ptrdiff_t>(number) * u_.low_res_side;
    if (through_model()) {
      std::copy_n(in, u_.low_res_side, low_);
    } else {
      std::transform(in, in + u_.low_res_side, low_, sigmoid);
    }
    low_[u_.low_res_side] = low_[u_.low_res_side - 1];
    return low_;
  }

  // A row of the logits at the width of the image's part of the model's square.
  const float* wide(int number) {
    Line& line = wide_[number % 2];
    if (line.number != number) {
      rows_.stretch(low(number), plain(scratch_.model_columns), line.values);
      line.number = number;
    }
    return line.values;
  }

  // A row of the image's part of the model's square.
  const float* grid(int number) {
    const BilinearTaps& taps = scratch_.model_rows;
    const int top = taps.index.data()[number];
    const float* a = wide(top);
    const float* b = wide(std::min(top + 1, taps.in_size - 1));
    rows_.blend(a, b, taps.w0.data()[number], taps.w1.data()[number], u_.resized.width, grid_);
    grid_[u_.resized.width] = grid_[u_.resized.width - 1];
    return grid_;
  }

  // The same at the image's width.
  const float* full_width(int number) {
    Line& line = out_[number % 2];
    if (line.number != number) {
      rows_.stretch(through_model() ? grid(number) : low(number), plain(scratch_.columns),
                    line.values);
      line.number = number;
    }
    return line.values;
  }

  const MaskUpsample& u_;
  const float* low_res_;
  const MaskScratch& scratch_;
  const MaskRows& rows_;
  float* low_ = nullptr;
  float* grid_ = nullptr;
  Line wide_[2];
  Line out_[2];
};

// Calls emit(y, a, b, weight of a, weight of b) for every row of the image, on the team.
template <typename Emit>
void upsample(const MaskUpsample& u, const float* low_res, MaskScratch& scratch,
              const MaskRows& rows, Emit&& emit) {
  const ResizedSize& r = u.resized;
  LASSO_CHECK(u.low_res_side > 0 && u.width > 0 && u.height > 0 && r.width > 0 && r.height > 0 &&
                  r.offset_x >= 0 && r.offset_y >= 0 && r.width <= u.image_size - r.offset_x &&
                  r.height <= u.image_size - r.offset_y,
              ErrorCode::kInvalidArgument,
              "logits of side {} for an image of {}x{} that fills {}x{} at ({}, {}) of {}x{}",
              u.low_res_side, u.width, u.height, r.width, r.height, r.offset_x, r.offset_y,
              u.image_size, u.image_size);
  if (u.method == Preprocess::MaskResize::kThroughModel) {
    scratch.model_columns.prepare(u.low_res_side, u.image_size, r.offset_x, r.width);
    scratch.model_rows.prepare(u.low_res_side, u.image_size, r.offset_y, r.height);
    scratch.columns.prepare(r.width, u.width, 0, u.width);
    scratch.rows.prepare(r.height, u.height, 0, u.height);
  } else {
    scratch.columns.prepare(u.low_res_side, u.width, 0, u.width);
    scratch.rows.prepare(u.low_res_side, u.height, 0, u.height);
  }
  const std::size_t memory = Upsampler::memory(u);
  float* lines = scratch.lines.get(memory * static_cast<std::size_t>(omp_get_max_threads()));
  parallel_ranges(u.height, [&](std::int64_t begin, std::int64_t end) {
    float* own = lines + memory * static_cast<std::size_t>(omp_get_thread_num());
    Upsampler upsampler(u, low_res, scratch, rows, own);
    for (std::int64_t y = begin; y < end; ++y) {
      upsampler.row(static_cast<int>(y), [&](const float* a, const float* b, float wa, float wb) {
        emit(y, a, b, wa, wb);
      });
    }
  });
}

}  // namespace

MaskUpsample mask_upsample_of(const Preprocess& preprocess, int low_res_side, int image_size,
                              int width, int height, CpuFeatures features) {
  return {.low_res_side = low_res_side,
          .image_size = image_size,
          .resized = resized_size(preprocess, width, height, image_size),
          .width = width,
          .height = height,
          .method = preprocess.mask_resize,
          .features = features};
}

float mask_limit(Preprocess::MaskResize method, float threshold) {
  return method == Preprocess::MaskResize::kProbabilities ? sigmoid(threshold) : threshold;
}

void BilinearTaps::prepare(int in, int out, int out_begin, int out_count) {
  if (in == in_size && out == out_size && out_begin == begin && out_count == count) return;
  in_size = 0;  // not valid until complete
  const std::size_t size = line_size(out_count);
  index.get(size);
  w0.get(size);
  w1.get(size);
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int i = 0; i < out_count; ++i) {
    const float center = static_cast<float>(out_begin + i) + 0.5f;
    const float position = std::max(scale * center - 0.5f, 0.0f);
    const int left = std::min(static_cast<int>(position), in - 1);
    index.data()[i] = left;
    w1.data()[i] = std::clamp(position - static_cast<float>(left), 0.0f, 1.0f);
    w0.data()[i] = 1.0f - w1.data()[i];
  }
  // Vectors that pass the end work on the last input and weigh it zero.
  std::fill(index.data() + out_count, index.data() + size, index.data()[out_count - 1]);
  std::fill(w0.data() + out_count, w0.data() + size, 0.0f);
  std::fill(w1.data() + out_count, w1.data() + size, 0.0f);
  span8 = span(index.data(), out_count, 8);
  span16 = span(index.data(), out_count, 16);
  in_size = in;
  out_size = out;
  begin = out_begin;
  count = out_count;
}

void upsample_mask(const MaskUpsample& u, const float* low_res, float threshold,
                   MaskScratch& scratch, std::uint8_t* out, std::ptrdiff_t stride) {
  LASSO_CHECK(stride >= u.width, ErrorCode::kInvalidArgument,
              "a mask's stride of {} bytes is less than its rows of {}", stride, u.width);
  const MaskRows& rows = usable_rows(u.features);
  const float limit = mask_limit(u.method, threshold);
  upsample(u, low_res, scratch, rows,
           [&](std::int64_t y, const float* a, const float* b, float wa, float wb) {
             rows.threshold(a, b, wa, wb, limit, u.width, out + y * stride);
           });
}

void upsample_logits(const MaskUpsample& u, const float* low_res, MaskScratch& scratch,
                     float* out) {
  const MaskRows& rows = usable_rows(u.features);
  upsample(u, low_res, scratch, rows,
           [&](std::int64_t y, const float* a, const float* b, float wa, float wb) {
             rows.blend(a, b, wa, wb, u.width, out + y * u.width);
           });
}

}  // namespace lasso
