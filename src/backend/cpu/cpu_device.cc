// The CPU: its memory is the host's, and a stream's work is done when the call returns.
#include <cstring>

#include "backend/device.h"
#include "core/aligned_buffer.h"
#include "core/bytes.h"
#include "core/cpu_features.h"
#include "core/threads.h"

namespace lasso::backend {

namespace {

class CpuStream final : public Stream {
 public:
  explicit CpuStream(int threads) : threads_(threads) {}

  void launch(KernelRun run, const KernelState& state, const KernelArgs& args) override {
    KernelArgs call = args;
    call.stream = this;
    // Kernels of libraries have parallel regions of their own.
    with_team([&] {
      const ThreadLimit limit(threads_);
      run(state, call);
    });
  }
  void upload(void* to, const void* from, std::size_t bytes) override {
    copy_bytes(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    copy_bytes(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }
  void fill(void* to, std::byte value, std::size_t bytes) override {
    if (bytes > 0) std::memset(to, std::to_integer<int>(value), bytes);
  }
  void wait() override {}
  void abandon() noexcept override {}

 private:
  int threads_;
};

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const TargetInfo& target) : target_(target) {}

  const TargetInfo& target() const override { return target_; }
  std::string model() const override { return cpu_model(); }
  std::string name() const override { return "cpu"; }
  bool is_host() const override { return true; }
  std::size_t alignment() const override { return kAlignment; }
  Buffer allocate(std::size_t bytes) const override {
    auto block = std::make_shared<AlignedBuffer>(bytes);
    std::byte* data = block->data();
    return {std::move(block), data, bytes};
  }
  std::unique_ptr<Stream> make_stream() const override {
    return std::make_unique<CpuStream>(target_.threads);
  }

 private:
  TargetInfo target_;
};

}  // namespace

std::shared_ptr<const Device> make_cpu_device(const TargetInfo& target) {
  return std::make_shared<CpuDevice>(target);
}

}  // namespace lasso::backend
