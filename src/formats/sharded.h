// Models in folders, as Hugging Face's tools lay them out: one file of tensors, or several with an
// index, a JSON file that says which tensor is in which.
#ifndef LASSO_FORMATS_SHARDED_H_
#define LASSO_FORMATS_SHARDED_H_

#include <memory>
#include <string>

#include "core/file.h"
#include "formats/weights.h"

namespace lasso {

// The file that a path to a model means: the path itself, unless it is a folder; there
// model.safetensors or its index, else pytorch_model.bin or its index. Throws kNotFound for a
// folder without any of them.
std::string model_file(const std::string& path);

// The tensors of all the files that an index names; they lie in the index's folder. Of two tensors
// of one name the index decides which is meant. Throws
// kCorruptFile for an index that is damaged, names a file elsewhere, one that is missing, or a
// tensor that is not in the file named, and what reading the files throws.
Weights read_shards(const std::shared_ptr<const MappedFile>& index);

}  // namespace lasso

#endif  // LASSO_FORMATS_SHARDED_H_
