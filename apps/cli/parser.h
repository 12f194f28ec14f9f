// The names of CLI11, which parses the command line. Its header takes longer to compile than most
// sources that pass these names on.
#ifndef LASSO_CLI_PARSER_H_
#define LASSO_CLI_PARSER_H_

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
class Option;
}  // namespace CLI

#endif  // LASSO_CLI_PARSER_H_
