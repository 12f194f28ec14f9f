// The rows of another device than the CPU, which the device's library brings when it is loaded.
#ifndef LASSO_KERNELS_DEVICE_ROWS_H_
#define LASSO_KERNELS_DEVICE_ROWS_H_

#include <map>
#include <memory>
#include <typeindex>
#include <utility>
#include <vector>

#include "kernels/kernel.h"

namespace lasso::kernels {

// A list of kernels for each type of problem, best first.
class DeviceRows {
 public:
  template <typename Problem>
  using List = std::vector<Kernel<Problem>>;

  template <typename Problem>
  void add(List<Problem> list) {
    lists_[typeid(Problem)] = std::make_shared<const List<Problem>>(std::move(list));
  }

  // Empty where the device has no kernel. It lives as long as this.
  template <typename Problem>
  const List<Problem>& of() const {
    static const List<Problem> none;
    const auto it = lists_.find(typeid(Problem));
    return it == lists_.end() ? none : *static_cast<const List<Problem>*>(it->second.get());
  }

 private:
  std::map<std::type_index, std::shared_ptr<const void>> lists_;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_DEVICE_ROWS_H_
