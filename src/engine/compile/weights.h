// All that a module's programs store: one block of bytes in which packed weights and plain
// constants have their places. It lies in memory or in a mapped engine file, and once on every
// other device that runs the module.
#ifndef LASSO_ENGINE_COMPILE_WEIGHTS_H_
#define LASSO_ENGINE_COMPILE_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "backend/device.h"
#include "core/aligned_buffer.h"
#include "core/file.h"

namespace lasso::engine {

// The place of packed weights or of a constant among the weights. Each begins at the next multiple
// of kAlignment behind the one before.
struct StoredBytes {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // 0: nothing is stored

  bool operator==(const StoredBytes&) const = default;
};

// Immutable once made; shared by all sessions. Copies share the bytes.
class Weights {
 public:
  Weights() = default;
  explicit Weights(AlignedBuffer memory);
  // Bytes [begin, begin + size) of a mapped file.
  Weights(std::shared_ptr<const MappedFile> file, const std::byte* begin, std::uint64_t size);

  const std::byte* data() const { return data_; }
  std::uint64_t size() const { return size_; }

  // Throws kCorruptFile if they lie in a mapped file that has become shorter; see MappedFile.
  void check_file() const;

  // Where they lie for kernels of the device: in place where that is the host, else in a copy that
  // is made at the first call. Valid while the weights are. From any thread.
  const std::byte* on(const std::shared_ptr<const backend::Device>& device) const;

 private:
  struct Copies {
    std::mutex mutex;
    std::map<std::shared_ptr<const backend::Device>, backend::Buffer> buffers;
  };

  std::shared_ptr<const AlignedBuffer> memory_;
  std::shared_ptr<const MappedFile> file_;
  const std::byte* data_ = nullptr;
  std::uint64_t size_ = 0;
  std::shared_ptr<Copies> copies_ = std::make_shared<Copies>();
};

// Where weights go as they are packed: into memory, or into an engine file layer by layer, so that
// building one never holds all of them.
class WeightSink {
 public:
  using Fill = std::function<void(std::byte* out)>;

  WeightSink() = default;
  virtual ~WeightSink() = default;
  WeightSink(const WeightSink&) = delete;
  WeightSink& operator=(const WeightSink&) = delete;

  // How many bytes will come, called once and first.
  virtual void begin(std::uint64_t size) = 0;
  // Has `fill` write the bytes of a place to aligned memory, and keeps them. Places come in
  // ascending order; the bytes between them are zeros.
  virtual void store(const StoredBytes& place, const Fill& fill) = 0;
};

class MemorySink final : public WeightSink {
 public:
  void begin(std::uint64_t size) override;
  void store(const StoredBytes& place, const Fill& fill) override;
  Weights take() { return Weights(std::move(memory_)); }

 private:
  AlignedBuffer memory_;
  std::uint64_t end_ = 0;  // of what is stored
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_COMPILE_WEIGHTS_H_
