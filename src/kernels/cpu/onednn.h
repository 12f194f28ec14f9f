// oneDNN, as far as Lasso uses it: matrix products, summed in float32. onednn.cc is the only file
// that includes its headers and knows the difference between its versions 2 and 3; a build without
// it has onednn_none.cc instead, which has nothing to offer.
#ifndef LASSO_KERNELS_CPU_ONEDNN_H_
#define LASSO_KERNELS_CPU_ONEDNN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "backend/target_info.h"
#include "core/dtype.h"
#include "graph/op.h"

namespace lasso::onednn {

// y [batch, m, n] = activation(x [batch, m, k] B + b [n]) + r [batch, m, n].
struct Gemm {
  std::int64_t batch = 1;
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  DType inputs = DType::kF32;  // of x and B: float32 or bfloat16
  DType output = DType::kF32;  // of y; b and r are float32
  // How B lies in memory. Panels (of one matrix that all batches share): [n/64, k/16, 16, 64], for
  // n a multiple of 64 and k of 16; in bfloat16 [n/64, k/32, 16, 64, 2], for k a multiple of 32.
  enum class Weights { kPanels, kTransposed /* [batch, n, k] */ } weights = Weights::kPanels;
  bool bias = false;
  bool residual = false;
  graph::Activation activation = graph::Activation::kNone;
};

// A primitive and the descriptions of its arguments. It belongs to one thread at a time.
class GemmPrimitive {
 public:
  virtual ~GemmPrimitive() = default;
  // Pointers that the primitive has no use for may be null. The output must not overlap the inputs.
  virtual void run(const void* x, const void* weights, const float* bias, const float* residual,
                   void* y, std::byte* workspace) = 0;
};

// What oneDNN would do for a product with the threads that the calling thread's parallel regions
// have now.
class GemmChoice {
 public:
  virtual ~GemmChoice() = default;
  virtual std::string implementation() const = 0;  // oneDNN's name of the code, "brg:avx512_core"
  virtual std::size_t workspace_bytes() const = 0;
  virtual std::unique_ptr<GemmPrimitive> create() const = 0;
};

// Null, and the reason why, where oneDNN has nothing for the product with these features, or
// nothing but its reference code. oneDNN fixes which instructions it may use at the process's first
// call; a later call with fewer features is refused where it would use others.
std::unique_ptr<GemmChoice> choose_gemm(const Gemm& gemm, CpuFeatures features,
                                        std::string& reason);

// The rate of what it chose, relative to fp32 with AVX2: that of `multiply_add`, or of the matrix
// unit.
double rate(const GemmChoice& choice, MultiplyAdd multiply_add, const backend::TargetInfo& target);

// "2.6.3"; empty in a build without it.
std::string version();

}  // namespace lasso::onednn

#endif  // LASSO_KERNELS_CPU_ONEDNN_H_
