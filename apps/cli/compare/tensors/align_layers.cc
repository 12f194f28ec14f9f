#include "cli/compare/tensors/align_layers.h"

#include <algorithm>
#include <cstdint>

namespace lasso::app {

namespace {

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
using Keys = std::vector<std::string>;

// Where the table would be too large: each of A's with the next of B's.
Pairs next_matches(const Keys& a, const Keys& b, std::size_t first, std::size_t end_a,
                   std::size_t end_b) {
  Pairs pairs;
  std::size_t from = first;
  for (std::size_t i = first; i < end_a; ++i) {
    const auto begin = b.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = b.begin() + static_cast<std::ptrdiff_t>(end_b);
    const auto found = std::find(begin, end, a[i]);
    if (found == end) continue;
    from = static_cast<std::size_t>(found - b.begin()) + 1;
    pairs.emplace_back(i, from - 1);
  }
  return pairs;
}

// By dynamic programming: length[i][k] is that of the longest common subsequence of what begins at
// i in A and at k in B.
Pairs longest(const Keys& a, const Keys& b, std::size_t first, std::size_t end_a,
              std::size_t end_b) {
  constexpr std::size_t kMostCells = std::size_t{64} << 20;
  const std::size_t rows = end_a - first;
  const std::size_t columns = end_b - first;
  if ((rows + 1) * (columns + 1) > kMostCells) return next_matches(a, b, first, end_a, end_b);
  std::vector<std::uint32_t> length((rows + 1) * (columns + 1), 0);
  const auto at = [&](std::size_t i, std::size_t k) -> std::uint32_t& {
    return length[i * (columns + 1) + k];
  };
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t k = columns; k-- > 0;) {
      at(i, k) = a[first + i] == b[first + k] ? at(i + 1, k + 1) + 1
                                              : std::max(at(i + 1, k), at(i, k + 1));
    }
  }
  Pairs pairs;
  for (std::size_t i = 0, k = 0; i < rows && k < columns;) {
    if (a[first + i] == b[first + k]) {
      pairs.emplace_back(first + i++, first + k++);
    } else if (at(i + 1, k) >= at(i, k + 1)) {
      ++i;
    } else {
      ++k;
    }
  }
  return pairs;
}

}  // namespace

Pairs common_subsequence(const Keys& a, const Keys& b) {
  std::size_t first = 0;
  while (first < a.size() && first < b.size() && a[first] == b[first]) ++first;
  std::size_t end_a = a.size();
  std::size_t end_b = b.size();
  while (end_a > first && end_b > first && a[end_a - 1] == b[end_b - 1]) {
    --end_a;
    --end_b;
  }
  Pairs pairs;
  for (std::size_t i = 0; i < first; ++i) pairs.emplace_back(i, i);
  const Pairs middle = longest(a, b, first, end_a, end_b);
  pairs.insert(pairs.end(), middle.begin(), middle.end());
  for (; end_a < a.size(); ++end_a, ++end_b) pairs.emplace_back(end_a, end_b);
  return pairs;
}

Alignment align_layers(const std::vector<LayerKey>& a, const std::vector<LayerKey>& b) {
  const auto keys = [](const std::vector<LayerKey>& layers, std::string LayerKey::*part) {
    Keys keys;
    for (const LayerKey& layer : layers) keys.push_back(layer.*part + '\n' + layer.shape);
    return keys;
  };
  Alignment alignment;
  alignment.pairs = common_subsequence(keys(a, &LayerKey::name), keys(b, &LayerKey::name));
  if (10 * alignment.pairs.size() >= std::min(a.size(), b.size())) return alignment;
  alignment.by_name = false;
  alignment.pairs = common_subsequence(keys(a, &LayerKey::op), keys(b, &LayerKey::op));
  return alignment;
}

}  // namespace lasso::app
