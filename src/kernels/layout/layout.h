// Operations that move elements and compute nothing. They work on bytes, whatever the elements are.
#ifndef LASSO_KERNELS_LAYOUT_LAYOUT_H_
#define LASSO_KERNELS_LAYOUT_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// A loop that copies: strides in bytes; source_stride is 0 where the source is repeated, and below
// 0 where it is read backwards.
struct CopyLoop {
  std::int64_t count = 1;
  std::int64_t source_stride = 0;
  std::int64_t target_stride = 0;
};

// Copies `bytes` contiguous bytes from source_offset + i * source_stride (i over all loops,
// outermost first) to the corresponding place of the output. Slice, Transpose, Expand and Reshape
// are such copies of one input.
struct CopyProblem {
  std::int64_t source_offset = 0;
  std::int64_t bytes = 0;
  std::vector<CopyLoop> loops;
};

// `outer` times: bytes[i] contiguous bytes of each input i in turn.
struct ConcatProblem {
  std::int64_t outer = 1;
  std::vector<std::int64_t> bytes;
};

// `outer` tables, one after another: y[o][i] = table[o][index[i] + offset], rows of row_bytes;
// index is int32. With `wrap` a row below 0 counts from the end.
struct GatherProblem {
  std::int64_t outer = 1;
  std::int64_t count = 0;
  std::int64_t rows = 0;  // of a table
  std::int64_t row_bytes = 0;
  std::int64_t offset = 0;
  bool wrap = false;
};

// Of Python's range(begin, end, step) along the axis.
// y[i] = numbers[i], at most 64.
struct SizesProblem {
  std::vector<std::int32_t> numbers;
};

CopyProblem make_slice_problem(const Dims& x, std::size_t element_bytes, std::int64_t axis,
                               std::int64_t begin, std::int64_t end, std::int64_t step = 1);
CopyProblem make_transpose_problem(const Dims& x, std::size_t element_bytes,
                                   const std::vector<std::int64_t>& permutation);
CopyProblem make_expand_problem(const Dims& x, std::size_t element_bytes, const Dims& y);

// Best first, reference last.
const std::vector<Kernel<CopyProblem>>& copy_kernels();
const std::vector<Kernel<ConcatProblem>>& concat_kernels();
const std::vector<Kernel<GatherProblem>>& gather_kernels();
const std::vector<Kernel<SizesProblem>>& sizes_kernels();

const Family& concat_family();
const Family& slice_family();
const Family&
copy_family();  // Reshape, where the engine does not give the result the bytes of the input
const Family& transpose_family();
const Family& expand_family();
const Family& gather_family();
const Family& sizes_family();

// The rows of the lists.
extern const Kernel<CopyProblem> kCopyTransposeAvx2;
extern const Kernel<CopyProblem> kCopyRef;
extern const Kernel<ConcatProblem> kConcatRef;
extern const Kernel<GatherProblem> kGatherRef;
extern const Kernel<SizesProblem> kSizesRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LAYOUT_LAYOUT_H_
