// Files and folders that programs write: checks, and names that never collide.
#ifndef LASSO_COMMON_FILES_H_
#define LASSO_COMMON_FILES_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lasso::app {

// Complete or not at all, as the library writes its files; follows links. Throws OutputError.
void write_file(const std::string& path, std::string_view bytes);

// Calls a function of the library that writes a result; what prevents it is an OutputError. Errors
// that end the run pass through.
void write_with(const std::function<void()>& write);

// True where both name one file, which need not exist.
bool same_file(const std::string& a, const std::string& b);

// What is said against names before work begins, with kInvalidArgument. A file that is to be
// written: its folder must exist, and what is there under the name may only be a regular file.
void check_output_file(const std::string& path);
// The same for a file that takes long to make: whether it can be written is tried.
void check_writable(const std::string& path);
// A folder for results: nothing else may be there under the name.
void check_output_folder(const std::string& folder);
// Makes it, and those above it, unless it is there.
void make_folder(const std::string& folder);

// "truck" from "photos/truck.jpg", "stdin" from "-".
std::string stem(const std::string& path);

// Names for generated files. None is handed out twice, and none exists already: where
// "truck_overlay.png" is taken, "truck_overlay-2.png" is next. Numbers go up from claim to claim,
// so that any number of equal names take time in proportion.
class OutputNames {
 public:
  struct Name {
    std::string base;       // "truck_overlay"
    std::string extension;  // ".png"
  };

  // Names for files that belong together: they get the same suffix. Throws OutputError for a name
  // that is longer than the file system takes.
  std::vector<std::string> claim(const std::filesystem::path& folder,
                                 const std::vector<Name>& names);

  // Throws what claim() would, without claiming: before something is done that takes time.
  void check(const std::filesystem::path& folder, const std::vector<Name>& names);

  // Says that a file is there whose name was handed out: the file system knows now that it is
  // taken, so that a run that writes millions of files need not.
  void written(const std::string& path);

  // A name that the user gave to another file.
  void reserve(const std::string& path);

  // How many sets of names were tried for all claims.
  std::size_t tries() const { return tries_; }

 private:
  struct Found {
    std::vector<std::string> paths;
    int number = 1;
  };
  Found find(const std::filesystem::path& folder, const std::vector<Name>& names);
  void set_next(const std::filesystem::path& folder, const std::vector<Name>& names, int number);

  std::mutex mutex_;
  std::set<std::string> claimed_;  // in one form for each file
  // Of the paths without a number, once one with a number was handed out: the number from which on
  // nothing was tried.
  std::unordered_map<std::string, int> next_;
  std::size_t tries_ = 0;
};

}  // namespace lasso::app

#endif  // LASSO_COMMON_FILES_H_
