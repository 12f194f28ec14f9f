// What programs take and give: names, types, shapes, and the sizes that may be.
#ifndef LASSO_ARGUMENT_H_
#define LASSO_ARGUMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lasso/export.h"
#include "lasso/tensor.h"

namespace lasso {

// The sizes that a symbol may stand for, such as the batch. Where several of one symbol are listed,
// a size is in one of them.
struct SizeRange {
  // The most that any symbol stands for.
  static constexpr std::int64_t kMost = std::int64_t{1} << 24;

  std::string symbol;
  std::int64_t min = 1;
  std::int64_t opt = 1;      // for which kernels are chosen and costs are stated
  std::int64_t max = kMost;  // that buffers are made for
};

enum class ArgumentRole : std::uint8_t {
  kInput,
  kSizes,  // an input whose values decide sizes of the run, such as the size of the original image
  kOutput,
  kCount,  // an output that says how many rows of others count
};

// An input or output of a program.
struct ArgumentInfo {
  std::string name;
  ElementType type = ElementType::kFloat32;
  // Each dimension: a number, or a symbol or formula of symbols such as "batch" and "32*rows",
  // which the inputs of a run give their values: as sizes, or computed from their elements.
  std::vector<std::string> shape;
  // Of an output whose number of rows depends on the data (what a non-maximum suppression leaves):
  // the output, int32 with one element, that says how many there are. `shape` has the most that
  // there may be. Empty: all rows count.
  std::string count;
  ArgumentRole role = ArgumentRole::kInput;
  std::vector<SizeRange> profile;  // of the symbols in `shape`, by name
  std::uint64_t bytes = 0;         // where each symbol is its profile's opt
};

// "input", "sizes", "output", "count"
LASSO_EXPORT const char* to_string(ArgumentRole role) noexcept;

}  // namespace lasso

#endif  // LASSO_ARGUMENT_H_
