#include "image/mask/distance.h"

#include <algorithm>
#include <cstddef>

namespace lasso {

namespace {

// Squares of distances along one line: result[i] = min over j of (i - j)^2 + f[j], for finite f.
class Line {
 public:
  explicit Line(std::size_t length) : vertex_(length), begin_(length + 1) {}

  void transform(const std::vector<std::int64_t>& f, std::vector<std::int64_t>* result) {
    const std::size_t n = f.size();
    std::size_t last = 0;
    vertex_[0] = 0;
    begin_[0] = -1e20;
    begin_[1] = 1e20;
    const auto height = [&](std::size_t q) {
      const auto x = static_cast<double>(q);
      return static_cast<double>(f[q]) + x * x;
    };
    for (std::size_t q = 1; q < n; ++q) {
      double crossing = 0;
      while (true) {
        const std::size_t p = vertex_[last];
        crossing = (height(q) - height(p)) / (2.0 * static_cast<double>(q - p));
        if (crossing > begin_[last] || last == 0) break;
        --last;
      }
      if (crossing > begin_[last]) ++last;
      vertex_[last] = q;
      begin_[last] = crossing;
      begin_[last + 1] = 1e20;
    }
    std::size_t k = 0;
    for (std::size_t i = 0; i < n; ++i) {
      while (begin_[k + 1] < static_cast<double>(i)) ++k;
      const auto offset = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(vertex_[k]);
      (*result)[i] = offset * offset + f[vertex_[k]];
    }
  }

 private:
  std::vector<std::size_t> vertex_;  // of the parabolas of the envelope
  std::vector<double> begin_;        // where each of them begins to be the lowest
};

}  // namespace

std::vector<std::int64_t> squared_distances(const Mask& mask) {
  // A frame of pixels outside, so that every line has a finite value.
  const auto width = static_cast<std::size_t>(mask.width) + 2;
  const auto height = static_cast<std::size_t>(mask.height) + 2;
  const auto far = static_cast<std::int64_t>((width + height) * (width + height));
  std::vector<std::int64_t> columns(width * height, 0);
  std::vector<std::int64_t> line(height);
  std::vector<std::int64_t> transformed(height);
  Line down(height);
  for (std::size_t x = 1; x + 1 < width; ++x) {
    std::fill(line.begin(), line.end(), 0);
    for (std::size_t y = 1; y + 1 < height; ++y) {
      line[y] = mask.data[(y - 1) * (width - 2) + x - 1] != 0 ? far : 0;
    }
    down.transform(line, &transformed);
    for (std::size_t y = 0; y < height; ++y) columns[y * width + x] = transformed[y];
  }
  std::vector<std::int64_t> distances(mask.data.size());
  line.resize(width);
  transformed.resize(width);
  Line across(width);
  for (std::size_t y = 1; y + 1 < height; ++y) {
    std::copy_n(columns.begin() + static_cast<std::ptrdiff_t>(y * width), width, line.begin());
    across.transform(line, &transformed);
    std::copy_n(transformed.begin() + 1, width - 2,
                distances.begin() + static_cast<std::ptrdiff_t>((y - 1) * (width - 2)));
  }
  return distances;
}

}  // namespace lasso
