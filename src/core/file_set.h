// Files that are written together.
#ifndef LASSO_CORE_FILE_SET_H_
#define LASSO_CORE_FILE_SET_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lasso {

// Files that appear together: none has its name before all of them are written.
class FileSet {
 public:
  FileSet() = default;
  // What has no name yet is gone.
  ~FileSet();
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  // Calls write(temporary path) for a file in the same folder, which `path` is the name of later.
  // Throws kInvalidArgument where the folder can't be written, what check_name_length does, and
  // what `write` does, behind which nothing but destroying the set makes sense.
  void write(const std::string& path,
             const std::function<void(const std::string& temporary)>& write);
  void write_text(const std::string& path, std::string_view content);
  // Renames the files to their paths, in the order in which they were written. Where one can't be
  // renamed, throws kInvalidArgument, and those before it are removed unless they replaced others.
  void commit();

 private:
  struct File {
    std::string target;
    std::string temporary;  // empty: it has no name
    int descriptor = -1;    // of a file without a name
  };

  // A new name beside the file's, for which make(name) returned true; no file of the set has it.
  std::string temporary_for(const File& file,
                            const std::function<bool(const std::string& name)>& make) const;

  std::vector<File> files_;
};

}  // namespace lasso

#endif  // LASSO_CORE_FILE_SET_H_
