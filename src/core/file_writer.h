// Writing a file from its beginning to its end.
#ifndef LASSO_CORE_FILE_WRITER_H_
#define LASSO_CORE_FILE_WRITER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace lasso {

// What can't be written throws kInvalidArgument with the name and the system's reason, such as "No
// space left on device".
class FileWriter {
 public:
  // Makes or empties `file`; `name` stands in messages.
  FileWriter(const std::string& file, std::string name);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void append(const void* data, std::size_t bytes);
  void append(std::string_view text) { append(text.data(), text.size()); }
  // Comes last, since some file systems tell only then what failed. The destructor closes without
  // a word.
  void close();

 private:
  void check(bool condition) const;

  std::string name_;
  int fd_;
};

}  // namespace lasso

#endif  // LASSO_CORE_FILE_WRITER_H_
