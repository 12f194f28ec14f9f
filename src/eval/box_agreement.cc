#include "eval/box_agreement.h"

#include <algorithm>
#include <cmath>

namespace lasso {

double BoxAgreement::part() const {
  const std::size_t all = same + only_first + only_second;
  return all == 0 ? 0 : static_cast<double>(same) / static_cast<double>(all);
}

void AgreementMeter::add(const std::vector<FoundBox>& first, const std::vector<FoundBox>& second) {
  constexpr double kLeastIou = 0.5;
  ++sums_.images;
  if (first.empty() && second.empty()) ++sums_.empty_images;
  std::vector<FoundBox> order = first;
  std::stable_sort(order.begin(), order.end(),
                   [](const FoundBox& a, const FoundBox& b) { return a.score > b.score; });
  std::vector<bool> taken(second.size());
  std::size_t same = 0;
  for (const FoundBox& box : order) {
    double best = kLeastIou;
    std::size_t match = second.size();
    for (std::size_t i = 0; i < second.size(); ++i) {
      if (taken[i] || second[i].category != box.category) continue;
      const double iou = box_iou(box.box, second[i].box);
      if (iou < best || (match < second.size() && iou == best)) continue;
      best = iou;
      match = i;
    }
    if (match == second.size()) continue;
    taken[match] = true;
    sums_.lowest_iou = sums_.same + same == 0 ? best : std::min(sums_.lowest_iou, best);
    ++same;
    sums_.mean_iou += best;
    sums_.score_difference =
        std::max(sums_.score_difference, std::abs(box.score - second[match].score));
  }
  sums_.same += same;
  sums_.only_first += first.size() - same;
  sums_.only_second += second.size() - same;
}

BoxAgreement AgreementMeter::result() const {
  BoxAgreement result = sums_;
  if (result.same > 0) result.mean_iou /= static_cast<double>(result.same);
  return result;
}

}  // namespace lasso
