// The .safetensors format: an 8-byte length, a JSON header, and the tensors' bytes without holes or
// overlaps.
#ifndef LASSO_FORMATS_SAFETENSORS_SAFETENSORS_READER_H_
#define LASSO_FORMATS_SAFETENSORS_SAFETENSORS_READER_H_

#include <map>
#include <memory>
#include <string>

#include "core/file.h"
#include "formats/weights.h"

namespace lasso {

using Metadata = std::map<std::string, std::string>;

struct SafetensorsFile {
  Weights weights;
  Metadata metadata;  // the header's "__metadata__"
};

// Tensors of an element type that Lasso lacks are Weights::others. Throws kNotFound, and
// kCorruptFile for anything that breaks the format's rules.
SafetensorsFile read_safetensors(const std::shared_ptr<const MappedFile>& file);
// Reads a small file, such as an embedding, into memory, which the weights keep alive.
SafetensorsFile read_safetensors(const std::string& path);

// From bytes in memory, which `owner` keeps alive; `name` stands in error messages.
SafetensorsFile parse_safetensors(const std::byte* data, std::size_t size, const std::string& name,
                                  const std::shared_ptr<const void>& owner,
                                  const std::shared_ptr<const MappedFile>& file = nullptr);

}  // namespace lasso

#endif  // LASSO_FORMATS_SAFETENSORS_SAFETENSORS_READER_H_
