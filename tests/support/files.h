// Files for tests: temporary folders and test data.
#ifndef LASSO_TESTS_SUPPORT_FILES_H_
#define LASSO_TESTS_SUPPORT_FILES_H_

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lasso/error.h"

namespace lasso::test {

// A folder that lives as long as the object.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "lasso_test_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw Error(ErrorCode::kInternal, "no temporary folder");
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string source_dir() {
  const char* dir = std::getenv("LASSO_SOURCE_DIR");
  return dir == nullptr ? "." : dir;
}

// A file of tests/data/.
inline std::string data_path(const std::string& name) {
  return source_dir() + "/tests/data/" + name;
}

// A file of the reference data, which lie beside the source folder and may be absent.
inline std::string golden_path(const std::string& name) {
  return source_dir() + "/../shared/golden/" + name;
}

// The folders of Meta's reference models: those of the full set, or else of tests/data.
inline std::vector<std::string> reference_folders() {
  std::vector<std::string> found;
  for (const char* model : {"sam_micro", "sam_1024", "sam_h80"}) {
    for (const std::string& folder : {golden_path(model), data_path(model)}) {
      if (!std::filesystem::exists(folder)) continue;
      found.push_back(folder);
      break;
    }
  }
  return found;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_FILES_H_
