#include "models/yolov7/checkpoint/fold.h"

#include <cmath>
#include <cstddef>

namespace lasso::yolov7 {

namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

void merge_norm(const BatchNorm& norm, Filters& filters) {
  for (std::int64_t n = 0; n < filters.count(); ++n) {
    const std::size_t i = index(n);
    const double gain = norm.gamma[i] / std::sqrt(norm.variance[i] + norm.epsilon);
    double* row = filters.weights.data() + n * filters.elements();
    for (std::int64_t k = 0; k < filters.elements(); ++k) row[k] *= gain;
    filters.bias[i] = (filters.bias[i] - norm.mean[i]) * gain + norm.beta[i];
  }
}

void merge_branch(const Filters& other, Filters& filters) {
  const std::int64_t kh = filters.dims[2];
  const std::int64_t kw = filters.dims[3];
  const std::int64_t top = (kh - other.dims[2]) / 2;
  const std::int64_t left = (kw - other.dims[3]) / 2;
  const double* from = other.weights.data();
  for (std::int64_t plane = 0; plane < filters.dims[0] * filters.dims[1]; ++plane) {
    double* to = filters.weights.data() + plane * kh * kw;
    for (std::int64_t u = 0; u < other.dims[2]; ++u) {
      for (std::int64_t v = 0; v < other.dims[3]; ++v) to[(top + u) * kw + left + v] += *from++;
    }
  }
  for (std::size_t i = 0; i < filters.bias.size(); ++i) filters.bias[i] += other.bias[i];
}

Filters identity_filters(const BatchNorm& norm, std::int64_t groups) {
  const auto channels = static_cast<std::int64_t>(norm.gamma.size());
  const std::int64_t inputs = channels / groups;
  Filters filters;
  filters.dims = {channels, inputs, 1, 1};
  filters.weights.assign(index(channels * inputs), 0);
  filters.bias.assign(index(channels), 0);
  for (std::int64_t n = 0; n < channels; ++n) filters.weights[index(n * inputs + n % inputs)] = 1;
  merge_norm(norm, filters);
  return filters;
}

void merge_shift(const std::vector<double>& shift, Filters& filters) {
  const std::int64_t taps = filters.dims[2] * filters.dims[3];
  const double* weight = filters.weights.data();
  for (double& bias : filters.bias) {
    for (const double value : shift) {
      for (std::int64_t k = 0; k < taps; ++k) bias += *weight++ * value;
    }
  }
}

void merge_gain(const std::vector<double>& gain, Filters& filters) {
  for (std::size_t i = 0; i < filters.bias.size(); ++i) {
    double* row = filters.weights.data() + static_cast<std::int64_t>(i) * filters.elements();
    for (std::int64_t k = 0; k < filters.elements(); ++k) row[k] *= gain[i];
    filters.bias[i] *= gain[i];
  }
}

Filters merge_reorganisation(const Filters& filters) {
  const std::int64_t channels = filters.dims[1] / 4;
  const std::int64_t kh = filters.dims[2];
  const std::int64_t kw = filters.dims[3];
  Filters merged;
  merged.dims = {filters.dims[0], channels, 2 * kh, 2 * kw};
  merged.weights.resize(filters.weights.size());
  merged.bias = filters.bias;
  const double* from = filters.weights.data();
  for (std::int64_t n = 0; n < filters.dims[0]; ++n) {
    for (std::int64_t block = 0; block < 4; ++block) {
      for (std::int64_t c = 0; c < channels; ++c) {
        double* plane = merged.weights.data() + (n * channels + c) * 4 * kh * kw;
        for (std::int64_t u = 0; u < kh; ++u) {
          for (std::int64_t v = 0; v < kw; ++v) {
            plane[(2 * u + block % 2) * 2 * kw + 2 * v + block / 2] = *from++;
          }
        }
      }
    }
  }
  return merged;
}

}  // namespace lasso::yolov7
