// Compiled programs as JSON: the programs section of an engine file.
#ifndef LASSO_ENGINE_FILE_PROGRAM_JSON_H_
#define LASSO_ENGINE_FILE_PROGRAM_JSON_H_

#include <string>
#include <vector>

#include "core/json_fields.h"
#include "engine/compile/compile.h"

namespace lasso::engine {

Json write_programs(const std::vector<CompiledProgram>& programs);

// What write_programs wrote, or something like it: types, counts and names are checked, ids lie in
// range, and nothing else is known to be right. Of the nodes the packed layout, the place of the
// weights and the times of kernels are set, of the constants their places; kernels and symbols are
// not. Throws kCorruptFile with `where` in the message.
std::vector<CompiledProgram> read_programs(const Json& json, const std::string& where);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_FILE_PROGRAM_JSON_H_
