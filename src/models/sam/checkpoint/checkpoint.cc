#include "models/sam/checkpoint/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string_view>
#include <tuple>

#include "core/check.h"
#include "core/convert.h"
#include "core/log.h"
#include "formats/checkpoint.h"
#include "formats/text.h"
#include "models/sam/checkpoint/families.h"

namespace lasso::sam {

namespace {

constexpr std::size_t kNamedProblems = 5;
// No file makes its tables take much more memory than itself.
constexpr std::int64_t kMaxTableGrowth = 16;
constexpr float kHuggingFaceDecoderNormEps = 1e-6F;

bool same_tensor(const Weights& weights, const std::string& a, const std::string& b) {
  if (weights.at(a).dtype != weights.at(b).dtype || weights.at(a).dims != weights.at(b).dims) {
    return false;
  }
  const Tensor x = weights.dense(a);
  const Tensor y = weights.dense(b);
  const bool same = std::memcmp(x.data.get(), y.data.get(), x.bytes()) == 0;
  x.check_file();
  y.check_file();
  return same;
}

// Of a file without one of SAM's names. Where an object of Python's stands in it, that may be the
// model.
std::string no_name_of_sam(const Weights& weights, const std::vector<std::string>& names) {
  const std::string object = weights.object_clause();
  return fmt::format(
      "not a SAM checkpoint: none of its {} tensors has one of SAM's names (the first is {}){}",
      names.size(), names.empty() ? "" : printable(names.front()),
      object.empty() ? "" : "; " + object);
}

// The names of a checkpoint, freed of wrappers, with what stands under them.
class Names {
 public:
  explicit Names(const Weights& weights) : weights_(weights) {
    for (const auto& [name, tensor] : weights.tensors()) add(name);
    for (const auto& [name, value] : weights.others()) add(name);
  }

  // Without wrappers; of tensors only.
  std::vector<std::string> tensors() const {
    std::vector<std::string> names;
    for (const auto& [name, originals] : originals_) {
      if (weights_.contains(originals.front())) names.push_back(name);
    }
    return names;
  }
  const std::map<std::string, std::vector<std::string>>& originals() const { return originals_; }

  // The one name in the file.
  const std::string& original(const std::string& name) const {
    const std::vector<std::string>& all = originals_.at(name);
    LASSO_CHECK(all.size() == 1, ErrorCode::kCorruptFile,
                "{}: {} and {} are both {} without the wrappers in their names; save one model "
                "alone",
                weights_.path(), printable(all.front()), printable(all.back()), printable(name));
    return all.front();
  }

 private:
  void add(const std::string& name) { originals_[unwrapped(name)].push_back(name); }

  const Weights& weights_;
  std::map<std::string, std::vector<std::string>> originals_;
};

// Which of the names are the model's: those with SAM's own names behind the prefix.
struct Own {
  std::string prefix;
  std::vector<std::string> names;  // without the prefix
  std::vector<std::string> beside;
};

bool is_lora_factor(std::string_view name) { return name.starts_with("w_a_"); }

Own own_names(const Weights& weights, const Names& names) {
  const std::vector<std::string> tensors = names.tensors();
  const auto found = model_prefix(tensors);
  if (!found || !found->complete) {
    if (const auto family = other_family(tensors)) {
      fail(ErrorCode::kUnsupported, "{}: {}", weights.path(), *family);
    }
  }
  LASSO_CHECK(found, ErrorCode::kUnsupported, "{}: {}", weights.path(),
              no_name_of_sam(weights, tensors));
  LASSO_CHECK(!found->second, ErrorCode::kUnsupported,
              "{}: two whole models, under \"{}\" and \"{}\"; save one of them alone",
              weights.path(), printable(found->prefix), printable(*found->second));
  Own own{found->prefix, {}, {}};
  std::vector<std::string> telling;  // what tells another family
  for (const auto& [name, originals] : names.originals()) {
    const bool inside = name.starts_with(own.prefix) && own_name(name) == own.prefix.size();
    (inside ? own.names : own.beside).push_back(inside ? name.substr(own.prefix.size()) : name);
    const bool factor = name.starts_with(own.prefix) &&
                        is_lora_factor(std::string_view(name).substr(own.prefix.size()));
    if (inside || factor) telling.push_back(name);
  }
  if (const auto family = other_family(telling)) {
    fail(ErrorCode::kUnsupported, "{}: {}", weights.path(), *family);
  }
  return own;
}

// What is in the file and not in the model.
void log_beside(const Weights& weights, const Names& names, const Own& own) {
  constexpr std::size_t kNamed = 100;
  if (own.beside.empty()) return;
  std::vector<std::string> parts;
  for (const std::string& name : own.beside) {
    if (parts.size() == kNamed) break;
    const std::string& original = names.originals().at(name).front();
    parts.push_back(fmt::format("{} ({})", printable(original),
                                weights.contains(original) ? to_string(weights.at(original).dims)
                                                           : weights.others().at(original).what));
  }
  if (own.beside.size() > kNamed) {
    parts.push_back(fmt::format("and {} more", own.beside.size() - kNamed));
  }
  log(LogLevel::kInfo,
      fmt::format("{}: beside the model{}, left out: {}", weights.path(),
                  own.prefix.empty() ? "" : fmt::format(" under \"{}\"", printable(own.prefix)),
                  fmt::join(parts, ", ")));
}

struct Canonical {
  Weights weights;
  bool hugging_face = false;
};

// The model's tensors under Meta's names; what stands beside the model is left out.
Canonical canonical(const Weights& weights) {
  const Names names(weights);
  const Own own = own_names(weights, names);
  log_beside(weights, names, own);
  Canonical result{Weights(weights.path()), is_hugging_face(own.names)};
  const MlpDepths depths = result.hugging_face ? hugging_face_mlp_depths(own.names) : MlpDepths{};
  std::map<std::string, std::string> origin;
  for (const std::string& name : own.names) {
    const std::string& full = names.original(own.prefix + name);
    const std::string meta = result.hugging_face ? meta_name(name, depths) : name;
    if (!weights.contains(full)) {
      result.weights.add_other(meta, weights.others().at(full));
      continue;
    }
    const auto [found, added] = origin.emplace(meta, full);
    if (!added) {  // older transformers store the positional matrix twice
      LASSO_CHECK(same_tensor(weights, found->second, full), ErrorCode::kCorruptFile,
                  "{}: tensors {} and {} are the same parameter, and differ", weights.path(),
                  printable(found->second), printable(full));
      continue;
    }
    result.weights.add(meta, weights.at(full));
  }
  return result;
}

// Linear interpolation of a table's rows, half-pixel centres, edges repeated: what Meta's and
// Hugging Face's code does at run time to a table whose length does not fit.
Tensor interpolate_rows(const Tensor& table, std::int64_t rows) {
  const std::int64_t from = table.dims[0];
  const std::int64_t width = table.dims[1];
  std::vector<float> values(static_cast<std::size_t>(rows * width));
  const std::vector<float> elements = read_f32(table.view());
  table.check_file();
  const auto element = [&](std::int64_t row, std::int64_t column) {
    return elements[static_cast<std::size_t>(row * width + column)];
  };
  const float scale = static_cast<float>(from) / static_cast<float>(rows);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float position = std::max((static_cast<float>(r) + 0.5F) * scale - 0.5F, 0.0F);
    const std::int64_t low = std::min(static_cast<std::int64_t>(position), from - 1);
    const std::int64_t high = std::min(low + 1, from - 1);
    const float part = position - static_cast<float>(low);
    for (std::int64_t column = 0; column < width; ++column) {
      values[static_cast<std::size_t>(r * width + column)] =
          (1 - part) * element(low, column) + part * element(high, column);
    }
  }
  return make_tensor({rows, width}, values);
}

// Where a configuration file says how the blocks attend, tables may have other lengths.
void fit_tables(const SamConfig& config, Weights* weights) {
  for (int i = 0; i < config.depth; ++i) {
    const std::int64_t side = config.is_global(i) ? config.grid() : config.window_size;
    for (const char* axis : {"h", "w"}) {
      const std::string name = fmt::format("image_encoder.blocks.{}.attn.rel_pos_{}", i, axis);
      if (!weights->contains(name)) continue;
      const WeightTensor& table = weights->at(name);
      const bool fits = table.dims.size() == 2 && table.dims[0] == 2 * side - 1;
      if (fits || table.dims.size() != 2 || 2 * side - 1 > kMaxTableGrowth * table.dims[0] ||
          table.dims[1] != config.head_dim || !is_real(table.dtype)) {
        continue;  // check_tensors names what is wrong
      }
      weights->set(name, interpolate_rows(weights->dense(name), 2 * side - 1));
    }
  }
}

// Every expected tensor is there, has the right shape and type, and there is no other.
void check_tensors(const SamConfig& config, const Weights& weights) {
  std::vector<std::string> problems;
  std::set<std::string> expected_names;
  for (const ExpectedTensor& expected : expected_tensors(config)) {
    expected_names.insert(expected.name);
    const std::string shape = to_string(expected.dims);
    if (!weights.contains(expected.name)) {
      const auto other = weights.others().find(expected.name);
      problems.push_back(other == weights.others().end()
                             ? fmt::format("{} {} is missing", expected.name, shape)
                             : fmt::format("{} is {} where a plain tensor {} is expected",
                                           expected.name, other->second.what, shape));
      continue;
    }
    const WeightTensor& tensor = weights.at(expected.name);
    if (tensor.dims != expected.dims) {
      problems.push_back(fmt::format("{} has shape {} where {} is expected", expected.name,
                                     to_string(tensor.dims), shape));
    } else if (!is_real(tensor.dtype)) {
      problems.push_back(
          fmt::format("{} has elements of type {} where float32, float16, bfloat16 or float64 "
                      "is expected",
                      expected.name, to_string(tensor.dtype)));
    } else if (tensor.dense_bytes() > tensor.storage_bytes) {
      problems.push_back(fmt::format("{} is an expanded view of {} bytes where {} are expected",
                                     expected.name, tensor.storage_bytes, tensor.dense_bytes()));
    }
  }
  for (const auto& [name, tensor] : weights.tensors()) {
    if (expected_names.count(name) == 0) {
      problems.push_back(
          fmt::format("{} {} is not one of SAM's", printable(name), to_string(tensor.dims)));
    }
  }
  for (const auto& [name, value] : weights.others()) {
    if (expected_names.count(name) == 0) {
      problems.push_back(fmt::format("{} ({}) is not one of SAM's", printable(name), value.what));
    }
  }
  if (problems.empty()) return;
  const std::size_t count = problems.size();
  if (count > kNamedProblems) {
    problems.resize(kNamedProblems);
    problems.push_back(fmt::format("and {} more", count - kNamedProblems));
  }
  fail(ErrorCode::kCorruptFile, "{}: {} of its tensors are not those of {}: {}", weights.path(),
       count, model_name(config), fmt::join(problems, "; "));
}

// Tensors may share memory as one and the same tensor (tied weights), or lie between one another's
// elements; but together they must not be larger than the memory they view, or a small file could
// stand for a model of any size.
void check_overlaps(const Weights& weights) {
  using View = std::tuple<std::uintptr_t, std::uintptr_t, DType, Dims, Dims>;
  std::set<View> views;  // in the order of their first bytes; tied tensors are one
  std::size_t viewed = 0;
  for (const auto& [name, tensor] : weights.tensors()) {
    if (tensor.dense_bytes() == 0) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(tensor.data);
    const std::uintptr_t end = begin + tensor.reach_bytes();
    if (views.emplace(begin, end, tensor.dtype, tensor.dims, tensor.strides).second) {
      viewed += tensor.dense_bytes();
    }
  }
  std::size_t covered = 0;
  std::uintptr_t reached = 0;
  for (const View& view : views) {
    const std::uintptr_t end = std::get<1>(view);
    if (end > reached) covered += end - std::max(std::get<0>(view), reached);
    reached = std::max(reached, end);
  }
  LASSO_CHECK(viewed <= covered, ErrorCode::kCorruptFile,
              "{}: its tensors overlap: they have {} bytes together and cover {} of the file",
              weights.path(), viewed, covered);
}

}  // namespace

std::string fingerprint(const SamCheckpoint& checkpoint) {
  return checkpoint.weights.fingerprint(to_json(checkpoint.config));
}

std::optional<std::string> other_model(const Weights& weights) {
  const std::vector<std::string> names = Names(weights).tensors();
  if (model_prefix(names)) return std::nullopt;
  const auto family = other_family(names);
  return family ? *family : no_name_of_sam(weights, names);
}

SamCheckpoint make_sam_checkpoint(const Weights& weights, const SamConfigOverride& stated) {
  auto [own, hugging_face] = canonical(weights);
  SamCheckpoint result{infer_config(own, stated), std::move(own)};
  if (hugging_face && stated.floats.count("decoder_norm_eps") == 0) {
    result.config.decoder_norm_eps = kHuggingFaceDecoderNormEps;
  }
  if (stated.global_blocks || stated.integer("window_size")) {
    fit_tables(result.config, &result.weights);
  }
  check_tensors(result.config, result.weights);
  check_overlaps(result.weights);
  return result;
}

SamCheckpoint make_sam_checkpoint(const Weights& weights, const std::string& config_path) {
  return make_sam_checkpoint(
      weights, config_path.empty() ? SamConfigOverride{} : read_config_override(config_path));
}

SamCheckpoint load_sam_checkpoint(const std::string& path, const std::string& config_path) {
  return make_sam_checkpoint(read_checkpoint(path), config_path);
}

}  // namespace lasso::sam
