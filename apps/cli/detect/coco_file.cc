#include "cli/detect/coco_file.h"

#include "common/errors.h"
#include "common/files.h"
#include "core/file.h"

namespace lasso::app {

void CocoFile::add(const OrderedJson& entries) {
  std::string text;
  for (const OrderedJson& entry : entries) {
    text += (empty_ ? "[\n" : ",\n") + json_line(entry);
    empty_ = false;
  }
  write_with([&] { out_.append(text); });
}

void CocoFile::close() {
  write_with([&] {
    out_.append(empty_ ? "[]\n" : "\n]\n");
    out_.close();
  });
}

void write_coco_file(const std::string& path, const std::function<void(CocoFile* file)>& work) {
  try {
    write_atomically(path, [&](const std::string& temporary) {
      CocoFile file(temporary, path);
      work(&file);
      file.close();
    });
  } catch (const lasso::Error& error) {
    // Of the images, none ends the run with such an error: it is the file's.
    if (error.code() == ErrorCode::kInvalidArgument) throw OutputError(error.what());
    throw;
  }
}

}  // namespace lasso::app
