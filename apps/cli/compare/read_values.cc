#include "cli/compare/read_values.h"

#include <algorithm>
#include <cstddef>

namespace lasso::app {

namespace {

bool has_doubles(const Record& tensor) { return tensor.meta.value("doubles", false); }

// The next values.
void read_doubles(Child* side, std::vector<float>* singles, std::vector<double>* values,
                  std::size_t count) {
  values->resize(count);
  if (has_doubles(side->current())) {
    side->read_bytes(values->data(), count * sizeof(double));
    return;
  }
  singles->resize(count);
  side->read_bytes(singles->data(), count * sizeof(float));
  std::copy(singles->begin(), singles->end(), values->begin());
}

}  // namespace

std::vector<std::int64_t> shape_of(const Record& tensor) {
  return tensor.meta.at("shape").get<std::vector<std::int64_t>>();
}

std::uint64_t count_of(const Record& tensor) {
  return tensor.bytes / (has_doubles(tensor) ? sizeof(double) : sizeof(float));
}

std::vector<double> read_all(Child* side) {
  std::vector<float> singles;
  std::vector<double> values;
  read_doubles(side, &singles, &values, static_cast<std::size_t>(count_of(side->current())));
  return values;
}

void add_values(Child* a, Child* b, Difference* difference) {
  constexpr std::size_t kChunk = 1 << 16;
  std::vector<float> singles;
  std::vector<double> values_a;
  std::vector<double> values_b;
  for (std::uint64_t rest = count_of(a->current()); rest > 0;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(rest, kChunk));
    read_doubles(a, &singles, &values_a, count);
    read_doubles(b, &singles, &values_b, count);
    difference->add(values_a.data(), values_b.data(), count);
    rest -= count;
  }
}

}  // namespace lasso::app
