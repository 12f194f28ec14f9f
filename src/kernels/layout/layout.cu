// Copies of elements. They compute nothing: operations over peak 0. Bytes over bandwidth on an
// H200: the heads of a decoder's 64 prompts, [64, 4096, 8, 16] to [64, 8, 4096, 16] in float32, are
// 134 MB read and as many written, 62 us at 4.3 TB/s.
#include "kernels/cuda/nest.cuh"
#include "kernels/layout/layout_cuda.h"
#include "kernels/wrapped_index.h"

namespace lasso::kernels {

namespace {

using gpu::Index;

constexpr int kThreads = 256;

// A unit of each operand at every position.
template <typename Unit, typename T>
__global__ void copy_units(const std::byte* __restrict__ source, std::byte* __restrict__ target,
                           const __grid_constant__ gpu::Nest<T> nest, T count) {
  for (T i = gpu::first_position<T>(); i < count; i += gpu::position_step<T>()) {
    Index from = 0;
    Index to = 0;
    nest.move(i, from, to);
    *reinterpret_cast<Unit*>(target + to) = *reinterpret_cast<const Unit*>(source + from);
  }
}

class CopyState : public KernelState {
 public:
  explicit CopyState(const CopyProblem& p) : source_offset(p.source_offset) {
    std::vector<Index> numbers{p.bytes, p.source_offset};
    for (const CopyLoop& loop : p.loops) {
      numbers.insert(numbers.end(), {loop.source_stride, loop.target_stride});
      loops.push_back({loop.count, {loop.source_stride, loop.target_stride}});
    }
    unit = gpu::common_unit(numbers);
    if (p.bytes != unit) loops.push_back({p.bytes / unit, {unit, unit}});
  }

  Index source_offset;
  Index unit;                    // bytes that are copied together
  std::vector<gpu::Loop> loops;  // over units, strides in bytes
};

void run_copy(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const CopyState&>(state);
  if (gpu::positions(s.loops) == 0) return;
  gpu::for_each_nest(s.loops, s.source_offset, 0, [&](auto loops, Index from, Index to) {
    const Index count = gpu::positions(loops);
    gpu::with_unit_type(s.unit, [&](auto* type) {
      using Unit = std::remove_pointer_t<decltype(type)>;
      gpu::with_position_type(count, [&](auto zero) {
        using T = decltype(zero);
        gpu::launch("copy", copy_units<Unit, T>, gpu::blocks_for(count, kThreads), kThreads, 0,
                    args, static_cast<const std::byte*>(args.inputs[0]) + from,
                    static_cast<std::byte*>(args.outputs[0]) + to, gpu::Nest<T>(loops),
                    static_cast<T>(count));
      });
    });
  });
}

// A matrix of `rows` x `columns` elements is transposed at every position of the outer loops. Rows
// of the source lie row_stride bytes apart, those of the result, which are its columns,
// column_stride.
struct Matrix {
  Index rows = 0;
  Index columns = 0;
  Index row_stride = 0;
  Index column_stride = 0;
};

// Through square tiles in shared memory, so that both sides move along rows. A row of the tile is
// longer by a bank, so that a column of it lies in different banks.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    transpose_tiles(const std::byte* __restrict__ source, std::byte* __restrict__ target,
                    const Matrix matrix, const __grid_constant__ gpu::Nest<std::uint32_t> outer) {
  constexpr int kTile = sizeof(T) > 8 ? 32 : 64;
  constexpr int kStep = kThreads / kTile;
  constexpr int kPadding = sizeof(T) < 4 ? 4 / sizeof(T) : 1;
  __shared__ T tile[kTile][kTile + kPadding];
  const auto row_tiles = static_cast<unsigned>((matrix.rows + kTile - 1) / kTile);
  const auto column_tiles = static_cast<unsigned>((matrix.columns + kTile - 1) / kTile);
  const unsigned column_tile = blockIdx.x % column_tiles;
  const unsigned rest = blockIdx.x / column_tiles;
  const unsigned row_tile = rest % row_tiles;
  Index from = 0;
  Index to = 0;
  outer.move(rest / row_tiles, from, to);
  const Index row = Index{row_tile} * kTile;
  const Index column = Index{column_tile} * kTile;
  from += row * matrix.row_stride + column * static_cast<Index>(sizeof(T));
  to += column * matrix.column_stride + row * static_cast<Index>(sizeof(T));
  const Index rows = matrix.rows - row;
  const Index columns = matrix.columns - column;
  const int x = threadIdx.x % kTile;
  const int y = threadIdx.x / kTile;
#pragma unroll
  for (int i = y; i < kTile; i += kStep) {
    if (i < rows && x < columns) {
      tile[i][x] = reinterpret_cast<const T*>(source + from + i * matrix.row_stride)[x];
    }
  }
  __syncthreads();
#pragma unroll
  for (int i = y; i < kTile; i += kStep) {
    if (i < columns && x < rows) {
      reinterpret_cast<T*>(target + to + i * matrix.column_stride)[x] = tile[x][i];
    }
  }
}

// The loop along which the source is contiguous, where the result is along the innermost one and
// both are long enough for tiles; -1 where there is none.
int source_row_loop(const CopyProblem& p) {
  constexpr Index kLeast = 16;
  if (p.loops.size() < 2 || p.loops.size() > gpu::kMaxLoops + 2) return -1;
  const CopyLoop& last = p.loops.back();
  if (last.target_stride != p.bytes || last.source_stride == 0 || last.count < kLeast) return -1;
  for (std::size_t i = 0; i + 1 < p.loops.size(); ++i) {
    if (p.loops[i].source_stride == p.bytes && p.loops[i].count >= kLeast) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

Offer offer_transpose(const CopyProblem& p, const TargetInfo& /*target*/) {
  if (p.bytes > 16 || (p.bytes & (p.bytes - 1)) != 0) {
    return Offer::no("not a transpose of elements of 1, 2, 4, 8 or 16 bytes");
  }
  if (source_row_loop(p) < 0) return Offer::no("not a transpose of large matrices");
  if (CopyState(p).unit != p.bytes) return Offer::no("unaligned elements");
  return {};
}

class TransposeState : public KernelState {
 public:
  explicit TransposeState(const CopyProblem& p) : problem(p) {
    const auto columns = static_cast<std::size_t>(source_row_loop(p));
    matrix = {.rows = p.loops.back().count,
              .columns = p.loops[columns].count,
              .row_stride = p.loops.back().source_stride,
              .column_stride = p.loops[columns].target_stride};
    for (std::size_t i = 0; i + 1 < p.loops.size(); ++i) {
      const CopyLoop& loop = p.loops[i];
      if (i != columns) outer.push_back({loop.count, {loop.source_stride, loop.target_stride}});
    }
  }

  CopyProblem problem;
  Matrix matrix;
  std::vector<gpu::Loop> outer;
};

void run_transpose(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const TransposeState&>(state);
  if (gpu::positions(s.outer) == 0) return;
  gpu::with_unit_type(s.problem.bytes, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    constexpr Index kTile = sizeof(T) > 8 ? 32 : 64;
    const Index tiles = (s.matrix.rows + kTile - 1) / kTile *
                        ((s.matrix.columns + kTile - 1) / kTile) * gpu::positions(s.outer);
    gpu::launch("transpose", transpose_tiles<T>, static_cast<unsigned>(tiles), kThreads, 0, args,
                static_cast<const std::byte*>(args.inputs[0]) + s.problem.source_offset,
                static_cast<std::byte*>(args.outputs[0]), s.matrix,
                gpu::Nest<std::uint32_t>(s.outer));
  });
}

// A part of the result's rows: inputs side by side.
constexpr int kMaxPieces = 8;
struct Pieces {
  int count = 0;
  const std::byte* inputs[kMaxPieces] = {};
  Index ends[kMaxPieces] = {};  // where the pieces end, in units from the part's begin
};

template <typename Unit, typename T>
__global__ void concat_units(const __grid_constant__ Pieces pieces, std::byte* __restrict__ target,
                             Index row_bytes, const gpu::Divider<T> part, T count) {
  for (T i = gpu::first_position<T>(); i < count; i += gpu::position_step<T>()) {
    const T row = part.quotient(i);
    const auto unit = static_cast<Index>(i - row * part.divisor);
    int piece = 0;
    while (unit >= pieces.ends[piece]) ++piece;
    const Index begin = piece == 0 ? 0 : pieces.ends[piece - 1];
    const Index length = pieces.ends[piece] - begin;
    const auto* source = reinterpret_cast<const Unit*>(pieces.inputs[piece]);
    reinterpret_cast<Unit*>(target + static_cast<Index>(row) * row_bytes)[unit] =
        source[static_cast<Index>(row) * length + (unit - begin)];
  }
}

void run_concat(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ConcatProblem>&>(state).problem;
  const Index bytes = gpu::common_unit(p.bytes);
  Index row_bytes = 0;
  for (const Index piece : p.bytes) row_bytes += piece;
  auto* target = static_cast<std::byte*>(args.outputs[0]);
  for (std::size_t first = 0; first < p.bytes.size(); first += kMaxPieces) {
    Pieces pieces;
    Index units = 0;
    for (std::size_t i = first; i < std::min(first + kMaxPieces, p.bytes.size()); ++i) {
      units += p.bytes[i] / bytes;
      pieces.inputs[pieces.count] = static_cast<const std::byte*>(args.inputs[i]);
      pieces.ends[pieces.count++] = units;
    }
    const Index count = p.outer * units;
    if (count == 0) continue;
    gpu::with_unit_type(bytes, [&](auto* type) {
      using Unit = std::remove_pointer_t<decltype(type)>;
      gpu::with_position_type(count, [&](auto zero) {
        using T = decltype(zero);
        gpu::launch("concat", concat_units<Unit, T>, gpu::blocks_for(count, kThreads), kThreads, 0,
                    args, pieces, target, row_bytes, gpu::Divider<T>(units), static_cast<T>(count));
      });
    });
    target += units * bytes;
  }
}

// A table's rows, and how indices name them.
struct TableRows {
  Index rows = 0;
  Index offset = 0;
  bool wrap = false;
};

// Positions of the result are (table, index, unit of the row).
template <typename Unit, typename T>
__global__ void gather_units(const Unit* __restrict__ table, const std::int32_t* __restrict__ index,
                             Unit* __restrict__ y, const TableRows of,
                             const gpu::Divider<T> row_units, const gpu::Divider<T> indices,
                             T count) {
  for (T i = gpu::first_position<T>(); i < count; i += gpu::position_step<T>()) {
    const T position = row_units.quotient(i);
    const T unit = i - position * row_units.divisor;
    const T outer = indices.quotient(position);
    const Index at = index[position - outer * indices.divisor] + of.offset;
    // Nothing outside the table is read.
    const Index row = of.wrap ? wrapped_index(at, of.rows) : clamped_index(at, of.rows);
    y[i] =
        table[(static_cast<Index>(outer) * of.rows + row) * static_cast<Index>(row_units.divisor) +
              static_cast<Index>(unit)];
  }
}

void run_gather(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<GatherProblem>&>(state).problem;
  const Index bytes = gpu::common_unit(std::span(&p.row_bytes, 1));
  const Index count = p.outer * p.count * (p.row_bytes / bytes);
  if (p.rows == 0 || count == 0) return;
  gpu::with_unit_type(bytes, [&](auto* type) {
    using Unit = std::remove_pointer_t<decltype(type)>;
    gpu::with_position_type(count, [&](auto zero) {
      using T = decltype(zero);
      gpu::launch("gather", gather_units<Unit, T>, gpu::blocks_for(count, kThreads), kThreads, 0,
                  args, static_cast<const Unit*>(args.inputs[0]),
                  static_cast<const std::int32_t*>(args.inputs[1]),
                  static_cast<Unit*>(args.outputs[0]), TableRows{p.rows, p.offset, p.wrap},
                  gpu::Divider<T>(p.row_bytes / bytes), gpu::Divider<T>(p.count),
                  static_cast<T>(count));
    });
  });
}

constexpr int kMostSizes = 64;

struct Numbers {
  std::int32_t values[kMostSizes] = {};
};

__global__ void write_numbers(std::int32_t* y, const __grid_constant__ Numbers numbers, int count) {
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    y[i] = numbers.values[i];
  }
}

Offer offer_sizes(const SizesProblem& p, const TargetInfo& /*target*/) {
  return p.numbers.size() <= kMostSizes ? Offer{} : Offer::no("more than 64 sizes");
}

void run_sizes(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SizesProblem>&>(state).problem;
  if (p.numbers.empty()) return;
  Numbers numbers;
  std::copy(p.numbers.begin(), p.numbers.end(), numbers.values);
  gpu::launch("sizes", write_numbers, 1, kMostSizes, 0, args,
              static_cast<std::int32_t*>(args.outputs[0]), numbers,
              static_cast<int>(p.numbers.size()));
}

template <typename State>
std::unique_ptr<KernelState> create(const CopyProblem& problem, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(problem);
}

}  // namespace

const std::vector<Kernel<CopyProblem>>& copy_cuda_kernels() {
  static const std::vector<Kernel<CopyProblem>> list{
      {"transpose", Needs::gpu(), offer_transpose, nullptr, create<TransposeState>, run_transpose},
      {"units", Needs::gpu(), always<CopyProblem>, nullptr, create<CopyState>, run_copy}};
  return list;
}

const std::vector<Kernel<ConcatProblem>>& concat_cuda_kernels() {
  static const std::vector<Kernel<ConcatProblem>> list{
      {"units", Needs::gpu(), always<ConcatProblem>, nullptr, create_problem_state<ConcatProblem>,
       run_concat}};
  return list;
}

const std::vector<Kernel<SizesProblem>>& sizes_cuda_kernels() {
  static const std::vector<Kernel<SizesProblem>> list{{"numbers", Needs::gpu(), offer_sizes,
                                                       nullptr, create_problem_state<SizesProblem>,
                                                       run_sizes}};
  return list;
}

const std::vector<Kernel<GatherProblem>>& gather_cuda_kernels() {
  static const std::vector<Kernel<GatherProblem>> list{
      {"units", Needs::gpu(), always<GatherProblem>, nullptr, create_problem_state<GatherProblem>,
       run_gather}};
  return list;
}

}  // namespace lasso::kernels
