// Pad: a constant around a tensor. It works on bytes, whatever the elements are.
#ifndef LASSO_KERNELS_PAD_PAD_H_
#define LASSO_KERNELS_PAD_PAD_H_

#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// A dimension: how much of the result stands before x, and behind it.
struct PadLoop {
  std::int64_t before = 0;
  std::int64_t count = 1;  // of x
  std::int64_t after = 0;

  std::int64_t result() const { return before + count + after; }
};

// graph::Pad; outermost dimension first. There is at least one.
struct PadProblem {
  std::vector<PadLoop> loops;
  std::int64_t element_bytes = 4;
  float value = 0.0F;  // 0 unless the elements are float32
};

PadProblem make_pad_problem(const graph::Pad& op, const Dims& x, std::size_t element_bytes);

// Best first, reference last.
const std::vector<Kernel<PadProblem>>& pad_kernels();

const Family& pad_family();

// The row of the list.
extern const Kernel<PadProblem> kPadRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_PAD_PAD_H_
