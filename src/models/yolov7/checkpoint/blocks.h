// The blocks of WongKinYiu's yolov7 (models/common.py) as layers.
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_BLOCKS_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_BLOCKS_H_

#include <string_view>
#include <vector>

#include "models/yolov7/checkpoint/layer_list.h"

namespace lasso::yolov7 {

// Whether a class is the repository's own, by this name: of its models.common or models.yolo,
// wherever these were imported from.
bool is_own_class(const PickleName& type, std::string_view name);

// Appends a block's layers and returns the last one. Throws kUnsupported for a block that is not
// known, naming its class, and kCorruptFile for one with other inputs and members than it has.
int read_block(LayerList& list, const TorchModule& block, const std::vector<int>& inputs);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_BLOCKS_H_
