// Makes a pickle's values: what the opcodes of a pickle ask for, without their encoding.
#ifndef LASSO_FORMATS_PYTORCH_PICKLE_BUILDER_H_
#define LASSO_FORMATS_PYTORCH_PICKLE_BUILDER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file.h"
#include "formats/pytorch/pickle.h"

namespace lasso {

class PickleBuilder {
 public:
  // The reader is asked for its name and position, for error messages.
  explicit PickleBuilder(const ByteReader& reader) : reader_(reader) {}

  template <typename... Args>
  [[noreturn]] void corrupt(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kCorruptFile, "{}: {} (pickle, before byte {})", reader_.name(),
         fmt::format(format, std::forward<Args>(args)...), reader_.position());
  }

  const PickleValue& value(PickleId id) const { return pickle_.values[id]; }
  Pickle take() { return std::move(pickle_); }

  PickleId none() { return make({}); }
  PickleId integer(PickleType type, std::int64_t integer);
  PickleId real(double number);
  PickleId text(PickleType type, std::string_view text);  // lies in the file
  PickleId own_text(PickleType type, std::string text);   // a value that the file escapes
  PickleId collection(PickleType type, std::vector<PickleId> items);
  PickleId global(std::string_view module, std::string_view name);
  // What a persistent id stands for: a storage, or the class of a module.
  PickleId persistent(PickleId id);
  // What calling a global or an object would have made: a dictionary, a tensor, or an object that
  // records the call.
  PickleId call(PickleId callable, PickleId arguments, PickleId keywords = kNoPickleValue);
  // The attributes of an object.
  void set_state(PickleId id, PickleId state);
  // Fills a list, a set or a dictionary, or an object that is one in Python.
  void extend(PickleId id, PickleType type, const std::vector<PickleId>& items);

 private:
  const std::vector<PickleId>& items(PickleId id) const { return pickle_.items[value(id).index]; }
  const PickleGlobal* known(PickleId id) const;
  PickleId make(PickleValue value);
  PickleId make_object(PickleId callable, PickleId arguments, PickleId keywords);
  void count_items(std::size_t count);
  // The two items of each pair, one behind the other.
  std::vector<PickleId> pairs(const std::vector<PickleId>& list) const;
  PickleId filled(PickleType type, const std::vector<PickleId>& arguments);
  PickleId rebuild_tensor(PickleId callable, PickleId arguments, bool typed);
  PickleId rebuild_from_type(PickleId callable, PickleId arguments);
  void check_inside(const PickleTensor& tensor, const PickleStorage& storage,
                    std::int64_t elements);
  Dims dims(PickleId id, const char* what);

  const ByteReader& reader_;
  Pickle pickle_;
  std::size_t item_count_ = 0;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_PICKLE_BUILDER_H_
