// The kernel contract. A kernel family (one folder) has a Problem (what is to be computed, all
// sizes known), and one list of kernels per device, best first, reference last. A row of the list
// is a Kernel<Problem>. Tests and benchmarks iterate the list.
//
// - supports(problem, target): yes, or the reason why not.
// - plan(problem, target): workspace, packed size and layout, estimated cost.
// - pack(problem, weights): constant inputs into the layout that the kernel reads, once per engine.
// - create(problem, target): the state, such as a oneDNN primitive, resolved tile sizes, or
// nothing.
// - run(state, args): at run time; allocates nothing.
//
// The packed layout must not depend on sizes that symbols bind (rows, batch): one packed weight
// serves every binding of a program. Layouts are named; equal names mean equal bytes for equal
// weights. The kernel may differ from binding to binding, among those that read one layout.
//
// A state belongs to one context and run() may change what it holds (a oneDNN primitive's memory
// handles): it is never shared between threads.
#ifndef LASSO_KERNELS_KERNEL_H_
#define LASSO_KERNELS_KERNEL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/isa.h"
#include "core/tensor.h"
#include "graph/op.h"

namespace lasso::kernels {

// What the kernels may assume of the machine.
struct Target {
  Isa isa = Isa::kAvx2;
  int threads = 1;  // of the OpenMP team that runs; part of the plan (workspace per thread)
};

class Support {
 public:
  static Support yes() { return Support(std::string()); }
  static Support no(std::string reason) { return Support(std::move(reason)); }
  explicit operator bool() const { return reason_.empty(); }
  const std::string& reason() const { return reason_; }

 private:
  explicit Support(std::string reason) : reason_(std::move(reason)) {}
  std::string reason_;
};

struct KernelPlan {
  std::size_t workspace_bytes =
      0;  // 64-byte aligned scratch, valid during run, for all threads together
  std::size_t packed_bytes = 0;  // of what pack() writes
  std::string packed_layout;     // empty where nothing is packed
  double cost = 0;               // estimated seconds, comparable within a family
};

class KernelState {
 public:
  virtual ~KernelState() = default;
  // What really runs, where a vendor library chose it ("brgemm:avx512_core"); empty otherwise.
  virtual std::string implementation() const { return {}; }
};

// Pointers in the order of the op's inputs (graph/op.h); null for absent inputs and for those that
// pack() took.
struct KernelArgs {
  const void* const* inputs = nullptr;
  void* const* outputs = nullptr;
  const std::byte* packed = nullptr;
  std::byte* workspace = nullptr;
};

template <typename Problem>
struct Kernel {
  std::string_view name;
  Isa isa = Isa::kReference;
  Support (*supports)(const Problem& problem, const Target& target) = nullptr;
  KernelPlan (*plan)(const Problem& problem, const Target& target) = nullptr;
  // `constants` are the inputs that the family packs, in order (a view with null data where
  // absent), float32, float16 or bfloat16. Null where nothing is packed.
  void (*pack)(const Problem& problem, const std::vector<TensorView>& constants,
               std::byte* packed) = nullptr;
  std::unique_ptr<KernelState> (*create)(const Problem& problem, const Target& target) = nullptr;
  void (*run)(const KernelState& state, const KernelArgs& args) = nullptr;
};

// A kernel's state that is its problem and target: for kernels that need nothing else.
template <typename Problem>
class ProblemState : public KernelState {
 public:
  ProblemState(Problem problem, Target target) : problem(std::move(problem)), target(target) {}
  Problem problem;
  Target target;
};

template <typename Problem>
std::unique_ptr<KernelState> create_problem_state(const Problem& problem, const Target& target) {
  return std::make_unique<ProblemState<Problem>>(problem, target);
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_KERNEL_H_
