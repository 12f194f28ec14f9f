// One side of a comparison: a model run in a child process, since oneDNN fixes its instruction set
// once per process. The child streams the values of every layer through a pipe; the parent takes
// them as they come, so that neither holds them all.
#ifndef LASSO_CLI_COMPARE_SIDE_H_
#define LASSO_CLI_COMPARE_SIDE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lasso/types.h"
#include "options.h"
#include "prompts.h"

namespace lasso::cli {

// "FILE@VARIANT"
struct Operand {
  std::string file;
  std::string variant;  // fast, reference, avx2, avx512

  std::string text() const { return file + "@" + variant; }
};

// Splits "FILE[@VARIANT]"; throws Failure(kUsage) for an unknown variant.
Operand parse_operand(const std::string& text, const std::string& default_variant);

// What both sides do. They read the image themselves: the parent must have no threads when it
// forks.
struct SideTask {
  ModelOptions model;  // but for the file
  RunOptions run;
  std::string image;     // empty: a picture that is made up
  lasso::Prompt prompt;  // empty: the centre of the picture
};

enum class RecordKind : std::uint32_t {
  kInfo = 1,  // about the engine; the first record
  kTensor,    // float32 values: a layer, or a result (program "results")
  kMask,      // a mask as RLE
  kError,     // the child failed; the last record
  kEnd,       // the last record
};

struct Record {
  RecordKind kind = RecordKind::kEnd;
  Json meta;                // kTensor: program, name, shape
  std::uint64_t count = 0;  // values that follow

  std::string key() const;  // "program/name"
};

// The parent's end. Starts the child when made; it is ended, if need be, with the object.
class Side {
 public:
  Side(const Operand& operand, const SideTask& task);
  ~Side();
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  // The next record; what is left of the last one's values is passed over. A failure of the child
  // becomes a Failure of the same status.
  const Record& next();
  const Record& current() const { return record_; }
  // The next values of the current record.
  void read_values(float* values, std::size_t count);

 private:
  void read_exactly(void* data, std::size_t size);

  std::string name_;
  pid_t child_ = -1;
  int pipe_ = -1;
  Record record_;
  std::uint64_t unread_ = 0;
};

}  // namespace lasso::cli

#endif  // LASSO_CLI_COMPARE_SIDE_H_
