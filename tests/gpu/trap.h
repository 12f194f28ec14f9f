// A kernel that loses the device.
#ifndef LASSO_TESTS_GPU_TRAP_H_
#define LASSO_TESTS_GPU_TRAP_H_

#include "backend/launch.h"

namespace lasso::test {

void launch_trap(const backend::KernelState& state, const backend::KernelArgs& args);

}  // namespace lasso::test

#endif  // LASSO_TESTS_GPU_TRAP_H_
