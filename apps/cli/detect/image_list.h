// The images of a run, one after another.
#ifndef LASSO_CLI_DETECT_IMAGE_LIST_H_
#define LASSO_CLI_DETECT_IMAGE_LIST_H_

#include <cstddef>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace lasso::app {

// What stands on the command line: files, folders, whose pictures are taken in the order of their
// names, patterns ("photos/*.jpg") where there is no file of that name, and files with a name on
// each line. Names are found when it is their turn: of a list of any length only the names of one
// folder or pattern are in memory.
class ImageList {
 public:
  // `list`: a file with names, "-" for standard input; empty: none. Its names come last.
  ImageList(std::vector<std::string> images, std::string list);

  struct Entry {
    std::string path;
    std::string error;  // why there is no image: the folder or the pattern has none
  };
  std::optional<Entry> next();

  // How many there are, where that is known: of files alone.
  std::optional<std::size_t> count() const;

 private:
  Entry take(const std::string& name);
  Entry take_found();
  std::optional<std::string> next_name();

  std::vector<std::string> images_;
  std::string list_;
  std::size_t next_ = 0;            // in images_
  std::vector<std::string> found_;  // in a folder or by a pattern, the last first
  std::string folder_;              // that they are in; empty: of a pattern, as they are
  std::ifstream lines_;
};

// Whether the text has a character of patterns: *, ? or [.
bool is_pattern(const std::string& text);

}  // namespace lasso::app

#endif  // LASSO_CLI_DETECT_IMAGE_LIST_H_
