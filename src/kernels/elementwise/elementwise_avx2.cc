#include "kernels/elementwise/elementwise_run.h"

namespace lasso::kernels {

void binary_avx2(const BinaryRun& run) { run_binary<Avx2>(run); }

void unary_avx2(const UnaryRun& run) { run_unary<Avx2>(run); }

void leaky_relu_avx2(const LeakyReluRun& run) { run_leaky_relu<Avx2>(run); }

}  // namespace lasso::kernels
