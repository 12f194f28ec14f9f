// Writing zip archives of stored entries, entry after entry.
#ifndef LASSO_FORMATS_ZIP_ZIP_WRITER_H_
#define LASSO_FORMATS_ZIP_ZIP_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/file_writer.h"

namespace lasso {

// Data begin at multiples of 64 bytes of the file, as in PyTorch's archives; zip64 where sizes need
// it. The same entries give the same bytes: times are left at zero.
class ZipWriter {
 public:
  // Writes to `file`; `name` stands in error messages. Throws kInvalidArgument where that can't be
  // written, as the functions do.
  ZipWriter(const std::string& file, std::string name);

  void add(const std::string& name, const void* data, std::size_t bytes);
  // Writes the directory; nothing can be added afterwards.
  void finish();

 private:
  struct Entry {
    std::string name;
    std::uint32_t crc32 = 0;
    std::uint64_t bytes = 0;
    std::uint64_t offset = 0;
  };

  void write(const std::string& bytes);

  std::string name_;
  FileWriter out_;
  std::uint64_t position_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ZIP_ZIP_WRITER_H_
