// Layer normalisation, alone and with the sums around it.
#ifndef LASSO_KERNELS_NORM_NORM_H_
#define LASSO_KERNELS_NORM_NORM_H_

#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y = activation((x - mean) / sqrt(variance + epsilon) * gamma + beta) for each row of x [rows,
// channels]. Inputs x, gamma [channels], beta [channels]. y is float32 (then it may be x),
// bfloat16, float16, or uint8 with a second output, scales [rows], as graph::Quantize makes them.
struct LayerNormProblem {
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  float epsilon = 1e-6F;
  graph::Activation activation = graph::Activation::kNone;
  DType output = DType::kF32;
};

// graph::AddNorm: z = LayerNorm(x + r) for each row of x [rows, channels]. Inputs x, gamma
// [channels], beta [channels], r? [residual_rows, channels] and p? [shift_rows, channels], whose
// rows are repeated for x's. Outputs are those of z in float32 (which may be x), z in `output`, and
// z + p in `output`, that there are.
struct AddNormProblem {
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  float epsilon = 1e-6F;
  std::int64_t residual_rows = 0;  // 0: no r
  std::int64_t shift_rows = 0;     // 0: no p
  bool keep = true;
  bool rounded = false;
  DType output = DType::kF32;
};

// Where the outputs stand among a kernel's; null for those that are not there.
struct AddNormOutputs {
  AddNormOutputs(const AddNormProblem& p, const KernelArgs& args) {
    std::size_t next = 0;
    if (p.keep) kept = static_cast<float*>(args.outputs[next++]);
    if (p.rounded) rounded = args.outputs[next++];
    if (p.shift_rows > 0) shifted = args.outputs[next++];
  }
  float* kept = nullptr;
  void* rounded = nullptr;
  void* shifted = nullptr;
};

LayerNormProblem make_layer_norm_problem(const Call& call);
AddNormProblem make_add_norm_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<LayerNormProblem>>& layer_norm_kernels();
const std::vector<Kernel<AddNormProblem>>& add_norm_kernels();

const Family& layer_norm_family();
const Family& add_norm_family();

// The rows of the lists.
extern const Kernel<LayerNormProblem> kLayerNormAvx512;
extern const Kernel<LayerNormProblem> kLayerNormAvx2;
extern const Kernel<LayerNormProblem> kLayerNormRef;
extern const Kernel<AddNormProblem> kAddNormRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NORM_NORM_H_
