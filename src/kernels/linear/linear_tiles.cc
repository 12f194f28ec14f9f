#include "kernels/linear/linear_tiles.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/aligned_buffer.h"
#include "core/threads.h"
#include "kernels/cpu/product_bf16.h"
#include "kernels/cpu/tile_sequence.h"
#include "kernels/linear/linear_int8_layout.h"
#include "kernels/linear/linear_packed.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t kLine = 16;  // floats of a cache line

std::int64_t number_bytes(const LinearProblem& p) { return p.weights == DType::kBF16 ? 2 : 1; }

// The packed weights, by panels.
struct Panels : TilePanels {
  Panels(const LinearProblem& p, const std::byte* packed) : TilePanels{packed, p.n, 0} {
    if (p.weights == DType::kBF16) {
      rows = bf16::panel_size(p.k) / (2 * kTilePanel);
      first = packed + bf16::panel_elements(p.n, p.k) * 2;
    } else {
      const PackedInt8Linear int8(p, packed);
      rows = int8.groups;
      first = reinterpret_cast<const std::byte*>(int8.correction);
      scales = int8.scales;
      bias = int8.bias;
      output_gain = p.output_gain ? int8.output_gain : nullptr;
    }
  }

  const std::byte* first = nullptr;  // what sums begin with: the bias, or the correction
  const float* scales = nullptr;     // of int8, as what follows
  const float* bias = nullptr;
  const float* output_gain = nullptr;
};

// How the product is cut into tasks, blocks of rows by parts of the panels, and what lies in the
// workspace: where rows must be quantised once they are whole, y as float32; and of each thread a
// block of x in tiles, and the sums that wait.
struct Cut {
  Cut(const LinearProblem& p, int threads)
      : steps(tile_steps(p.k * number_bytes(p))),
        tiles(row_tiles(p.m)),
        panels((p.n + kTilePanel - 1) / kTilePanel) {
    constexpr std::int64_t kTasks = 4;     // of a thread, so that slower ones do fewer
    constexpr std::int64_t kFewTiles = 4;  // for a thread, which passes all panels by them
    const std::int64_t wanted = kTasks * threads;
    const bool keeps_rows = p.output == DType::kU8;
    // An odd number of cache lines: rows at a multiple of 4096 bytes would share places in the
    // first cache.
    if (keeps_rows) y_stride = (p.n + kLine - 1) / kLine * kLine | kLine;
    // A block stays in the second cache, of 2 MiB where there are tiles, beside the weights of two
    // panels, and is large enough for the third one to bring these meanwhile.
    constexpr std::int64_t kBytes = std::int64_t{1} << 20;
    constexpr std::int64_t kLeastTiles = 8;
    const std::int64_t of_tile = steps * kTileBytes + kTileRows * y_stride * 4;
    block_tiles = std::clamp<std::int64_t>(kBytes / of_tile / 2 * 2, kLeastTiles, 32);
    const std::int64_t least_tiles = keeps_rows ? kLeastTiles : 2 * kLeastTiles;
    while (block_tiles / 2 >= least_tiles && blocks() < wanted) block_tiles /= 2;
    block_tiles = std::min(block_tiles, std::max<std::int64_t>(tiles, 1));
    // A part of the panels is worth that its thread packs the block.
    const std::int64_t least_panels = std::clamp<std::int64_t>(block_tiles / 4, 1, 4);
    const std::int64_t most_parts = std::max<std::int64_t>(panels / least_panels, 1);
    by_panels = keeps_rows && tiles < kFewTiles * threads;
    if (!keeps_rows || by_panels) {
      parts = std::clamp<std::int64_t>((wanted + blocks() - 1) / blocks(), 1, most_parts);
    }
    x_bytes = block_tiles * steps * kTileBytes;
    y_bytes = static_cast<std::int64_t>(align_up(
        static_cast<std::size_t>((by_panels ? p.m : block_tiles * kTileRows) * y_stride * 4)));
  }
  std::int64_t blocks() const {
    return std::max<std::int64_t>((tiles + block_tiles - 1) / block_tiles, 1);
  }
  std::int64_t y_offset() const { return x_bytes + TileSequence::bytes(block_tiles); }
  std::int64_t thread_bytes() const { return y_offset() + (by_panels ? 0 : y_bytes); }
  std::size_t workspace(int threads) const {
    return static_cast<std::size_t>(thread_bytes() * threads + (by_panels ? y_bytes : 0));
  }

  std::int64_t steps;
  std::int64_t tiles;
  std::int64_t panels;
  std::int64_t block_tiles = 0;
  std::int64_t parts = 1;     // of the panels
  std::int64_t y_stride = 0;  // floats; 0: y is written where it belongs
  bool by_panels = false;     // few rows to quantise: threads share y in the workspace
  std::int64_t x_bytes = 0;
  std::int64_t y_bytes = 0;
};

// One thread's part of a call.
class Part {
 public:
  Part(const TileIsa& isa, const LinearProblem& p, const Cut& cut, const KernelArgs& args,
       std::byte* memory, float* y)
      : isa_(isa),
        p_(p),
        cut_(cut),
        args_(args),
        panels_(p, args.packed),
        x_(memory),
        sequence_(isa, cut.block_tiles, memory + cut.x_bytes),
        y_(y) {}

  void run(std::int64_t task) {
    const std::int64_t blocks = cut_.blocks();
    const std::int64_t block = task / cut_.parts;
    const std::int64_t part = task % cut_.parts;
    const std::int64_t first = cut_.tiles * block / blocks;
    const std::int64_t last = cut_.tiles * (block + 1) / blocks;
    const std::int64_t begin = first * kTileRows;
    const std::int64_t end = std::min(last * kTileRows, p_.m);
    if (block != packed_block_) pack(begin, end);
    packed_block_ = block;
    const std::int64_t panel_begin = cut_.panels * part / cut_.parts;
    const std::int64_t panel_end = cut_.panels * (part + 1) / cut_.parts;
    for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
      const std::int64_t next = panel + 1 < panel_end ? panel + 1 : panel_begin;
      sequence_.multiply(tile_block(panel, next), last - first, results(begin, panel));
    }
    if (cut_.y_stride == 0 || cut_.by_panels) return;
    sequence_.finish();
    quantize(begin, end);
  }
  void finish() { sequence_.finish(); }

  // Rows that are whole in y.
  void quantize(std::int64_t begin, std::int64_t end) const {
    const float* y = y_;
    for (std::int64_t row = begin; row < end; ++row, y += cut_.y_stride) {
      static_cast<float*>(args_.outputs[1])[row] =
          isa_.quantize(y, p_.n, static_cast<std::uint8_t*>(args_.outputs[0]) + row * p_.n);
    }
  }

 private:
  void pack(std::int64_t begin, std::int64_t end) {
    const bool rounds = p_.input == DType::kF32;
    const std::int64_t stride = p_.k * (rounds ? 4 : number_bytes(p_));
    const auto* x = static_cast<const std::byte*>(args_.inputs[0]) + begin * stride;
    TileOfRows* tiles = sequence_.rows();
    for (std::int64_t row = begin; row < end; row += kTileRows) {
      const std::int64_t tile = (row - begin) / kTileRows;
      tiles[tile] = {x_ + tile * cut_.steps * kTileBytes, row - begin, 0,
                     static_cast<int>(std::min<std::int64_t>(end - row, kTileRows))};
    }
    const RowsToPack rows{x, stride, end - begin, p_.k, cut_.steps, x_};
    if (rounds) {
      isa_.pack_rounded(rows);
    } else {
      isa_.pack(rows);
    }
  }

  TileBlock tile_block(std::int64_t panel, std::int64_t next) const {
    TileBlock block;
    block.row_stride = kTileRowBytes;
    block.step_stride = kTileBytes;
    block.piece_steps = cut_.steps;
    panels_.place(panel, next, block);
    block.first = panels_.first + panel * kTilePanelRow;
    return block;
  }

  ProductResults results(std::int64_t begin, std::int64_t panel) const {
    const std::int64_t column = panel * kTilePanel;
    ProductResults t;
    t.columns = panels_.columns(panel);
    t.activation = p_.activation;
    t.narrow = p_.output != DType::kF32;
    if (p_.weights == DType::kI8) {
      t.x_scales = static_cast<const float*>(args_.inputs[4]) + begin;
      t.scales = panels_.scales + column;
      t.bias = panels_.bias + column;
      if (panels_.output_gain != nullptr) t.output_gain = panels_.output_gain + column;
    }
    if (p_.residual) {
      t.residual = static_cast<const float*>(args_.inputs[3]) + begin * p_.n + column;
      t.residual_stride = p_.n;
    }
    if (cut_.y_stride != 0) {
      t.y = y_ + (cut_.by_panels ? begin * cut_.y_stride : 0) + column;
      t.y_stride = cut_.y_stride;
    } else {
      t.output = p_.output;
      const auto size = static_cast<std::int64_t>(size_of(p_.output));
      t.y = static_cast<std::byte*>(args_.outputs[0]) + (begin * p_.n + column) * size;
      t.y_stride = p_.n;
    }
    return t;
  }

  const TileIsa& isa_;
  const LinearProblem& p_;
  const Cut& cut_;
  const KernelArgs& args_;
  Panels panels_;
  std::byte* x_;
  std::int64_t packed_block_ = -1;
  TileSequence sequence_;
  float* y_;
};

}  // namespace

Offer offer_linear_tiles(DType weights, const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != weights)
    return Offer::no("weights other than " + std::string(to_string(weights)));
  if (p.k == 0) return Offer::no("no columns to sum over");
  const bool is_int8 = weights == DType::kI8;
  if (is_int8 && p.k > kInt8MostInputs) return Offer::no("sums of over 65536");
  Offer offer;
  if (is_int8) {
    offer.packed_bytes = static_cast<std::size_t>(Int8LinearLayout(p).bytes());
    offer.packed_layout = kInt8LinearLayout;
  } else {
    offer = offer_packed_linear(p);
  }
  offer.workspace_bytes = Cut(p, target.threads).workspace(target.threads);
  // Whole tiles are computed, at half of the unit's peak.
  LinearProblem whole = p;
  whole.m = row_tiles(p.m) * kTileRows;
  const auto unit = is_int8 ? MultiplyAdd::kInt8Amx : MultiplyAdd::kBf16Amx;
  offer.cost = 2 * operations(whole) / target.rate(unit);
  return offer;
}

void pack_linear_tiles(const LinearProblem& p, const std::vector<TensorView>& constants,
                       std::byte* packed) {
  if (p.weights == DType::kI8) {
    pack_int8_linear(p, constants, packed);
  } else {
    pack_linear(p, constants, packed);
  }
}

void run_linear_tiles(const TileIsa& isa, const LinearProblem& p, int threads,
                      const KernelArgs& args) {
  if (p.m == 0) return;  // without columns, rows have scales all the same
  const Cut cut(p, threads);
  auto* shared_y = reinterpret_cast<float*>(args.workspace);
  std::byte* memory = args.workspace + (cut.by_panels ? cut.y_bytes : 0);
  // To start and to join a team costs some microseconds, in which one core does some megaproducts.
  const bool small = p.m * p.n * p.k < 500'000;
  share_tasks(small, threads, [&](const auto& next, int thread) {
    std::byte* own = memory + cut.thread_bytes() * thread;
    auto* y = cut.by_panels ? shared_y : reinterpret_cast<float*>(own + cut.y_offset());
    const TileScope scope(isa);
    Part part(isa, p, cut, args, own, y);
    const std::int64_t tasks = cut.blocks() * cut.parts;
    for (std::int64_t i = next(); i < tasks; i = next()) part.run(i);
    part.finish();
  });
  if (cut.by_panels) Part(isa, p, cut, args, memory, shared_y).quantize(0, p.m);
}

const Kernel<LinearProblem> kLinearBf16Amx =
    linear_tiles<kAmxBf16, DType::kBF16>("tiles", CpuFeature::kAmxBf16);
const Kernel<LinearProblem> kLinearInt8Amx =
    linear_tiles<kAmxInt8, DType::kI8>("tiles", CpuFeature::kAmxInt8);

}  // namespace lasso::kernels
