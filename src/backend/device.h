// Devices: where programs run, what memory there is, and the order of work on it. A backend
// implements these three classes; nothing here knows an operation.
#ifndef LASSO_BACKEND_DEVICE_H_
#define LASSO_BACKEND_DEVICE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/launch.h"
#include "backend/target_info.h"
#include "core/stopwatch.h"

namespace lasso::backend {

// A block of a device's memory, which lives until the buffer does.
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<void> owner, std::byte* data, std::size_t bytes)
      : owner_(std::move(owner)), data_(data), bytes_(bytes) {}

  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  std::shared_ptr<void> owner_;  // frees the memory
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// Work of a stream that was recorded and is asked for as a whole. The memory that it uses must live
// as long as it does.
class Recording {
 public:
  Recording() = default;
  virtual ~Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
};

// Work in order: each call may return before what it asks for is done, and nothing of it begins
// before what was asked earlier is done. A stream belongs to one thread at a time. What fails on
// the stream is thrown by the next wait().
class Stream {
 public:
  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Runs a kernel. The arrays of pointers in `args` may change as soon as the call returns; state
  // and memory must live until the work is done. `args.stream` is set by the stream.
  virtual void launch(KernelRun run, const KernelState& state, const KernelArgs& args) = 0;
  // From the host's memory to the device's. `from` may change as soon as the call returns.
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  // From the device's memory to the host's, which holds the bytes after the next wait().
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;
  // Within the device's memory.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  // Sets bytes of the device's memory.
  virtual void fill(void* to, std::byte value, std::size_t bytes) = 0;
  // Returns when everything that was asked for is done.
  virtual void wait() = 0;
  // Where a caller gives up: returns when everything that was asked for is done, and forgets what
  // failed and the downloads that have not come, whose memory the caller may free.
  virtual void abandon() noexcept = 0;
  // Whether work that was asked for earlier has failed so that all that follows fails, too: an
  // error that comes to light now may be of that work.
  virtual bool has_failed() const { return false; }
  // Milliseconds from the beginning to the end, on the device, of what `work` asks for; waits for
  // it.
  virtual double time(const std::function<void()>& work) {
    wait();
    const Stopwatch watch;
    work();
    wait();
    return watch.milliseconds();
  }

  // Order between this stream and one of the device's own interface that a caller gave: what is
  // asked for here from now on begins after what has been asked for there, and the other way round.
  virtual void follow(void* /*other*/) { refuse_streams(); }
  virtual void lead(void* /*other*/) { refuse_streams(); }

  // Calls `work`, whose launches, copies within the device and fills are recorded and not done. It
  // asks for nothing else, and has been done once before: what sets itself up at its first use
  // can't be recorded. Null where the device gains nothing by recordings.
  template <typename Work>
  std::unique_ptr<Recording> record(const Work& work) {
    if (!begin_recording()) return nullptr;
    try {
      work();
    } catch (...) {
      abandon_recording();
      throw;
    }
    return end_recording();
  }
  // Asks for what was recorded on this stream.
  virtual void replay(const Recording& /*recording*/) {}

 protected:
  virtual bool begin_recording() { return false; }
  virtual std::unique_ptr<Recording> end_recording() { return nullptr; }
  virtual void abandon_recording() noexcept {}

 private:
  [[noreturn]] static void refuse_streams();
};

struct DeviceOptions {
  int index = 0;
  // The highest compute capability that kernels may use, 80 for 8.0; 0: the device's own.
  int most_sm = 0;
  bool tf32 = false;  // see TargetInfo
  // Bytes of the device's memory that may be in use through this Device at a time; 0: no limit.
  std::uint64_t memory_limit = 0;
  // Every launch is waited for, so that an error names what failed; slow.
  bool synchronous = false;
};

struct DeviceInfo {
  std::string model;  // "NVIDIA H200"
  int sm = 0;
  int multiprocessors = 0;
  std::uint64_t memory_bytes = 0;
};

class Device {
 public:
  Device() = default;
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  virtual const TargetInfo& target() const = 0;
  // For messages and records: the processor's model ("NVIDIA H200"), and which one ("cuda:0").
  virtual std::string model() const = 0;
  virtual std::string name() const = 0;
  // Whether the host may read and write the device's memory, while no stream works on it. Then
  // host pointers may be given to kernels, too.
  virtual bool is_host() const = 0;
  // Of blocks of memory, and of values inside the arena.
  virtual std::size_t alignment() const = 0;
  // Of a device that each thread has a current one of: while the answer lives, that is this one.
  // Kernels are created so.
  virtual std::shared_ptr<void> make_current() const { return nullptr; }
  // Throws kOutOfMemory.
  virtual Buffer allocate(std::size_t bytes) const = 0;
  virtual std::unique_ptr<Stream> make_stream() const = 0;
};

// The devices that an engine's sessions are spread over, in turn.
class DeviceSet {
 public:
  explicit DeviceSet(std::vector<std::shared_ptr<const Device>> devices)
      : devices_(std::move(devices)) {}
  const std::vector<std::shared_ptr<const Device>>& all() const { return devices_; }
  const std::shared_ptr<const Device>& first() const { return devices_.front(); }
  // From any thread.
  const std::shared_ptr<const Device>& next() const {
    return devices_[next_.fetch_add(1) % devices_.size()];
  }

 private:
  std::vector<std::shared_ptr<const Device>> devices_;  // at least one, all with one target
  mutable std::atomic<std::size_t> next_{0};
};

// The CPU with this target, which says how many threads its streams' kernels run on.
std::shared_ptr<const Device> make_cpu_device(const TargetInfo& target);

}  // namespace lasso::backend

#endif  // LASSO_BACKEND_DEVICE_H_
