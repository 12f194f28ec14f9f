#include "formats/pytorch/pickle.h"

#include <algorithm>

#include "core/file.h"
#include "core/memory.h"
#include "formats/pytorch/pickle_opcodes.h"
#include "formats/text.h"

namespace lasso {

namespace {

using namespace pickle_opcode;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kMaxPickleBytes = 64 * kMiB;
constexpr std::size_t kMaxValues = std::size_t{1} << 21U;
// Of all collections together: a call can copy a list, so that its items are not bounded by the
// bytes.
constexpr std::size_t kMaxItems = 2 * kMaxValues;
constexpr std::size_t kMaxStack = std::size_t{1} << 20U;
constexpr std::size_t kMaxMarks = 1000;  // nesting of collections under construction
constexpr std::size_t kMaxRank = 16;
constexpr PickleId kNoValue = 0xffffffff;

class Machine {
 public:
  Machine(const std::byte* data, std::size_t size, const std::string& name)
      : reader_(data, size, name) {}

  Pickle run() {
    LASSO_CHECK(reader_.remaining() <= kMaxPickleBytes, ErrorCode::kUnsupported,
                "{}: a pickle of {} bytes; at most {} are read", reader_.name(),
                reader_.remaining(), kMaxPickleBytes);
    while (!stopped_) step(reader_.read<std::uint8_t>());
    return std::move(pickle_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void corrupt(fmt::format_string<Args...> format, Args&&... args) {
    fail(ErrorCode::kCorruptFile, "{}: {} (pickle, before byte {})", reader_.name(),
         fmt::format(format, std::forward<Args>(args)...), reader_.position());
  }

  const PickleValue& value(PickleId id) const { return pickle_.values[id]; }
  const std::vector<PickleId>& items(PickleId id) const { return pickle_.items[value(id).index]; }

  PickleId make(PickleValue value) {
    if (pickle_.values.size() >= kMaxValues) corrupt("more than {} values", kMaxValues);
    pickle_.values.push_back(value);
    return static_cast<PickleId>(pickle_.values.size() - 1);
  }
  PickleId make_collection(PickleType type, std::vector<PickleId> items) {
    PickleValue value;
    count_items(items.size());
    value.type = type;
    value.index = static_cast<std::uint32_t>(pickle_.items.size());
    pickle_.items.push_back(std::move(items));
    return make(value);
  }
  void count_items(std::size_t count) {
    item_count_ += count;
    if (item_count_ > kMaxItems) corrupt("more than {} items in collections", kMaxItems);
  }
  PickleId make_text(PickleType type, std::string_view text) {
    PickleValue value;
    value.type = type;
    value.text = text;
    return make(value);
  }
  PickleId make_opaque() {
    PickleValue value;
    value.type = PickleType::kOpaque;
    return make(value);
  }
  PickleId make_integer(PickleType type, std::int64_t integer) {
    PickleValue value;
    value.type = type;
    value.integer = integer;
    return make(value);
  }

  void push(PickleId id) {
    if (stack_.size() >= kMaxStack) corrupt("a stack of more than {} values", kMaxStack);
    stack_.push_back(id);
  }
  // A collection's opcodes never take values from below its mark.
  PickleId pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) corrupt("a value is needed");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  PickleId top() {
    const PickleId id = pop();
    stack_.push_back(id);
    return id;
  }
  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) corrupt("a mark is needed");
    std::vector<PickleId> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                                stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleId> pop_values(std::size_t count) {
    std::vector<PickleId> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  void step(std::uint8_t opcode);
  void collection_step(std::uint8_t opcode);
  std::string_view line();
  std::string_view sized_text(std::uint64_t bytes);
  std::int64_t long_integer(std::size_t bytes);
  void put(std::size_t slot);
  void get(std::size_t slot);
  void extend(PickleType type, const std::vector<PickleId>& items);
  PickleId global(std::string_view module, std::string_view name);
  PickleId persistent(PickleId id);
  PickleId reduce(PickleId callable, PickleId arguments);
  PickleId dictionary(const std::vector<PickleId>& arguments);
  PickleId rebuild_tensor(const std::vector<PickleId>& arguments);
  Dims dims(PickleId id, const char* what);

  ByteReader reader_;
  Pickle pickle_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleId> memo_;
  std::size_t memoized_ = 0;
  std::size_t item_count_ = 0;
  bool stopped_ = false;
};

// Module and attribute names of GLOBAL end in a newline each.
std::string_view Machine::line() {
  constexpr std::size_t kMaxLine = 1000;
  const std::size_t limit = std::min(reader_.remaining(), kMaxLine);
  const std::size_t begin = reader_.position();
  const std::string_view text = reader_.text(limit);
  const std::size_t end = text.find('\n');
  if (end == text.npos) corrupt("a name without an end");
  reader_.seek(begin + end + 1);
  return text.substr(0, end);
}

std::string_view Machine::sized_text(std::uint64_t bytes) {
  if (bytes > reader_.remaining()) {
    corrupt("a string of {} bytes where {} are left", bytes, reader_.remaining());
  }
  return reader_.text(static_cast<std::size_t>(bytes));
}

// Little-endian two's complement of up to 8 bytes.
std::int64_t Machine::long_integer(std::size_t bytes) {
  std::uint64_t bits = 0;
  const std::string_view text = reader_.text(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
  }
  const bool negative = bytes > 0 && (static_cast<unsigned char>(text[bytes - 1]) & 0x80U) != 0;
  if (negative && bytes < 8) bits |= ~std::uint64_t{0} << (8 * bytes);
  return static_cast<std::int64_t>(bits);
}

void Machine::step(std::uint8_t opcode) {
  switch (opcode) {
    case kProto: {
      const auto protocol = reader_.read<std::uint8_t>();
      if (protocol < 2 || protocol > 5) corrupt("protocol {} where 2 to 5 are read", protocol);
      return;
    }
    case kFrame:
      if (const auto bytes = reader_.read<std::uint64_t>(); bytes > reader_.remaining()) {
        corrupt("a frame of {} bytes where {} are left", bytes, reader_.remaining());
      }
      return;
    case kStop:
      pickle_.root = pop();
      stopped_ = true;
      return;
    case kNone:
      return push(make({}));
    case kNewTrue:
      return push(make_integer(PickleType::kBool, 1));
    case kNewFalse:
      return push(make_integer(PickleType::kBool, 0));
    case kBinInt:
      return push(make_integer(PickleType::kInt, reader_.read<std::int32_t>()));
    case kBinInt1:
      return push(make_integer(PickleType::kInt, reader_.read<std::uint8_t>()));
    case kBinInt2:
      return push(make_integer(PickleType::kInt, reader_.read<std::uint16_t>()));
    case kLong1: {
      const auto bytes = reader_.read<std::uint8_t>();
      if (bytes <= 8) return push(make_integer(PickleType::kInt, long_integer(bytes)));
      reader_.take(bytes);
      return push(make_opaque());
    }
    case kBinFloat: {  // big-endian; no float of a checkpoint's pickle is of use here
      reader_.take(8);
      PickleValue value;
      value.type = PickleType::kFloat;
      return push(make(value));
    }
    case kBinUnicode:
      return push(make_text(PickleType::kString, sized_text(reader_.read<std::uint32_t>())));
    case kShortBinUnicode:
      return push(make_text(PickleType::kString, sized_text(reader_.read<std::uint8_t>())));
    case kBinUnicode8:
      return push(make_text(PickleType::kString, sized_text(reader_.read<std::uint64_t>())));
    case kBinString:  // Python 2's str
      return push(make_text(PickleType::kString, sized_text(reader_.read<std::uint32_t>())));
    case kShortBinString:
      return push(make_text(PickleType::kString, sized_text(reader_.read<std::uint8_t>())));
    case kBinBytes:
      return push(make_text(PickleType::kBytes, sized_text(reader_.read<std::uint32_t>())));
    case kShortBinBytes:
      return push(make_text(PickleType::kBytes, sized_text(reader_.read<std::uint8_t>())));
    case kBinBytes8:
      return push(make_text(PickleType::kBytes, sized_text(reader_.read<std::uint64_t>())));
    case kBinPut:
      return put(reader_.read<std::uint8_t>());
    case kLongBinPut:
      return put(reader_.read<std::uint32_t>());
    case kMemoize:
      return put(memoized_);
    case kBinGet:
      return get(reader_.read<std::uint8_t>());
    case kLongBinGet:
      return get(reader_.read<std::uint32_t>());
    case kGlobal: {
      const std::string_view module = line();
      const std::string_view name = line();
      return push(global(module, name));
    }
    case kStackGlobal: {
      const PickleId name = pop();
      const PickleId module = pop();
      if (value(name).type != PickleType::kString || value(module).type != PickleType::kString) {
        corrupt("a global whose name is no string");
      }
      return push(global(value(module).text, value(name).text));
    }
    case kBinPersId:
      return push(persistent(pop()));
    case kReduce:
    case kNewObj: {
      const PickleId arguments = pop();
      return push(reduce(pop(), arguments));
    }
    case kBuild: {  // attributes of an object: _metadata of a state dictionary, a namespace's
                    // fields
      pop();
      const PickleType type = value(top()).type;
      if (type != PickleType::kDict && type != PickleType::kTensor && type != PickleType::kOpaque) {
        corrupt("BUILD on a plain value");
      }
      return;
    }
    default:
      return collection_step(opcode);
  }
}

void Machine::collection_step(std::uint8_t opcode) {
  switch (opcode) {
    case kMark:
      if (marks_.size() >= kMaxMarks) corrupt("more than {} levels", kMaxMarks);
      marks_.push_back(stack_.size());
      return;
    case kPop:
      // An unused mark is popped like a value.
      if (!marks_.empty() && stack_.size() == marks_.back()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return;
    case kPopMark:
      pop_to_mark();
      return;
    case kDup:
      return push(top());
    case kEmptyTuple:
      return push(make_collection(PickleType::kTuple, {}));
    case kTuple:
      return push(make_collection(PickleType::kTuple, pop_to_mark()));
    case kTuple1:
      return push(make_collection(PickleType::kTuple, pop_values(1)));
    case kTuple2:
      return push(make_collection(PickleType::kTuple, pop_values(2)));
    case kTuple3:
      return push(make_collection(PickleType::kTuple, pop_values(3)));
    case kEmptyList:
      return push(make_collection(PickleType::kList, {}));
    case kList:
      return push(make_collection(PickleType::kList, pop_to_mark()));
    case kEmptyDict:
      return push(make_collection(PickleType::kDict, {}));
    case kDict: {
      std::vector<PickleId> items = pop_to_mark();
      if (items.size() % 2 != 0) corrupt("a key without a value");
      return push(make_collection(PickleType::kDict, std::move(items)));
    }
    case kEmptySet:
      return push(make_opaque());
    case kFrozenSet:
      pop_to_mark();
      return push(make_opaque());
    case kAddItems:
      pop_to_mark();
      if (value(top()).type != PickleType::kOpaque)
        corrupt("ADDITEMS on something else than a set");
      return;
    case kAppend:
      return extend(PickleType::kList, pop_values(1));
    case kAppends:
      return extend(PickleType::kList, pop_to_mark());
    case kSetItem:
      return extend(PickleType::kDict, pop_values(2));
    case kSetItems:
      return extend(PickleType::kDict, pop_to_mark());
    default:
      corrupt("opcode 0x{:02x}, which no checkpoint needs: damaged, or made to do harm", opcode);
  }
}

void Machine::put(std::size_t slot) {
  // Python numbers its memo in order; a gap is a sign of damage, and a large one would cost memory.
  constexpr std::size_t kMaxGap = 1000;
  if (slot > memo_.size() + kMaxGap || slot >= kMaxValues) corrupt("memo slot {}", slot);
  if (slot >= memo_.size()) memo_.resize(slot + 1, kNoValue);
  memo_[slot] = top();
  ++memoized_;
}

void Machine::get(std::size_t slot) {
  if (slot >= memo_.size() || memo_[slot] == kNoValue) corrupt("memo slot {} is empty", slot);
  push(memo_[slot]);
}

void Machine::extend(PickleType type, const std::vector<PickleId>& items) {
  const PickleValue& target = value(top());
  if (type == PickleType::kDict && items.size() % 2 != 0) corrupt("a key without a value");
  if (target.type == PickleType::kOpaque) return;
  if (target.type != type) corrupt("items for something else than a list or dictionary");
  count_items(items.size());
  std::vector<PickleId>& all = pickle_.items[target.index];
  all.insert(all.end(), items.begin(), items.end());
}

PickleId Machine::global(std::string_view module, std::string_view name) {
  const PickleGlobal* global = find_pickle_global(module, name);
  if (global == nullptr) refuse_pickle_global(reader_.name(), module, name);
  PickleValue value;
  value.type = PickleType::kGlobal;
  value.global = global;
  return make(value);
}

// torch.save's ('storage', type, key, location, number of elements).
PickleId Machine::persistent(PickleId id) {
  if (value(id).type != PickleType::kTuple || items(id).size() < 5) {
    corrupt("a persistent id that is no storage's");
  }
  const std::vector<PickleId>& fields = items(id);
  const PickleValue& tag = value(fields[0]);
  const PickleValue& type = value(fields[1]);
  const PickleValue& key = value(fields[2]);
  const PickleValue& elements = value(fields[4]);
  if (tag.type != PickleType::kString || tag.text != "storage" ||
      type.type != PickleType::kGlobal || type.global->kind != GlobalKind::kStorage ||
      key.type != PickleType::kString || elements.type != PickleType::kInt) {
    corrupt("a persistent id that is no storage's");
  }
  std::int64_t bytes = 0;
  if (elements.integer < 0 ||
      __builtin_mul_overflow(elements.integer,
                             static_cast<std::int64_t>(size_of(type.global->dtype)), &bytes)) {
    corrupt("storage {} of {} elements", printable(key.text), elements.integer);
  }
  PickleValue storage;
  storage.type = PickleType::kStorage;
  storage.index = static_cast<std::uint32_t>(pickle_.storages.size());
  pickle_.storages.push_back({type.global->dtype, key.text, elements.integer});
  return make(storage);
}

PickleId Machine::reduce(PickleId callable, PickleId arguments) {
  if (value(callable).type != PickleType::kGlobal || value(arguments).type != PickleType::kTuple) {
    corrupt("a call of something that can't be called");
  }
  const PickleGlobal& global = *value(callable).global;
  switch (global.kind) {
    case GlobalKind::kDictionary:
      return dictionary(items(arguments));
    case GlobalKind::kRebuildTensor:
      return rebuild_tensor(items(arguments));
    case GlobalKind::kRebuildParameter: {
      const std::vector<PickleId>& given = items(arguments);
      if (given.empty() || value(given[0]).type != PickleType::kTensor) {
        corrupt("a parameter without a tensor");
      }
      return given[0];
    }
    case GlobalKind::kStorage:
      corrupt("a storage outside the archive");
    case GlobalKind::kOpaque:
      return make_opaque();
  }
  corrupt("a call of something that can't be called");
}

// Empty, to be filled by SETITEMS; or, from Python 2, made of a list of pairs.
PickleId Machine::dictionary(const std::vector<PickleId>& arguments) {
  std::vector<PickleId> content;
  if (!arguments.empty() && value(arguments[0]).type == PickleType::kList) {
    for (const PickleId pair : items(arguments[0])) {
      const PickleType type = value(pair).type;
      if ((type != PickleType::kList && type != PickleType::kTuple) || items(pair).size() != 2) {
        corrupt("a dictionary made of something else than pairs");
      }
      content.insert(content.end(), items(pair).begin(), items(pair).end());
    }
  }
  return make_collection(PickleType::kDict, std::move(content));
}

Dims Machine::dims(PickleId id, const char* what) {
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

PickleId Machine::rebuild_tensor(const std::vector<PickleId>& arguments) {
  if (arguments.size() < 4 || value(arguments[0]).type != PickleType::kStorage ||
      value(arguments[1]).type != PickleType::kInt) {
    corrupt("a tensor without a storage, offset, size and stride");
  }
  PickleTensor tensor;
  tensor.storage = value(arguments[0]).index;
  tensor.offset = value(arguments[1]).integer;
  tensor.dims = dims(arguments[2], "a size");
  tensor.strides = dims(arguments[3], "a stride");
  const PickleStorage& storage = pickle_.storages[tensor.storage];
  if (tensor.dims.size() != tensor.strides.size()) {
    corrupt("a tensor with {} sizes and {} strides", tensor.dims.size(), tensor.strides.size());
  }
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
  const bool inside = count == 0 ? tensor.offset <= storage.elements : last < storage.elements;
  if (overflow || !inside) {
    corrupt("a tensor of shape {}, strides {} and offset {} leaves its storage {} of {} elements",
            to_string(tensor.dims), to_string(tensor.strides), tensor.offset,
            printable(storage.key), storage.elements);
  }
  PickleValue value;
  value.type = PickleType::kTensor;
  value.index = static_cast<std::uint32_t>(pickle_.tensors.size());
  pickle_.tensors.push_back(std::move(tensor));
  return make(value);
}

}  // namespace

Pickle read_pickle(const std::byte* data, std::size_t size, const std::string& name) {
  return Machine(data, size, name).run();
}

}  // namespace lasso
