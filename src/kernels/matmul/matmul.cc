#include "kernels/matmul/matmul.h"

#include <algorithm>

#include "core/check.h"

namespace lasso::kernels {

MatMulProblem make_matmul_problem(const graph::MatMul& op, const Dims& a, const Dims& b) {
  LASSO_CHECK(a.size() >= 2 && b.size() >= 2 && a.back() == b.back(), ErrorCode::kInternal,
              "matmul: A {} and B {}", to_string(a), to_string(b));
  MatMulProblem problem;
  problem.activation = op.activation;
  problem.m = a[a.size() - 2];
  problem.n = b[b.size() - 2];
  problem.k = a.back();
  const std::size_t rank = std::max(a.size(), b.size()) - 2;
  // Leading dimension i of `dims`, counted as if it had `rank` of them.
  const auto leading = [rank](const Dims& dims, std::size_t i) {
    const std::size_t missing = rank + 2 - dims.size();
    return i < missing ? 1 : dims[i - missing];
  };
  Dims batch(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t da = leading(a, i);
    const std::int64_t db = leading(b, i);
    LASSO_CHECK(da == db || da == 1 || db == 1, ErrorCode::kInternal, "matmul: A {} and B {}",
                to_string(a), to_string(b));
    batch[i] = da == 1 ? db : da;
  }
  problem.batch = element_count(batch);
  std::vector<BatchLoop>& loops = problem.loops;  // innermost first until they are complete
  std::int64_t a_stride = problem.m * problem.k;
  std::int64_t b_stride = problem.n * problem.k;
  for (std::size_t i = rank; i-- > 0;) {
    const BatchLoop loop{batch[i], leading(a, i) == 1 ? 0 : a_stride,
                         leading(b, i) == 1 ? 0 : b_stride};
    a_stride *= leading(a, i);
    b_stride *= leading(b, i);
    if (loop.count == 1) continue;
    if (!loops.empty() && loop.a_stride == loops.back().count * loops.back().a_stride &&
        loop.b_stride == loops.back().count * loops.back().b_stride) {
      loops.back().count *= loop.count;
    } else {
      loops.push_back(loop);
    }
  }
  std::reverse(loops.begin(), loops.end());
  for (std::int64_t index = 0; index < problem.batch; ++index) {
    std::int64_t rest = index;
    std::int64_t a_offset = 0;
    std::int64_t b_offset = 0;
    for (auto loop = loops.rbegin(); loop != loops.rend(); ++loop) {
      a_offset += rest % loop->count * loop->a_stride;
      b_offset += rest % loop->count * loop->b_stride;
      rest /= loop->count;
    }
    problem.a_offsets.push_back(a_offset);
    problem.b_offsets.push_back(b_offset);
  }
  return problem;
}

const std::vector<Kernel<MatMulProblem>>& matmul_kernels() {
  static const std::vector<Kernel<MatMulProblem>> list{kMatMulOneDnn, kMatMulProductAvx512,
                                                       kMatMulProductAvx2, kMatMulRef};
  return list;
}

const Family& matmul_family() {
  static const ListFamily<MatMulProblem> family("matmul", matmul_kernels(), [](const Call& call) {
    return make_matmul_problem(std::get<graph::MatMul>(call.op), call.inputs.at(0).dims,
                               call.inputs.at(1).dims);
  });
  return family;
}

}  // namespace lasso::kernels
