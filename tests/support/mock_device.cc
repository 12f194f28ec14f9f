#include "support/mock_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/threads.h"

namespace lasso::test {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kOffset = 256;  // of a block from its pages' beginning

// All blocks, locked but while work is done.
class Memory {
 public:
  std::byte* allocate(std::size_t bytes) {
    const std::size_t pages = align_pages(bytes + kOffset);
    void* base = mmap(nullptr, pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    LASSO_CHECK(base != MAP_FAILED, ErrorCode::kOutOfMemory, "no {} bytes", bytes);
    const std::lock_guard<std::mutex> lock(mutex_);
    std::byte* data = static_cast<std::byte*>(base) + kOffset;
    blocks_[data] = bytes;
    return data;
  }
  void release(std::byte* data) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = blocks_.find(data);
    munmap(data - kOffset, align_pages(it->second + kOffset));
    blocks_.erase(it);
  }
  // Whether a block has all of these bytes.
  bool holds(const void* data, std::size_t bytes) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto* begin = static_cast<const std::byte*>(data);
    return std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& block) {
      return begin >= block.first && begin + bytes <= block.first + block.second;
    });
  }
  void protect(int protection) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [data, bytes] : blocks_) {
      mprotect(data - kOffset, align_pages(bytes + kOffset), protection);
    }
  }

 private:
  static std::size_t align_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

  mutable std::mutex mutex_;
  std::map<std::byte*, std::size_t> blocks_;
};

using Job = std::function<void()>;

// What will go wrong.
struct Faults {
  std::atomic<std::int64_t> downloads{-1};  // until one fails
};

struct MockRecording final : backend::Recording {
  std::vector<Job> jobs;
};

// Work piles up until somebody waits.
class MockStream final : public backend::Stream {
 public:
  MockStream(std::shared_ptr<Memory> memory, std::shared_ptr<MockCounts> counts,
             std::shared_ptr<Faults> faults, int threads)
      : memory_(std::move(memory)),
        counts_(std::move(counts)),
        faults_(std::move(faults)),
        threads_(threads) {
    worker_ = std::thread([this] { work(); });
  }
  ~MockStream() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ends_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }

  void launch(backend::KernelRun run, const backend::KernelState& state,
              const backend::KernelArgs& args) override {
    std::vector<const void*> inputs(args.inputs.begin(), args.inputs.end());
    std::vector<void*> outputs(args.outputs.begin(), args.outputs.end());
    for (const void* input : inputs) check(input, 1);
    for (const void* output : outputs) check(output, 1);
    check(args.packed, 1);
    check(args.workspace, 1);
    ++counts_->launches;
    push([this, run, &state, inputs = std::move(inputs), outputs = std::move(outputs), args] {
      const ThreadLimit limit(threads_);
      run(state, {inputs, outputs, args.packed, args.workspace, this});
    });
  }
  void upload(void* to, const void* from, std::size_t bytes) override {
    check(to, bytes);
    counts_->uploaded_bytes += static_cast<std::int64_t>(bytes);
    const auto* begin = static_cast<const std::byte*>(from);
    push([to, copy = std::vector<std::byte>(begin, begin + bytes)] {
      if (!copy.empty()) std::memcpy(to, copy.data(), copy.size());
    });
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    check(from, bytes);
    if (faults_->downloads-- == 0) throw Error(ErrorCode::kDevice, "no download");
    counts_->downloaded_bytes += static_cast<std::int64_t>(bytes);
    push([this, to, from, bytes] {
      if (bytes > 0 && !is_abandoned_) std::memcpy(to, from, bytes);
    });
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    check(to, bytes);
    check(from, bytes);
    push([to, from, bytes] { std::memmove(to, from, bytes); });
  }
  void fill(void* to, std::byte value, std::size_t bytes) override {
    if (bytes == 0) return;
    check(to, bytes);
    push([to, value, bytes] { std::memset(to, std::to_integer<int>(value), bytes); });
  }
  void wait() override {
    std::unique_lock<std::mutex> lock(mutex_);
    waited_for_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return jobs_.empty() && !is_busy_; });
    waited_for_ = false;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }
  void abandon() noexcept override {
    is_abandoned_ = true;
    try {
      wait();
    } catch (...) {  // whom it concerns has given up
    }
    is_abandoned_ = false;
  }
  void replay(const backend::Recording& recording) override {
    ++counts_->replays;
    for (const Job& job : static_cast<const MockRecording&>(recording).jobs) push(job);
  }

 protected:
  bool begin_recording() override {
    ++counts_->recordings;
    recording_ = std::make_unique<MockRecording>();
    return true;
  }
  std::unique_ptr<backend::Recording> end_recording() override { return std::move(recording_); }
  void abandon_recording() noexcept override { recording_.reset(); }

 private:
  void check(const void* data, std::size_t bytes) const {
    LASSO_CHECK(data == nullptr || memory_->holds(data, bytes), ErrorCode::kInternal,
                "{} is no memory of the device", data);
  }
  void push(Job job) {
    if (recording_ != nullptr) {
      recording_->jobs.push_back(std::move(job));
      return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
    counts_->most_waiting =
        std::max(counts_->most_waiting, static_cast<std::int64_t>(jobs_.size()));
  }
  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ends_ || (waited_for_ && !jobs_.empty()); });
      if (ends_) return;
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      is_busy_ = true;
      lock.unlock();
      memory_->protect(PROT_READ | PROT_WRITE);
      std::exception_ptr error;
      try {
        job();
      } catch (...) {
        error = std::current_exception();
      }
      memory_->protect(PROT_NONE);
      lock.lock();
      if (error && !error_) error_ = error;
      is_busy_ = false;
      changed_.notify_all();
    }
  }

  std::shared_ptr<Memory> memory_;
  std::shared_ptr<MockCounts> counts_;
  std::shared_ptr<Faults> faults_;
  int threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::unique_ptr<MockRecording> recording_;
  bool waited_for_ = false;
  bool is_busy_ = false;
  bool ends_ = false;
  std::atomic<bool> is_abandoned_{false};
  std::exception_ptr error_;
  std::thread worker_;
};

class MockDeviceOfMemory final : public MockDevice {
 public:
  explicit MockDeviceOfMemory(const backend::TargetInfo& target) : target_(target) {}

  const backend::TargetInfo& target() const override { return target_; }
  std::string model() const override { return "mock"; }
  std::string name() const override { return "mock"; }
  bool is_host() const override { return false; }
  std::size_t alignment() const override { return kOffset; }
  backend::Buffer allocate(std::size_t bytes) const override {
    std::byte* data = memory_->allocate(bytes);
    std::shared_ptr<void> owner(
        data, [memory = memory_](void* block) { memory->release(static_cast<std::byte*>(block)); });
    return {std::move(owner), data, bytes};
  }
  std::unique_ptr<backend::Stream> make_stream() const override {
    return std::make_unique<MockStream>(memory_, counts_, faults_, target_.threads);
  }
  MockCounts counts() const override { return *counts_; }
  void fail_download_after(std::int64_t downloads) override { faults_->downloads = downloads; }

 private:
  backend::TargetInfo target_;
  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
  std::shared_ptr<MockCounts> counts_ = std::make_shared<MockCounts>();
  std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
};

}  // namespace

std::shared_ptr<MockDevice> MockDevice::make(const backend::TargetInfo& target) {
  return std::make_shared<MockDeviceOfMemory>(target);
}

}  // namespace lasso::test
