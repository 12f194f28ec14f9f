#include "formats/pytorch/pickle.h"

#include <algorithm>

#include "core/file.h"
#include "core/memory.h"
#include "formats/pytorch/pickle_builder.h"
#include "formats/pytorch/pickle_opcodes.h"
#include "formats/pytorch/pickle_text.h"
#include "formats/text.h"

namespace lasso {

namespace {

using namespace pickle_opcode;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kMaxPickleBytes = 64 * kMiB;
constexpr std::size_t kMaxStack = std::size_t{1} << 20U;
constexpr std::size_t kMaxMemo = std::size_t{1} << 21U;
constexpr std::size_t kMaxMarks = 1000;  // nesting of collections under construction
constexpr std::size_t kMaxNameBytes = 1000;
constexpr std::uint32_t kMaxLongBytes = std::uint32_t{1} << 20U;

// Pickle's stack machine. What the values are is the builder's business.
class Machine {
 public:
  Machine(const std::byte* data, std::size_t size, const std::string& name)
      : reader_(data, std::min(size, kMaxPickleBytes), name), cut_(size > kMaxPickleBytes) {}

  Pickle run() {
    while (!stopped_) {
      check_limit(1);
      step(reader_.read<std::uint8_t>());
    }
    Pickle pickle = builder_.take();
    pickle.root = root_;
    pickle.bytes = reader_.position();
    return pickle;
  }

 private:
  template <typename... Args>
  [[noreturn]] void corrupt(fmt::format_string<Args...> format, Args&&... args) const {
    builder_.corrupt(format, std::forward<Args>(args)...);
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
  // Filling opcodes: the values are taken before the collection that they go to.
  void extend(PickleType type, const std::vector<PickleId>& items) {
    builder_.extend(top(), type, items);
  }

  // The file may go on behind what the reader sees.
  void check_limit(std::uint64_t bytes) const {
    LASSO_CHECK(!cut_ || bytes <= reader_.remaining(), ErrorCode::kUnsupported,
                "{}: a pickle of more than {} bytes", reader_.name(), kMaxPickleBytes);
  }

  void step(std::uint8_t opcode);
  bool scalar_step(std::uint8_t opcode);
  bool text_step(std::uint8_t opcode);
  bool collection_step(std::uint8_t opcode);
  bool object_step(std::uint8_t opcode);
  std::string_view line(std::size_t limit);
  std::string_view sized_text(std::uint64_t bytes);
  PickleId long_integer(std::size_t bytes);
  PickleId text_line(std::uint8_t opcode);
  std::size_t slot_line();
  PickleId extension(std::uint32_t code);
  void put(std::size_t slot);
  void get(std::size_t slot);

  ByteReader reader_;
  bool cut_;  // the file goes on behind what the reader may see
  PickleBuilder builder_{reader_};
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleId> memo_;
  std::size_t memoized_ = 0;
  PickleId root_ = 0;
  bool stopped_ = false;
};

std::string_view Machine::line(std::size_t limit) {
  const std::size_t begin = reader_.position();
  const std::string_view text = reader_.text(std::min(reader_.remaining(), limit));
  const std::size_t end = text.find('\n');
  if (end == text.npos) corrupt("a name or number without an end");
  reader_.seek(begin + end + 1);
  return text.substr(0, end);
}

std::string_view Machine::sized_text(std::uint64_t bytes) {
  check_limit(bytes);
  if (bytes > reader_.remaining()) {
    corrupt("a string of {} bytes where {} are left: cut off or damaged", bytes,
            reader_.remaining());
  }
  return reader_.text(static_cast<std::size_t>(bytes));
}

// Little-endian two's complement.
PickleId Machine::long_integer(std::size_t bytes) {
  const std::string_view text = sized_text(bytes);
  if (bytes > 8) return builder_.text(PickleType::kBigInt, text);
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
  }
  const bool negative = bytes > 0 && (static_cast<unsigned char>(text[bytes - 1]) & 0x80U) != 0;
  if (negative && bytes < 8) bits |= ~std::uint64_t{0} << (8 * bytes);
  return builder_.integer(PickleType::kInt, static_cast<std::int64_t>(bits));
}

// A value of protocol 0: text up to the end of the line.
PickleId Machine::text_line(std::uint8_t opcode) {
  std::string_view text =
      line(opcode == kString || opcode == kUnicode ? kMaxPickleBytes : kMaxLongBytes);
  if (opcode == kInt && (text == "00" || text == "01")) {
    return builder_.integer(PickleType::kBool, text == "01" ? 1 : 0);
  }
  if (opcode == kInt || opcode == kLong) {
    if (opcode == kLong && text.ends_with('L')) text.remove_suffix(1);
    if (const auto value = parse_pickle_integer(text)) {
      return builder_.integer(PickleType::kInt, *value);
    }
    if (is_pickle_integer(text)) return builder_.text(PickleType::kBigInt, text);
  } else if (opcode == kFloat) {
    if (const auto value = parse_pickle_real(text)) return builder_.real(*value);
  } else if (auto value =
                 opcode == kString ? parse_pickle_string(text) : parse_pickle_unicode(text)) {
    return builder_.own_text(PickleType::kString, std::move(*value));
  }
  corrupt("\"{}\", which is no value of opcode {}", printable(text), static_cast<char>(opcode));
}

std::size_t Machine::slot_line() {
  const auto slot = parse_pickle_integer(line(kMaxNameBytes));
  if (!slot || *slot < 0) corrupt("a memo slot that is no number");
  return static_cast<std::size_t>(*slot);
}

void Machine::step(std::uint8_t opcode) {
  if (scalar_step(opcode) || text_step(opcode) || collection_step(opcode) || object_step(opcode)) {
    return;
  }
  switch (opcode) {
    case kProto:
      if (const auto protocol = reader_.read<std::uint8_t>(); protocol > 5) {
        corrupt("protocol {} where 0 to 5 are read", protocol);
      }
      return;
    case kFrame:
      if (const auto bytes = reader_.read<std::uint64_t>(); bytes > reader_.remaining()) {
        check_limit(bytes);
        corrupt("a frame of {} bytes where {} are left", bytes, reader_.remaining());
      }
      return;
    case kStop:
      root_ = pop();
      stopped_ = true;
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
    case kPut:
      return put(slot_line());
    case kBinPut:
      return put(reader_.read<std::uint8_t>());
    case kLongBinPut:
      return put(reader_.read<std::uint32_t>());
    case kMemoize:
      return put(memoized_);
    case kGet:
      return get(slot_line());
    case kBinGet:
      return get(reader_.read<std::uint8_t>());
    case kLongBinGet:
      return get(reader_.read<std::uint32_t>());
    case kNextBuffer:
    case kReadonlyBuffer:
      fail(ErrorCode::kUnsupported,
           "{}: a pickle whose buffers were saved apart from it (protocol 5, out of band); save it "
           "again with torch.save",
           reader_.name());
    default:
      corrupt("opcode 0x{:02x}, which pickle does not have", opcode);
  }
}

bool Machine::scalar_step(std::uint8_t opcode) {
  switch (opcode) {
    case kNone:
      push(builder_.none());
      return true;
    case kNewTrue:
    case kNewFalse:
      push(builder_.integer(PickleType::kBool, opcode == kNewTrue ? 1 : 0));
      return true;
    case kBinInt:
      push(builder_.integer(PickleType::kInt, reader_.read<std::int32_t>()));
      return true;
    case kBinInt1:
      push(builder_.integer(PickleType::kInt, reader_.read<std::uint8_t>()));
      return true;
    case kBinInt2:
      push(builder_.integer(PickleType::kInt, reader_.read<std::uint16_t>()));
      return true;
    case kLong1:
      push(long_integer(reader_.read<std::uint8_t>()));
      return true;
    case kLong4: {
      const auto bytes = reader_.read<std::uint32_t>();
      if (bytes > kMaxLongBytes) corrupt("an integer of {} bytes", bytes);
      push(long_integer(bytes));
      return true;
    }
    case kBinFloat: {  // big-endian
      std::uint64_t bits = 0;
      for (const char byte : reader_.text(8)) bits = bits << 8U | static_cast<unsigned char>(byte);
      push(builder_.real(std::bit_cast<double>(bits)));
      return true;
    }
    default:
      return false;
  }
}

bool Machine::text_step(std::uint8_t opcode) {
  const auto push_text = [&](PickleType type, std::uint64_t bytes) {
    push(builder_.text(type, sized_text(bytes)));
    return true;
  };
  switch (opcode) {
    case kInt:
    case kLong:
    case kFloat:
    case kString:
    case kUnicode:
      push(text_line(opcode));
      return true;
    case kBinUnicode:
    case kBinString:  // Python 2's str
      return push_text(PickleType::kString, reader_.read<std::uint32_t>());
    case kShortBinUnicode:
    case kShortBinString:
      return push_text(PickleType::kString, reader_.read<std::uint8_t>());
    case kBinUnicode8:
      return push_text(PickleType::kString, reader_.read<std::uint64_t>());
    case kBinBytes:
      return push_text(PickleType::kBytes, reader_.read<std::uint32_t>());
    case kShortBinBytes:
      return push_text(PickleType::kBytes, reader_.read<std::uint8_t>());
    case kBinBytes8:
    case kByteArray8:
      return push_text(PickleType::kBytes, reader_.read<std::uint64_t>());
    default:
      return false;
  }
}

bool Machine::collection_step(std::uint8_t opcode) {
  const auto push_collection = [&](PickleType type, std::vector<PickleId> items) {
    push(builder_.collection(type, std::move(items)));
    return true;
  };
  switch (opcode) {
    case kMark:
      if (marks_.size() >= kMaxMarks) corrupt("more than {} levels", kMaxMarks);
      marks_.push_back(stack_.size());
      return true;
    case kEmptyTuple:
      return push_collection(PickleType::kTuple, {});
    case kTuple:
      return push_collection(PickleType::kTuple, pop_to_mark());
    case kTuple1:
    case kTuple2:
    case kTuple3:
      return push_collection(PickleType::kTuple, pop_values(opcode - kTuple1 + 1U));
    case kEmptyList:
      return push_collection(PickleType::kList, {});
    case kList:
      return push_collection(PickleType::kList, pop_to_mark());
    case kEmptySet:
      return push_collection(PickleType::kSet, {});
    case kFrozenSet:
      return push_collection(PickleType::kSet, pop_to_mark());
    case kEmptyDict:
      return push_collection(PickleType::kDict, {});
    case kDict: {
      std::vector<PickleId> items = pop_to_mark();
      if (items.size() % 2 != 0) corrupt("a key without a value");
      return push_collection(PickleType::kDict, std::move(items));
    }
    case kAppend:
      extend(PickleType::kList, pop_values(1));
      return true;
    case kAppends:
      extend(PickleType::kList, pop_to_mark());
      return true;
    case kAddItems:
      extend(PickleType::kSet, pop_to_mark());
      return true;
    case kSetItem:
      extend(PickleType::kDict, pop_values(2));
      return true;
    case kSetItems:
      extend(PickleType::kDict, pop_to_mark());
      return true;
    default:
      return false;
  }
}

bool Machine::object_step(std::uint8_t opcode) {
  switch (opcode) {
    case kGlobal: {
      const std::string_view module = line(kMaxNameBytes);
      push(builder_.global(module, line(kMaxNameBytes)));
      return true;
    }
    case kStackGlobal: {
      const PickleValue& name = builder_.value(pop());
      const PickleValue& module = builder_.value(pop());
      if (name.type != PickleType::kString || module.type != PickleType::kString) {
        corrupt("a global whose name is no string");
      }
      push(builder_.global(module.text, name.text));
      return true;
    }
    case kExt1:
      push(extension(reader_.read<std::uint8_t>()));
      return true;
    case kExt2:
      push(extension(reader_.read<std::uint16_t>()));
      return true;
    case kExt4:
      push(extension(reader_.read<std::uint32_t>()));
      return true;
    case kPersId:  // a number or a word, which no storage's is
      line(kMaxNameBytes);
      corrupt("a persistent id that is no storage's");
    case kBinPersId:
      push(builder_.persistent(pop()));
      return true;
    case kReduce:
    case kNewObj: {
      const PickleId arguments = pop();
      push(builder_.call(pop(), arguments));
      return true;
    }
    case kNewObjEx: {
      const PickleId keywords = pop();
      const PickleId arguments = pop();
      push(builder_.call(pop(), arguments, keywords));
      return true;
    }
    case kInst: {  // a mark, arguments, and the class as text
      const std::string_view module = line(kMaxNameBytes);
      const PickleId callable = builder_.global(module, line(kMaxNameBytes));
      push(builder_.call(callable, builder_.collection(PickleType::kTuple, pop_to_mark())));
      return true;
    }
    case kObj: {  // a mark, the class, and arguments
      std::vector<PickleId> items = pop_to_mark();
      if (items.empty()) corrupt("an object without a class");
      const PickleId callable = items.front();
      items.erase(items.begin());
      push(builder_.call(callable, builder_.collection(PickleType::kTuple, std::move(items))));
      return true;
    }
    case kBuild: {
      const PickleId state = pop();
      builder_.set_state(top(), state);
      return true;
    }
    default:
      return false;
  }
}

// A number that stands for a global in a registry of the process that wrote the pickle.
PickleId Machine::extension(std::uint32_t code) {
  if (code == 0) corrupt("extension code 0");
  return builder_.global("copyreg", "extension");
}

void Machine::put(std::size_t slot) {
  // Python numbers its memo in order; a gap is a sign of damage, and a large one would cost memory.
  constexpr std::size_t kMaxGap = 1000;
  if (slot > memo_.size() + kMaxGap || slot >= kMaxMemo) corrupt("memo slot {}", slot);
  if (slot >= memo_.size()) memo_.resize(slot + 1, kNoPickleValue);
  memo_[slot] = top();
  ++memoized_;
}

void Machine::get(std::size_t slot) {
  if (slot >= memo_.size() || memo_[slot] == kNoPickleValue) corrupt("memo slot {} is empty", slot);
  push(memo_[slot]);
}

}  // namespace

Pickle read_pickle(const std::byte* data, std::size_t size, const std::string& name) {
  return Machine(data, size, name).run();
}

}  // namespace lasso
