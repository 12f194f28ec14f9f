// The host's pinned memory, through which copies between the host and a GPU go.
#ifndef LASSO_BACKEND_CUDA_PINNED_POOL_H_
#define LASSO_BACKEND_CUDA_PINNED_POOL_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace lasso::cuda {

// Of one stream, and its thread's. Blocks are kept, so that equal calls allocate nothing.
class PinnedPool {
 public:
  PinnedPool() = default;
  ~PinnedPool();
  PinnedPool(const PinnedPool&) = delete;
  PinnedPool& operator=(const PinnedPool&) = delete;

  // To the device; `from` may change when it returns.
  void upload(void* to, const void* from, std::size_t bytes, cudaStream_t stream);
  // To the host, where the bytes are after finish().
  void download(void* to, const void* from, std::size_t bytes, cudaStream_t stream);
  // The stream's work is done: the downloads' bytes go to where they were asked for.
  void finish();
  // Forgets the downloads that are not finished.
  void forget() noexcept;

 private:
  struct Block {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
    cudaEvent_t done = nullptr;  // of the last copy
    void* to = nullptr;          // of a download that is not finished
    std::size_t used = 0;
  };

  // A block of at least so many bytes that no copy uses; waits for all where there are many.
  Block& free_block(std::size_t bytes, cudaStream_t stream);
  void free_blocks() noexcept;

  // Copies of more bytes go in parts, so that the transfer of one overlaps the host's copy of the
  // next.
  static constexpr std::size_t kPartBytes = std::size_t{2} << 20;
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;

  std::vector<std::unique_ptr<Block>> blocks_;
  std::size_t bytes_ = 0;
};

}  // namespace lasso::cuda

#endif  // LASSO_BACKEND_CUDA_PINNED_POOL_H_
