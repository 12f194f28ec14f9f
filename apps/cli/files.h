// Files that the command line reads and writes itself.
#ifndef LASSO_CLI_FILES_H_
#define LASSO_CLI_FILES_H_

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lasso::cli {

// The whole file; throws Failure(kUsage) that starts with `option` if it can't be read.
std::string read_file(const std::string& option, const std::string& path);

// Complete or not at all (a temporary file is renamed); throws Failure(kSomeFailed).
void write_file(const std::string& path, std::string_view bytes);

// For an option that takes the name of a file to write: its folder must exist.
void check_output_file(const std::string& option, const std::string& path);

// "truck" from "photos/truck.jpg".
std::string stem(const std::string& path);

// Names for generated files in one folder. None is handed out twice, and none exists already: where
// "truck_overlay.png" is taken, "truck_overlay-2.png" is next.
class OutputNames {
 public:
  struct Name {
    std::string base;       // "truck_overlay"
    std::string extension;  // ".png"
  };

  // Names for files that belong together: they get the same suffix.
  std::vector<std::string> claim(const std::filesystem::path& folder,
                                 const std::vector<Name>& names);

 private:
  std::set<std::string> claimed_;
};

}  // namespace lasso::cli

#endif  // LASSO_CLI_FILES_H_
