// The torch.nn.Modules of a model that was saved whole, as data: the names of their classes, and
// their states. What a module computes is not in a file; who reads one knows its class.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_MODULES_H_
#define LASSO_FORMATS_PYTORCH_TORCH_MODULES_H_

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "formats/pytorch/torch_file.h"

namespace lasso {

// The value of a key in a dictionary of the pickle, the last one as in Python; kNoPickleValue if it
// has none, or is no dictionary.
PickleId find_entry(const Pickle& pickle, const PickleValue& dictionary, std::string_view key);

// A module, wherever it stands: modules may be shared, and a file may say that one contains itself,
// so that each is looked at when it is asked for, and no deeper than 16 levels. All that is asked
// of one throws kCorruptFile where it is missing or something else, naming the file and the member.
class TorchModule {
 public:
  // The value is an object whose state is a dictionary; `name` stands in messages. The file must
  // outlive the module.
  TorchModule(const TorchFile& torch, PickleId id, std::string name)
      : TorchModule(torch, id, std::move(name), 0) {}

  const std::string& name() const { return name_; }
  PickleName type() const;  // its class

  // What stands in `_modules`, in its order, but for what is None.
  std::vector<TorchModule> modules() const;
  std::optional<TorchModule> find_module(std::string_view member) const;
  TorchModule module(std::string_view member) const;

  // What stands in `_parameters` or `_buffers`; None is nothing.
  std::optional<WeightTensor> find_tensor(std::string_view member) const;
  WeightTensor tensor(std::string_view member) const;

  // The other attributes; kNoPickleValue: there is none of that name.
  PickleId attribute(std::string_view member) const;
  bool has_attribute(std::string_view member) const { return attribute(member) != kNoPickleValue; }
  bool is_none(std::string_view member) const;  // or absent
  bool is_integer(std::string_view member) const;
  std::int64_t integer(std::string_view member) const;
  double number(std::string_view member) const;  // or an integer
  // One number, or one for each of two dimensions.
  std::pair<std::int64_t, std::int64_t> integer_pair(std::string_view member) const;
  // As a flag that older releases of PyTorch do not have: absent is false.
  bool flag(std::string_view member) const;
  // As a text; `absent` where there is none.
  std::string text(std::string_view member, std::string_view absent) const;
  // Of a list or a tuple, at most `most` integers.
  std::vector<std::int64_t> integers(std::string_view member, std::size_t most) const;
  WeightTensor tensor_attribute(std::string_view member) const;

  // Throws unless every module, parameter and buffer is one of these, whose meaning is known.
  void check_members(std::initializer_list<std::string_view> known) const;

  template <typename... Args>
  [[noreturn]] void corrupt(std::string_view member, fmt::format_string<Args...> format,
                            Args&&... args) const {
    fail_at(ErrorCode::kCorruptFile, member, fmt::format(format, std::forward<Args>(args)...));
  }
  // The same for what Lasso has no notion of.
  template <typename... Args>
  [[noreturn]] void unsupported(std::string_view member, fmt::format_string<Args...> format,
                                Args&&... args) const {
    fail_at(ErrorCode::kUnsupported, member, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  TorchModule(const TorchFile& torch, PickleId id, std::string name, std::size_t depth);

  const Pickle& pickle() const { return torch_->pickle; }
  [[noreturn]] void fail_at(ErrorCode code, std::string_view member, const std::string& what) const;
  // A dictionary of the state, such as `_modules`; null: there is none.
  const std::vector<PickleId>* members(std::string_view collection) const;
  PickleId find_member(std::string_view collection, std::string_view member) const;
  TorchModule child(PickleId id, std::string_view member) const;
  PickleId needed(std::string_view member) const;
  WeightTensor view(PickleId id, std::string_view member) const;

  const TorchFile* torch_;
  PickleId id_;
  PickleId state_ = kNoPickleValue;
  std::string name_;
  std::size_t depth_;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_MODULES_H_
