// A kernel that ends in an illegal instruction, after which the driver gives the GPU's context up.
#include "backend/cuda/cuda_stream.h"
#include "gpu/trap.h"

namespace lasso::test {

namespace {

__global__ void trap() { __trap(); }

}  // namespace

void launch_trap(const backend::KernelState& /*state*/, const backend::KernelArgs& args) {
  trap<<<1, 1, 0, cuda::stream_of(args).handle()>>>();
}

}  // namespace lasso::test
