// Enumerations whose values have names, which are written down once:
//
//   const EnumNames<Activation>& names_of(EnumTag<Activation>);
//
// stands beside the enumeration and is found by argument-dependent lookup. Printing, JSON and
// messages about unknown names derive from it.
#ifndef LASSO_CORE_ENUM_NAMES_H_
#define LASSO_CORE_ENUM_NAMES_H_

#include <string_view>
#include <utility>
#include <vector>

namespace lasso {

template <typename E>
using EnumNames = std::vector<std::pair<E, std::string_view>>;
template <typename E>
struct EnumTag {};

// "unknown" for a number that is no value of the enumeration.
template <typename E>
std::string_view name_of(E value) {
  for (const auto& [entry, name] : names_of(EnumTag<E>())) {
    if (entry == value) return name;
  }
  return "unknown";
}

}  // namespace lasso

#endif  // LASSO_CORE_ENUM_NAMES_H_
