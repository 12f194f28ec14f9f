#include "kernels/elementwise/elementwise_run.h"

namespace lasso::kernels {

void binary_avx512(const BinaryRun& run) { run_binary<Avx512>(run); }

void unary_avx512(const UnaryRun& run) { run_unary<Avx512>(run); }

void leaky_relu_avx512(const LeakyReluRun& run) { run_leaky_relu<Avx512>(run); }

}  // namespace lasso::kernels
