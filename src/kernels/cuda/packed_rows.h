// The weights of products, as all kernels for GPUs read them.
#ifndef LASSO_KERNELS_CUDA_PACKED_ROWS_H_
#define LASSO_KERNELS_CUDA_PACKED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/tensor.h"

namespace lasso::kernels::gpu {

// W [n, k], row-major in its type; then the bias in float32, and once more in W's type if that is a
// half, because cuBLASLt adds a bias of the type of the result. Each part begins at a multiple of
// 256 bytes.
class PackedRows {
 public:
  PackedRows(DType dtype, std::int64_t n, std::int64_t k, std::int64_t biases);

  std::size_t bytes() const { return bytes_; }
  // "cuda:rows:bfloat16": `order` names what rows and columns of W are.
  std::string layout(const char* order) const;

  // element(n, k) gives W.
  template <typename Element>
  void pack(const Element& element, const std::vector<float>& bias, std::byte* packed) const {
    std::vector<float> row(static_cast<std::size_t>(k_));
    for (std::int64_t n = 0; n < n_; ++n) {
      for (std::int64_t k = 0; k < k_; ++k) row[static_cast<std::size_t>(k)] = element(n, k);
      write_row(n, row, packed);
    }
    write_bias(bias, packed);
  }

  const float* bias(const std::byte* packed) const {
    return reinterpret_cast<const float*>(packed + bias_);
  }
  const void* half_bias(const std::byte* packed) const { return packed + half_bias_; }

 private:
  void write_row(std::int64_t n, const std::vector<float>& row, std::byte* packed) const;
  void write_bias(const std::vector<float>& bias, std::byte* packed) const;

  DType dtype_;
  std::int64_t n_, k_;
  std::size_t bias_, half_bias_, bytes_;
};

// The bias among the constants [weights, bias?]; zeros where there is none.
std::vector<float> bias_of(const std::vector<TensorView>& constants, std::int64_t count);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_PACKED_ROWS_H_
