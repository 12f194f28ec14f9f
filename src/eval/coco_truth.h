// COCO's annotation files: which objects are in which images.
#ifndef LASSO_EVAL_COCO_TRUTH_H_
#define LASSO_EVAL_COCO_TRUTH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/mean_precision.h"

namespace lasso {

struct CocoCategory {
  std::int64_t id = 0;
  std::string name;
};

struct CocoImage {
  std::int64_t id = 0;
  std::string file;  // beneath the images' folder
  std::vector<TruthBox> boxes;
};

struct CocoTruth {
  std::vector<CocoCategory> categories;  // by id; TruthBox::category is an index here
  std::vector<CocoImage> images;         // by id
};

// Reads "images" (id, file_name), "categories" (id, name) and "annotations" (image_id, category_id,
// bbox, iscrowd) of a file such as instances_val2017.json. Throws kNotFound, and kCorruptFile with
// the file and what is wrong with it: what is not there or of another type, ids that stand twice or
// that nothing has, boxes that are not finite or have a negative side, files outside of the folder.
CocoTruth read_coco_truth(const std::string& path);

}  // namespace lasso

#endif  // LASSO_EVAL_COCO_TRUTH_H_
