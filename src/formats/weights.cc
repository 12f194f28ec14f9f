#include "formats/weights.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/aligned_buffer.h"
#include "core/bytes.h"
#include "core/checksum.h"
#include "core/finite.h"
#include "core/memory.h"
#include "formats/text.h"

namespace lasso {

namespace {

// Copies the elements of a strided tensor in row-major order.
void gather(const WeightTensor& tensor, std::byte* out) {
  const std::size_t item = size_of(tensor.dtype);
  const std::size_t rank = tensor.dims.size();
  const std::int64_t inner = rank == 0 ? 1 : tensor.dims[rank - 1];
  const std::int64_t inner_stride = rank == 0 ? 0 : tensor.strides[rank - 1];
  Dims index(rank, 0);
  std::int64_t offset = 0;
  const std::int64_t rows = inner == 0 ? 0 : element_count(tensor.dims) / inner;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < inner; ++i, out += item) {
      std::memcpy(out, tensor.data + static_cast<std::size_t>(offset + i * inner_stride) * item,
                  item);
    }
    for (std::size_t d = rank; d-- > 1;) {  // the next index of the outer dimensions
      offset += tensor.strides[d - 1];
      if (++index[d - 1] < tensor.dims[d - 1]) break;
      offset -= tensor.strides[d - 1] * tensor.dims[d - 1];
      index[d - 1] = 0;
    }
  }
}

// The tensors with elements that are not finite, of which an error names the first ones.
class NotFinite {
 public:
  void add(const std::string& name, std::size_t bad, std::size_t elements) {
    if (++tensors_ > kNamed) return;
    named_ +=
        fmt::format("{}{} ({} of {})", tensors_ > 1 ? ", " : "", printable(name), bad, elements);
  }
  void check(const std::string& path, std::size_t of) const {
    LASSO_CHECK(tensors_ == 0, ErrorCode::kCorruptFile,
                "{}: {} of its {} tensors have values that are not finite: {}{}", path, tensors_,
                of, named_,
                tensors_ > kNamed ? fmt::format(" and {} more", tensors_ - kNamed) : "");
  }

 private:
  static constexpr std::size_t kNamed = 5;
  std::size_t tensors_ = 0;
  std::string named_;
};

}  // namespace

Dims dense_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t d = dims.size(); d-- > 1;) {
    strides[d - 1] = strides[d] * std::max<std::int64_t>(dims[d], 1);
  }
  return strides;
}

bool WeightTensor::is_contiguous() const {
  std::int64_t expected = 1;
  for (std::size_t d = dims.size(); d-- > 0;) {
    if (dims[d] == 0) return true;
    if (dims[d] != 1 && strides[d] != expected) return false;
    if (__builtin_mul_overflow(expected, dims[d], &expected)) return false;
  }
  return true;
}

bool WeightTensor::lies_dense() const {
  return is_contiguous() && reinterpret_cast<std::uintptr_t>(data) % size_of(dtype) == 0;
}

std::size_t WeightTensor::reach_bytes() const {
  std::int64_t last = 0;  // element; it lies in the storage
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0) return 0;
    last += (dims[d] - 1) * strides[d];
  }
  return static_cast<std::size_t>(last + 1) * size_of(dtype);
}

std::size_t WeightTensor::dense_bytes() const {
  std::int64_t bytes = static_cast<std::int64_t>(size_of(dtype));
  for (const std::int64_t dim : dims) {
    LASSO_CHECK(dim >= 0 && !__builtin_mul_overflow(bytes, dim, &bytes), ErrorCode::kCorruptFile,
                "shape {} is too large", to_string(dims));
  }
  return static_cast<std::size_t>(bytes);
}

std::vector<std::string> Weights::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

const WeightTensor& Weights::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  LASSO_CHECK(found != tensors_.end(), ErrorCode::kNotFound, "{}: no tensor is named {}", path_,
              printable(name));
  return found->second;
}

std::string Weights::object_clause() const {
  const auto likely = [](const auto& entry) {
    if (entry.second.is_model) return 3;
    const std::string_view name = entry.first;
    const bool named = name.find("model") != name.npos || name.find("state_dict") != name.npos ||
                       name.find("net") != name.npos || name.find("weight") != name.npos;
    return entry.second.clause.empty() ? 0 : named ? 2 : 1;
  };
  const auto best =
      std::max_element(others_.begin(), others_.end(),
                       [&](const auto& a, const auto& b) { return likely(a) < likely(b); });
  if (best == others_.end() || likely(*best) == 0) return "";
  return best->first.empty()
             ? best->second.clause
             : fmt::format("\"{}\" is {}", printable(best->first), best->second.clause);
}

void Weights::add(const std::string& name, WeightTensor tensor) {
  const bool added = tensors_.emplace(name, std::move(tensor)).second;
  LASSO_CHECK(added, ErrorCode::kCorruptFile, "{}: two tensors are named {}", path_,
              printable(name));
}

void Weights::set(const std::string& name, const Tensor& tensor) {
  WeightTensor view;
  view.dtype = tensor.dtype;
  view.dims = tensor.dims;
  view.strides = dense_strides(tensor.dims);
  view.data = static_cast<const std::byte*>(tensor.data.get());
  view.storage_bytes = tensor.bytes();
  view.owner = tensor.data;
  view.file = tensor.file;
  tensors_[name] = std::move(view);
}

Tensor Weights::dense(const std::string& name) const {
  const WeightTensor& tensor = at(name);
  const std::size_t bytes = tensor.dense_bytes();
  LASSO_CHECK(bytes <= tensor.storage_bytes, ErrorCode::kCorruptFile,
              "{}: tensor {} of shape {} would take {} bytes, and its storage has {}: save a copy "
              "of it instead of an expanded view",
              path_, printable(name), to_string(tensor.dims), bytes, tensor.storage_bytes);
  if (tensor.lies_dense()) {
    return {tensor.dtype, tensor.dims, std::shared_ptr<const void>(tensor.owner, tensor.data),
            tensor.file};
  }
  // The copy belongs to no file, so that nobody can ask later whether the file was whole.
  if (tensor.file) tensor.file->check_size();
  auto buffer = std::make_shared<AlignedBuffer>(bytes);
  if (tensor.is_contiguous()) {
    copy_bytes(buffer->data(), tensor.data, bytes);
  } else {
    gather(tensor, buffer->data());
  }
  if (tensor.file) tensor.file->check_size();
  return {tensor.dtype, tensor.dims, std::shared_ptr<const void>(buffer, buffer->data()), nullptr};
}

void Weights::release(const std::string& name) const {
  const WeightTensor& tensor = at(name);
  if (!tensor.file) return;
  tensor.file->release(tensor.data, std::min(tensor.reach_bytes(), tensor.storage_bytes));
}

std::string Weights::fingerprint(const std::string& salt) const {
  constexpr std::size_t kChunk = 8 * kMiB;
  Checksum hash;
  NotFinite not_finite;
  hash.update(salt);
  for (const auto& [name, tensor] : tensors_) {
    const std::string head =
        fmt::format("{}\n{}\n{}\n", name, to_string(tensor.dtype), to_string(tensor.dims));
    hash.update(head);
    const Tensor dense = this->dense(name);
    const std::size_t bytes = dense.bytes();
    const auto* data = static_cast<const std::byte*>(dense.data.get());
    const std::size_t item = size_of(tensor.dtype);
    std::size_t bad = 0;
    for (std::size_t begin = 0; begin < bytes; begin += kChunk) {
      const std::size_t count = std::min(kChunk, bytes - begin);
      dense.check_file();
      hash.update(data + begin, count);
      bad += count_not_finite(tensor.dtype, data + begin, count / item);
      if (tensor.file && data == tensor.data) tensor.file->release(data + begin, count);
    }
    dense.check_file();
    release(name);
    if (bad > 0) not_finite.add(name, bad, bytes / item);
  }
  not_finite.check(path_, size());
  return to_hex(hash.digest());
}

}  // namespace lasso
