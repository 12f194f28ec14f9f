// The kernel contract. A kernel family (one folder) has a Problem (what is to be computed, all
// sizes known), and one list of kernels, best first, reference last. A row of the list is a
// Kernel<Problem>. Tests and benchmarks iterate the list.
//
// - needs: what the device must have.
// - offer(problem, target): the reason why not, or what the row would take: workspace, packed size
//   and layout, cost, and what it found out for create().
// - pack(problem, weights): constant inputs into the layout that the kernel reads, once per engine,
//   on the host.
// - create(problem, target, offer): the state, such as a oneDNN primitive, or resolved tile sizes.
// - tunings(problem, target): other ways than its own in which the row may be asked to compute the
//   problem, such as a library's algorithms, to be timed against each other.
// - run(state, args): at run time; allocates nothing.
//
// The packed layout must not depend on sizes that symbols bind (rows, batch): one packed weight
// serves every binding of a program. Layouts are named; equal names mean equal bytes for equal
// weights. The kernel may differ from binding to binding, among those that read one layout.
#ifndef LASSO_KERNELS_KERNEL_H_
#define LASSO_KERNELS_KERNEL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/launch.h"
#include "backend/target_info.h"
#include "core/tensor.h"
#include "graph/op.h"

namespace lasso::kernels {

using backend::KernelArgs;
using backend::KernelRun;
using backend::KernelState;
using backend::TargetInfo;

// What a device must have for a row. A row that needs nothing of the CPU is the family's
// reference.
struct Needs {
  backend::DeviceKind device = backend::DeviceKind::kCpu;
  CpuFeatures features;
  int sm = 0;  // the least compute capability of a GPU, 80 for 8.0

  static Needs gpu(int sm = 75) { return {backend::DeviceKind::kCuda, {}, sm}; }
  bool operator==(const Needs& other) const = default;
};

// "reference", or the best instructions that a row needs: "avx512", "sm_80".
std::string isa_name(const Needs& needs);
// "product.avx512": a row's name and those instructions, unique in its family.
std::string kernel_label(std::string_view name, const Needs& needs);

// What a row says of a problem.
struct Offer {
  static Offer no(std::string reason) {
    Offer offer;
    offer.reason = std::move(reason);
    return offer;
  }
  explicit operator bool() const { return reason.empty(); }

  std::string reason;  // why not; empty where the row computes the problem
  // Scratch with the device's alignment, valid during run, for all threads together.
  std::size_t workspace_bytes = 0;
  std::size_t packed_bytes = 0;  // of what pack() writes
  std::string packed_layout;     // empty where nothing is packed
  // Operations over the relative rate of the instructions that do them (TargetInfo::rates), so
  // that rows of one family compare; 0 where rows differ in nothing but width.
  double cost = 0;
  std::string implementation;         // of a vendor library; empty otherwise
  std::shared_ptr<const void> found;  // what create() goes on with: a library's descriptor
  std::string tuning;                 // see Kernel::tunings; empty: the row decides itself
};

// Whether a text may be a row's tuning: numbers and the dots between them, and not many. It may
// come from an engine file.
inline bool is_tuning(std::string_view text) {
  constexpr std::size_t kMostBytes = 128;
  return !text.empty() && text.size() <= kMostBytes &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

template <typename Problem>
struct Kernel {
  std::string_view name;
  Needs needs;
  // Asked only where the target has what the row needs.
  Offer (*offer)(const Problem& problem, const TargetInfo& target) = nullptr;
  // `constants` are the inputs that the family packs, in order (a view with null data where
  // absent), float32, float16 or bfloat16. Null where nothing is packed.
  void (*pack)(const Problem& problem, const std::vector<TensorView>& constants,
               std::byte* packed) = nullptr;
  // The offer is this row's for this problem and target.
  std::unique_ptr<KernelState> (*create)(const Problem& problem, const TargetInfo& target,
                                         const Offer& offer) = nullptr;
  KernelRun run = nullptr;
  // Texts for Offer::tuning, as is_tuning() has them; null where there is nothing to tune. A row
  // takes any text there and goes its own way where it can't go by it. Packed weights and workspace
  // are the same for all. Called where create() may be.
  std::vector<std::string> (*tunings)(const Problem& problem, const TargetInfo& target) = nullptr;

  bool is_reference() const { return needs == Needs{}; }
  std::string label() const { return kernel_label(name, needs); }
};

// The reason why a target lacks what a row needs, or empty: the one place where that is decided.
std::string missing(const Needs& needs, const TargetInfo& target);

// What the row says of the problem on the target, needs included.
template <typename Problem>
Offer ask(const Kernel<Problem>& kernel, const Problem& problem, const TargetInfo& target) {
  std::string reason = missing(kernel.needs, target);
  return reason.empty() ? kernel.offer(problem, target) : Offer::no(std::move(reason));
}

// A kernel's state that is its problem and target: for kernels that need nothing else.
template <typename Problem>
class ProblemState : public KernelState {
 public:
  ProblemState(Problem problem, TargetInfo target) : problem(std::move(problem)), target(target) {}
  Problem problem;
  TargetInfo target;
};

template <typename Problem>
std::unique_ptr<KernelState> create_problem_state(const Problem& problem, const TargetInfo& target,
                                                  const Offer& /*offer*/) {
  return std::make_unique<ProblemState<Problem>>(problem, target);
}

// An offer that takes nothing.
template <typename Problem>
Offer always(const Problem& /*problem*/, const TargetInfo& /*target*/) {
  return {};
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_KERNEL_H_
