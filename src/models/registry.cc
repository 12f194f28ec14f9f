// The one list of families: a model's room is named here and nowhere else below the public classes.
#include <algorithm>

#include "core/check.h"
#include "models/family.h"
#include "models/onnx/family.h"
#include "models/sam/family.h"
#include "models/yolov7/family.h"

namespace lasso {

namespace {

std::vector<const Family*>& mutable_families() {
  static std::vector<const Family*> list{&yolov7::family(), &sam::family(), &onnx::family()};
  return list;
}

}  // namespace

const std::vector<const Family*>& families() { return mutable_families(); }

void add_family(const Family& family) {
  for (const Family* known : families()) {
    LASSO_CHECK(known->name() != family.name(), ErrorCode::kInvalidArgument,
                "there is a model family \"{}\" already", family.name());
  }
  mutable_families().push_back(&family);
}

}  // namespace lasso
