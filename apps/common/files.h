// Files that the command line reads and writes itself.
#ifndef LASSO_COMMON_FILES_H_
#define LASSO_COMMON_FILES_H_

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lasso::app {

// The whole file; throws Failure(kUsage) that starts with `option` if it can't be read.
std::string read_file(const std::string& option, const std::string& path);

// Complete or not at all (a temporary file is renamed). Follows links. Throws Failure(kSomeFailed),
// or Failure(kUsage) if there is something that is not a regular file, such as a device.
void write_file(const std::string& path, std::string_view bytes);

// Calls a function of the library that writes a result; what prevents it is Failure(kSomeFailed),
// as in write_file. Errors that end the run pass through.
void write_with(const std::function<void()>& write);

// True where both name one file, which need not exist.
bool same_file(const std::string& a, const std::string& b);

// For an option that takes the name of a file to write: its folder must exist, and what is there
// under the name may only be a regular file.
void check_output_file(const std::string& option, const std::string& path);

// For a file that takes long to make: throws Failure(kUsage) that names the option unless a new
// file can be made beside `path`, which is tried.
void check_writable(const std::string& option, const std::string& path);

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

  // A name that the user gave to another file.
  void reserve(const std::string& path);

 private:
  std::set<std::string> claimed_;  // in one form for each file
};

}  // namespace lasso::app

#endif  // LASSO_COMMON_FILES_H_
