// A kernel's call, as a stream takes it.
#ifndef LASSO_BACKEND_LAUNCH_H_
#define LASSO_BACKEND_LAUNCH_H_

#include <cstddef>
#include <span>
#include <string>

namespace lasso::backend {

class Stream;

// What a kernel keeps between calls: a library's primitive, resolved tile sizes. It belongs to one
// plan, and a call may change what it holds, on devices without recordings: a replay does not call
// the kernel again.
class KernelState {
 public:
  virtual ~KernelState() = default;
  // What really runs, where a vendor library chose it ("brgemm:avx512_core"); empty otherwise.
  virtual std::string implementation() const { return {}; }
};

// Pointers in the order of the op's inputs (graph/op.h); null for absent inputs and for those that
// pack() took. All of them are the device's.
struct KernelArgs {
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  const std::byte* packed = nullptr;
  std::byte* workspace = nullptr;
  Stream* stream = nullptr;
};

// Computes on the stream: kernels of the CPU before they return, those of other devices later.
using KernelRun = void (*)(const KernelState& state, const KernelArgs& args);

}  // namespace lasso::backend

#endif  // LASSO_BACKEND_LAUNCH_H_
