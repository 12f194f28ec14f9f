#include "backend/cuda/pinned_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "backend/cuda/cuda_check.h"

namespace lasso::cuda {

PinnedPool::~PinnedPool() {
  for (const auto& block : blocks_) {
    if (block->done != nullptr) cudaEventDestroy(block->done);
    cudaFreeHost(block->data);
  }
}

PinnedPool::Block& PinnedPool::free_block(std::size_t bytes, cudaStream_t stream) {
  const auto is_free = [&](const Block& block) {
    return block.to == nullptr && block.bytes >= bytes && cudaEventQuery(block.done) == cudaSuccess;
  };
  Block* best = nullptr;
  for (const auto& block : blocks_) {
    if (is_free(*block) && (best == nullptr || block->bytes < best->bytes)) best = block.get();
  }
  cudaGetLastError();  // cudaErrorNotReady of a block that is in use is no error
  if (best != nullptr) return *best;
  const std::size_t room = std::bit_ceil(std::max<std::size_t>(bytes, 4096));
  if (bytes_ + room > kMostBytes) {
    LASSO_CUDA_CHECK(cudaStreamSynchronize(stream));
    finish();
    for (const auto& block : blocks_) {
      if (block->bytes >= bytes) return *block;
    }
  }
  auto block = std::make_unique<Block>();
  LASSO_CUDA_CHECK(cudaEventCreateWithFlags(&block->done, cudaEventDisableTiming));
  void* data = nullptr;
  const cudaError_t status = cudaMallocHost(&data, room);
  if (status != cudaSuccess) {
    cudaEventDestroy(block->done);
    fail(status, "pinning memory of the host");
  }
  block->data = static_cast<std::byte*>(data);
  block->bytes = room;
  bytes_ += room;
  blocks_.push_back(std::move(block));
  return *blocks_.back();
}

void PinnedPool::upload(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  // Smaller parts at first would overlap the host's copy with the transfer's more; at 512 KiB the
  // call's own time begins to count.
  constexpr std::size_t kPart = std::size_t{512} << 10;
  for (std::size_t begin = 0; begin < bytes; begin += kPart) {
    const std::size_t part = std::min(kPart, bytes - begin);
    Block& block = free_block(part, stream);
    std::memcpy(block.data, static_cast<const std::byte*>(from) + begin, part);
    LASSO_CUDA_CHECK(cudaMemcpyAsync(static_cast<std::byte*>(to) + begin, block.data, part,
                                     cudaMemcpyHostToDevice, stream));
    LASSO_CUDA_CHECK(cudaEventRecord(block.done, stream));
  }
}

void PinnedPool::download(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  for (std::size_t begin = 0; begin < bytes; begin += kBlockBytes) {
    const std::size_t part = std::min(kBlockBytes, bytes - begin);
    Block& block = free_block(part, stream);
    LASSO_CUDA_CHECK(cudaMemcpyAsync(block.data, static_cast<const std::byte*>(from) + begin, part,
                                     cudaMemcpyDeviceToHost, stream));
    LASSO_CUDA_CHECK(cudaEventRecord(block.done, stream));
    block.to = static_cast<std::byte*>(to) + begin;
    block.used = part;
  }
}

void PinnedPool::finish() {
  for (const auto& block : blocks_) {
    if (block->to == nullptr) continue;
    std::memcpy(block->to, block->data, block->used);
    block->to = nullptr;
  }
}

void PinnedPool::forget() {
  for (const auto& block : blocks_) block->to = nullptr;
}

}  // namespace lasso::cuda
