#include "models/sam/run/embedding.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <system_error>

#include "core/access.h"
#include "core/check.h"
#include "core/convert.h"
#include "core/finite.h"
#include "core/guard.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "image/value_range.h"

namespace lasso {

namespace {

constexpr char kTensor[] = "image_embeddings";
constexpr char kFormat[] = "lasso-embedding-1";
constexpr int kMaxSide = 1 << 20;
constexpr std::int64_t kMaxPixels = std::int64_t{1}
                                    << 30;  // of the image: a mask has a byte for each

// Between [channels, grid * grid], as PyTorch's SAM has it, and [grid * grid, channels].
void transpose(const float* in, std::size_t rows, std::size_t columns, float* out) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = in[r * columns + c];
  }
}

class MetadataReader {
 public:
  MetadataReader(const std::string& path, const Metadata& metadata)
      : path_(path), metadata_(metadata) {}

  // Names and numbers: short, and nothing that a terminal would obey.
  const std::string& text(const std::string& key) const {
    const auto it = metadata_.find(key);
    LASSO_CHECK(it != metadata_.end(), ErrorCode::kCorruptFile,
                "{}: not an embedding of Lasso: the metadata have no \"{}\"", path_, key);
    const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
    LASSO_CHECK(it->second.size() <= 64 && std::all_of(it->second.begin(), it->second.end(), plain),
                ErrorCode::kCorruptFile,
                "{}: metadata \"{}\": expected at most 64 printable characters", path_, key);
    return it->second;
  }
  int positive(const std::string& key) const {
    const std::string& value = text(key);
    int number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    LASSO_CHECK(error == std::errc() && end == value.data() + value.size() && number >= 1 &&
                    number <= kMaxSide,
                ErrorCode::kCorruptFile, "{}: metadata \"{}\" is \"{}\": expected 1 to {}", path_,
                key, value, kMaxSide);
    return number;
  }

  // "full", or two numbers, "LOW:HIGH"; files of Lasso before there were ranges have none.
  std::optional<ValueRange> range(const std::string& key) const {
    if (metadata_.count(key) == 0 || text(key) == kWholeRange) return std::nullopt;
    const std::string& value = text(key);
    const std::optional<ValueRange> range = parse_value_range(value);
    LASSO_CHECK(range, ErrorCode::kCorruptFile,
                "{}: metadata \"{}\" is \"{}\": expected \"{}\" or two numbers from 0 to {} with a "
                "colon between them, the lower one first",
                path_, key, value, kWholeRange, kMostValue);
    return range;
  }

 private:
  const std::string& path_;
  const Metadata& metadata_;
};

void save_embedding(const Embedding::Impl& impl, const std::string& path) {
  const auto cells = static_cast<std::size_t>(impl.grid) * static_cast<std::size_t>(impl.grid);
  const auto channels = static_cast<std::size_t>(impl.channels);
  std::vector<float> planes(cells * channels);
  transpose(impl.data(), cells, channels, planes.data());
  const TensorView view{DType::kF32, {1, impl.channels, impl.grid, impl.grid}, planes.data()};
  Metadata metadata{{"format", kFormat},
                    {"image_width", std::to_string(impl.image_width)},
                    {"image_height", std::to_string(impl.image_height)},
                    {"image_size", std::to_string(impl.image_size)},
                    {"preprocess", impl.preprocess},
                    {"range", to_text(impl.range)},
                    {"model_hash", impl.model_hash}};
  if (!impl.decoder_hash.empty()) metadata["decoder_hash"] = impl.decoder_hash;
  write_safetensors(path, {{kTensor, view}}, metadata);
}

Embedding load_embedding(const std::string& path) {
  const SafetensorsFile file = read_safetensors(path);
  const MetadataReader metadata(path, file.metadata);
  const std::string& format = metadata.text("format");
  LASSO_CHECK(format == kFormat, ErrorCode::kCorruptFile,
              "{}: metadata \"format\" is \"{}\": expected \"{}\"", path, format, kFormat);
  auto impl = std::make_shared<Embedding::Impl>();
  impl->image_width = metadata.positive("image_width");
  impl->image_height = metadata.positive("image_height");
  LASSO_CHECK(std::int64_t{impl->image_width} * impl->image_height <= kMaxPixels,
              ErrorCode::kCorruptFile, "{}: an image of {}x{} pixels: expected at most {}", path,
              impl->image_width, impl->image_height, kMaxPixels);
  impl->image_size = metadata.positive("image_size");
  impl->preprocess = metadata.text("preprocess");
  impl->range = metadata.range("range");
  impl->model_hash = metadata.text("model_hash");
  if (file.metadata.count("decoder_hash") > 0) {
    impl->decoder_hash = metadata.text("decoder_hash");
  }
  LASSO_CHECK(file.weights.contains(kTensor), ErrorCode::kCorruptFile,
              "{}: there is no tensor \"{}\"", path, kTensor);
  const Tensor tensor = file.weights.dense(kTensor);
  const Dims& dims = tensor.dims;
  LASSO_CHECK(tensor.dtype == DType::kF32 && dims.size() == 4 && dims[0] == 1 && dims[1] >= 1 &&
                  dims[1] <= kMaxSide && dims[2] == dims[3] && dims[2] >= 1 && dims[2] <= kMaxSide,
              ErrorCode::kCorruptFile,
              "{}: tensor \"{}\" is {} {}: expected float32 [1, channels, grid, grid]", path,
              kTensor, to_string(tensor.dtype), to_string(dims));
  impl->channels = static_cast<int>(dims[1]);
  impl->grid = static_cast<int>(dims[2]);
  std::vector<float> planes(static_cast<std::size_t>(element_count(dims)));
  read_f32(tensor.view(), planes.data());
  impl->values = AlignedBuffer(tensor.bytes());
  transpose(planes.data(), static_cast<std::size_t>(dims[1]),
            static_cast<std::size_t>(dims[2] * dims[3]), impl->data());
  const std::size_t bad = count_not_finite(planes.data(), planes.size());
  LASSO_CHECK(bad == 0, ErrorCode::kCorruptFile,
              "{}: tensor \"{}\" holds {} of {} values that are not finite", path, kTensor, bad,
              planes.size());
  return Access::make<Embedding>(std::move(impl));
}

}  // namespace

const float* Embedding::Impl::data() const {
  if (device != nullptr) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (values.data() == nullptr) {
      AlignedBuffer here(size() * sizeof(float));
      const std::unique_ptr<backend::Stream> stream = device->make_stream();
      stream->download(here.data(), device_values.data(), here.size());
      stream->wait();
      values = std::move(here);
    }
  }
  return reinterpret_cast<const float*>(values.data());
}

namespace sam {

Embedding embedding_from_array(const TensorView& array, const SamModel& model, int image_width,
                               int image_height) {
  const SamConfig& config = model.config;
  const Dims planes{config.prompt_dim, config.grid(), config.grid()};
  Dims batch = planes;
  batch.insert(batch.begin(), 1);
  LASSO_CHECK(is_real(array.dtype) && (array.dims == planes || array.dims == batch),
              ErrorCode::kInvalidArgument,
              "an embedding is given as {} {}, and float {} or {} is expected",
              to_string(array.dtype), to_string(array.dims), to_string(planes), to_string(batch));
  LASSO_CHECK(array.data != nullptr, ErrorCode::kInvalidArgument, "an embedding has no data");
  LASSO_CHECK(image_width >= 1 && image_height >= 1 && image_width <= kMaxSide &&
                  image_height <= kMaxSide &&
                  std::int64_t{image_width} * image_height <= kMaxPixels,
              ErrorCode::kInvalidArgument,
              "an embedding's image of {}x{} pixels: expected at least one and at most {}",
              image_width, image_height, kMaxPixels);
  const std::vector<float> values = read_f32(array);
  const std::size_t bad = count_not_finite(values.data(), values.size());
  LASSO_CHECK(bad == 0, ErrorCode::kInvalidArgument,
              "an embedding has {} of {} values that are not finite", bad, values.size());
  auto impl = std::make_shared<Embedding::Impl>();
  impl->image_width = image_width;
  impl->image_height = image_height;
  impl->image_size = config.image_size;
  impl->grid = config.grid();
  impl->channels = config.prompt_dim;
  impl->preprocess = model.preprocess.name;
  impl->model_hash = model.hash;
  impl->decoder_hash = model.decoder_hash;
  impl->values = AlignedBuffer(values.size() * sizeof(float));
  const auto side = static_cast<std::size_t>(config.grid());
  transpose(values.data(), static_cast<std::size_t>(config.prompt_dim), side * side, impl->data());
  return Access::make<Embedding>(std::move(impl));
}

EmbeddingBlocks::EmbeddingBlocks(std::shared_ptr<const backend::Device> device, std::size_t bytes)
    : device_(std::move(device)), bytes_(bytes) {
  free_.reserve(kMostFree);
}

backend::Buffer EmbeddingBlocks::take() {
  backend::Buffer block;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      block = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (block.data() == nullptr) block = device_->allocate(bytes_);
  std::byte* data = block.data();
  std::shared_ptr<void> owner(data, [blocks = shared_from_this(), block](void*) mutable {
    const std::lock_guard<std::mutex> lock(blocks->mutex_);
    if (blocks->free_.size() < kMostFree) blocks->free_.push_back(std::move(block));
  });
  return {std::move(owner), data, bytes_};
}

}  // namespace sam

int Embedding::image_width() const { return impl_->image_width; }
int Embedding::image_height() const { return impl_->image_height; }
int Embedding::image_size() const { return impl_->image_size; }
int Embedding::grid() const { return impl_->grid; }
int Embedding::channels() const { return impl_->channels; }
int Embedding::low_res_side() const { return 4 * impl_->grid; }
const std::string& Embedding::preprocess() const { return impl_->preprocess; }
const std::optional<ValueRange>& Embedding::range() const { return impl_->range; }
const std::string& Embedding::model_hash() const { return impl_->model_hash; }

std::size_t Embedding::size() const { return impl_->size(); }

void Embedding::copy_to(float* values) const {
  LASSO_CHECK(values != nullptr, ErrorCode::kInvalidArgument, "values is null");
  const Impl& impl = *impl_;
  guarded([&] { std::copy_n(impl.data(), impl.size(), values); });
}

void Embedding::save(const std::string& path) const {
  guarded([&] { save_embedding(*impl_, path); });
}

Embedding Embedding::load(const std::string& path) {
  return guarded([&] { return load_embedding(path); });
}

}  // namespace lasso
