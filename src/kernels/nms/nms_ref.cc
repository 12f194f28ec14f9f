// The specification of the suppression of boxes. Candidates come from a heap, so that no more are
// put in order than are looked at.
#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "kernels/nms/nms.h"
#include "kernels/nms/nms_box.h"

namespace lasso::kernels {

namespace {

// Numbers of scores, from which the best is taken: the largest score, of equal ones the lowest
// number.
class Candidates {
 public:
  Candidates(const float* scores, std::int32_t* numbers) : scores_(scores), numbers_(numbers) {}

  void add(std::int64_t number) { numbers_[count_++] = static_cast<std::int32_t>(number); }
  void put_in_order() { std::make_heap(numbers_, numbers_ + count_, after()); }
  bool empty() const { return count_ == 0; }
  std::int32_t take() {
    std::pop_heap(numbers_, numbers_ + count_, after());
    return numbers_[--count_];
  }

 private:
  struct After {
    const float* scores;
    bool operator()(std::int32_t i, std::int32_t j) const {
      return scores[i] < scores[j] || (scores[i] == scores[j] && i > j);
    }
  };
  After after() const { return {scores_}; }

  const float* scores_;
  std::int32_t* numbers_;
  std::int64_t count_ = 0;
};

// In the workspace: how many boxes were taken of each pair, and which, and each thread's
// candidates.
struct Selections {
  Selections(const NonMaxSuppressionProblem& p, std::byte* workspace)
      : counts(reinterpret_cast<std::int32_t*>(workspace)),
        boxes(counts + p.pairs),
        candidates(boxes + p.pairs * p.most) {}
  static std::size_t bytes(const NonMaxSuppressionProblem& p, int threads) {
    return static_cast<std::size_t>(p.pairs + p.pairs * p.most + threads * p.boxes) *
           sizeof(std::int32_t);
  }

  std::int32_t* counts;
  std::int32_t* boxes;
  std::int32_t* candidates;
};

// How many of an image's boxes are taken for a class.
std::int32_t select(const NonMaxSuppressionProblem& p, const float* boxes, const float* scores,
                    std::int32_t* numbers, std::int32_t* taken) {
  const auto box = [&](std::int32_t i) {
    const float* at = boxes + std::int64_t{i} * 4;
    return p.center_point_box ? from_center(at) : ordered(from_corners(at));
  };
  Candidates candidates(scores, numbers);
  for (std::int64_t i = 0; i < p.boxes; ++i) {
    if (p.is_candidate(scores[i])) candidates.add(i);
  }
  candidates.put_in_order();
  std::int32_t count = 0;
  while (count < p.most && !candidates.empty()) {
    const std::int32_t best = candidates.take();
    const Box candidate = box(best);
    const bool is_covered = std::any_of(taken, taken + count, [&](std::int32_t other) {
      return overlap(box(other), candidate) > p.iou_threshold;
    });
    if (!is_covered) taken[count++] = best;
  }
  return count;
}

void run_non_max_suppression(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<NonMaxSuppressionProblem>&>(state).problem;
  const auto* boxes = static_cast<const float*>(args.inputs[0]);
  const auto* scores = static_cast<const float*>(args.inputs[1]);
  auto* rows = static_cast<std::int32_t*>(args.outputs[0]);
  const Selections s(p, args.workspace);
  parallel([&](int thread, int threads) {
    for (std::int64_t pair = thread; pair < p.pairs; pair += threads) {
      s.counts[pair] = select(p, boxes + pair / p.classes * p.boxes * 4, scores + pair * p.boxes,
                              s.candidates + thread * p.boxes, s.boxes + pair * p.most);
    }
  });
  std::int32_t count = 0;
  for (std::int64_t pair = 0; pair < p.pairs; ++pair) {
    for (std::int32_t i = 0; i < s.counts[pair]; ++i) {
      std::int32_t* row = rows + std::int64_t{count++} * 3;
      row[0] = static_cast<std::int32_t>(pair / p.classes);
      row[1] = static_cast<std::int32_t>(pair % p.classes);
      row[2] = s.boxes[pair * p.most + i];
    }
  }
  std::fill(rows + std::int64_t{count} * 3, rows + p.capacity * 3, 0);
  *static_cast<std::int32_t*>(args.outputs[1]) = count;
}

Box decoded(const EfficientNmsProblem& p, const float* box, const float* anchor) {
  if (!p.has_anchors) return p.centers ? from_center(box) : from_corners(box);
  if (!p.centers) return from_corners(box, anchor);
  const auto exp = [](float x) { return static_cast<float>(std::exp(static_cast<double>(x))); };
  return from_center(box, anchor, exp(box[2]), exp(box[3]));
}

// The results of one image.
struct Detections {
  std::int32_t* count;
  float* boxes;
  float* scores;
  std::int32_t* classes;
};

void detect(const EfficientNmsProblem& p, std::int64_t image, const KernelArgs& args,
            std::int32_t* numbers, const Detections& found) {
  const auto* boxes = static_cast<const float*>(args.inputs[0]);
  const auto* scores = static_cast<const float*>(args.inputs[1]) + image * p.scores();
  const auto* anchors = p.has_anchors ? static_cast<const float*>(args.inputs[2]) : nullptr;
  Candidates candidates(scores, numbers);
  for (std::int64_t i = 0; i < p.scores(); ++i) {
    if (p.is_candidate(scores[i], i)) candidates.add(i);
  }
  candidates.put_in_order();
  std::int32_t count = 0;
  for (std::int64_t looked_at = 0;
       looked_at < graph::EfficientNms::kCandidates && count < p.outputs && !candidates.empty();
       ++looked_at) {
    const std::int32_t best = candidates.take();
    const auto class_of_best = static_cast<std::int32_t>(best % p.classes);
    const float* anchor = p.has_anchors ? anchors + p.anchor_at(image, best) * 4 : nullptr;
    const Box box = decoded(p, boxes + p.box_at(image, best) * 4, anchor);
    bool is_covered = false;
    for (std::int32_t i = 0; i < count && !is_covered; ++i) {
      const bool rivals = p.class_agnostic || found.classes[i] == class_of_best;
      const Box other = from_corners(found.boxes + std::int64_t{i} * 4);
      is_covered = rivals && overlap(ordered(other), ordered(box)) >= p.iou_threshold;
    }
    if (is_covered) continue;
    const double score = scores[best];
    found.scores[count] =
        p.score_activation ? static_cast<float>(1.0 / (1.0 + std::exp(-score))) : scores[best];
    found.classes[count] = class_of_best;
    const float corners[] = {box.x0, box.y0, box.x1, box.y1};
    std::copy_n(corners, 4, found.boxes + std::int64_t{count} * 4);
    ++count;
  }
  *found.count = count;
  std::fill(found.boxes + std::int64_t{count} * 4, found.boxes + p.outputs * 4, 0.0F);
  std::fill(found.scores + count, found.scores + p.outputs, 0.0F);
  std::fill(found.classes + count, found.classes + p.outputs, 0);
}

void run_efficient_nms(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<EfficientNmsProblem>&>(state).problem;
  parallel([&](int thread, int threads) {
    auto* numbers = reinterpret_cast<std::int32_t*>(args.workspace) + thread * p.scores();
    for (std::int64_t image = thread; image < p.images; image += threads) {
      const std::int64_t first = image * p.outputs;
      detect(p, image, args, numbers,
             {.count = static_cast<std::int32_t*>(args.outputs[0]) + image,
              .boxes = static_cast<float*>(args.outputs[1]) + first * 4,
              .scores = static_cast<float*>(args.outputs[2]) + first,
              .classes = static_cast<std::int32_t*>(args.outputs[3]) + first});
    }
  });
}

Offer offer_non_max_suppression(const NonMaxSuppressionProblem& p, const TargetInfo& target) {
  Offer offer;
  offer.workspace_bytes = Selections::bytes(p, target.threads);
  return offer;
}

Offer offer_efficient_nms(const EfficientNmsProblem& p, const TargetInfo& target) {
  Offer offer;
  offer.workspace_bytes =
      static_cast<std::size_t>(p.scores() * target.threads) * sizeof(std::int32_t);
  return offer;
}

}  // namespace

const Kernel<NonMaxSuppressionProblem> kNonMaxSuppressionRef{
    .name = "reference",
    .needs = {},
    .offer = offer_non_max_suppression,
    .pack = nullptr,
    .create = create_problem_state<NonMaxSuppressionProblem>,
    .run = run_non_max_suppression,
};

const Kernel<EfficientNmsProblem> kEfficientNmsRef{
    .name = "reference",
    .needs = {},
    .offer = offer_efficient_nms,
    .pack = nullptr,
    .create = create_problem_state<EfficientNmsProblem>,
    .run = run_efficient_nms,
};

}  // namespace lasso::kernels
