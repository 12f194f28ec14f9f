// Suppression of boxes, which gives the bits of the CPU's reference. Operations over peak: less
// than 0.1. Bytes over bandwidth on an H200: the scores of 25200 boxes and 80 classes are 8 MB, 2
// us at 4.3 TB/s; but boxes are taken one after another, which takes microseconds each.
//
// This file is compiled without fused multiply-adds (nms_box.h).
#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/sort.cuh"
#include "kernels/nms/nms_box.h"
#include "kernels/nms/nms_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using gpu::SortKey;

constexpr int kThreads = 256;
constexpr int kSelectThreads = 512;
constexpr int kDetectThreads = 1024;
constexpr Index kAlignment = 256;

Index aligned(Index bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// In the workspace of NonMaxSuppression, for each pair: the order of its boxes' scores, 0 where one
// is out; the boxes that were taken, and how many; how many those of the pairs before are.
struct Selections {
  Selections(const NonMaxSuppressionProblem& p, std::byte* workspace)
      : orders(reinterpret_cast<std::uint32_t*>(workspace)),
        boxes(reinterpret_cast<std::int32_t*>(orders + p.pairs * p.boxes)),
        counts(boxes + p.pairs * p.most),
        before(counts + p.pairs) {}
  static std::size_t bytes(const NonMaxSuppressionProblem& p) {
    return static_cast<std::size_t>(p.pairs * (p.boxes + p.most + 2)) * sizeof(std::int32_t);
  }

  std::uint32_t* orders;
  std::int32_t* boxes;
  std::int32_t* counts;
  std::int32_t* before;
};

// The largest key of the block's threads, for each of them.
__device__ SortKey largest_key(SortKey key, SortKey* of_warps) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    const SortKey other = __shfl_xor_sync(0xFFFFFFFFU, key, distance);
    key = other > key ? other : key;
  }
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = key;
  __syncthreads();
  for (int i = 0; i < kSelectThreads / 32; ++i) key = of_warps[i] > key ? of_warps[i] : key;
  __syncthreads();  // before the next call writes
  return key;
}

// A block takes the boxes of a pair: the best that is left, again and again, which puts out those
// that it covers. A thread always has the same boxes.
__global__ void __launch_bounds__(kSelectThreads)
    select_boxes(const float* __restrict__ boxes, const float* __restrict__ scores,
                 const Selections s, const __grid_constant__ NonMaxSuppressionProblem p) {
  __shared__ SortKey of_warps[kSelectThreads / 32];
  for (Index pair = blockIdx.x; pair < p.pairs; pair += gridDim.x) {
    const float* of_image = boxes + pair / p.classes * p.boxes * 4;
    const auto box = [&](Index i) {
      const float* at = of_image + i * 4;
      return p.center_point_box ? from_center(at) : ordered(from_corners(at));
    };
    std::uint32_t* orders = s.orders + pair * p.boxes;
    SortKey best = 0;
    const auto consider = [&](std::uint32_t order, Index i) {
      const SortKey key = gpu::sort_key(order, ~static_cast<std::uint32_t>(i));
      best = key > best ? key : best;
    };
    for (Index i = threadIdx.x; i < p.boxes; i += kSelectThreads) {
      const float score = scores[pair * p.boxes + i];
      orders[i] = p.is_candidate(score) ? gpu::order_of(score) : 0;
      consider(orders[i], i);
    }
    Index count = 0;
    for (; count < p.most; ++count) {
      best = largest_key(best, of_warps);
      if (best >> 32 == 0) break;
      const auto taken = static_cast<Index>(~static_cast<std::uint32_t>(best));
      if (threadIdx.x == 0) s.boxes[pair * p.most + count] = static_cast<std::int32_t>(taken);
      const Box cover = box(taken);
      best = 0;
      for (Index i = threadIdx.x; i < p.boxes; i += kSelectThreads) {
        if (orders[i] == 0) continue;
        if (i == taken || overlap(cover, box(i)) > p.iou_threshold) {
          orders[i] = 0;
        } else {
          consider(orders[i], i);
        }
      }
    }
    if (threadIdx.x == 0) s.counts[pair] = static_cast<std::int32_t>(count);
  }
}

// One block: each thread has a range of pairs.
__global__ void __launch_bounds__(kSelectThreads)
    count_before(const Selections s, std::int32_t* __restrict__ total, Index pairs) {
  __shared__ std::int32_t sums[kSelectThreads];
  const Index begin = pairs * threadIdx.x / kSelectThreads;
  const Index end = pairs * (threadIdx.x + 1) / kSelectThreads;
  std::int32_t sum = 0;
  for (Index pair = begin; pair < end; ++pair) sum += s.counts[pair];
  sums[threadIdx.x] = sum;
  __syncthreads();
  std::int32_t before = 0;
  for (unsigned i = 0; i < threadIdx.x; ++i) before += sums[i];
  if (threadIdx.x == kSelectThreads - 1) *total = before + sum;
  for (Index pair = begin; pair < end; ++pair) {
    s.before[pair] = before;
    before += s.counts[pair];
  }
}

__global__ void write_selected(std::int32_t* __restrict__ rows,
                               const std::int32_t* __restrict__ total, const Selections s,
                               const __grid_constant__ NonMaxSuppressionProblem p) {
  for (auto i = gpu::first_position<Index>(); i < p.capacity; i += gpu::position_step<Index>()) {
    if (i >= *total) {
      for (int k = 0; k < 3; ++k) rows[i * 3 + k] = 0;
    }
    if (i >= p.pairs * p.most) continue;
    const Index pair = i / p.most;
    const Index of_pair = i % p.most;
    if (of_pair >= s.counts[pair]) continue;
    std::int32_t* row = rows + (s.before[pair] + of_pair) * 3;
    row[0] = static_cast<std::int32_t>(pair / p.classes);
    row[1] = static_cast<std::int32_t>(pair % p.classes);
    row[2] = s.boxes[i];
  }
}

void run_non_max_suppression(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<NonMaxSuppressionProblem>&>(state).problem;
  const Selections s(p, args.workspace);
  auto* rows = static_cast<std::int32_t*>(args.outputs[0]);
  auto* total = static_cast<std::int32_t*>(args.outputs[1]);
  gpu::launch("select_boxes", select_boxes, gpu::blocks_for(p.pairs, 1), kSelectThreads, 0, args,
              static_cast<const float*>(args.inputs[0]), static_cast<const float*>(args.inputs[1]),
              s, p);
  gpu::launch("count_before", count_before, 1, kSelectThreads, 0, args, s, total, p.pairs);
  gpu::launch("write_selected", write_selected, gpu::blocks_for(p.capacity, kThreads), kThreads, 0,
              args, rows, total, s, p);
}

constexpr auto kCandidates = static_cast<int>(graph::EfficientNms::kCandidates);

// In the workspace of EfficientNms, for each image: how many candidates there are, their keys in
// any order, and the boxes of the best.
struct Candidates {
  Candidates(const EfficientNmsProblem& p, std::byte* workspace)
      : counts(reinterpret_cast<int*>(workspace)),
        boxes(reinterpret_cast<Box*>(workspace + aligned(p.images * Index{sizeof(int)}))),
        keys(reinterpret_cast<SortKey*>(boxes + p.images * kCandidates)) {}
  static std::size_t bytes(const EfficientNmsProblem& p) {
    return static_cast<std::size_t>(aligned(p.images * Index{sizeof(int)}) +
                                    p.images * kCandidates * Index{sizeof(Box)} +
                                    p.images * p.scores() * Index{sizeof(SortKey)});
  }

  int* counts;
  Box* boxes;
  SortKey* keys;
};

// The order in which candidates are stored is that in which threads come. Keys differ, and what is
// made of them does not depend on it.
__global__ void find_candidates(const float* __restrict__ scores, const Candidates c,
                                const __grid_constant__ EfficientNmsProblem p, Index of_image) {
  const Index count = p.images * of_image;
  for (auto i = gpu::first_position<Index>(); i < count; i += gpu::position_step<Index>()) {
    const Index image = i / of_image;
    const Index pair = i - image * of_image;
    const float score = scores[i];
    if (!p.is_candidate(score, pair)) continue;
    c.keys[image * of_image + atomicAdd(&c.counts[image], 1)] =
        gpu::sort_key(~gpu::order_of(score), static_cast<std::uint32_t>(pair));
  }
}

__device__ float exp_of(float x) { return static_cast<float>(exp(static_cast<double>(x))); }

__device__ Box decoded(const EfficientNmsProblem& p, const float* box, const float* anchor) {
  if (!p.has_anchors) return p.centers ? from_center(box) : from_corners(box);
  if (!p.centers) return from_corners(box, anchor);
  return from_center(box, anchor, exp_of(box[2]), exp_of(box[3]));
}

struct Detections {
  std::int32_t* counts;
  float* boxes;
  float* scores;
  std::int32_t* classes;
};

// A block has an image: it puts the best candidates in order and goes through them; each that is
// left is taken, and puts out those behind it that it covers.
__global__ void __launch_bounds__(kDetectThreads)
    detect(const float* __restrict__ boxes, const float* __restrict__ scores,
           const float* __restrict__ anchors, const Candidates c, const Detections found,
           const __grid_constant__ EfficientNmsProblem p, Index of_image) {
  __shared__ SortKey keys[kCandidates];
  __shared__ bool is_out[kCandidates];
  __shared__ gpu::SelectScratch scratch;
  __shared__ int stored;
  for (Index image = blockIdx.x; image < p.images; image += gridDim.x) {
    const Index all = c.counts[image];
    const auto key_of = [&](Index i) { return c.keys[image * of_image + i]; };
    const int count = all < kCandidates ? static_cast<int>(all) : kCandidates;
    const SortKey limit =
        all <= kCandidates ? gpu::kNoKey : gpu::select_key(scratch, all, kCandidates, key_of);
    gpu::collect_keys(stored, all, limit, keys, key_of);
    int sorted = 1;
    while (sorted < count) sorted *= 2;
    for (int i = count + static_cast<int>(threadIdx.x); i < sorted; i += kDetectThreads) {
      keys[i] = gpu::kNoKey;
    }
    gpu::sort_keys(keys, sorted);
    const auto pair_of = [&](int i) {
      return static_cast<Index>(static_cast<std::uint32_t>(keys[i]));
    };
    Box* best = c.boxes + image * kCandidates;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kDetectThreads) {
      const Index pair = pair_of(i);
      const float* anchor = p.has_anchors ? anchors + p.anchor_at(image, pair) * 4 : nullptr;
      best[i] = decoded(p, boxes + p.box_at(image, pair) * 4, anchor);
      is_out[i] = false;
    }
    __syncthreads();
    const Index first = image * p.outputs;
    int taken = 0;
    for (int i = 0; i < count && taken < p.outputs; ++i) {
      if (is_out[i]) continue;
      const Index pair = pair_of(i);
      const Index class_of_pair = pair % p.classes;
      const Box box = best[i];
      if (threadIdx.x == 0) {
        const Index to = first + taken;
        found.boxes[to * 4] = box.x0;
        found.boxes[to * 4 + 1] = box.y0;
        found.boxes[to * 4 + 2] = box.x1;
        found.boxes[to * 4 + 3] = box.y1;
        const float score = scores[image * of_image + pair];
        found.scores[to] = p.score_activation
                               ? static_cast<float>(1.0 / (1.0 + exp(-static_cast<double>(score))))
                               : score;
        found.classes[to] = static_cast<std::int32_t>(class_of_pair);
      }
      ++taken;
      const Box cover = ordered(box);
      for (int k = i + 1 + static_cast<int>(threadIdx.x); k < count; k += kDetectThreads) {
        const bool rivals = p.class_agnostic || pair_of(k) % p.classes == class_of_pair;
        if (rivals && !is_out[k] && overlap(cover, ordered(best[k])) >= p.iou_threshold) {
          is_out[k] = true;
        }
      }
      __syncthreads();
    }
    if (threadIdx.x == 0) found.counts[image] = taken;
    for (Index i = taken + threadIdx.x; i < p.outputs; i += kDetectThreads) {
      for (int k = 0; k < 4; ++k) found.boxes[(first + i) * 4 + k] = 0.0F;
      found.scores[first + i] = 0.0F;
      found.classes[first + i] = 0;
    }
    __syncthreads();  // before the next image's keys
  }
}

void run_efficient_nms(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<EfficientNmsProblem>&>(state).problem;
  if (p.images == 0) return;
  const Candidates c(p, args.workspace);
  const auto* scores = static_cast<const float*>(args.inputs[1]);
  LASSO_CUDA_CHECK(cudaMemsetAsync(c.counts, 0, static_cast<std::size_t>(p.images) * sizeof(int),
                                   cuda::stream_of(args).handle()));
  gpu::launch("find_candidates", find_candidates, gpu::blocks_for(p.images * p.scores(), kThreads),
              kThreads, 0, args, scores, c, p, p.scores());
  const Detections found{static_cast<std::int32_t*>(args.outputs[0]),
                         static_cast<float*>(args.outputs[1]), static_cast<float*>(args.outputs[2]),
                         static_cast<std::int32_t*>(args.outputs[3])};
  gpu::launch("detect", detect, gpu::blocks_for(p.images, 1), kDetectThreads, 0, args,
              static_cast<const float*>(args.inputs[0]), scores,
              p.has_anchors ? static_cast<const float*>(args.inputs[2]) : nullptr, c, found, p,
              p.scores());
}

Offer offer_non_max_suppression(const NonMaxSuppressionProblem& p, const TargetInfo& /*target*/) {
  Offer offer;
  offer.workspace_bytes = Selections::bytes(p);
  return offer;
}

Offer offer_efficient_nms(const EfficientNmsProblem& p, const TargetInfo& /*target*/) {
  Offer offer;
  offer.workspace_bytes = Candidates::bytes(p);
  return offer;
}

}  // namespace

const std::vector<Kernel<NonMaxSuppressionProblem>>& non_max_suppression_cuda_kernels() {
  static const std::vector<Kernel<NonMaxSuppressionProblem>> list{
      {"blocks", Needs::gpu(), offer_non_max_suppression, nullptr,
       create_problem_state<NonMaxSuppressionProblem>, run_non_max_suppression}};
  return list;
}

const std::vector<Kernel<EfficientNmsProblem>>& efficient_nms_cuda_kernels() {
  static const std::vector<Kernel<EfficientNmsProblem>> list{
      {"blocks", Needs::gpu(), offer_efficient_nms, nullptr,
       create_problem_state<EfficientNmsProblem>, run_efficient_nms}};
  return list;
}

}  // namespace lasso::kernels
