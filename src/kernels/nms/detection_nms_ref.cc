// The specification of DetectionNms. Candidates come from a heap, so that no more are put in order
// than are looked at.
#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "kernels/nms/nms.h"
#include "kernels/nms/nms_box.h"

namespace lasso::kernels {

namespace {

struct Candidate {
  float score = 0;
  std::int32_t number = 0;  // of the pair of a box and a class

  // Whether it comes behind the other one.
  bool operator<(const Candidate& other) const {
    return score < other.score || (score == other.score && number > other.number);
  }
};

// What a thread works with: the candidates of an image, and the boxes that were taken, where they
// are compared.
struct Scratch {
  static std::size_t bytes(const DetectionNmsProblem& p, int threads) {
    return static_cast<std::size_t>(threads) * bytes_of_thread(p);
  }
  static std::size_t bytes_of_thread(const DetectionNmsProblem& p) {
    return static_cast<std::size_t>(p.candidates()) * sizeof(Candidate) +
           static_cast<std::size_t>(p.outputs) * sizeof(Box);
  }
  Scratch(const DetectionNmsProblem& p, std::byte* workspace, int thread)
      : taken(reinterpret_cast<Box*>(workspace +
                                     static_cast<std::size_t>(thread) * bytes_of_thread(p))),
        candidates(reinterpret_cast<Candidate*>(taken + p.outputs)) {}

  Box* taken;
  Candidate* candidates;
};

// As many threads as there are images have work.
int threads_for(const DetectionNmsProblem& p, int threads) {
  return static_cast<int>(std::clamp<std::int64_t>(p.images, 1, threads));
}

// An image's boxes and results.
struct Image {
  Image(const DetectionNmsProblem& p, const KernelArgs& args, std::int64_t image)
      : boxes(static_cast<const float*>(args.inputs[0]) + image * p.boxes * p.fields()),
        wanted(p.has_wanted ? static_cast<const std::int32_t*>(args.inputs[1]) : nullptr),
        count(static_cast<std::int32_t*>(args.outputs[0]) + image),
        corners(static_cast<float*>(args.outputs[1]) + image * p.outputs * 4),
        scores(static_cast<float*>(args.outputs[2]) + image * p.outputs),
        classes(static_cast<std::int32_t*>(args.outputs[3]) + image * p.outputs),
        bad(static_cast<std::int32_t*>(args.outputs[4]) + image) {}

  const float* boxes;
  const std::int32_t* wanted;
  std::int32_t* count;
  float* corners;
  float* scores;
  std::int32_t* classes;
  std::int32_t* bad;
};

// Writes the candidates of a box and returns how many they are; -1 for a bad box.
std::int64_t candidates_of(const DetectionNmsProblem& p, const Image& image, std::int64_t box,
                           Candidate* candidates) {
  const float* row = image.boxes + box * p.fields();
  const float objectness = row[4];
  if (!std::isfinite(objectness)) return -1;
  if (objectness <= p.score_threshold) return 0;
  if (!std::all_of(row, row + 4, [](float x) { return std::isfinite(x); })) return -1;
  std::int64_t count = 0;
  Candidate best{-1, -1};
  for (std::int64_t k = 0; k < p.classes; ++k) {
    const float score = p.classes == 1 ? objectness : row[5 + k] * objectness;
    if (!std::isfinite(score)) return -1;
    const Candidate candidate{score, static_cast<std::int32_t>(box * p.classes + k)};
    const bool is_wanted = image.wanted == nullptr || image.wanted[k] != 0;
    if (p.multi_label && is_wanted && score > p.score_threshold) candidates[count++] = candidate;
    if (best.number < 0 || score > best.score) best = candidate;
  }
  if (p.multi_label || best.score <= p.score_threshold) return count;
  if (image.wanted != nullptr && image.wanted[best.number % p.classes] == 0) return 0;
  candidates[0] = best;
  return 1;
}

void detect(const DetectionNmsProblem& p, const Image& image, const Scratch& scratch) {
  Candidate* const begin = scratch.candidates;
  Candidate* end = begin;
  *image.bad = 0;
  for (std::int64_t box = 0; box < p.boxes; ++box) {
    const std::int64_t count = candidates_of(p, image, box, end);
    if (count < 0) {
      ++*image.bad;
    } else {
      end += count;
    }
  }
  std::make_heap(begin, end);
  std::int64_t count = 0;
  for (std::int64_t looked_at = 0;
       looked_at < graph::DetectionNms::kCandidates && count < p.outputs && end > begin;
       ++looked_at) {
    std::pop_heap(begin, end);
    const Candidate& best = *--end;
    const auto class_of_best = static_cast<std::int32_t>(best.number % p.classes);
    const Box box = from_center(image.boxes + best.number / p.classes * p.fields());
    const float distance =
        p.class_agnostic ? 0.0F
                         : static_cast<float>(class_of_best) * graph::DetectionNms::kClassDistance;
    const Box compared = moved(box, distance);
    bool is_covered = false;
    for (std::int64_t i = 0; i < count && !is_covered; ++i) {
      const bool rivals = p.class_agnostic || image.classes[i] == class_of_best;
      is_covered = rivals && overlap(scratch.taken[i], compared) > p.iou_threshold;
    }
    if (is_covered) continue;
    scratch.taken[count] = compared;
    image.scores[count] = best.score;
    image.classes[count] = class_of_best;
    const float corners[] = {box.x0, box.y0, box.x1, box.y1};
    std::copy_n(corners, 4, image.corners + count * 4);
    ++count;
  }
  *image.count = static_cast<std::int32_t>(count);
  std::fill(image.corners + count * 4, image.corners + p.outputs * 4, 0.0F);
  std::fill(image.scores + count, image.scores + p.outputs, 0.0F);
  std::fill(image.classes + count, image.classes + p.outputs, 0);
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<DetectionNmsProblem>&>(state).problem;
  parallel([&](int thread, int threads) {
    const int workers = threads_for(p, threads);
    if (thread >= workers) return;
    const Scratch scratch(p, args.workspace, thread);
    for (std::int64_t image = thread; image < p.images; image += workers) {
      detect(p, Image(p, args, image), scratch);
    }
  });
}

Offer offer(const DetectionNmsProblem& p, const TargetInfo& target) {
  Offer offer;
  offer.workspace_bytes = Scratch::bytes(p, threads_for(p, target.threads));
  return offer;
}

}  // namespace

const Kernel<DetectionNmsProblem> kDetectionNmsRef{
    .name = "reference",
    .needs = {},
    .offer = offer,
    .pack = nullptr,
    .create = create_problem_state<DetectionNmsProblem>,
    .run = run,
};

}  // namespace lasso::kernels
