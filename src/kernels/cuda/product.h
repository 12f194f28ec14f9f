// Products with bias, activation and residual, of any size: by cuBLASLt with what it has of them as
// its epilogue, and by our own kernels for the rest, or altogether where it has no algorithm.
#ifndef LASSO_KERNELS_CUDA_PRODUCT_H_
#define LASSO_KERNELS_CUDA_PRODUCT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/gemm.h"

namespace lasso::kernels::gpu {

// y [m, n] = activation(x [m, k] W^T + b) + r, with W [n, k]. b and r are float32.
struct ProductProblem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  DType weights = DType::kF32;  // float32, float16 or bfloat16, which x is rounded to
  DType input = DType::kF32;    // float32, or as the weights
  DType output = DType::kF32;   // float32, or as the weights
  bool bias = false;
  bool residual = false;
  graph::Activation activation = graph::Activation::kNone;
};

struct Operands {
  const void* x = nullptr;
  const void* w = nullptr;
  const float* bias = nullptr;
  const void* half_bias = nullptr;  // the bias in the weights' type if that is a half
  const float* residual = nullptr;
  void* y = nullptr;
  std::byte* workspace = nullptr;
};

// Why there is no product of these types; empty where there is one.
std::string refused_types(const ProductProblem& problem, const TargetInfo& target);

// What cuBLASLt may take for a product of this size.
std::size_t gemm_workspace(std::int64_t m, std::int64_t n, const TargetInfo& target);

// The product by one plain kernel.
void run_tile(const ProductProblem& problem, const KernelArgs& args, const Operands& operands);

// A loop over matrices: how many elements x and W move with each of its turns.
struct MatrixLoop {
  std::int64_t count = 1;
  std::int64_t x_stride = 0;
  std::int64_t w_stride = 0;
};

// The same for each matrix of a batch, which the loops go through, outermost first. Results follow
// each other.
void run_tile_batch(const ProductProblem& problem, const KernelArgs& args, const Operands& operands,
                    const std::vector<MatrixLoop>& loops);

// Rounds float32 numbers to another float type: to the nearest, ties to even.
void round_numbers(const KernelArgs& args, const float* from, void* to, DType dtype,
                   std::int64_t count);

// y [m, n] = activation(sums + b) + r. `y` may be `sums` if it is float32.
void finish(const ProductProblem& problem, const KernelArgs& args, const float* sums,
            const Operands& operands);

class Product {
 public:
  // By the algorithm of cuBLASLt that a text of tunings() names; by its own choice otherwise.
  Product(const ProductProblem& problem, const TargetInfo& target, const std::string& tuning = {});

  static std::vector<std::string> tunings(const ProductProblem& problem, const TargetInfo& target);
  static std::size_t workspace_bytes(const ProductProblem& problem, const TargetInfo& target);
  void run(const KernelArgs& args, Operands operands) const;
  std::string implementation() const;

 private:
  ProductProblem problem_;
  std::optional<Gemm> gemm_;  // empty: the plain kernel
  bool finish_ = false;       // whether bias, activation and residual come after cuBLASLt's product
};

// A product whose rows are computed in parts of so many, the last of which may be smaller, because
// x is made or y is used part by part.
class PartedProduct {
 public:
  // `problem` has all rows. The tuning is one of tunings(), of a whole part.
  PartedProduct(const ProductProblem& problem, std::int64_t part, const TargetInfo& target,
                const std::string& tuning);

  std::string implementation() const { return whole_.implementation(); }

  // Calls run(product, first row, rows) for each part.
  template <typename Run>
  void each(const Run& run) const {
    for (std::int64_t begin = 0; begin < rows_; begin += part_) {
      const std::int64_t count = std::min(part_, rows_ - begin);
      run(count == part_ ? whole_ : rest_, begin, count);
    }
  }

 private:
  std::int64_t rows_, part_;
  Product whole_;
  Product rest_;  // of the last rows, where they are fewer
};

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_PRODUCT_H_
