// Families as the engine sees them: one per op, with the type of the problem erased.
#ifndef LASSO_KERNELS_FAMILY_H_
#define LASSO_KERNELS_FAMILY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.h"
#include "kernels/device_rows.h"
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
  // Number of kernels in the list, their names, and what they need.
  virtual std::size_t size() const = 0;
  virtual std::string_view kernel_name(std::size_t index) const = 0;
  virtual const Needs& needs(std::size_t index) const = 0;
  // Which inputs pack() takes; they must be constants, and are not passed to run().
  virtual std::vector<std::size_t> packed_inputs(const Call& call) const = 0;

  virtual Offer ask(std::size_t index, const Call& call, const TargetInfo& target) const = 0;
  virtual void pack(std::size_t index, const Call& call, const std::vector<TensorView>& constants,
                    std::byte* packed) const = 0;
  virtual std::unique_ptr<KernelState> create(std::size_t index, const Call& call,
                                              const TargetInfo& target,
                                              const Offer& offer) const = 0;
  virtual KernelRun run(std::size_t index) const = 0;
  // Of a row that offers; empty where it has none.
  virtual std::vector<std::string> tunings(std::size_t index, const Call& call,
                                           const TargetInfo& target) const = 0;

  // The same family with a device's rows, which must outlive it.
  virtual std::unique_ptr<Family> with(const DeviceRows& rows) const = 0;

  bool is_reference(std::size_t index) const { return needs(index) == Needs{}; }
  std::string label(std::size_t index) const {
    return kernel_label(kernel_name(index), needs(index));
  }
};

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
  const Needs& needs(std::size_t i) const override { return list_.at(i).needs; }
  std::vector<std::size_t> packed_inputs(const Call& call) const override {
    return packed_ == nullptr ? std::vector<std::size_t>{} : packed_(call);
  }
  Offer ask(std::size_t i, const Call& call, const TargetInfo& target) const override {
    return kernels::ask(list_.at(i), make_(call), target);
  }
  void pack(std::size_t i, const Call& call, const std::vector<TensorView>& constants,
            std::byte* packed) const override {
    list_.at(i).pack(make_(call), constants, packed);
  }
  std::unique_ptr<KernelState> create(std::size_t i, const Call& call, const TargetInfo& target,
                                      const Offer& offer) const override {
    return list_.at(i).create(make_(call), target, offer);
  }
  KernelRun run(std::size_t i) const override { return list_.at(i).run; }
  std::vector<std::string> tunings(std::size_t i, const Call& call,
                                   const TargetInfo& target) const override {
    const Kernel<Problem>& kernel = list_.at(i);
    if (kernel.tunings == nullptr) return {};
    return kernel.tunings(make_(call), target);
  }
  std::unique_ptr<Family> with(const DeviceRows& rows) const override {
    return std::make_unique<ListFamily>(name_, rows.of<Problem>(), make_, packed_);
  }

 private:
  std::string_view name_;
  const std::vector<Kernel<Problem>>& list_;
  MakeProblem make_;
  Packed packed_;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_FAMILY_H_
