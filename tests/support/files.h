// Files for tests: temporary folders, test data, and what an expression throws.
#ifndef LASSO_TESTS_SUPPORT_FILES_H_
#define LASSO_TESTS_SUPPORT_FILES_H_

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

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

// What f() throws; nothing if it returns. Anything but lasso::Error goes through.
template <typename F>
std::optional<Error> error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace lasso::test

// EXPECT_ERROR(expression, ErrorCode::kCorruptFile, "part of the message").
#define EXPECT_ERROR(expression, expected_code, part)                                       \
  do {                                                                                      \
    const auto thrown = ::lasso::test::error_of([&] { static_cast<void>(expression); });    \
    ASSERT_TRUE(thrown) << #expression " throws nothing";                                   \
    EXPECT_EQ(thrown->code(), expected_code) << thrown->what();                             \
    EXPECT_NE(std::string(thrown->what()).find(part), std::string::npos) << thrown->what(); \
    EXPECT_EQ(std::string(thrown->what()).find('\n'), std::string::npos) << thrown->what(); \
  } while (false)

#endif  // LASSO_TESTS_SUPPORT_FILES_H_
