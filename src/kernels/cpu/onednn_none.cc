// A build without oneDNN.
#include "kernels/cpu/onednn.h"

namespace lasso::onednn {

std::unique_ptr<GemmChoice> choose_gemm(const Gemm& /*gemm*/, CpuFeatures /*features*/,
                                        std::string& reason) {
  reason = "this build has no oneDNN";
  return nullptr;
}

double rate(const GemmChoice& /*choice*/, MultiplyAdd multiply_add,
            const backend::TargetInfo& target) {
  return target.rate(multiply_add);
}

std::string version() { return {}; }

}  // namespace lasso::onednn
