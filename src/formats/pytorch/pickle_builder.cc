#include "formats/pytorch/pickle_builder.h"

#include <algorithm>

#include "formats/text.h"

namespace lasso {

namespace {

constexpr std::size_t kMaxValues = std::size_t{1} << 21U;
// Of all collections together: a call can copy a list, so that its items are not bounded by the
// bytes.
constexpr std::size_t kMaxItems = 2 * kMaxValues;
constexpr std::size_t kMaxTensors = std::size_t{1} << 18U;
constexpr std::size_t kMaxRank = 16;
// Of modules, classes and storages: they are compared and copied more often than they are written.
constexpr std::size_t kMaxNameBytes = 1000;

}  // namespace

PickleId PickleBuilder::make(PickleValue value) {
  if (pickle_.values.size() >= kMaxValues) corrupt("more than {} values", kMaxValues);
  pickle_.values.push_back(value);
  return static_cast<PickleId>(pickle_.values.size() - 1);
}

PickleId PickleBuilder::integer(PickleType type, std::int64_t integer) {
  PickleValue value;
  value.type = type;
  value.integer = integer;
  return make(value);
}

PickleId PickleBuilder::real(double number) {
  return integer(PickleType::kFloat, std::bit_cast<std::int64_t>(number));
}

PickleId PickleBuilder::text(PickleType type, std::string_view text) {
  PickleValue value;
  value.type = type;
  value.text = text;
  return make(value);
}

PickleId PickleBuilder::own_text(PickleType type, std::string text) {
  pickle_.texts.push_back(std::make_unique<const std::string>(std::move(text)));
  return this->text(type, *pickle_.texts.back());
}

void PickleBuilder::count_items(std::size_t count) {
  item_count_ += count;
  if (item_count_ > kMaxItems) corrupt("more than {} items in collections", kMaxItems);
}

PickleId PickleBuilder::collection(PickleType type, std::vector<PickleId> items) {
  count_items(items.size());
  PickleValue value;
  value.type = type;
  value.index = static_cast<std::uint32_t>(pickle_.items.size());
  pickle_.items.push_back(std::move(items));
  return make(value);
}

PickleId PickleBuilder::global(std::string_view module, std::string_view name) {
  if (std::max(module.size(), name.size()) > kMaxNameBytes) {
    corrupt("a name of more than {} bytes", kMaxNameBytes);
  }
  refuse_dangerous_global(reader_.name(), module, name);
  PickleValue value;
  value.type = PickleType::kGlobal;
  value.index = static_cast<std::uint32_t>(pickle_.names.size());
  pickle_.names.push_back({module, name, find_pickle_global(module, name)});
  return make(value);
}

const PickleGlobal* PickleBuilder::known(PickleId id) const {
  return value(id).type == PickleType::kGlobal ? pickle_.names[value(id).index].known : nullptr;
}

// torch.save's ('storage', type, key, location, number of elements), in the legacy format with a
// sixth field: None, or (key, first element, number of elements) of a part of the storage. Of
// classes of modules ('module', class, file, source).
PickleId PickleBuilder::persistent(PickleId id) {
  constexpr const char* kWrong = "a persistent id that is no storage's";
  if (value(id).type != PickleType::kTuple || items(id).size() < 2) corrupt("{}", kWrong);
  const std::vector<PickleId>& fields = items(id);
  const PickleValue& tag = value(fields[0]);
  if (tag.type != PickleType::kString) corrupt("{}", kWrong);
  if (tag.text == "module") return fields[1];
  if (tag.text != "storage" || fields.size() < 5) corrupt("{}", kWrong);
  const PickleValue& type = value(fields[1]);
  const PickleValue& key = value(fields[2]);
  const PickleValue& elements = value(fields[4]);
  if (type.type != PickleType::kGlobal || key.type != PickleType::kString ||
      elements.type != PickleType::kInt) {
    corrupt("{}", kWrong);
  }
  if (key.text.size() > kMaxNameBytes) {
    corrupt("a storage whose key has more than {} bytes", kMaxNameBytes);
  }
  PickleStorage storage;
  const PickleName& name = pickle_.names[type.index];
  if (name.known != nullptr && name.known->kind == GlobalKind::kStorage) storage.type = name.known;
  storage.type_name = name.name;
  storage.key = key.text;
  storage.elements = elements.integer;
  storage.count = elements.integer;
  const std::size_t item = storage.type == nullptr ? 1 : storage.type->item_bytes;
  std::int64_t bytes = 0;
  if (storage.elements < 0 ||
      __builtin_mul_overflow(storage.elements, static_cast<std::int64_t>(item), &bytes)) {
    corrupt("storage {} of {} elements", printable(storage.key), storage.elements);
  }
  if (fields.size() > 5 && value(fields[5]).type == PickleType::kTuple) {
    const std::vector<PickleId>& part = items(fields[5]);
    if (part.size() != 3 || value(part[1]).type != PickleType::kInt ||
        value(part[2]).type != PickleType::kInt) {
      corrupt("a part of a storage without a first element and a number of elements");
    }
    storage.first = value(part[1]).integer;
    storage.count = value(part[2]).integer;
    if (storage.first < 0 || storage.count < 0 || storage.first > storage.elements ||
        storage.count > storage.elements - storage.first) {
      corrupt("{} elements from {} on of storage {}, which has {}", storage.count, storage.first,
              printable(storage.key), storage.elements);
    }
  }
  PickleValue result;
  result.type = PickleType::kStorage;
  result.index = static_cast<std::uint32_t>(pickle_.storages.size());
  pickle_.storages.push_back(storage);
  return make(result);
}

PickleId PickleBuilder::make_object(PickleId callable, PickleId arguments, PickleId keywords) {
  PickleValue value;
  value.type = PickleType::kObject;
  value.index = static_cast<std::uint32_t>(pickle_.objects.size());
  PickleObject object;
  object.callable = callable;
  object.arguments = arguments;
  object.keywords = keywords;
  pickle_.objects.push_back(object);
  return make(value);
}

PickleId PickleBuilder::call(PickleId callable, PickleId arguments, PickleId keywords) {
  const PickleType type = value(callable).type;
  if ((type != PickleType::kGlobal && type != PickleType::kObject) ||
      value(arguments).type != PickleType::kTuple) {
    corrupt("a call of something that can't be called");
  }
  const PickleGlobal* global = known(callable);
  if (global == nullptr) return make_object(callable, arguments, keywords);
  switch (global->kind) {
    case GlobalKind::kDictionary:
      return filled(PickleType::kDict, items(arguments));
    case GlobalKind::kSet:
      return filled(PickleType::kSet, items(arguments));
    case GlobalKind::kRebuildTensor:
      return rebuild_tensor(callable, arguments, false);
    case GlobalKind::kRebuildTyped:
      return rebuild_tensor(callable, arguments, true);
    case GlobalKind::kRebuildFromType:
      return rebuild_from_type(callable, arguments);
    case GlobalKind::kRebuildParameter: {
      const std::vector<PickleId>& given = items(arguments);
      if (given.empty() || (value(given[0]).type != PickleType::kTensor &&
                            value(given[0]).type != PickleType::kObject)) {
        corrupt("a parameter without a tensor");
      }
      return given[0];
    }
    default:
      return make_object(callable, arguments, keywords);
  }
}

// An empty collection, to be filled by further opcodes; or, from Python 2, one that is made of a
// list: of its items, or of pairs for a dictionary.
PickleId PickleBuilder::filled(PickleType type, const std::vector<PickleId>& arguments) {
  std::vector<PickleId> content;
  if (!arguments.empty() && value(arguments[0]).type == PickleType::kList) {
    content = items(arguments[0]);
    if (type == PickleType::kDict) content = pairs(content);
  }
  return collection(type, std::move(content));
}

std::vector<PickleId> PickleBuilder::pairs(const std::vector<PickleId>& list) const {
  std::vector<PickleId> content;
  for (const PickleId pair : list) {
    const PickleType type = value(pair).type;
    if ((type != PickleType::kList && type != PickleType::kTuple) || items(pair).size() != 2) {
      corrupt("a dictionary made of something else than pairs");
    }
    content.insert(content.end(), items(pair).begin(), items(pair).end());
  }
  return content;
}

void PickleBuilder::set_state(PickleId id, PickleId state) {
  switch (value(id).type) {
    case PickleType::kObject:
      pickle_.objects[value(id).index].state = state;
      return;
    case PickleType::kDict:    // _metadata of a state dictionary
    case PickleType::kTensor:  // attributes that a script gave it
    case PickleType::kGlobal:
      return;
    default:
      corrupt("BUILD on a plain value");
  }
}

void PickleBuilder::extend(PickleId id, PickleType type, const std::vector<PickleId>& items) {
  if (type == PickleType::kDict && items.size() % 2 != 0) corrupt("a key without a value");
  std::uint32_t index = value(id).index;
  if (value(id).type == PickleType::kObject) {
    PickleObject& object = pickle_.objects[index];
    std::uint32_t& own = type == PickleType::kDict ? object.entries : object.elements;
    if (own == kNoPickleValue) {
      own = static_cast<std::uint32_t>(pickle_.items.size());
      pickle_.items.emplace_back();
    }
    index = own;
  } else if (value(id).type != type) {
    corrupt("items for something else than a list, set or dictionary");
  }
  count_items(items.size());
  std::vector<PickleId>& all = pickle_.items[index];
  all.insert(all.end(), items.begin(), items.end());
}

Dims PickleBuilder::dims(PickleId id, const char* what) {
  const PickleType type = value(id).type;
  if (type != PickleType::kTuple && type != PickleType::kList) corrupt("{} that is no tuple", what);
  if (items(id).size() > kMaxRank) corrupt("{} of {} dimensions", what, items(id).size());
  Dims dims;
  for (const PickleId item : items(id)) {
    if (value(item).type != PickleType::kInt) corrupt("{} that is no integer", what);
    if (value(item).integer < 0) corrupt("{} of {}", what, value(item).integer);
    dims.push_back(value(item).integer);
  }
  return dims;
}

// A function that rebuilds a tensor, with attributes that a script gave it, or of a subclass; only
// of PyTorch's own two classes the values are certain to be what the function makes.
PickleId PickleBuilder::rebuild_from_type(PickleId callable, PickleId arguments) {
  const std::vector<PickleId>& given = items(arguments);
  if (given.size() < 3) corrupt("a tensor without a function, class and arguments");
  const PickleGlobal* function = known(given[0]);
  const PickleGlobal* type = known(given[1]);
  const bool plain = type != nullptr && type->kind == GlobalKind::kTensorClass &&
                     function != nullptr &&
                     (function->kind == GlobalKind::kRebuildTensor ||
                      function->kind == GlobalKind::kRebuildTyped ||
                      function->kind == GlobalKind::kRebuildParameter);
  if (!plain) return make_object(callable, arguments, kNoPickleValue);
  return call(given[0], given[2]);
}

// (storage, offset, sizes, strides, requires_grad, hooks[, element type][, metadata]).
PickleId PickleBuilder::rebuild_tensor(PickleId callable, PickleId arguments, bool typed) {
  const std::vector<PickleId>& given = items(arguments);
  if (!given.empty() && value(given[0]).type == PickleType::kObject) {
    return make_object(callable, arguments, kNoPickleValue);
  }
  if (given.size() < (typed ? 7U : 4U) || value(given[0]).type != PickleType::kStorage ||
      value(given[1]).type != PickleType::kInt) {
    corrupt("a tensor without a storage, offset, size and stride");
  }
  // Metadata are flags that change what the elements mean, such as a negative sign that waits.
  const std::size_t metadata = typed ? 7 : 6;
  if (given.size() > metadata && value(given[metadata]).type == PickleType::kDict &&
      !items(given[metadata]).empty()) {
    return make_object(callable, arguments, kNoPickleValue);
  }
  PickleTensor tensor;
  tensor.storage = value(given[0]).index;
  const PickleStorage& storage = pickle_.storages[tensor.storage];
  tensor.type_name = storage.type_name;
  if (storage.type != nullptr) tensor.dtype = storage.type->dtype;
  std::int64_t count = storage.count;
  if (typed) {
    if (value(given[6]).type != PickleType::kGlobal) corrupt("a tensor whose type is no name");
    const PickleGlobal* element = known(given[6]);
    tensor.type_name = pickle_.names[value(given[6]).index].name;
    tensor.dtype = element == nullptr ? std::nullopt : element->dtype;
    // Without a part of it: no release of PyTorch wrote both.
    if (storage.type == nullptr || storage.type->item_bytes != 1 || storage.first != 0) {
      corrupt("a tensor of {} in a storage of other elements", printable(tensor.type_name));
    }
    if (tensor.dtype) count /= static_cast<std::int64_t>(size_of(*tensor.dtype));
  }
  tensor.offset = value(given[1]).integer;
  tensor.dims = dims(given[2], "a size");
  tensor.strides = dims(given[3], "a stride");
  if (tensor.dims.size() != tensor.strides.size()) {
    corrupt("a tensor with {} sizes and {} strides", tensor.dims.size(), tensor.strides.size());
  }
  check_inside(tensor, storage, count);
  if (pickle_.tensors.size() >= kMaxTensors) corrupt("more than {} tensors", kMaxTensors);
  tensor.offset += storage.first;
  PickleValue value;
  value.type = PickleType::kTensor;
  value.index = static_cast<std::uint32_t>(pickle_.tensors.size());
  pickle_.tensors.push_back(std::move(tensor));
  return make(value);
}

void PickleBuilder::check_inside(const PickleTensor& tensor, const PickleStorage& storage,
                                 std::int64_t elements) {
  // The furthest element; a tensor without elements touches none.
  std::int64_t last = tensor.offset;
  std::int64_t count = 1;
  bool overflow = tensor.offset < 0;
  for (std::size_t d = 0; d < tensor.dims.size(); ++d) {
    std::int64_t reach = 0;
    overflow |= __builtin_mul_overflow(count, tensor.dims[d], &count);
    overflow |=
        tensor.dims[d] > 0 && __builtin_mul_overflow(tensor.dims[d] - 1, tensor.strides[d], &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  const bool inside = count == 0 ? tensor.offset <= elements : last < elements;
  // Nobody reads a tensor whose type is unknown, and how many elements it may have is unknown, too.
  if (!overflow && (inside || !tensor.dtype)) return;
  corrupt("a tensor of shape {}, strides {} and offset {} leaves its storage {} of {} elements",
          to_string(tensor.dims), to_string(tensor.strides), tensor.offset, printable(storage.key),
          elements);
}

PickleName class_of(const Pickle& pickle, const PickleValue& object) {
  constexpr int kMaxChain = 8;  // an object that is made by an object that is made by ...
  const PickleValue* value = &object;
  for (int i = 0; i < kMaxChain && value->type == PickleType::kObject; ++i) {
    const PickleObject& made = pickle.objects[value->index];
    const PickleValue& callable = pickle.value(made.callable);
    const std::vector<PickleId>& arguments = pickle.items_of(pickle.value(made.arguments));
    const PickleGlobal* known =
        callable.type == PickleType::kGlobal ? pickle.names[callable.index].known : nullptr;
    value = &callable;
    if (known == nullptr) continue;
    // copyreg's functions and tensors of a subclass name the class among their arguments.
    const std::size_t at = known->kind == GlobalKind::kRebuildFromType ? 1 : 0;
    const bool names_class = at == 1 || known->kind == GlobalKind::kReconstructor;
    if (names_class && arguments.size() > at) value = &pickle.value(arguments[at]);
  }
  if (value->type == PickleType::kGlobal) return pickle.names[value->index];
  return {"unknown", "class", nullptr};
}

}  // namespace lasso
