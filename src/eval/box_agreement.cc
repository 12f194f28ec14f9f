#include "eval/box_agreement.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace lasso {

namespace {

std::vector<FoundBox> with_area(const std::vector<FoundBox>& boxes) {
  std::vector<FoundBox> result;
  std::copy_if(boxes.begin(), boxes.end(), std::back_inserter(result),
               [](const FoundBox& box) { return box.box.width > 0 && box.box.height > 0; });
  return result;
}

}  // namespace

double BoxAgreement::part() const {
  const std::size_t all = same + only_first + only_second;
  return all == 0 ? 0 : static_cast<double>(same) / static_cast<double>(all);
}

void AgreementMeter::add(const std::vector<FoundBox>& first, const std::vector<FoundBox>& second) {
  constexpr double kLeastIou = 0.5;
  std::vector<FoundBox> order = with_area(first);
  const std::vector<FoundBox> others = with_area(second);
  ++sums_.images;
  if (order.empty() && others.empty()) ++sums_.empty_images;
  std::stable_sort(order.begin(), order.end(),
                   [](const FoundBox& a, const FoundBox& b) { return a.score > b.score; });
  std::vector<bool> taken(others.size());
  std::size_t same = 0;
  for (const FoundBox& box : order) {
    double best = kLeastIou;
    std::size_t match = others.size();
    for (std::size_t i = 0; i < others.size(); ++i) {
      if (taken[i] || others[i].category != box.category) continue;
      const double iou = box_iou(box.box, others[i].box);
      if (iou < best || (match < others.size() && iou == best)) continue;
      best = iou;
      match = i;
    }
    if (match == others.size()) continue;
    taken[match] = true;
    sums_.lowest_iou = sums_.same + same == 0 ? best : std::min(sums_.lowest_iou, best);
    ++same;
    sums_.mean_iou += best;
    sums_.score_difference =
        std::max(sums_.score_difference, std::abs(box.score - others[match].score));
  }
  sums_.same += same;
  sums_.only_first += order.size() - same;
  sums_.only_second += others.size() - same;
}

BoxAgreement AgreementMeter::result() const {
  BoxAgreement result = sums_;
  if (result.same > 0) result.mean_iou /= static_cast<double>(result.same);
  return result;
}

}  // namespace lasso
