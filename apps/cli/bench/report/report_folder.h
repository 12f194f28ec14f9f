// The folder of a report, and what every report holds.
#ifndef LASSO_CLI_BENCH_REPORT_REPORT_FOLDER_H_
#define LASSO_CLI_BENCH_REPORT_REPORT_FOLDER_H_

#include <ctime>
#include <filesystem>
#include <string>

#include "cli/parser.h"
#include "common/json_text.h"
#include "core/stopwatch.h"

namespace lasso::app {

// -o: the folder in which a report's folder is made.
void add_report_option(CLI::App* app, std::string* folder, const std::string& group);

// "lasso bench ..." as it was called: the program's arguments as a shell would take them.
std::string command_line();

// A report in the making. It begins with its object: so does the time that it says.
class ReportFolder {
 public:
  ReportFolder();

  // Date and time for people, and for programs (UTC).
  std::string made() const;
  std::string started() const;

  // The part of a file's name for a model and the time, here and in UTC:
  // "lasso-tiny-20261121-071500".
  std::string name(const std::string& model) const;
  std::string utc_name(const std::string& model) const;

  // Throws kInvalidArgument for a name that make() could not give. Before the work begins.
  void check(const std::string& parent, const std::string& model) const;

  // Makes a folder that did not exist: name(model), or with "-2" after it. Throws OutputError.
  void make(const std::string& parent, const std::string& model);

  // Writes results.json, with "started", "elapsed_s" and "report" added, and returns its line.
  std::string write_results(OrderedJson json);
  void write(const std::string& file, const std::string& text);

  std::string path(const std::string& file) const { return (folder_ / file).string(); }

 private:
  std::time_t now_;
  Stopwatch watch_;
  std::filesystem::path folder_;
  std::string written_;  // paths of the files that are there, for the error of one that can't be
};

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_REPORT_REPORT_FOLDER_H_
