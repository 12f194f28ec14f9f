#include "kernels/conv/conv_tiles.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "kernels/conv/conv_filters.h"
#include "kernels/conv/conv_int8.h"
#include "kernels/cpu/product_bf16.h"
#include "kernels/cpu/tile_sequence.h"

namespace lasso::kernels {

namespace {

std::int64_t number_bytes(const Conv2dProblem& p) { return p.weights == DType::kBF16 ? 2 : 1; }

Windows windows_of(const Conv2dProblem& p, int threads) {
  return {p,
          {.element_bytes = number_bytes(p),
           .group = kTileRowBytes / number_bytes(p),
           .rows = 2 * kTileRows,
           .strip = kTilePanel,
           .converts = p.weights == DType::kBF16 && p.input != DType::kBF16,
           .least_pixels = kTileRows},
          threads};
}

// Of a task: gathered windows are one run of pixels, those of other lines are apart.
std::int64_t most_tiles(const Windows& w) {
  return w.gathers ? row_tiles(w.chunk_lines * w.line_pixels)
                   : w.chunk_lines * row_tiles(w.line_pixels);
}

std::int64_t thread_bytes(const Windows& w) {
  return w.thread_bytes() + TileSequence::bytes(most_tiles(w));
}

// The packed filters, by panels.
struct Panels : TilePanels {
  Panels(const Conv2dProblem& p, const std::byte* packed) : TilePanels{packed, p.filters, 0} {
    if (p.weights == DType::kBF16) {
      const std::int64_t k = window_inputs(p);
      rows = bf16::panel_size(k) / (2 * kTilePanel);
      bias = reinterpret_cast<const float*>(packed + bf16::panel_elements(p.filters, k) * 2);
    } else {
      const PackedInt8Filters int8(p, packed);
      rows = int8.groups;
      sums = int8.sums;
      scales = int8.scales;
      bias = int8.bias;
    }
  }

  const float* bias = nullptr;
  const std::int32_t* sums = nullptr;  // of int8, as what follows
  const float* scales = nullptr;
};

// One thread's part of a call.
class Part {
 public:
  Part(const TileIsa& isa, const ConvTilesState& s, const KernelArgs& args, int thread)
      : isa_(isa),
        p_(s.problem),
        w_(s.windows),
        offsets_(s.offsets),
        args_(args),
        panels_(s.problem, args.packed),
        scratch_(args.workspace + thread * thread_bytes(s.windows)),
        sequence_(isa, most_tiles(s.windows), scratch_ + s.windows.thread_bytes()) {}

  void run(std::int64_t index) {
    const WindowTask task = make_task(
        w_, args_, index,
        [&](const void* x, std::int64_t at, std::int64_t count, std::byte* out) {
          copy(x, at, count, out);
        },
        [&](std::int64_t count, std::byte* out) {
          const int zero = p_.weights == DType::kI8 ? static_cast<int>(p_.input_scheme.zero) : 0;
          std::memset(out, zero, static_cast<std::size_t>(count * number_bytes(p_)));
        },
        scratch_);
    const std::int64_t count = w_.gathers ? list_run(task) : list_lines(task);
    for (std::int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      const std::int64_t next = panel + 1 < task.panel_end ? panel + 1 : task.panel_begin;
      multiply(panel, next, count, task.image * w_.result_pixels);
    }
  }
  void finish() { sequence_.finish(); }

 private:
  void copy(const void* x, std::int64_t at, std::int64_t count, std::byte* out) const {
    if (w_.needs.converts) {
      isa_.round(static_cast<const float*>(x) + at, count, reinterpret_cast<std::uint16_t*>(out));
    } else {
      const std::int64_t bytes = number_bytes(p_);
      std::memcpy(out, static_cast<const std::byte*>(x) + at * bytes,
                  static_cast<std::size_t>(count * bytes));
    }
  }

  // Gathered windows, which lie one after the other.
  std::int64_t list_run(const WindowTask& task) {
    TileOfRows* tiles = sequence_.rows();
    const std::int64_t begin = task.begin * w_.line_pixels;
    const std::int64_t end = std::min(task.end * w_.line_pixels, w_.result_pixels);
    std::int64_t count = 0;
    for (std::int64_t pixel = begin; pixel < end; pixel += kTileRows) {
      tiles[count++] = {task.x + (pixel - begin) * w_.pixel_step * number_bytes(p_), pixel, 0,
                        static_cast<int>(std::min<std::int64_t>(end - pixel, kTileRows))};
    }
    return count;
  }

  // Tiles of the pixels of each line. The last one begins earlier where pixels behind it are none
  // that may be read.
  std::int64_t list_lines(const WindowTask& task) {
    TileOfRows* tiles = sequence_.rows();
    std::int64_t count = 0;
    for (std::int64_t line = task.begin; line < task.end; ++line) {
      const std::int64_t at = line * w_.line_pixels;
      const std::int64_t length = std::min(w_.line_pixels, w_.result_pixels - at);
      const std::int64_t readable = w_.in_place ? length : w_.line_pixels;
      for (std::int64_t pixel = 0; pixel < length; pixel += kTileRows) {
        const std::int64_t back = std::max<std::int64_t>(pixel + kTileRows - readable, 0);
        const std::int64_t element =
            (line - task.begin) * w_.line_step + (pixel - back) * w_.pixel_step;
        const std::int64_t end = back + std::min<std::int64_t>(length - pixel, kTileRows);
        tiles[count++] = {task.x + element * number_bytes(p_), at + pixel - back,
                          static_cast<int>(back),
                          static_cast<int>(std::min<std::int64_t>(end, kTileRows))};
      }
    }
    return count;
  }

  void multiply(std::int64_t panel, std::int64_t next, std::int64_t count, std::int64_t pixel) {
    const std::int64_t column = panel * kTilePanel;
    TileBlock block;
    block.row_stride = w_.pixel_step * number_bytes(p_);
    block.step_stride = kTileRowBytes;
    block.pieces = static_cast<std::int64_t>(offsets_.size());
    block.offsets = offsets_.data();
    block.piece_steps = w_.depth * number_bytes(p_) / kTileRowBytes;
    panels_.place(panel, next, block);
    ProductResults results;
    results.columns = block.columns;
    results.activation = p_.activation;
    results.narrow = p_.output != DType::kF32;
    results.output = p_.output;
    const auto size = static_cast<std::int64_t>(size_of(p_.output));
    results.y = static_cast<std::byte*>(args_.outputs[0]) + (pixel * p_.filters + column) * size;
    results.y_stride = p_.filters;
    if (p_.output == DType::kU8) {
      results.y_inverse = 1.0F / p_.output_scheme.scale;
      results.y_zero = static_cast<int>(p_.output_scheme.zero);
    }
    std::int32_t corrections[kTilePanel];
    if (p_.weights == DType::kBF16) {
      block.first = panels_.bias + column;
    } else {
      // The products of the scales, as all kernels of int8 round them; results of the panel before
      // wait with theirs.
      std::swap(scales_[0], scales_[1]);
      for (int i = 0; i < kTilePanel; ++i) {
        corrections[i] = -static_cast<int>(p_.input_scheme.zero) * panels_.sums[column + i];
        scales_[0][i] = p_.input_scheme.scale * panels_.scales[column + i];
      }
      block.first = corrections;
      results.scales = scales_[0];
      results.bias = panels_.bias + column;
    }
    sequence_.multiply(block, count, results);
  }

  const TileIsa& isa_;
  const Conv2dProblem& p_;
  const Windows& w_;
  const std::vector<std::int64_t>& offsets_;
  const KernelArgs& args_;
  Panels panels_;
  std::byte* scratch_;
  TileSequence sequence_;
  float scale_memory_[2][kTilePanel];
  float* scales_[2] = {scale_memory_[0], scale_memory_[1]};
};

}  // namespace

ConvTilesState::ConvTilesState(const Conv2dProblem& p, int threads)
    : problem(p), windows(windows_of(p, threads)) {
  for (const std::int64_t offset : windows.offsets) offsets.push_back(offset * number_bytes(p));
}

Offer offer_conv_tiles(DType weights, const Conv2dProblem& p, const TargetInfo& target) {
  if (p.weights != weights) {
    return Offer::no("weights other than " + std::string(to_string(weights)));
  }
  if (p.groups != 1) return Offer::no("groups of channels");
  if (const char* reason = refused_by_windows(p); reason != nullptr) return Offer::no(reason);
  const std::int64_t k = window_inputs(p);
  const bool is_int8 = weights == DType::kI8;
  if (k == 0 || (is_int8 && k > kInt8MostInputs)) return Offer::no("sums of none, or over 65536");
  Offer offer;
  if (is_int8) {
    offer.packed_bytes = static_cast<std::size_t>(Int8FilterLayout(p).bytes());
    offer.packed_layout = kInt8FilterLayout;
  } else {
    offer_bf16_filters(p, offer);
  }
  const Windows windows = windows_of(p, target.threads);
  offer.workspace_bytes = static_cast<std::size_t>(thread_bytes(windows) * target.threads);
  // Whole tiles are computed, at half of the unit's peak at most.
  const auto unit = is_int8 ? MultiplyAdd::kInt8Amx : MultiplyAdd::kBf16Amx;
  const auto filled_up = [](std::int64_t count, std::int64_t unit) {
    const std::int64_t whole = (count + unit - 1) / unit * unit;
    return static_cast<double>(whole) / static_cast<double>(std::max<std::int64_t>(count, 1));
  };
  const double filled =
      filled_up(k * number_bytes(p), kTileRowBytes) * filled_up(p.filters, kTilePanel / 2);
  offer.cost = 2 * operations(p) * filled / target.rate(unit);
  return offer;
}

void pack_conv_tiles(const Conv2dProblem& p, const std::vector<TensorView>& constants,
                     std::byte* packed) {
  if (p.weights == DType::kI8) {
    pack_int8_filters(p, constants, packed);
  } else {
    pack_bf16_filters(p, constants, packed);
  }
}

void run_conv_tiles(const TileIsa& isa, const ConvTilesState& state, const KernelArgs& args) {
  if (state.windows.tasks() == 0) return;
  share_tasks(state.windows, [&](const auto& next, int thread) {
    const TileScope scope(isa);
    Part part(isa, state, args, thread);
    for (std::int64_t i = next(); i < state.windows.tasks(); i = next()) part.run(i);
    part.finish();
  });
}

const Kernel<Conv2dProblem> kConv2dBf16Amx =
    conv_tiles<kAmxBf16, DType::kBF16>("tiles", CpuFeature::kAmxBf16);
const Kernel<Conv2dProblem> kConv2dInt8Amx =
    conv_tiles<kAmxInt8, DType::kI8>("tiles", CpuFeature::kAmxInt8);

}  // namespace lasso::kernels
