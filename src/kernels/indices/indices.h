// Operations that read and write elements where a tensor of indices says. No index leaves the
// memory of a tensor (kernels/wrapped_index.h).
#ifndef LASSO_KERNELS_INDICES_INDICES_H_
#define LASSO_KERNELS_INDICES_INDICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// A dimension of the tensor of indices, strides in elements.
struct IndexLoop {
  std::int64_t count = 1;
  std::int64_t x_stride = 0;
  std::int64_t index_stride = 0;
};

inline std::int64_t positions(const std::vector<IndexLoop>& loops) {
  std::int64_t product = 1;
  for (const IndexLoop& loop : loops) product *= loop.count;
  return product;
}

// The axis along which indices name positions of x.
struct IndexedAxis {
  std::int64_t rows = 1;  // of x
  std::int64_t row_stride = 1;
};

// graph::GatherElements: at every position of the loops, outermost first, x there and at the row
// that the index says. The loops are all dimensions; the axis' one moves x by nothing.
struct GatherElementsProblem {
  std::vector<IndexLoop> loops;
  IndexedAxis axis;
  std::int64_t element_bytes = 4;

  std::int64_t results() const { return positions(loops); }
};

// What updates do to elements of a type; without a reduction its size is all that matters.
struct UpdateRule {
  graph::Reduction reduction = graph::Reduction::kNone;
  DType dtype = DType::kF32;

  // Why not; empty where it can be done.
  std::string refused() const {
    const bool reducible = dtype == DType::kF32 || dtype == DType::kI32;
    if (reduction == graph::Reduction::kNone || reducible) return {};
    return "a reduction of another type than float32 and int32";
  }
};

// graph::ScatterElements: a column is what lies along the axis; at every position of the loops,
// which are the other dimensions, its updates are applied one after another.
struct ScatterElementsProblem {
  std::int64_t elements = 0;  // of x
  std::vector<IndexLoop> loops;
  IndexedAxis axis;
  std::int64_t updates = 0;  // of a column
  std::int64_t update_stride = 1;
  UpdateRule rule;

  std::int64_t columns() const { return positions(loops); }
};

// Tuples of indices, each of which names a slice of x: sizes and strides, in slices, of the
// dimensions that are indexed.
struct IndexTuples {
  std::int64_t count = 0;  // of a batch
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  std::int64_t slice = 1;  // elements

  std::int64_t slices() const {  // of a batch
    std::int64_t product = 1;
    for (const std::int64_t size : sizes) product *= size;
    return product;
  }
};

// graph::GatherNd.
struct GatherNdProblem {
  std::int64_t batches = 1;
  IndexTuples tuples;
  std::int64_t element_bytes = 4;
};

// graph::ScatterNd.
struct ScatterNdProblem {
  IndexTuples tuples;
  UpdateRule rule;
};

// They throw kInvalidArgument for shapes that the rules of the graph would refuse if they were
// known, and for indices of what has no elements.
GatherElementsProblem make_gather_elements_problem(const graph::GatherElements& op, const Dims& x,
                                                   const Dims& index, DType dtype);
GatherNdProblem make_gather_nd_problem(const graph::GatherNd& op, const Dims& x, const Dims& index,
                                       DType dtype);
ScatterElementsProblem make_scatter_elements_problem(const graph::ScatterElements& op,
                                                     const Dims& x, const Dims& index, DType dtype);
ScatterNdProblem make_scatter_nd_problem(const graph::ScatterNd& op, const Dims& x,
                                         const Dims& index, DType dtype);

// Best first, reference last.
const std::vector<Kernel<GatherElementsProblem>>& gather_elements_kernels();
const std::vector<Kernel<GatherNdProblem>>& gather_nd_kernels();
const std::vector<Kernel<ScatterElementsProblem>>& scatter_elements_kernels();
const std::vector<Kernel<ScatterNdProblem>>& scatter_nd_kernels();

const Family& gather_elements_family();
const Family& gather_nd_family();
const Family& scatter_elements_family();
const Family& scatter_nd_family();

// The rows of the lists.
extern const Kernel<GatherElementsProblem> kGatherElementsRef;
extern const Kernel<GatherNdProblem> kGatherNdRef;
extern const Kernel<ScatterElementsProblem> kScatterElementsRef;
extern const Kernel<ScatterNdProblem> kScatterNdRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_INDICES_INDICES_H_
