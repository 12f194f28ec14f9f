#include "engine/compile/weights.h"

#include <cstring>
#include <utility>

namespace lasso::engine {

Weights::Weights(AlignedBuffer memory)
    : memory_(std::make_shared<const AlignedBuffer>(std::move(memory))),
      data_(memory_->data()),
      size_(memory_->size()) {}

Weights::Weights(std::shared_ptr<const MappedFile> file, const std::byte* begin, std::uint64_t size)
    : file_(std::move(file)), data_(begin), size_(size) {}

void Weights::check_file() const {
  if (file_ != nullptr) file_->check_size();
}

const std::byte* Weights::on(const std::shared_ptr<const backend::Device>& device) const {
  if (device->is_host() || size_ == 0) return data_;
  const std::lock_guard<std::mutex> lock(copies_->mutex);
  const auto found = copies_->buffers.find(device);
  if (found != copies_->buffers.end()) return found->second.data();
  // Kept only once it is whole: a later call tries again.
  backend::Buffer buffer = device->allocate(static_cast<std::size_t>(size_));
  const auto stream = device->make_stream();
  check_file();
  stream->upload(buffer.data(), data_, static_cast<std::size_t>(size_));
  stream->wait();
  check_file();
  return copies_->buffers.emplace(device, std::move(buffer)).first->second.data();
}

void MemorySink::begin(std::uint64_t size) {
  memory_ = AlignedBuffer(static_cast<std::size_t>(size), Pages::kSmall);
}

void MemorySink::store(const StoredBytes& place, const Fill& fill) {
  // What lies between is defined, since the block may become a file.
  std::memset(memory_.data() + end_, 0, static_cast<std::size_t>(place.offset - end_));
  fill(memory_.data() + place.offset);
  end_ = place.offset + place.bytes;
}

}  // namespace lasso::engine
