// The library's own way to what public classes hold.
#ifndef LASSO_CORE_ACCESS_H_
#define LASSO_CORE_ACCESS_H_

#include <memory>
#include <utility>

namespace lasso {

struct Access {
  template <typename T>
  static const std::shared_ptr<const typename T::Impl>& impl(const T& object) {
    return object.impl_;
  }
  template <typename T>
  static T make(std::shared_ptr<const typename T::Impl> impl) {
    T object;
    object.impl_ = std::move(impl);
    return object;
  }
  // For classes that are never empty.
  template <typename T>
  static T construct(std::shared_ptr<const typename T::Impl> impl) {
    return T(std::move(impl));
  }
};

}  // namespace lasso

#endif  // LASSO_CORE_ACCESS_H_
