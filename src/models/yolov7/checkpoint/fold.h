// What follows or surrounds a convolution while a model is trained, merged into its weights. In
// double precision: weights are rounded once.
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_FOLD_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_FOLD_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace lasso::yolov7 {

// conv(x)[n] = bias[n] + sum of weights[n, c, u, v] x[c, u, v]
struct Filters {
  Dims dims;                    // [N, C/groups, kh, kw]
  std::vector<double> weights;  // in this order
  std::vector<double> bias;     // [N]

  std::int64_t count() const { return dims[0]; }
  std::int64_t elements() const { return dims[1] * dims[2] * dims[3]; }  // of one filter
};

// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, of each channel.
struct BatchNorm {
  std::vector<double> gamma;
  std::vector<double> beta;
  std::vector<double> mean;
  std::vector<double> variance;
  double epsilon = 0;
};

// norm(conv(x)). There are as many channels as filters, and variance + epsilon > 0.
void merge_norm(const BatchNorm& norm, Filters& filters);

// The sum of two convolutions with odd kernels around the same pixel, the second of which is not
// larger: it is padded with zeros.
void merge_branch(const Filters& other, Filters& filters);

// norm(x) as a convolution with one pixel, in groups.
Filters identity_filters(const BatchNorm& norm, std::int64_t groups);

// conv(x + shift) of a convolution without padding, and gain conv(x).
void merge_shift(const std::vector<double>& shift, Filters& filters);
void merge_gain(const std::vector<double>& gain, Filters& filters);

// conv(reorganised(x)) of one group: a convolution of x whose kernel, strides and padding are twice
// as large. A Reorganisation's pixel (i, j) has channel (2 dx + dy) C + c from pixel (2i + dy, 2j +
// dx).
Filters merge_reorganisation(const Filters& filters);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_FOLD_H_
