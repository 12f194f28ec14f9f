#include "core/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>

#include "core/check.h"

namespace lasso {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Smaller blocks, such as an image's embedding of 4 MiB, come and go: the kernel takes longer to
// find huge pages for them (7 ms) than to give small ones (1 ms).
constexpr std::size_t kLeastMapped = std::size_t{8} << 20;

bool is_mapped(std::size_t bytes) { return bytes >= kLeastMapped; }

// A mapping is extended by one huge page, so that it can start on a huge-page boundary: a block
// that straddles one is backed by 4 KiB pages at its ends.
std::byte* map_aligned(std::size_t bytes, Pages pages) {
  const std::size_t reserved = bytes + kHugePage;
  void* raw = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(raw);
  const auto address = reinterpret_cast<std::size_t>(begin);
  auto* aligned = begin + (align_up(address, kHugePage) - address);
  auto* end = aligned + align_up(bytes, 4096);
  if (aligned != begin) munmap(begin, static_cast<std::size_t>(aligned - begin));
  if (end != begin + reserved) munmap(end, static_cast<std::size_t>(begin + reserved - end));
  madvise(aligned, bytes, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return aligned;
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes, Pages pages) : bytes_(bytes) {
  if (bytes == 0) return;
  LASSO_CHECK(bytes <= std::size_t{1} << 46, ErrorCode::kOutOfMemory,
              "a buffer of {} bytes was asked for", bytes);
  data_ = is_mapped(bytes)
              ? map_aligned(bytes, pages)
              : static_cast<std::byte*>(std::aligned_alloc(kAlignment, align_up(bytes)));
  LASSO_CHECK(data_ != nullptr, ErrorCode::kOutOfMemory, "no memory for a buffer of {} bytes",
              bytes);
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ == nullptr) return;
  if (is_mapped(bytes_)) {
    munmap(data_, align_up(bytes_, 4096));
  } else {
    std::free(data_);
  }
}

}  // namespace lasso
