// The rows of window attention, and that on tiles in emulation, which any CPU runs.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_TEST_ROWS_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_TEST_ROWS_H_

#include <vector>

#include "kernels/attention/attention_rows.h"
#include "kernels/attention/attention_tiles_code.h"
#include "kernels/cpu/emulated_tiles.h"

namespace lasso::kernels::attention_test {

inline constexpr streaming::Entry kEmulated = streaming::tile_entry<EmulatedTiles, Avx2>();

inline const std::vector<Kernel<WindowAttentionProblem>>& window_attention_test_rows() {
  static const std::vector<Kernel<WindowAttentionProblem>> rows = [] {
    std::vector<Kernel<WindowAttentionProblem>> list = window_attention_kernels();
    // Before the last one, which is the reference.
    list.insert(list.end() - 1,
                row<WindowAttentionProblem, CpuFeature::kAvx2, Form::kTiles, DType::kBF16>(
                    "emulated_tiles", run_window<kEmulated, std::uint16_t>));
    return list;
  }();
  return rows;
}

}  // namespace lasso::kernels::attention_test

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_TEST_ROWS_H_
