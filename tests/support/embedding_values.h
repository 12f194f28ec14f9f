// What an embedding holds, for comparisons.
#ifndef LASSO_TESTS_SUPPORT_EMBEDDING_VALUES_H_
#define LASSO_TESTS_SUPPORT_EMBEDDING_VALUES_H_

#include <vector>

#include "lasso/embedding.h"

namespace lasso::test {

inline std::vector<float> values_of(const Embedding& embedding) {
  std::vector<float> values(embedding.size());
  embedding.copy_to(values.data());
  return values;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_EMBEDDING_VALUES_H_
