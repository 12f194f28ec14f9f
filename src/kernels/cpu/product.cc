#include "kernels/cpu/product.h"

namespace lasso::kernels {

namespace {

// Of the sum over k at a time: twelve rows of A stay in the first cache, a panel of W in the
// second.
constexpr std::int64_t kPart = 1024;

// So few that a thread's are not worth the passing of all panels.
bool has_few_rows(const Product& product, int threads) {
  return product.rows < 4 * kMaxTileRows * threads && panel_count(product.n) >= threads;
}

}  // namespace

const ProductIsa& product_isa(CpuFeature feature) {
  return feature == CpuFeature::kAvx2 ? kProductAvx2 : kProductAvx512;
}

bool next_part(const Product& product, ProductPart& part) {
  if (part.segments > 0) {
    part.begin += part.depth;
    if (part.begin == product.depth) {
      part.begin = 0;
      part.segment += part.segments;
      if (part.segment == product.segments) return false;
    }
  }
  if (product.depth > kPart) {
    // Pieces of equal size, but for the last.
    const std::int64_t pieces = (product.depth + kPart - 1) / kPart;
    const std::int64_t size = (product.depth + pieces - 1) / pieces;
    part.segments = 1;
    part.depth = std::min(size, product.depth - part.begin);
  } else {
    part.segments = static_cast<int>(std::min<std::int64_t>(
        kPart / std::max<std::int64_t>(product.depth, 1), product.segments - part.segment));
    part.depth = product.depth;
  }
  return part.segments > 0;
}

ProductRange product_range(const Product& product, int thread, int threads) {
  const std::int64_t panels = panel_count(product.n);
  ProductRange range{
      .row_begin = 0, .row_end = product.rows, .panel_begin = 0, .panel_end = panels};
  const auto split = [&](std::int64_t count, std::int64_t& begin, std::int64_t& end) {
    begin = count * thread / threads;
    end = count * (thread + 1) / threads;
  };
  if (has_few_rows(product, threads)) {
    split(panels, range.panel_begin, range.panel_end);
  } else {
    split(product.rows, range.row_begin, range.row_end);
  }
  return range;
}

ProductTasks::ProductTasks(const Product& product, int threads)
    : rows_(product.rows),
      panels_(panel_count(product.n)),
      by_panels_(has_few_rows(product, threads)) {
  if (by_panels_) {
    count_ = threads;
    return;
  }
  // Several for each thread, so that slower ones do fewer, unless they would be a few tiles.
  constexpr std::int64_t kTasks = 4;
  constexpr std::int64_t kLeastRows = 4 * kMaxTileRows;
  const std::int64_t blocks = (rows_ + kProductBlock - 1) / kProductBlock;
  const std::int64_t wanted = threads == 1 ? 1 : std::min(kTasks * threads, rows_ / kLeastRows);
  count_ = std::max(blocks, wanted);
}

ProductRange ProductTasks::range(std::int64_t task) const {
  const auto part = [&](std::int64_t all, std::int64_t i) { return all * i / count_; };
  if (by_panels_) return {0, rows_, part(panels_, task), part(panels_, task + 1)};
  return {part(rows_, task), part(rows_, task + 1), 0, panels_};
}

bool product_is_large(const Product& product) {
  // To start and to join a team costs some microseconds, in which one core does about a megaflop.
  return product.rows * product.n * product.segments * product.depth > 500'000;
}

}  // namespace lasso::kernels
