// Which model's parameter names a checkpoint has.
#ifndef LASSO_MODELS_SAM_CHECKPOINT_FAMILIES_H_
#define LASSO_MODELS_SAM_CHECKPOINT_FAMILIES_H_

#include <optional>
#include <string>
#include <vector>

namespace lasso::sam {

// If the names belong to a model that is not SAM (or to an adapter for it): one sentence that says
// what it is and what to do.
std::optional<std::string> other_family(const std::vector<std::string>& names);

// The longest part before SAM's own names, such as "module.", "model." or "state_dict.model.",
// under which most parameters stand; training averages ("ema", "teacher") are taken only where
// there is nothing else. None: no name is one of SAM's, neither Meta's nor Hugging Face's.
std::optional<std::string> model_prefix(const std::vector<std::string>& names);

// Whether these are the names of transformers' SamModel.
bool is_hugging_face(const std::vector<std::string>& names);

// Meta's name for a parameter of transformers' SamModel; the name itself where both agree. `heads`
// are the numbers of hidden layers of the MLPs, which number their last layer:
// {iou_prediction_head, output_hypernetworks_mlps}.
struct MlpDepths {
  int iou_head = 3;
  int hypernetworks = 3;
};
MlpDepths hugging_face_mlp_depths(const std::vector<std::string>& names);
std::string meta_name(const std::string& name, const MlpDepths& depths);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CHECKPOINT_FAMILIES_H_
