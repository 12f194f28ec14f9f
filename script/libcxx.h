// For script/libcxx only: what C++20 has and older releases of libc++ lack.
#ifndef LASSO_SCRIPT_LIBCXX_H_
#define LASSO_SCRIPT_LIBCXX_H_

#include <charconv>
#include <thread>

#if defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 200000
namespace std {
from_chars_result from_chars(const char* first, const char* last, double& value,
                             chars_format format = chars_format::general);
class jthread : public thread {
 public:
  using thread::thread;
};
}  // namespace std
#endif

#endif  // LASSO_SCRIPT_LIBCXX_H_
