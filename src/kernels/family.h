// Families as the engine sees them: one per op, with the type of the problem erased.
#ifndef LASSO_KERNELS_FAMILY_H_
#define LASSO_KERNELS_FAMILY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

struct Operand {
  bool present = false;
  DType dtype = DType::kF32;
  Dims dims;
  bool constant = false;
};

// A node of the graph with all sizes known.
struct Call {
  graph::Op op;
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
};

class Family {
 public:
  virtual ~Family() = default;
  virtual std::string_view name() const = 0;
  // Number of kernels in the list, and their names and instruction sets.
  virtual std::size_t size() const = 0;
  virtual std::string_view kernel_name(std::size_t index) const = 0;
  virtual Isa kernel_isa(std::size_t index) const = 0;
  // Which inputs pack() takes; they must be constants, and are not passed to run().
  virtual std::vector<std::size_t> packed_inputs(const Call& call) const = 0;

  virtual Support supports(std::size_t index, const Call& call, const Target& target) const = 0;
  virtual KernelPlan plan(std::size_t index, const Call& call, const Target& target) const = 0;
  virtual void pack(std::size_t index, const Call& call, const std::vector<TensorView>& constants,
                    std::byte* packed) const = 0;
  virtual std::unique_ptr<KernelState> create(std::size_t index, const Call& call,
                                              const Target& target) const = 0;
  using Run = void (*)(const KernelState& state, const KernelArgs& args);
  virtual Run run(std::size_t index) const = 0;
};

// The family of CPU kernels for an op.
const Family& cpu_family(const graph::Op& op);

// A family from a list of Kernel<Problem> and the function that reads a Problem off a Call.
template <typename Problem>
class ListFamily final : public Family {
 public:
  using MakeProblem = Problem (*)(const Call& call);
  using Packed = std::vector<std::size_t> (*)(const Call& call);

  ListFamily(std::string_view name, const std::vector<Kernel<Problem>>& list, MakeProblem make,
             Packed packed = nullptr)
      : name_(name), list_(list), make_(make), packed_(packed) {}

  std::string_view name() const override { return name_; }
  std::size_t size() const override { return list_.size(); }
  std::string_view kernel_name(std::size_t i) const override { return list_.at(i).name; }
  Isa kernel_isa(std::size_t i) const override { return list_.at(i).isa; }
  std::vector<std::size_t> packed_inputs(const Call& call) const override {
    return packed_ == nullptr ? std::vector<std::size_t>{} : packed_(call);
  }
  Support supports(std::size_t i, const Call& call, const Target& target) const override {
    const Kernel<Problem>& kernel = list_.at(i);
    if (kernel.isa > target.isa) {
      return Support::no("needs " + std::string(to_string(kernel.isa)));
    }
    return kernel.supports(make_(call), target);
  }
  KernelPlan plan(std::size_t i, const Call& call, const Target& target) const override {
    return list_.at(i).plan(make_(call), target);
  }
  void pack(std::size_t i, const Call& call, const std::vector<TensorView>& constants,
            std::byte* packed) const override {
    list_.at(i).pack(make_(call), constants, packed);
  }
  std::unique_ptr<KernelState> create(std::size_t i, const Call& call,
                                      const Target& target) const override {
    return list_.at(i).create(make_(call), target);
  }
  Run run(std::size_t i) const override { return list_.at(i).run; }

 private:
  std::string_view name_;
  const std::vector<Kernel<Problem>>& list_;
  MakeProblem make_;
  Packed packed_;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_FAMILY_H_
