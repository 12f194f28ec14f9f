#include "formats/sharded.h"

#include <array>
#include <filesystem>
#include <map>
#include <string_view>

#include "core/check.h"
#include "core/json.h"
#include "core/memory.h"
#include "formats/checkpoint.h"
#include "formats/text.h"

namespace lasso {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxIndexBytes = 16 * kMiB;
constexpr std::size_t kMaxShards = 1000;
constexpr int kMaxJsonDepth = 8;

// In the order in which Hugging Face's loader looks for them.
constexpr auto kModelFiles =
    std::to_array<std::string_view>({"model.safetensors", "model.safetensors.index.json",
                                     "pytorch_model.bin", "pytorch_model.bin.index.json"});

std::string find_in_folder(const std::string& folder) {
  std::error_code ignored;
  for (const std::string_view name : kModelFiles) {
    const fs::path file = fs::path(folder) / name;
    if (fs::is_regular_file(file, ignored)) return file.string();
  }
  return "";
}

// shard -> names of tensors.
std::map<std::string, std::vector<std::string>> read_index(const MappedFile& index) {
  LASSO_CHECK(index.size() <= kMaxIndexBytes, ErrorCode::kUnsupported,
              "{}: an index of {} bytes; at most {} are read", index.path(), index.size(),
              kMaxIndexBytes);
  const std::string_view text(reinterpret_cast<const char*>(index.data()), index.size());
  const auto limit = [](int depth, Json::parse_event_t, Json&) { return depth < kMaxJsonDepth; };
  const Json json = Json::parse(text, limit, /*allow_exceptions=*/false);
  LASSO_CHECK(json.is_object() && json.contains("weight_map") && json["weight_map"].is_object(),
              ErrorCode::kCorruptFile,
              "{}: an index of a model in several files is expected: a JSON object with "
              "\"weight_map\", an object of file names",
              index.path());
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [name, file] : json["weight_map"].items()) {
    LASSO_CHECK(file.is_string(), ErrorCode::kCorruptFile, "{}: weight_map[\"{}\"] is no file name",
                index.path(), printable(name));
    const auto& shard = file.get_ref<const std::string&>();
    LASSO_CHECK(!shard.empty() && shard != "." && shard != ".." && shard.find('/') == shard.npos &&
                    shard.find('\0') == shard.npos,
                ErrorCode::kCorruptFile,
                "{}: weight_map[\"{}\"] is {}, and the name of a file in the same folder is "
                "expected",
                index.path(), printable(name), printable(shard));
    shards[shard].push_back(name);
    LASSO_CHECK(shards.size() <= kMaxShards, ErrorCode::kUnsupported,
                "{}: a model in more than {} files", index.path(), kMaxShards);
  }
  return shards;
}

}  // namespace

std::string model_file(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  std::string file = find_in_folder(path);
  LASSO_CHECK(!file.empty(), ErrorCode::kNotFound,
              "{}: a folder without a model: none of {}, {}, {} and {} is in it", path,
              kModelFiles[0], kModelFiles[1], kModelFiles[2], kModelFiles[3]);
  return file;
}

Weights read_shards(const std::shared_ptr<const MappedFile>& index) {
  Weights weights(index->path());
  const fs::path folder = fs::path(index->path()).parent_path();
  const auto shards = read_index(*index);
  std::map<std::string, std::string> shard_of;
  for (const auto& [shard, names] : shards) {
    for (const std::string& name : names) shard_of[name] = shard;
  }
  for (const auto& entry : shards) {
    const std::string& shard = entry.first;
    const fs::path path = folder / shard;
    std::error_code ignored;
    LASSO_CHECK(fs::is_regular_file(path, ignored), ErrorCode::kCorruptFile,
                "{}: it names {}, which is not there: the model is not complete", index->path(),
                printable(shard));
    const auto file = MappedFile::open(path.string());
    LASSO_CHECK(file_kind(*file) != FileKind::kShardIndex, ErrorCode::kCorruptFile,
                "{}: it names {}, which is an index itself", index->path(), printable(shard));
    const Weights part = read_checkpoint(file);
    for (const std::string& name : entry.second) {
      LASSO_CHECK(part.contains(name) || part.others().count(name) != 0, ErrorCode::kCorruptFile,
                  "{}: tensor {} is not in {}", index->path(), printable(name), printable(shard));
    }
    // The index decides between two files that have a tensor of one name.
    const auto elsewhere = [&](const std::string& name) {
      const auto found = shard_of.find(name);
      return found != shard_of.end() && found->second != shard;
    };
    for (const auto& [name, tensor] : part.tensors()) {
      if (elsewhere(name)) continue;
      LASSO_CHECK(
          !weights.contains(name), ErrorCode::kCorruptFile,
          "{}: tensor {} is in {} and in a file before it, and the index does not say which "
          "is meant",
          index->path(), printable(name), printable(shard));
      weights.add(name, tensor);
    }
    for (const auto& [name, value] : part.others()) {
      if (!elsewhere(name)) weights.add_other(name, value);
    }
  }
  LASSO_CHECK(weights.size() > 0, ErrorCode::kUnsupported, "{}: no tensors in it", index->path());
  return weights;
}

}  // namespace lasso
