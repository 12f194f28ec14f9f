// Matrix products by cuBLASLt. A Gemm is made once for all sizes and types; running it is one call.
#ifndef LASSO_KERNELS_CUDA_GEMM_H_
#define LASSO_KERNELS_CUDA_GEMM_H_

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "kernels/cuda/gemm_algorithm.h"
#include "kernels/kernel.h"

namespace lasso::kernels::gpu {

// y [m, n] = activation(x [m, k] W^T + b) + r, with W [n, k], for each matrix of a batch; all
// matrices are row-major and dense. Sums are float32.
struct GemmProblem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t batch = 1;
  // Elements from one matrix of the batch to the next; 0 where all share one.
  std::int64_t x_stride = 0;
  std::int64_t w_stride = 0;
  std::int64_t y_stride = 0;
  DType type = DType::kF32;    // of x and W: float32, float16 or bfloat16
  DType output = DType::kF32;  // of y, b and r: float32, or that of x
  bool bias = false;
  bool residual = false;  // float32 only, and without activation
  // None or ReLU; or GELU, for which cuBLASLt has the tanh form: at most 5e-4 off, so that only an
  // output in half the bytes may have it.
  graph::Activation activation = graph::Activation::kNone;
  bool tf32 = false;           // whether float32 factors may be rounded to TF32
  std::size_t alignment = 16;  // of all pointers, in bytes
  std::size_t workspace_bytes = 0;
};

// Whether cuBLASLt has the activation and the residual as an epilogue of such a product.
bool has_epilogue(graph::Activation activation, bool residual, DType output);

class Gemm {
 public:
  // By `algorithm` if one is given and the current GPU takes it, otherwise by the one that
  // cuBLASLt's heuristic puts first. Empty where cuBLASLt has none, or nothing is to be computed.
  static std::optional<Gemm> make(const GemmProblem& problem,
                                  const GemmAlgorithm* algorithm = nullptr);

  // Up to `count` algorithms, those that are expected to be faster first.
  static std::vector<GemmAlgorithm> candidates(const GemmProblem& problem, int count);
  // The texts of some of them but the one that make() takes by itself, and the product by one of
  // them; by itself where the text is anything else.
  static std::vector<std::string> tunings(const GemmProblem& problem);
  static std::optional<Gemm> tuned(const GemmProblem& problem, const std::string& tuning);

  // Enqueues the product on the stream of `args`. `bias` and `residual` may be null where the
  // problem has none. `y` may be the residual.
  void run(const KernelArgs& args, const void* x, const void* w, const void* bias,
           const void* residual, void* y, std::byte* workspace) const;

  GemmAlgorithm algorithm() const;
  std::string implementation() const;  // "cublaslt 13.0.0 algorithm 66 tile 5 ..."

 private:
  explicit Gemm(const GemmProblem& problem);

  std::vector<cublasLtMatmulHeuristicResult_t> ask(int count);
  bool is_candidate(const GemmAlgorithm& algorithm);
  bool use(const GemmAlgorithm& algorithm);

  GemmProblem problem_;
  cublasLtHandle_t handle_;
  cublasLtMatmulDescOpaque_t product_ = {};
  cublasLtMatrixLayoutOpaque_t x_ = {};
  cublasLtMatrixLayoutOpaque_t w_ = {};
  cublasLtMatrixLayoutOpaque_t y_ = {};
  cublasLtMatmulAlgo_t algorithm_ = {};
};

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_GEMM_H_
