// For tests of what suppresses boxes.
#ifndef LASSO_KERNELS_NMS_NMS_TEST_H_
#define LASSO_KERNELS_NMS_NMS_TEST_H_

#include <functional>
#include <string>
#include <vector>

#include "kernels/kernel_test.h"

namespace lasso::kernels::test {

// Runs every kernel with one thread and two, and gives the results, of 32-bit elements, to `check`.
template <typename Problem>
void run_all(const std::vector<Kernel<Problem>>& list, const Problem& problem,
             const std::vector<const void*>& inputs, const std::vector<std::size_t>& counts,
             const std::function<void(const std::vector<const std::byte*>&)>& check) {
  for (const Kernel<Problem>& kernel : list) {
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(kernel.label() + ", threads: " + std::to_string(threads));
      const TargetInfo target = test::test_target(threads);
      const Offer offer = ask(kernel, problem, target);
      ASSERT_TRUE(offer) << offer.reason;
      const ThreadLimit limit(threads);
      const test::Guarded workspace(offer.workspace_bytes);
      std::vector<test::Guarded> results;
      std::vector<void*> outputs;
      std::vector<const std::byte*> begins;
      results.reserve(counts.size());
      for (const std::size_t count : counts) {
        results.emplace_back(count * 4);
        outputs.push_back(results.back().data());
        begins.push_back(results.back().data());
      }
      kernel.run(
          *kernel.create(problem, target, offer),
          {.inputs = inputs, .outputs = outputs, .packed = nullptr, .workspace = workspace.data()});
      EXPECT_TRUE(workspace.intact());
      for (const test::Guarded& result : results) EXPECT_TRUE(result.intact());
      check(begins);
    }
  }
}

template <typename T>
std::vector<T> values_at(const std::byte* begin, std::size_t count) {
  const auto* values = reinterpret_cast<const T*>(begin);
  return {values, values + count};
}

}  // namespace lasso::kernels::test

#endif  // LASSO_KERNELS_NMS_NMS_TEST_H_
