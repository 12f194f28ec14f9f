#include "formats/safetensors/safetensors_reader.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "formats/safetensors/safetensors_types.h"
#include "formats/text.h"

namespace lasso {

namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kMaxTensors = 200'000;
constexpr std::size_t kMaxMetadata = 10'000;
constexpr std::size_t kMaxRank = 16;
constexpr std::size_t kMaxNameBytes = 1024;

struct HeaderEntry {
  std::string name;
  std::string dtype;
  Dims dims;
  std::vector<std::uint64_t> offsets;  // begin and end, from the end of the header
  std::set<std::string> seen;
};

// Takes the header's JSON event by event, so that nothing but its rightful content is ever kept: an
// object of objects {"dtype": string, "shape": [integers], "data_offsets": [begin, end]}, and one
// of strings.
class HeaderHandler : public Json::json_sax_t {
 public:
  explicit HeaderHandler(const std::string& file) : file_(file) {}

  std::vector<HeaderEntry> entries;
  Metadata metadata;

  bool null() override { return wrong("null"); }
  bool boolean(bool) override { return wrong("a boolean"); }
  bool number_integer(number_integer_t) override { return wrong("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return wrong("a number that is no 64-bit integer");
  }
  bool binary(binary_t&) override { return wrong("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (level_ != Level::kArray) return wrong("a number");
    HeaderEntry& entry = entries.back();
    if (key_ == "shape") {
      check(entry.dims.size() < kMaxRank, "more than 16 dimensions");
      check(value <= static_cast<std::uint64_t>(INT64_MAX), "a dimension beyond 2^63");
      entry.dims.push_back(static_cast<std::int64_t>(value));
    } else {
      check(entry.offsets.size() < 2, "more than two data_offsets");
      entry.offsets.push_back(value);
    }
    return true;
  }

  bool string(string_t& value) override {
    if (level_ == Level::kMetadata) {
      check(metadata.size() < kMaxMetadata, "more than 10,000 metadata");
      check(metadata.emplace(key_, std::move(value)).second, "the same metadata key twice");
      return true;
    }
    if (level_ != Level::kTensor || key_ != "dtype") return wrong("a string");
    entries.back().dtype = std::move(value);
    return true;
  }

  bool start_object(std::size_t) override {
    if (level_ == Level::kNothing) {
      level_ = Level::kRoot;
    } else if (level_ == Level::kRoot && key_ == "__metadata__") {
      check(!has_metadata_, "two __metadata__ objects");
      has_metadata_ = true;
      level_ = Level::kMetadata;
    } else if (level_ == Level::kRoot) {
      check(entries.size() < kMaxTensors, "more than 200,000 tensors");
      entries.push_back({key_, {}, {}, {}, {}});
      level_ = Level::kTensor;
    } else {
      return wrong("an object");
    }
    return true;
  }
  bool end_object() override {
    if (level_ == Level::kTensor) {
      check(entries.back().seen.size() == 3, "a tensor without dtype, shape and data_offsets");
      check(entries.back().offsets.size() == 2, "data_offsets that are not two");
    }
    level_ = level_ == Level::kRoot ? Level::kNothing : Level::kRoot;
    return true;
  }
  bool start_array(std::size_t) override {
    if (level_ != Level::kTensor || (key_ != "shape" && key_ != "data_offsets")) {
      return wrong("an array");
    }
    level_ = Level::kArray;
    return true;
  }
  bool end_array() override {
    level_ = Level::kTensor;
    return true;
  }
  bool key(string_t& value) override {
    check(value.size() <= kMaxNameBytes, "a name of more than 1024 bytes");
    key_ = std::move(value);
    if (level_ == Level::kTensor) {
      check(key_ == "dtype" || key_ == "shape" || key_ == "data_offsets",
            "a tensor with another field than dtype, shape and data_offsets");
      check(entries.back().seen.insert(key_).second, "the same field twice");
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) override {
    fail(ErrorCode::kCorruptFile, "{}: its safetensors header is no JSON at byte {}", file_,
         position);
  }

 private:
  enum class Level { kNothing, kRoot, kMetadata, kTensor, kArray };

  void check(bool condition, const char* what) const {
    LASSO_CHECK(condition, ErrorCode::kCorruptFile, "{}: its safetensors header has {}, near {}",
                file_, what,
                printable(level_ == Level::kTensor || level_ == Level::kArray ? entries.back().name
                                                                              : key_));
  }
  bool wrong(const char* what) const {
    check(false, fmt::format("{} where none may stand", what).c_str());
    return false;
  }

  const std::string& file_;
  Level level_ = Level::kNothing;
  std::string key_;
  bool has_metadata_ = false;
};

std::optional<DType> dtype_from(std::string_view name) {
  for (const SafetensorsType& type : kSafetensorsTypes) {
    if (type.name == name) return type.dtype;
  }
  return std::nullopt;
}

// The tensor's bytes as shape and type say, with every product checked.
std::uint64_t checked_bytes(const HeaderEntry& entry, DType dtype, const std::string& file) {
  std::int64_t strides = 1;  // products of dimensions other than 0 are used as strides
  std::int64_t bytes = static_cast<std::int64_t>(size_of(dtype));
  bool overflow = false;
  for (const std::int64_t dim : entry.dims) {
    overflow |= __builtin_mul_overflow(bytes, dim, &bytes);
    overflow |= __builtin_mul_overflow(strides, std::max<std::int64_t>(dim, 1), &strides);
  }
  LASSO_CHECK(!overflow, ErrorCode::kCorruptFile, "{}: tensor {} has an impossible shape {}", file,
              printable(entry.name), to_string(entry.dims));
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace

SafetensorsFile parse_safetensors(const std::byte* data, std::size_t size, const std::string& name,
                                  const std::shared_ptr<const void>& owner,
                                  const std::shared_ptr<const MappedFile>& file) {
  ByteReader reader(data, size, name);
  const auto header_bytes = reader.read<std::uint64_t>();
  LASSO_CHECK(header_bytes <= kMaxHeaderBytes && header_bytes <= reader.remaining(),
              ErrorCode::kCorruptFile,
              "{}: a safetensors header of {} bytes in a file of {}: cut off or damaged", name,
              header_bytes, size);
  const std::string_view header = reader.text(static_cast<std::size_t>(header_bytes));
  LASSO_CHECK(!header.empty() && header.front() == '{', ErrorCode::kCorruptFile,
              "{}: its safetensors header does not begin with {{", name);
  HeaderHandler handler(name);
  Json::sax_parse(header.begin(), header.end(), &handler);

  const std::byte* base = data + reader.position();
  const std::uint64_t total = reader.remaining();
  std::vector<HeaderEntry>& entries = handler.entries;
  std::sort(entries.begin(), entries.end(),
            [](const HeaderEntry& a, const HeaderEntry& b) { return a.offsets < b.offsets; });
  SafetensorsFile result{Weights(name), std::move(handler.metadata)};
  std::uint64_t position = 0;  // tensors follow one another without holes or overlaps
  for (const HeaderEntry& entry : entries) {
    const std::uint64_t begin = entry.offsets[0];
    const std::uint64_t end = entry.offsets[1];
    LASSO_CHECK(begin <= end && end <= total, ErrorCode::kCorruptFile,
                "{}: tensor {} lies at [{}, {}), outside the file's {} bytes of data", name,
                printable(entry.name), begin, end, total);
    LASSO_CHECK(begin == position, ErrorCode::kCorruptFile,
                "{}: tensor {} begins at {} where {} was expected: data must have no {}", name,
                printable(entry.name), begin, position, begin < position ? "overlaps" : "holes");
    position = end;
    const std::optional<DType> dtype = dtype_from(entry.dtype);
    if (!dtype) {  // its bytes are nobody's business unless the model needs it
      result.weights.add_other(entry.name, {fmt::format("a tensor of {}", printable(entry.dtype))});
      continue;
    }
    const std::uint64_t bytes = checked_bytes(entry, *dtype, name);
    LASSO_CHECK(bytes == end - begin, ErrorCode::kCorruptFile,
                "{}: tensor {} of type {} and shape {} takes {} bytes, and has {}", name,
                printable(entry.name), entry.dtype, to_string(entry.dims), bytes, end - begin);
    WeightTensor tensor;
    tensor.dtype = *dtype;
    tensor.dims = entry.dims;
    tensor.strides = dense_strides(entry.dims);
    tensor.data = base + begin;
    tensor.storage_bytes = static_cast<std::size_t>(bytes);
    tensor.owner = owner;
    tensor.file = file;
    result.weights.add(entry.name, std::move(tensor));
  }
  LASSO_CHECK(position == total, ErrorCode::kCorruptFile,
              "{}: {} bytes after the last tensor, which no tensor claims", name, total - position);
  return result;
}

SafetensorsFile read_safetensors(const std::shared_ptr<const MappedFile>& file) {
  return parse_safetensors(file->data(), file->size(), file->path(), file, file);
}

SafetensorsFile read_safetensors(const std::string& path) {
  const auto file = std::make_shared<const std::string>(read_file(path));
  return parse_safetensors(reinterpret_cast<const std::byte*>(file->data()), file->size(), path,
                           file);
}

}  // namespace lasso
