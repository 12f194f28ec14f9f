// A file of COCO results, which has the detections of all images of a run.
#ifndef LASSO_CLI_DETECT_COCO_FILE_H_
#define LASSO_CLI_DETECT_COCO_FILE_H_

#include <functional>
#include <string>

#include "common/json_text.h"
#include "core/file_writer.h"

namespace lasso::app {

// A list in JSON with an entry on each line, which is written as the entries come: what a run of
// millions of images finds need not be in memory.
class CocoFile {
 public:
  // `file` is made or emptied; `name` stands in messages.
  CocoFile(const std::string& file, const std::string& name) : out_(file, name) {}

  // Appends the entries of a list. Throws OutputError.
  void add(const OrderedJson& entries);
  // Ends the list.
  void close();

 private:
  FileWriter out_;
  bool empty_ = true;
};

// Calls work with the file, which appears under `path` when it has returned, complete or not at
// all. Throws OutputError where it can't be written, and what `work` throws.
void write_coco_file(const std::string& path, const std::function<void(CocoFile* file)>& work);

}  // namespace lasso::app

#endif  // LASSO_CLI_DETECT_COCO_FILE_H_
