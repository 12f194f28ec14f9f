// What lasso::Embedding holds.
#ifndef LASSO_MODELS_SAM_RUN_EMBEDDING_H_
#define LASSO_MODELS_SAM_RUN_EMBEDDING_H_

#include <cstddef>
#include <optional>
#include <string>

#include "core/aligned_buffer.h"
#include "image/preprocess.h"
#include "lasso/embedding.h"

namespace lasso {

struct Embedding::Impl {
  int image_width = 0;
  int image_height = 0;
  int image_size = 0;  // side of the square that the encoder saw
  int grid = 0;
  int channels = 0;
  std::string preprocess;  // name of the preset
  std::optional<ValueRange> range;
  std::string model_hash;
  AlignedBuffer values;  // float32 [grid, grid, channels]

  float* data() { return reinterpret_cast<float*>(values.data()); }
  const float* data() const { return reinterpret_cast<const float*>(values.data()); }
  std::size_t size() const {
    return static_cast<std::size_t>(grid) * static_cast<std::size_t>(grid) *
           static_cast<std::size_t>(channels);
  }
};

}  // namespace lasso

#endif  // LASSO_MODELS_SAM_RUN_EMBEDDING_H_
