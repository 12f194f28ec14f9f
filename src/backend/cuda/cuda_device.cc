#include "backend/cuda/cuda_device.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "backend/cuda/cuda_check.h"
#include "backend/cuda/cuda_stream.h"
#include "backend/cuda/gpu_code.h"
#include "backend/cuda/pinned_pool.h"
#include "core/check.h"

namespace lasso::cuda {

namespace {

using backend::Buffer;
using backend::DeviceInfo;
using backend::DeviceOptions;
using backend::KernelArgs;
using backend::KernelRun;
using backend::KernelState;
using backend::Recording;

constexpr double kMiB = 1024.0 * 1024.0;

class GraphRecording final : public Recording {
 public:
  explicit GraphRecording(int device) : device_(device) {}
  ~GraphRecording() override {
    if (graph_ == nullptr) return;
    try {
      const UseDevice use(device_);
      cudaGraphExecDestroy(graph_);
    } catch (...) {  // a lost device has no graphs either
    }
  }
  cudaGraphExec_t graph() const { return graph_; }
  void instantiate(cudaGraph_t graph) {
    check(cudaGraphInstantiate(&graph_, graph, 0), "making a graph");
  }

 private:
  int device_;
  cudaGraphExec_t graph_ = nullptr;
};

// MemoryUse as it is counted, from any thread.
class MemoryCounter {
 public:
  void add(std::uint64_t bytes) {
    const std::uint64_t now = now_.fetch_add(bytes) + bytes;
    std::uint64_t most = most_.load();
    while (most < now && !most_.compare_exchange_weak(most, now)) {
    }
  }
  void subtract(std::uint64_t bytes) { now_.fetch_sub(bytes); }
  MemoryUse use() const { return {now_.load(), most_.load()}; }

 private:
  std::atomic<std::uint64_t> now_{0};
  std::atomic<std::uint64_t> most_{0};
};

// It lives until the process ends, as buffers may.
MemoryCounter& memory_counter(int index) {
  static auto& mutex = *new std::mutex;
  static auto& counters = *new std::map<int, MemoryCounter>;
  const std::lock_guard<std::mutex> lock(mutex);
  return counters[index];
}

// Returns when the flag is set, or after a time that only work takes which waits for the GPU
// itself.
void hold_up(void* flag) {
  const auto& may_go_on = *static_cast<const std::atomic<bool>*>(flag);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
  while (!may_go_on.load() && std::chrono::steady_clock::now() < end) {
  }
}

// What the streams and buffers of one GPU share; they may outlive the CudaDevice.
class Context {
 public:
  Context(const DeviceOptions& options, std::string model)
      : options_(options), name_(fmt::format("cuda:{}", options.index)), model_(std::move(model)) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const DeviceOptions& options() const { return options_; }
  int index() const { return options_.index; }
  const std::string& name() const { return name_; }
  const std::string& model() const { return model_; }

  void* allocate(std::size_t bytes) {
    const std::uint64_t limit = options_.memory_limit;
    const std::lock_guard<std::mutex> lock(mutex_);
    LASSO_CHECK(limit == 0 || (in_use_ <= limit && bytes <= limit - in_use_),
                ErrorCode::kOutOfMemory,
                "{} ({}): {:.0f} MiB more than the {:.0f} MiB in use would be beyond the limit "
                "of {:.0f} MiB",
                name_, model_, static_cast<double>(bytes) / kMiB,
                static_cast<double>(in_use_) / kMiB, static_cast<double>(limit) / kMiB);
    const UseDevice use(index());
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      std::size_t free = 0;
      std::size_t total = 0;
      cudaMemGetInfo(&free, &total);
      lasso::fail(ErrorCode::kOutOfMemory,
                  "{} ({}): {:.0f} MiB are needed, and {:.0f} of its {:.0f} MiB are free", name_,
                  model_, static_cast<double>(bytes) / kMiB, static_cast<double>(free) / kMiB,
                  static_cast<double>(total) / kMiB);
    }
    check(status, "allocating memory");
    in_use_ += bytes;
    memory_.add(bytes);
    return data;
  }
  void free(void* data, std::size_t bytes) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      const UseDevice use(index());
      cudaFree(data);
    } catch (...) {  // a lost device has no memory either
    }
    in_use_ -= bytes;
    memory_.subtract(bytes);
  }

 private:
  DeviceOptions options_;
  std::string name_;
  std::string model_;
  std::mutex mutex_;  // of what follows
  std::uint64_t in_use_ = 0;
  MemoryCounter& memory_ = memory_counter(options_.index);
};

class GpuStream final : public CudaStream {
 public:
  explicit GpuStream(std::shared_ptr<Context> context) : context_(std::move(context)) {
    const UseDevice use(context_->index());
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
    const cudaError_t status = cudaEventCreateWithFlags(&order_, cudaEventDisableTiming);
    if (status != cudaSuccess) cudaStreamDestroy(stream_);
    check(status, "making an event");
  }
  ~GpuStream() override {
    try {
      const UseDevice use(context_->index());
      cudaStreamSynchronize(stream_);
      pinned_.reset();
      cudaEventDestroy(order_);
      if (begin_ != nullptr) cudaEventDestroy(begin_);
      if (end_ != nullptr) cudaEventDestroy(end_);
      cudaStreamDestroy(stream_);
    } catch (...) {  // of a lost device
    }
  }

  cudaStream_t handle() const override { return stream_; }

  void launch(KernelRun run, const KernelState& state, const KernelArgs& args) override {
    const UseDevice use(context_->index());
    KernelArgs call = args;
    call.stream = this;
    try {
      run(state, call);
    } catch (...) {
      // CUDA reports what fails on the GPU by whatever is asked for next, which is not to blame.
      check(earlier_failure(), "work that was asked for earlier");
      throw;
    }
    if (context_->options().synchronous && !recording_) {
      check(cudaStreamSynchronize(stream_), "running a kernel");
    }
  }
  void upload(void* to, const void* from, std::size_t bytes) override {
    const UseDevice use(context_->index());
    pinned_->upload(to, from, bytes, stream_);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    const UseDevice use(context_->index());
    pinned_->download(to, from, bytes, stream_);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    const UseDevice use(context_->index());
    LASSO_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
  }
  void fill(void* to, std::byte value, std::size_t bytes) override {
    if (bytes == 0) return;
    const UseDevice use(context_->index());
    LASSO_CUDA_CHECK(cudaMemsetAsync(to, std::to_integer<int>(value), bytes, stream_));
  }
  void wait() override {
    const UseDevice use(context_->index());
    const cudaError_t status = cudaStreamSynchronize(stream_);
    if (status != cudaSuccess) {
      pinned_->forget();
      fail(status, "waiting for its work");
    }
    pinned_->finish();
  }
  void abandon() noexcept override {
    try {
      const UseDevice use(context_->index());
      cudaStreamSynchronize(stream_);
      cudaGetLastError();
    } catch (...) {  // of a lost device
    }
    pinned_->forget();
  }
  bool has_failed() const override { return earlier_failure() != cudaSuccess; }
  // By events. The stream is held up until the work and both events are asked for, so that the time
  // that the host takes for that does not count; work that waits itself is let through.
  double time(const std::function<void()>& work) override {
    const UseDevice use(context_->index());
    if (begin_ == nullptr) LASSO_CUDA_CHECK(cudaEventCreate(&begin_));
    if (end_ == nullptr) LASSO_CUDA_CHECK(cudaEventCreate(&end_));
    wait();
    may_go_on_ = false;
    LASSO_CUDA_CHECK(cudaLaunchHostFunc(stream_, hold_up, &may_go_on_));
    LASSO_CUDA_CHECK(cudaEventRecord(begin_, stream_));
    work();
    LASSO_CUDA_CHECK(cudaEventRecord(end_, stream_));
    may_go_on_ = true;
    wait();
    float ms = 0;
    LASSO_CUDA_CHECK(cudaEventElapsedTime(&ms, begin_, end_));
    return ms;
  }
  void follow(void* other) override { put_after(static_cast<cudaStream_t>(other), stream_); }
  void lead(void* other) override { put_after(stream_, static_cast<cudaStream_t>(other)); }
  void replay(const Recording& recording) override {
    const UseDevice use(context_->index());
    LASSO_CUDA_CHECK(
        cudaGraphLaunch(static_cast<const GraphRecording&>(recording).graph(), stream_));
  }

 protected:
  bool begin_recording() override {
    if (context_->options().synchronous) return false;
    const UseDevice use(context_->index());
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "recording");
    recording_ = true;
    return true;
  }
  std::unique_ptr<Recording> end_recording() override {
    const UseDevice use(context_->index());
    recording_ = false;
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(stream_, &graph), "recording");
    auto recording = std::make_unique<GraphRecording>(context_->index());
    try {
      recording->instantiate(graph);
    } catch (...) {
      cudaGraphDestroy(graph);
      throw;
    }
    cudaGraphDestroy(graph);
    return recording;
  }
  void abandon_recording() noexcept override {
    recording_ = false;
    try {
      const UseDevice use(context_->index());
      cudaGraph_t graph = nullptr;
      cudaStreamEndCapture(stream_, &graph);
      if (graph != nullptr) cudaGraphDestroy(graph);
      cudaGetLastError();  // of a recording that the error has ended
    } catch (...) {        // of a lost device
    }
  }

 private:
  cudaError_t earlier_failure() const {
    if (recording_ || context_->options().synchronous) return cudaSuccess;
    const cudaError_t status = cudaStreamQuery(stream_);
    cudaGetLastError();
    return status == cudaErrorNotReady ? cudaSuccess : status;
  }
  void put_after(cudaStream_t first, cudaStream_t second) {
    const UseDevice use(context_->index());
    LASSO_CUDA_CHECK(cudaEventRecord(order_, first));
    LASSO_CUDA_CHECK(cudaStreamWaitEvent(second, order_));
  }

  std::shared_ptr<Context> context_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t order_ = nullptr;
  cudaEvent_t begin_ = nullptr;  // of time()
  cudaEvent_t end_ = nullptr;
  std::unique_ptr<PinnedPool> pinned_ = std::make_unique<PinnedPool>();
  std::atomic<bool> may_go_on_{true};  // of hold_up()
  bool recording_ = false;
};

class CudaDevice final : public backend::Device {
 public:
  CudaDevice(std::shared_ptr<Context> context, const backend::TargetInfo& target)
      : context_(std::move(context)), target_(target) {}

  const backend::TargetInfo& target() const override { return target_; }
  std::string model() const override { return context_->model(); }
  std::string name() const override { return context_->name(); }
  bool is_host() const override { return false; }
  // Of cudaMalloc's blocks; more than any vector load or tensor map needs.
  std::size_t alignment() const override { return 256; }
  std::shared_ptr<void> make_current() const override {
    return std::make_shared<UseDevice>(context_->index());
  }
  Buffer allocate(std::size_t bytes) const override {
    if (bytes == 0) return {};
    void* data = context_->allocate(bytes);
    std::shared_ptr<void> owner(
        data, [context = context_, bytes](void* block) { context->free(block, bytes); });
    return {std::move(owner), static_cast<std::byte*>(data), bytes};
  }
  std::unique_ptr<backend::Stream> make_stream() const override {
    return std::make_unique<GpuStream>(context_);
  }

 private:
  std::shared_ptr<Context> context_;
  backend::TargetInfo target_;
};

DeviceInfo gpu_of(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index),
        fmt::format("asking for the properties of cuda:{}", index).c_str());
  return {properties.name, properties.major * 10 + properties.minor, properties.multiProcessorCount,
          properties.totalGlobalMem};
}

}  // namespace

std::vector<backend::DeviceInfo> gpus() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "asking for GPUs");
  std::vector<backend::DeviceInfo> found;
  for (int i = 0; i < count; ++i) found.push_back(gpu_of(i));
  return found;
}

MemoryUse memory_use(int index) { return memory_counter(index).use(); }

std::shared_ptr<const backend::Device> open_gpu(const backend::DeviceOptions& options) {
  const std::vector<backend::DeviceInfo> all = gpus();
  const auto count = static_cast<int>(all.size());
  LASSO_CHECK(options.index >= 0 && options.index < count, ErrorCode::kNotFound,
              "device \"cuda:{}\": there {} here: expected an index of at most {}", options.index,
              count == 1 ? "is 1 GPU" : fmt::format("are {} GPUs", count), count - 1);
  const backend::DeviceInfo& gpu = all[static_cast<std::size_t>(options.index)];
  LASSO_CHECK(gpu.sm >= kLeastSm, ErrorCode::kUnsupported,
              "device \"cuda:{}\": {} has compute capability {}.{}, and Lasso needs {}.{}",
              options.index, gpu.model, gpu.sm / 10, gpu.sm % 10, kLeastSm / 10, kLeastSm % 10);
  LASSO_CHECK(options.most_sm == 0 || options.most_sm >= kLeastSm, ErrorCode::kUnsupported,
              "a cap of sm_{}: expected sm_{} or more", options.most_sm, kLeastSm);
  // Kernels are offered by what their code has, which may be compiled for an older GPU.
  const GpuCode code = gpu_code(options.index);
  LASSO_CHECK(code.sm >= kLeastSm, ErrorCode::kUnsupported,
              "device \"cuda:{}\": this build of Lasso has no code for {}, which has compute "
              "capability {}.{}",
              options.index, gpu.model, gpu.sm / 10, gpu.sm % 10);
  int shared_memory = 0;
  check(cudaDeviceGetAttribute(&shared_memory, cudaDevAttrMaxSharedMemoryPerBlockOptin,
                               options.index),
        "asking for its shared memory");
  constexpr int kSmOfWarpGroups = 90;
  backend::TargetInfo target;
  target.kind = backend::DeviceKind::kCuda;
  target.sm = std::min(gpu.sm, code.sm);
  if (options.most_sm != 0) target.sm = std::min(target.sm, options.most_sm);
  target.warp_groups = code.warp_groups && target.sm == kSmOfWarpGroups;
  target.shared_memory = static_cast<std::size_t>(shared_memory);
  target.multiprocessors = gpu.multiprocessors;
  target.tf32 = options.tf32;
  return std::make_shared<CudaDevice>(std::make_shared<Context>(options, gpu.model), target);
}

}  // namespace lasso::cuda
