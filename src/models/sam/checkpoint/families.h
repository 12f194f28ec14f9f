// Which model's parameter names a checkpoint has.
#ifndef LASSO_MODELS_SAM_CHECKPOINT_FAMILIES_H_
#define LASSO_MODELS_SAM_CHECKPOINT_FAMILIES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lasso::sam {

// The name without the components that wrappers put into it at any depth: "module."
// (DataParallel), "_orig_mod." (torch.compile), "_checkpoint_wrapped_module." (activation
// checkpointing) and "_fsdp_wrapped_module." (FSDP).
std::string unwrapped(std::string_view name);

// Where SAM's own name begins, behind a prefix of whole components; npos: it is none of SAM's,
// neither Meta's nor Hugging Face's.
std::size_t own_name(std::string_view name);

// If the names belong to a model that is not SAM (or to an adapter for it): one sentence that says
// what it is and what to do.
std::optional<std::string> other_family(const std::vector<std::string>& names);

// What stands before SAM's own names, such as "model." or "state_dict.model."; "" if nothing does.
struct ModelPrefix {
  std::string prefix;
  bool complete = false;  // image encoder, prompt encoder and mask decoder stand under it
  std::optional<std::string> second{};  // another one, under which a whole model stands as well
};
// Of several, that of a whole model; of several whole models the one that is no training average
// ("ema", "teacher", ...). None: no name is one of SAM's.
std::optional<ModelPrefix> model_prefix(const std::vector<std::string>& names);

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
