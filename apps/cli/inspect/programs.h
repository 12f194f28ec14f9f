// Programs as `lasso inspect` shows them: what they take and give, and what they are made of.
#ifndef LASSO_CLI_INSPECT_PROGRAMS_H_
#define LASSO_CLI_INSPECT_PROGRAMS_H_

#include <map>
#include <string>

#include "common/json_text.h"
#include "lasso/engine.h"

namespace lasso::app {

double total_gflop(const ProgramInfo& program);

// How many layers compute several operations of a model in one, by which.
std::map<std::string, int> fused_layers(const ProgramInfo& program);

// A heading, the table of inputs and outputs, what is fused, and the memory of a run.
void print_program(const ProgramInfo& program, std::uint64_t arena_bytes);

// The same as JSON; further keys may follow.
OrderedJson program_json(const ProgramInfo& program, std::uint64_t arena_bytes);

}  // namespace lasso::app

#endif  // LASSO_CLI_INSPECT_PROGRAMS_H_
