// DetectionNms, which gives the bits of the CPU's reference. Operations over peak: less than 0.1.
// Bytes over bandwidth on an H200: 25200 boxes of 85 numbers are 9 MB, 2 us at 4.3 TB/s; but boxes
// are taken one after another, which takes microseconds each.
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
constexpr int kWarp = 32;
constexpr int kDetectThreads = 1024;
// Candidates that are in shared memory at a time.
constexpr int kRound = 4096;
constexpr Index kAlignment = 256;

Index aligned(Index bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// In the workspace, for each image: how many candidates there are, the boxes of a round and those
// that were taken, where they are compared, and the candidates' keys in any order.
struct Candidates {
  Candidates(const DetectionNmsProblem& p, std::byte* workspace)
      : counts(reinterpret_cast<int*>(workspace)),
        boxes(reinterpret_cast<Box*>(workspace + aligned(p.images * Index{sizeof(int)}))),
        taken(boxes + p.images * kRound),
        keys(reinterpret_cast<SortKey*>(taken + p.images * p.outputs)) {}
  static std::size_t bytes(const DetectionNmsProblem& p) {
    return static_cast<std::size_t>(aligned(p.images * Index{sizeof(int)}) +
                                    p.images * (kRound + p.outputs) * Index{sizeof(Box)} +
                                    p.images * p.candidates() * Index{sizeof(SortKey)});
  }

  int* counts;
  Box* boxes;
  Box* taken;
  SortKey* keys;
};

struct Results {
  std::int32_t* counts;
  float* boxes;
  float* scores;
  std::int32_t* classes;
  std::int32_t* bad;
};

// The largest score has the smallest key.
__device__ SortKey key_of(float score, Index number) {
  return gpu::sort_key(~gpu::order_of(score), static_cast<std::uint32_t>(number));
}
__device__ float score_of(SortKey key) {
  const std::uint32_t order = ~static_cast<std::uint32_t>(key >> 32);
  return __uint_as_float((order >> 31) != 0 ? order & 0x7FFFFFFFU : ~order);
}
__device__ Index number_of(SortKey key) {
  return static_cast<Index>(static_cast<std::uint32_t>(key));
}

// A warp has a box. The order in which candidates are stored is that in which warps come. Keys
// differ, and what is made of them does not depend on it.
__global__ void find_candidates(const float* __restrict__ boxes,
                                const std::int32_t* __restrict__ wanted, const Candidates c,
                                const Results found, const __grid_constant__ DetectionNmsProblem p,
                                Index of_image) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const Index warps = static_cast<Index>(gridDim.x) * (blockDim.x / kWarp);
  const Index first = static_cast<Index>(blockIdx.x) * (blockDim.x / kWarp) + threadIdx.x / kWarp;
  for (Index i = first; i < p.images * p.boxes; i += warps) {
    const Index image = i / p.boxes;
    const Index box = i - image * p.boxes;
    const float* row = boxes + i * p.fields();
    const float objectness = row[4];
    if (isfinite(objectness) && objectness <= p.score_threshold) continue;
    // Whether what the lane looks at is finite, and its best class: the first of equal ones has the
    // smallest key.
    bool is_finite = isfinite(objectness) && (lane >= 4 || isfinite(row[lane]));
    SortKey best = gpu::kNoKey;
    for (Index k = lane; k < p.classes; k += kWarp) {
      const float score = p.classes == 1 ? objectness : row[5 + k] * objectness;
      is_finite = is_finite && isfinite(score);
      const SortKey key = key_of(score, box * p.classes + k);
      best = key < best ? key : best;
    }
    if (__any_sync(0xFFFFFFFFU, !is_finite)) {
      if (lane == 0) atomicAdd(&found.bad[image], 1);
      continue;
    }
    const auto add = [&](SortKey key) {
      c.keys[image * of_image + atomicAdd(&c.counts[image], 1)] = key;
    };
    if (p.multi_label) {
      for (Index k = lane; k < p.classes; k += kWarp) {
        const float score = p.classes == 1 ? objectness : row[5 + k] * objectness;
        const bool is_wanted = wanted == nullptr || wanted[k] != 0;
        if (is_wanted && score > p.score_threshold) add(key_of(score, box * p.classes + k));
      }
      continue;
    }
#pragma unroll
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      const SortKey other = __shfl_xor_sync(0xFFFFFFFFU, best, distance);
      best = other < best ? other : best;
    }
    const bool is_wanted = wanted == nullptr || wanted[number_of(best) % p.classes] != 0;
    if (lane == 0 && is_wanted && score_of(best) > p.score_threshold) add(best);
  }
}

// A block has an image. It puts the best candidates in order, a round after another, and goes
// through them; each that is left is taken, and puts out those of the round that it covers. What a
// later round has is compared with all that were taken first.
__global__ void __launch_bounds__(kDetectThreads)
    detect(const float* __restrict__ boxes, const Candidates c, const Results found,
           const __grid_constant__ DetectionNmsProblem p, Index of_image) {
  __shared__ SortKey keys[kRound];
  __shared__ bool is_out[kRound];
  __shared__ gpu::SelectScratch scratch;
  __shared__ int stored;
  const int thread = static_cast<int>(threadIdx.x);
  for (Index image = blockIdx.x; image < p.images; image += gridDim.x) {
    const Index all = c.counts[image];
    const Index looked_at =
        all < graph::DetectionNms::kCandidates ? all : Index{graph::DetectionNms::kCandidates};
    Box* round = c.boxes + image * kRound;
    Box* taken = c.taken + image * p.outputs;
    const Index first = image * p.outputs;
    int count = 0;
    SortKey before = 0;  // the largest key of the rounds before, where there were any
    for (Index begin = 0; begin < looked_at && count < p.outputs; begin += kRound) {
      // Those of rounds before are out.
      const auto stored_key = [&](Index i) {
        const SortKey key = c.keys[image * of_image + i];
        return begin > 0 && key <= before ? gpu::kNoKey : key;
      };
      const Index rest = looked_at - begin;
      const int size = static_cast<int>(rest < kRound ? rest : Index{kRound});
      const SortKey limit = all - begin <= size
                                ? gpu::kNoKey - 1
                                : gpu::select_key(scratch, all, Index{size}, stored_key);
      gpu::collect_keys(stored, all, limit, keys, stored_key);
      int sorted = 1;
      while (sorted < size) sorted *= 2;
      for (int i = size + thread; i < sorted; i += kDetectThreads) keys[i] = gpu::kNoKey;
      gpu::sort_keys(keys, sorted);
      before = keys[size - 1];
      const auto class_at = [&](int i) { return number_of(keys[i]) % p.classes; };
      const auto box_at = [&](int i) {
        return from_center(boxes + (image * p.boxes + number_of(keys[i]) / p.classes) * p.fields());
      };
      for (int i = thread; i < size; i += kDetectThreads) {
        const float distance = p.class_agnostic ? 0.0F
                                                : static_cast<float>(class_at(i)) *
                                                      graph::DetectionNms::kClassDistance;
        round[i] = moved(box_at(i), distance);
        is_out[i] = false;
        for (int t = 0; t < count && !is_out[i]; ++t) {
          const bool rivals = p.class_agnostic || found.classes[first + t] == class_at(i);
          is_out[i] = rivals && overlap(taken[t], round[i]) > p.iou_threshold;
        }
      }
      __syncthreads();
      for (int i = 0; i < size && count < p.outputs; ++i) {
        if (is_out[i]) continue;
        const Index label = class_at(i);
        const Box cover = round[i];
        if (thread == 0) {
          const Box box = box_at(i);
          const Index to = first + count;
          found.boxes[to * 4] = box.x0;
          found.boxes[to * 4 + 1] = box.y0;
          found.boxes[to * 4 + 2] = box.x1;
          found.boxes[to * 4 + 3] = box.y1;
          found.scores[to] = score_of(keys[i]);
          found.classes[to] = static_cast<std::int32_t>(label);
          taken[count] = cover;
        }
        ++count;
        for (int k = i + 1 + thread; k < size; k += kDetectThreads) {
          const bool rivals = p.class_agnostic || class_at(k) == label;
          if (rivals && !is_out[k] && overlap(cover, round[k]) > p.iou_threshold) is_out[k] = true;
        }
        __syncthreads();
      }
      __syncthreads();  // before the next round's keys
    }
    if (thread == 0) found.counts[image] = count;
    for (Index i = count + thread; i < p.outputs; i += kDetectThreads) {
      for (int k = 0; k < 4; ++k) found.boxes[(first + i) * 4 + k] = 0.0F;
      found.scores[first + i] = 0.0F;
      found.classes[first + i] = 0;
    }
    __syncthreads();  // before the next image's keys
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<DetectionNmsProblem>&>(state).problem;
  if (p.images == 0) return;
  const Candidates c(p, args.workspace);
  const auto* boxes = static_cast<const float*>(args.inputs[0]);
  const auto* wanted = p.has_wanted ? static_cast<const std::int32_t*>(args.inputs[1]) : nullptr;
  const Results found{static_cast<std::int32_t*>(args.outputs[0]),
                      static_cast<float*>(args.outputs[1]), static_cast<float*>(args.outputs[2]),
                      static_cast<std::int32_t*>(args.outputs[3]),
                      static_cast<std::int32_t*>(args.outputs[4])};
  const auto stream = cuda::stream_of(args).handle();
  const auto images = static_cast<std::size_t>(p.images);
  LASSO_CUDA_CHECK(cudaMemsetAsync(c.counts, 0, images * sizeof(int), stream));
  LASSO_CUDA_CHECK(cudaMemsetAsync(found.bad, 0, images * sizeof(std::int32_t), stream));
  gpu::launch("find_candidates", find_candidates,
              gpu::blocks_for(p.images * p.boxes, kThreads / kWarp), kThreads, 0, args, boxes,
              wanted, c, found, p, p.candidates());
  gpu::launch("detect", detect, gpu::blocks_for(p.images, 1), kDetectThreads, 0, args, boxes, c,
              found, p, p.candidates());
}

Offer offer(const DetectionNmsProblem& p, const TargetInfo& /*target*/) {
  Offer offer;
  offer.workspace_bytes = Candidates::bytes(p);
  return offer;
}

}  // namespace

const std::vector<Kernel<DetectionNmsProblem>>& detection_nms_cuda_kernels() {
  static const std::vector<Kernel<DetectionNmsProblem>> list{
      {"blocks", Needs::gpu(), offer, nullptr, create_problem_state<DetectionNmsProblem>, run}};
  return list;
}

}  // namespace lasso::kernels
