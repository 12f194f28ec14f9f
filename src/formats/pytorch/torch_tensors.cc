#include "formats/pytorch/torch_tensors.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "formats/text.h"

namespace lasso {

namespace {

constexpr std::size_t kMaxDepth = 16;  // of nested dictionaries
constexpr std::size_t kMaxTensors = 200'000;
constexpr std::size_t kMaxOthers = 10'000;
constexpr std::size_t kMaxVisits = 1'000'000;  // dictionary entries; shared ones count each time
constexpr std::size_t kMaxNameBytes = 512;

// Walks nested dictionaries and collects their leaves under joined keys.
class Flattener {
 public:
  Flattener(const Pickle& pickle, const std::string& file, Weights* weights)
      : pickle_(pickle), file_(file), weights_(weights) {}

  std::map<std::string, std::uint32_t> run() {
    visit(pickle_.value(pickle_.root), "", 0);
    return std::move(tensors_);
  }

 private:
  void visit(const PickleValue& value, const std::string& name, std::size_t depth) {
    if (value.type == PickleType::kTensor) return visit_tensor(value.index, name);
    if (value.type != PickleType::kDict) {
      if (has_room()) weights_->add_other(name, what(value));
      return;
    }
    if (depth >= kMaxDepth) return;
    // As in Python, the last value of a key counts.
    std::map<std::string_view, PickleId> entries;
    const std::vector<PickleId>& items = pickle_.items_of(value);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      LASSO_CHECK(++visits_ <= kMaxVisits, ErrorCode::kCorruptFile,
                  "{}: more than {} entries in nested dictionaries", file_, kMaxVisits);
      const PickleValue& key = pickle_.value(items[i]);
      if (key.type != PickleType::kString || key.text.empty()) continue;
      if (name.size() + key.text.size() >= kMaxNameBytes) continue;
      entries[key.text] = items[i + 1];
    }
    for (const auto& [key, id] : entries) {
      visit(pickle_.value(id), name.empty() ? std::string(key) : name + '.' + std::string(key),
            depth + 1);
    }
  }

  void visit_tensor(std::uint32_t index, const std::string& name) {
    const PickleTensor& tensor = pickle_.tensors[index];
    if (!tensor.dtype) {
      if (has_room()) {
        weights_->add_other(name, {fmt::format("a tensor of {}", printable(tensor.type_name))});
      }
      return;
    }
    LASSO_CHECK(tensors_.size() < kMaxTensors, ErrorCode::kCorruptFile, "{}: more than {} tensors",
                file_, kMaxTensors);
    // {"a": {"b": x}, "a.b": y}: nobody can say which of the two is meant.
    if (ambiguous_.count(name) != 0 || tensors_.emplace(name, index).second) return;
    tensors_.erase(name);
    ambiguous_.insert(name);
    if (has_room()) weights_->add_other(name, {"two tensors of the same name"});
  }

  bool has_room() const { return weights_->others().size() < kMaxOthers; }

  static OtherValue of_class(const char* what, const PickleName& name) {
    return {fmt::format("{} {}", what, printable(name.full())),
            describe_object(name.module, name.name), is_model_class(name.module)};
  }

  OtherValue what(const PickleValue& value) const {
    switch (value.type) {
      case PickleType::kNone:
        return {"None"};
      case PickleType::kBool:
      case PickleType::kInt:
      case PickleType::kBigInt:
      case PickleType::kFloat:
        return {"a number"};
      case PickleType::kString:
        return {"a text"};
      case PickleType::kBytes:
        return {"bytes"};
      case PickleType::kTuple:
      case PickleType::kList:
      case PickleType::kSet:
        return {"a list"};
      case PickleType::kStorage:
        return {"a storage"};
      case PickleType::kGlobal:
        return of_class("the class", pickle_.names[value.index]);
      case PickleType::kObject:
        return of_class("an object of class", class_of(pickle_, value));
      case PickleType::kDict:
      case PickleType::kTensor:
        break;
    }
    return {};
  }

  const Pickle& pickle_;
  const std::string& file_;
  Weights* weights_;
  std::map<std::string, std::uint32_t> tensors_;
  std::set<std::string> ambiguous_;  // names of several tensors
  std::size_t visits_ = 0;
};

}  // namespace

Weights torch_tensors(const TorchFile& torch) {
  const std::string& path = torch.file->path();
  Weights weights(path);
  for (const auto& [name, index] : Flattener(torch.pickle, path, &weights).run()) {
    weights.add(name, tensor_of(torch, torch.pickle.tensors[index], name));
  }
  torch.file->release(torch.file->data(), torch.file->size());  // the pages around the tensors
  if (weights.size() > 0) return weights;
  const std::string object = weights.object_clause();
  LASSO_CHECK(object.empty(), ErrorCode::kUnsupported, "{}: {}", path, object);
  fail(ErrorCode::kUnsupported,
       "{}: no tensors under names: neither a state dictionary nor one nested under \"model\", "
       "\"state_dict\" and the like; lists, keys that are no text and more than {} dictionaries in "
       "one another are not looked through",
       path, kMaxDepth);
}

}  // namespace lasso
