// What lasso::Embedding holds.
#ifndef LASSO_MODELS_SAM_RUN_EMBEDDING_H_
#define LASSO_MODELS_SAM_RUN_EMBEDDING_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backend/device.h"
#include "core/aligned_buffer.h"
#include "image/preprocess.h"
#include "lasso/embedding.h"
#include "models/sam/model.h"

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
  std::string decoder_hash;  // SamModel::decoder_hash
  // float32 [grid, grid, channels]: on the host, or on a device, from which they come to the host
  // when they are read there for the first time. The device's are complete.
  mutable AlignedBuffer values;
  std::shared_ptr<const backend::Device> device;  // null: on the host
  backend::Buffer device_values;

  float* data() { return reinterpret_cast<float*>(values.data()); }
  // On the host; from any thread. Throws what the copy does, at every read until one succeeds.
  const float* data() const;
  std::size_t size() const {
    return static_cast<std::size_t>(grid) * static_cast<std::size_t>(grid) *
           static_cast<std::size_t>(channels);
  }

 private:
  mutable std::mutex mutex_;  // of the copy to the host
};

namespace sam {

// See Embedding::from_array().
Embedding embedding_from_array(const TensorView& array, const SamModel& model, int image_width,
                               int image_height);

// A device's memory for embeddings, which give it back: allocating and freeing it may wait for all
// work of the device. From any thread; blocks keep it alive.
class EmbeddingBlocks : public std::enable_shared_from_this<EmbeddingBlocks> {
 public:
  EmbeddingBlocks(std::shared_ptr<const backend::Device> device, std::size_t bytes);
  backend::Buffer take();

 private:
  static constexpr std::size_t kMostFree = 8;

  std::shared_ptr<const backend::Device> device_;
  std::size_t bytes_;
  std::mutex mutex_;
  std::vector<backend::Buffer> free_;
};

}  // namespace sam

}  // namespace lasso

#endif  // LASSO_MODELS_SAM_RUN_EMBEDDING_H_
