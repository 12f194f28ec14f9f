// Work done in a child process, since oneDNN fixes its instruction set once per process. Both ends
// exchange records: a JSON text and float32 values. They are taken as they come, so that neither
// end holds them all.
#ifndef LASSO_CLI_MODEL_CHILD_H_
#define LASSO_CLI_MODEL_CHILD_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "common/json_text.h"

namespace lasso::app {

enum class RecordKind : std::uint32_t {
  kInfo = 1,  // about the engine
  kTensor,    // values: a layer, or a result (program "results")
  kMask,      // a mask as RLE
  kRequest,   // the parent asks for something
  kAnswer,    // what it asked for
  kError,     // the child failed; the last record
  kEnd,       // the last record
};

struct Record {
  RecordKind kind = RecordKind::kEnd;
  OrderedJson meta;         // kTensor: program, name, shape
  std::uint64_t bytes = 0;  // that follow

  std::string key() const;  // "program/name" of a tensor
};

// The child's end.
class Parent {
 public:
  explicit Parent(int socket) : socket_(socket) {}

  // Ends the process if the parent has gone.
  void send(RecordKind kind, const OrderedJson& meta, const void* data = nullptr,
            std::uint64_t bytes = 0);
  // The next record, which has no bytes. Ends the process when there is none.
  Record receive();

 private:
  int socket_;
};

// The parent's end. Starts the child when made; it is ended, if need be, with the object. The
// process that makes one must not have threads: the child is a fork of it.
class Child {
 public:
  // `work` runs in the child; what it throws becomes a record of kind kError. `name` stands in
  // messages.
  Child(std::string name, const std::function<void(Parent*)>& work);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void send(RecordKind kind, const OrderedJson& meta);
  // The next record; what is left of the last one's bytes is passed over. A failure of the child
  // becomes a Failure of the same status.
  const Record& next();
  const Record& current() const { return record_; }
  const std::string& name() const { return name_; }
  // The next bytes of the current record.
  void read_bytes(void* data, std::size_t bytes);

 private:
  void read_exactly(void* data, std::size_t size);
  [[noreturn]] void fail();

  std::string name_;
  pid_t child_ = -1;
  int socket_ = -1;
  Record record_;
  std::uint64_t unread_ = 0;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_CHILD_H_
