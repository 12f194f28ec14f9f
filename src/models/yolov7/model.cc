#include "models/yolov7/model.h"

#include <algorithm>
#include <map>

#include "core/check.h"

namespace lasso::yolov7 {

int largest_stride(const std::vector<DetectionLevel>& levels) {
  int largest = 1;
  for (const DetectionLevel& level : levels) largest = std::max(largest, level.stride);
  return largest;
}

const std::vector<DetectionLevel>& published_levels(const std::string& name) {
  static const std::map<std::string, std::vector<DetectionLevel>> known{
      {"yolov7",
       {{8, {{12, 16}, {19, 36}, {40, 28}}},
        {16, {{36, 75}, {76, 55}, {72, 146}}},
        {32, {{142, 110}, {192, 243}, {459, 401}}}}},
      {"yolov7-tiny",
       {{8, {{10, 13}, {16, 30}, {33, 23}}},
        {16, {{30, 61}, {62, 45}, {59, 119}}},
        {32, {{116, 90}, {156, 198}, {373, 326}}}}},
      {"yolov7-w6",
       {{8, {{19, 27}, {44, 40}, {38, 94}}},
        {16, {{96, 68}, {86, 152}, {180, 137}}},
        {32, {{140, 301}, {303, 264}, {238, 542}}},
        {64, {{436, 615}, {739, 380}, {925, 792}}}}},
  };
  const auto found = known.find(name);
  LASSO_CHECK(found != known.end(), ErrorCode::kInvalidArgument,
              "detector \"{}\": expected yolov7, yolov7-tiny or yolov7-w6", name);
  return found->second;
}

}  // namespace lasso::yolov7
