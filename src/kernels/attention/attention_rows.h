// Rows that run a kernel by tasks: its limits, the cut into tasks, the scratch. Tests make rows of
// their own of it.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_ROWS_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_ROWS_H_

#include <algorithm>
#include <cmath>
#include <string>

#include "core/aligned_buffer.h"
#include "kernels/attention/attention_kernels.h"
#include "kernels/attention/attention_task.h"
#include "kernels/attention/attention_tiles.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): one file of the library includes it

using streaming::Index;
using streaming::round_up;
using streaming::Scratch;
using streaming::Task;
using streaming::TileSizes;

// How a row computes: in float32, in pairs of bfloat16 numbers, or on tiles of them.
enum class Form { kFloat, kPairs, kTiles };

inline constexpr Index kLanes =
    16;  // tiles of queries are cut at multiples of this on every instruction set

// The sides of a window and how many of them there are.
struct Windows {
  Index key_rows, key_cols, down, across;

  explicit Windows(const WindowAttentionProblem& p)
      : key_rows(p.window > 0 ? p.window : p.height),
        key_cols(p.window > 0 ? p.window : p.width),
        down(key_rows > 0 ? (p.height + key_rows - 1) / key_rows : 0),
        across(key_cols > 0 ? (p.width + key_cols - 1) / key_cols : 0) {}
};

inline Scratch scratch_for(Index query_tile, Index rel_rows, Index rel_cols, Index head_dim,
                           bool bf16) {
  const Index width = round_up(head_dim, streaming::kRowStep);
  const Index side = std::max(rel_rows, rel_cols);
  Scratch s;
  s.query_tile = query_tile;
  s.rel_rows_h = std::max<Index>(rel_rows, 1) + 1;
  s.rel_rows_w = std::max<Index>(rel_cols, 1);
  const auto take = [&](Index floats) {
    const Index at = s.floats;
    s.floats += round_up(floats, 16);
    return at;
  };
  s.q = take(query_tile * head_dim);
  s.out = take(query_tile * width);
  s.rel_h = take(query_tile * s.rel_rows_h);
  s.rel_w = take(query_tile * s.rel_rows_w);
  s.max = take(query_tile);
  s.sum = take(query_tile);
  s.total = take(streaming::kMaxPanel);
  s.products = take(side > 0 ? (2 * side - 1) * streaming::kMaxPanel : 0);
  const Index key_tile = bf16 ? streaming::kBf16KeyTile : streaming::kKeyTile;
  s.p = take(key_tile * streaming::kMaxPanel);
  s.k = take(key_tile * width);
  s.v = take(key_tile * width);
  s.tables = take(bf16 && side > 0 ? (2 * side - 1) * ((head_dim + 1) / 2) : 0);
  return s;
}

inline std::size_t bytes(const Scratch& scratch) {
  return align_up(static_cast<std::size_t>(scratch.floats) * sizeof(float));
}

// The largest tile of queries (rows of K and V are copied once per tile) whose scratch stays below
// the bound; query_tile 0 where there is none.
inline Scratch scratch_within_bound(Index queries, Index rel_rows, Index rel_cols, Index head_dim,
                                    bool bf16) {
  for (Index tile = streaming::kMaxQueryTile; tile > 0; tile -= streaming::kMaxPanel) {
    const Scratch s = scratch_for(std::min(tile, round_up(std::max<Index>(queries, 1), kLanes)),
                                  rel_rows, rel_cols, head_dim, bf16);
    if (bytes(s) < kMaxAttentionScratchBytes) return s;
  }
  return {};
}

// How a problem is cut: units (a head of a window, or of a batch item), each into parts (tiles of
// queries). Where several parts share a unit's keys, these are packed once, into the workspace
// behind the threads' scratch.
struct Layout {
  Scratch scratch;
  Index units = 0;
  Index parts = 0;
  Index key_tiles = 0;
  Index key_step = 0;
  Index key_words = 0;      // of a packed key and its value
  Index packed_floats = 0;  // of a unit; 0 where every part packs its tiles into its scratch
  bool serial = false;      // less work than waking the team is worth

  Layout(const Scratch& s, Index unit_count, Index queries, Index keys, Index head_dim, bool bf16)
      : scratch(s), units(unit_count) {
    if (s.query_tile == 0 || queries == 0 || keys == 0) return;
    parts = (queries + s.query_tile - 1) / s.query_tile;
    constexpr double kSerialFlops = 5e5;
    serial = 4.0 * static_cast<double>(units * queries * head_dim) * static_cast<double>(keys) <
             kSerialFlops;
    key_step = streaming::key_step(keys, bf16 ? streaming::kBf16KeyTile : streaming::kKeyTile);
    key_tiles = (keys + key_step - 1) / key_step;
    key_words = streaming::packed_words(head_dim, bf16);
    if (parts == 1 || key_tiles == 1) return;
    packed_floats = round_up(round_up(keys, streaming::kRowStep) * key_words, 16);
  }

  // On tiles.
  Layout(const TileSizes& z, Index unit_count, Index queries) : units(unit_count) {
    scratch.query_tile = streaming::kTileQueries;
    if (queries == 0 || z.groups == 0) return;
    parts = (queries + scratch.query_tile - 1) / scratch.query_tile;
    Index of_thread = streaming::TileScratch(z).bytes;
    if (parts > 1) {
      key_tiles = (z.pairs + streaming::kPackedPairs - 1) / streaming::kPackedPairs;
      key_step = streaming::kPackedPairs;
      key_words = z.pair_bytes() / 4;
      packed_floats = z.pairs * key_words;
    } else {
      of_thread += z.pairs * z.pair_bytes();
    }
    scratch.floats = of_thread / 4;
    if (bytes(scratch) > kMaxAttentionTileBytes) scratch.query_tile = 0;
  }

  std::size_t scratch_bytes() const { return bytes(scratch); }
  std::size_t packed_bytes() const {
    return align_up(static_cast<std::size_t>(units * packed_floats) * sizeof(float));
  }
};

inline Layout layout_of(const WindowAttentionProblem& p, Form form) {
  const Windows windows(p);
  const Index queries = std::min(windows.key_rows, p.height) * std::min(windows.key_cols, p.width);
  if (form == Form::kTiles) {
    return {TileSizes(windows.key_rows, windows.key_cols, p.head_dim, p.has_rel),
            p.batch * windows.down * windows.across * p.heads, queries};
  }
  const bool bf16 = form == Form::kPairs;
  const Scratch scratch = scratch_within_bound(queries, p.has_rel ? windows.key_rows : 0,
                                               p.has_rel ? windows.key_cols : 0, p.head_dim, bf16);
  return {scratch,    p.batch * windows.down * windows.across * p.heads,
          queries,    windows.key_rows * windows.key_cols,
          p.head_dim, bf16};
}

inline Layout layout_of(const AttentionProblem& p, Form /*form*/) {
  return {scratch_within_bound(p.queries, 0, 0, p.head_dim, false),
          p.batch * p.heads,
          p.queries,
          p.keys,
          p.head_dim,
          false};
}

template <typename Problem>
class State final : public ProblemState<Problem> {
 public:
  State(const Problem& problem, const TargetInfo& target, Form form)
      : ProblemState<Problem>(problem, target), layout(layout_of(problem, form)) {}
  Layout layout;
};

inline DType dtype(const WindowAttentionProblem& p) { return p.dtype; }
inline DType dtype(const AttentionProblem& p) { return p.dtype; }

inline double flops(const WindowAttentionProblem& p) {
  const Windows w(p);
  return 4.0 * static_cast<double>(p.batch * p.height * p.width * p.heads * p.head_dim) *
         static_cast<double>(w.key_rows * w.key_cols);
}

inline double flops(const AttentionProblem& p) {
  return 4.0 * static_cast<double>(p.batch * p.queries * p.heads * p.head_dim) *
         static_cast<double>(p.keys);
}

// Of operations, relative to fp32 with AVX2.
inline double rate(Form form, CpuFeature feature, const TargetInfo& target) {
  // Exponentials take as long as the products, and tiles are filled up.
  constexpr double kShareOfTiles = 0.25;
  switch (form) {
    case Form::kTiles:
      return kShareOfTiles * target.rate(MultiplyAdd::kBf16Amx);
    case Form::kPairs:
      return target.rate(MultiplyAdd::kBf16Avx512);
    case Form::kFloat:
      break;
  }
  return target.rate(fp32_multiply_add(feature));
}

// Position terms are divided by the scale there.
inline std::string check_scale(float scale, Form form) {
  const bool divides = std::isfinite(scale) && scale > 0x1p-60F && scale < 0x1p60F;
  return form == Form::kTiles && !divides ? "a scale that nothing can be divided by" : "";
}

template <typename Problem, CpuFeature kFeature, Form kForm, DType kDType>
Offer offer(const Problem& p, const TargetInfo& target) {
  if (std::string reason = check_problem(p); !reason.empty()) return Offer::no(std::move(reason));
  if (dtype(p) != kDType) return Offer::no("operands of " + std::string(to_string(dtype(p))));
  if (p.head_dim > streaming::kMaxWidth) return Offer::no("heads wider than 128");
  if (std::string reason = check_scale(p.scale, kForm); !reason.empty()) {
    return Offer::no(std::move(reason));
  }
  const Layout layout = layout_of(p, kForm);
  if (layout.scratch.query_tile == 0) {
    return Offer::no("sides so long that position terms leave the scratch");
  }
  Offer offer;
  offer.workspace_bytes =
      layout.scratch_bytes() * static_cast<std::size_t>(std::max(target.threads, 1)) +
      layout.packed_bytes();
  offer.cost = flops(p) / rate(kForm, kFeature, target);
  return offer;
}

template <typename Problem, Form kForm>
std::unique_ptr<KernelState> create(const Problem& problem, const TargetInfo& target,
                                    const Offer& /*offer*/) {
  return std::make_unique<State<Problem>>(problem, target, kForm);
}

// The part `index` of `queries`, cut at multiples of kLanes into as few parts as tiles hold them,
// of even sizes. False where there is no such part.
inline bool cut_queries(Index queries, Index tile, Index index, Task* task) {
  const Index vectors = (queries + kLanes - 1) / kLanes;
  const Index parts = (queries + tile - 1) / tile;
  if (index >= parts) return false;
  task->query_begin = vectors * index / parts * kLanes;
  task->query_end = std::min(queries, vectors * (index + 1) / parts * kLanes);
  return true;
}

// task_of(unit, &queries) describes a unit.
template <typename F>
void run_units(const streaming::Entry& entry, const Layout& layout, int threads,
               std::byte* workspace, F&& task_of) {
  if (layout.units * layout.parts == 0) return;
  auto* packed = reinterpret_cast<float*>(
      workspace + layout.scratch_bytes() * static_cast<std::size_t>(std::max(threads, 1)));
  if (layout.packed_floats > 0) {
    const auto pack = [&](Index index, std::byte*) {
      const Index unit = index / layout.key_tiles;
      const Index tile = index % layout.key_tiles;
      Index queries = 0;
      const Task t = task_of(unit, &queries);
      entry.pack(t, layout.scratch, tile,
                 packed + unit * layout.packed_floats + tile * layout.key_step * layout.key_words);
    };
    for_tasks_with_scratch(layout.units * layout.key_tiles, threads, workspace, 0, pack);
  }
  const auto make = [&](Index index, Task* t) {
    const Index unit = index / layout.parts;
    Index queries = 0;
    *t = task_of(unit, &queries);
    if (layout.packed_floats > 0) t->packed = packed + unit * layout.packed_floats;
    return cut_queries(queries, layout.scratch.query_tile, index % layout.parts, t);
  };
  // A thread takes a few tasks at a time, so that it can ask for what the next one reads; but not
  // so many that others wait for it at the end.
  const Index tasks = layout.units * layout.parts;
  const Index group =
      layout.parts == 1 ? std::clamp<Index>(tasks / (16 * std::max(threads, 1)), 1, 8) : 1;
  const auto run = [&](Index index, std::byte* scratch) {
    Task task;
    bool exists = make(index * group, &task);
    for (Index i = index * group; i < std::min((index + 1) * group, tasks); ++i) {
      Task next;
      const bool next_exists = i + 1 < std::min((index + 1) * group, tasks) && make(i + 1, &next);
      if (exists) {
        task.next = next_exists ? &next : nullptr;
        entry.run(task, layout.scratch, reinterpret_cast<float*>(scratch));
      }
      task = next;
      exists = next_exists;
    }
  };
  if (layout.serial) {
    for (Index i = 0; i < (tasks + group - 1) / group; ++i) run(i, workspace);
    return;
  }
  for_tasks_with_scratch((tasks + group - 1) / group, threads, workspace, layout.scratch_bytes(),
                         run);
}

// T: of qkv and the result.
template <const streaming::Entry& kEntry, typename T>
void run_window(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State<WindowAttentionProblem>&>(state);
  const WindowAttentionProblem& p = s.problem;
  const Windows windows(p);
  const auto input = [&](int i) { return static_cast<const float*>(args.inputs[i]); };
  const Index channels = p.heads * p.head_dim;
  const auto task_of = [&](Index unit, Index* queries) {
    const Index head = unit % p.heads;
    const Index window = unit / p.heads % (windows.down * windows.across);
    const Index image = unit / p.heads / (windows.down * windows.across);
    const Index top = window / windows.across * windows.key_rows;
    const Index left = window % windows.across * windows.key_cols;
    const Index first = (image * p.height + top) * p.width + left;
    Task t;
    t.inside_rows = std::min<Index>(windows.key_rows, p.height - top);
    t.inside_cols = std::min<Index>(windows.key_cols, p.width - left);
    const T* q = static_cast<const T*>(args.inputs[0]) + first * 3 * channels + head * p.head_dim;
    t.q = q;
    t.k = q + channels;
    t.v = q + 2 * channels;
    t.out = static_cast<T*>(args.outputs[0]) + first * channels + head * p.head_dim;
    t.q_token = t.kv_token = 3 * channels;
    t.out_token = channels;
    t.grid_width = p.width;
    t.query_cols = t.inside_cols;
    t.key_rows = windows.key_rows;
    t.key_cols = windows.key_cols;
    if (p.has_pad) {
      t.pad_k = input(3) + channels + head * p.head_dim;
      t.pad_v = t.pad_k + channels;
    }
    if (p.has_rel) {
      t.rel_h = input(1);
      t.rel_w = input(2);
    }
    t.head_dim = p.head_dim;
    t.scale = p.scale;
    *queries = t.inside_rows * t.inside_cols;
    return t;
  };
  run_units(kEntry, s.layout, s.target.threads, args.workspace, task_of);
}

template <const streaming::Entry& kEntry>
void run_attention(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State<AttentionProblem>&>(state);
  const AttentionProblem& p = s.problem;
  const Index channels = p.heads * p.head_dim;
  const auto input = [&](int i, Index token) {
    return static_cast<const float*>(args.inputs[i]) + token * channels;
  };
  const auto task_of = [&](Index unit, Index* queries) {
    const Index at = unit % p.heads * p.head_dim;
    const Index image = unit / p.heads;
    Task t;
    t.q = input(0, p.q_batch == 1 ? 0 : image * p.queries) + at;
    t.k = input(1, p.k_batch == 1 ? 0 : image * p.keys) + at;
    t.v = input(2, p.v_batch == 1 ? 0 : image * p.keys) + at;
    t.out = static_cast<float*>(args.outputs[0]) + image * p.queries * channels + at;
    t.q_token = t.kv_token = t.out_token = channels;
    t.query_cols = p.queries;
    t.key_rows = t.inside_rows = 1;
    t.key_cols = t.inside_cols = p.keys;
    t.head_dim = p.head_dim;
    t.scale = p.scale;
    *queries = p.queries;
    return t;
  };
  run_units(kEntry, s.layout, s.target.threads, args.workspace, task_of);
}

template <typename Problem, CpuFeature kFeature, Form kForm, DType kDType>
Kernel<Problem> row(std::string_view name, KernelRun run) {
  Kernel<Problem> kernel;
  kernel.name = name;
  kernel.needs.features = kFeature;
  kernel.offer = offer<Problem, kFeature, kForm, kDType>;
  kernel.create = create<Problem, kForm>;
  kernel.run = run;
  return kernel;
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_ROWS_H_
