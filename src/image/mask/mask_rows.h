// The inner loops of mask_upsample.cc, one set for each instruction set. All give the same bits: a
// product is rounded before it is added.
#ifndef LASSO_IMAGE_MASK_MASK_ROWS_H_
#define LASSO_IMAGE_MASK_MASK_ROWS_H_

#include <cstdint>

#include "core/cpu_features.h"

namespace lasso {

// Elements beyond a line's end that may be read, and for lines of the scratch also written.
constexpr int kLineSlack = 64;

// BilinearTaps (mask_upsample.h) as plain data. The arrays are 64-byte aligned.
struct StretchTaps {
  const std::int32_t* index;
  const float* w0;
  const float* w1;
  int count;
  int span8;
  int span16;
};

struct MaskRows {
  CpuFeature feature;  // that the CPU must have
  // out[i] = w0[i] * in[index[i]] + w1[i] * in[index[i] + 1] for i < taps.count.
  void (*stretch)(const float* in, const StretchTaps& taps, float* out);
  // out[i] = wa * a[i] + wb * b[i]; writes no element beyond the end.
  void (*blend)(const float* a, const float* b, float wa, float wb, int count, float* out);
  // out[i] = wa * a[i] + wb * b[i] > threshold; writes no element beyond the end.
  void (*threshold)(const float* a, const float* b, float wa, float wb, float threshold, int count,
                    std::uint8_t* out);
};

const MaskRows& mask_rows_avx2();
const MaskRows& mask_rows_avx512();

}  // namespace lasso

#endif  // LASSO_IMAGE_MASK_MASK_ROWS_H_
