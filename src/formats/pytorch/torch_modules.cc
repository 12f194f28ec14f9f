#include "formats/pytorch/torch_modules.h"

#include <algorithm>
#include <set>

#include "formats/text.h"

namespace lasso {

namespace {

constexpr std::size_t kMaxDepth = 16;  // of modules in one another
// Of a module's state, and of each dictionary in it: they are searched for every member.
constexpr std::size_t kMaxMembers = 2000;
constexpr std::size_t kMaxNameBytes = 60;  // of a member in messages

std::string joined(const std::string& name, std::string_view member) {
  if (member.empty()) return name;
  const std::string text = printable(member, kMaxNameBytes);
  return name.empty() ? text : name + '.' + text;
}

}  // namespace

PickleId find_entry(const Pickle& pickle, const PickleValue& dictionary, std::string_view key) {
  if (dictionary.type != PickleType::kDict) return kNoPickleValue;
  const std::vector<PickleId>& items = pickle.items_of(dictionary);
  for (std::size_t i = items.size() / 2; i-- > 0;) {
    const PickleValue& own = pickle.value(items[2 * i]);
    if (own.type == PickleType::kString && own.text == key) return items[2 * i + 1];
  }
  return kNoPickleValue;
}

TorchModule::TorchModule(const TorchFile& torch, PickleId id, std::string name, std::size_t depth)
    : torch_(&torch), id_(id), name_(std::move(name)), depth_(depth) {
  if (depth > kMaxDepth) corrupt("", "modules stand in one another deeper than {}", kMaxDepth);
  const PickleValue& value = pickle().value(id);
  if (value.type != PickleType::kObject) corrupt("", "a module is expected");
  state_ = pickle().objects.at(value.index).state;
  if (state_ == kNoPickleValue || pickle().value(state_).type != PickleType::kDict) {
    corrupt("", "an object of {} without attributes, and a module is expected",
            printable(type().full()));
  }
  if (pickle().items_of(pickle().value(state_)).size() > 2 * kMaxMembers) {
    corrupt("", "more than {} attributes", kMaxMembers);
  }
}

void TorchModule::fail_at(ErrorCode code, std::string_view member, const std::string& what) const {
  fail(code, "{}: {}: {}", torch_->file->path(), joined(name_, member), what);
}

PickleName TorchModule::type() const { return class_of(pickle(), pickle().value(id_)); }

const std::vector<PickleId>* TorchModule::members(std::string_view collection) const {
  const PickleId id = find_entry(pickle(), pickle().value(state_), collection);
  if (id == kNoPickleValue) return nullptr;
  if (pickle().value(id).type != PickleType::kDict) corrupt(collection, "is no dictionary");
  const std::vector<PickleId>& items = pickle().items_of(pickle().value(id));
  if (items.size() > 2 * kMaxMembers) corrupt(collection, "more than {} members", kMaxMembers);
  return &items;
}

PickleId TorchModule::find_member(std::string_view collection, std::string_view member) const {
  if (members(collection) == nullptr) return kNoPickleValue;
  const PickleId dictionary = find_entry(pickle(), pickle().value(state_), collection);
  const PickleId id = find_entry(pickle(), pickle().value(dictionary), member);
  const bool is_nothing = id == kNoPickleValue || pickle().value(id).type == PickleType::kNone;
  return is_nothing ? kNoPickleValue : id;
}

TorchModule TorchModule::child(PickleId id, std::string_view member) const {
  return {*torch_, id, joined(name_, member), depth_ + 1};
}

std::vector<TorchModule> TorchModule::modules() const {
  std::vector<TorchModule> modules;
  const std::vector<PickleId>* items = members("_modules");
  if (items == nullptr) return modules;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i + 1 < items->size(); i += 2) {
    const PickleValue& key = pickle().value((*items)[i]);
    if (key.type != PickleType::kString) corrupt("_modules", "a name that is no text");
    if (!names.insert(key.text).second) corrupt(key.text, "there are two modules of this name");
    const PickleId id = (*items)[i + 1];
    if (pickle().value(id).type != PickleType::kNone) modules.push_back(child(id, key.text));
  }
  return modules;
}

std::optional<TorchModule> TorchModule::find_module(std::string_view member) const {
  const PickleId id = find_member("_modules", member);
  if (id == kNoPickleValue) return std::nullopt;
  return child(id, member);
}

TorchModule TorchModule::module(std::string_view member) const {
  auto found = find_module(member);
  if (!found) corrupt(member, "the module is missing");
  return *std::move(found);
}

WeightTensor TorchModule::view(PickleId id, std::string_view member) const {
  const PickleValue& value = pickle().value(id);
  if (value.type != PickleType::kTensor) corrupt(member, "a tensor is expected");
  const PickleTensor& tensor = pickle().tensors.at(value.index);
  if (!tensor.dtype) {
    corrupt(member, "a tensor of {}, which is not read", printable(tensor.type_name));
  }
  return tensor_of(*torch_, tensor, joined(name_, member));
}

std::optional<WeightTensor> TorchModule::find_tensor(std::string_view member) const {
  PickleId id = find_member("_parameters", member);
  if (id == kNoPickleValue) id = find_member("_buffers", member);
  if (id == kNoPickleValue) return std::nullopt;
  return view(id, member);
}

WeightTensor TorchModule::tensor(std::string_view member) const {
  auto found = find_tensor(member);
  if (!found) corrupt(member, "the tensor is missing");
  return *std::move(found);
}

PickleId TorchModule::attribute(std::string_view member) const {
  return find_entry(pickle(), pickle().value(state_), member);
}

bool TorchModule::is_none(std::string_view member) const {
  const PickleId id = attribute(member);
  return id == kNoPickleValue || pickle().value(id).type == PickleType::kNone;
}

bool TorchModule::is_integer(std::string_view member) const {
  const PickleId id = attribute(member);
  return id != kNoPickleValue && pickle().value(id).type == PickleType::kInt;
}

PickleId TorchModule::needed(std::string_view member) const {
  const PickleId id = attribute(member);
  if (id == kNoPickleValue) corrupt(member, "the attribute is missing");
  return id;
}

std::int64_t TorchModule::integer(std::string_view member) const {
  const PickleValue& value = pickle().value(needed(member));
  if (value.type != PickleType::kInt) corrupt(member, "an integer is expected");
  return value.integer;
}

double TorchModule::number(std::string_view member) const {
  const PickleValue& value = pickle().value(needed(member));
  if (value.type == PickleType::kInt) return static_cast<double>(value.integer);
  if (value.type != PickleType::kFloat) corrupt(member, "a number is expected");
  return value.number();
}

std::vector<std::int64_t> TorchModule::integers(std::string_view member, std::size_t most) const {
  const PickleValue& value = pickle().value(needed(member));
  if (value.type != PickleType::kTuple && value.type != PickleType::kList) {
    corrupt(member, "a list of integers is expected");
  }
  const std::vector<PickleId>& items = pickle().items_of(value);
  if (items.size() > most)
    corrupt(member, "{} numbers, and at most {} are read", items.size(), most);
  std::vector<std::int64_t> integers;
  for (const PickleId id : items) {
    const PickleValue& item = pickle().value(id);
    if (item.type != PickleType::kInt) corrupt(member, "a list of integers is expected");
    integers.push_back(item.integer);
  }
  return integers;
}

std::pair<std::int64_t, std::int64_t> TorchModule::integer_pair(std::string_view member) const {
  if (is_integer(member)) return {integer(member), integer(member)};
  const std::vector<std::int64_t> pair = integers(member, 2);
  if (pair.size() != 2) corrupt(member, "{} numbers, and two are expected", pair.size());
  return {pair[0], pair[1]};
}

bool TorchModule::flag(std::string_view member) const {
  const PickleId id = attribute(member);
  if (id == kNoPickleValue) return false;
  const PickleValue& value = pickle().value(id);
  if (value.type != PickleType::kBool) corrupt(member, "True or False is expected");
  return value.integer != 0;
}

std::string TorchModule::text(std::string_view member, std::string_view absent) const {
  const PickleId id = attribute(member);
  if (id == kNoPickleValue) return std::string(absent);
  const PickleValue& value = pickle().value(id);
  if (value.type != PickleType::kString) corrupt(member, "a text is expected");
  return std::string(value.text);
}

WeightTensor TorchModule::tensor_attribute(std::string_view member) const {
  return view(needed(member), member);
}

void TorchModule::check_members(std::initializer_list<std::string_view> known) const {
  for (const std::string_view collection : {"_modules", "_parameters", "_buffers"}) {
    const std::vector<PickleId>* items = members(collection);
    if (items == nullptr) continue;
    for (std::size_t i = 0; i + 1 < items->size(); i += 2) {
      const PickleValue& key = pickle().value((*items)[i]);
      if (key.type != PickleType::kString) corrupt(collection, "a name that is no text");
      if (pickle().value((*items)[i + 1]).type == PickleType::kNone) continue;
      if (std::find(known.begin(), known.end(), key.text) != known.end()) continue;
      unsupported(key.text, "{} has no such member in the model that Lasso knows",
                  printable(type().full()));
    }
  }
}

}  // namespace lasso
