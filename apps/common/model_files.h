// Where models and the evaluation set lie.
#ifndef LASSO_COMMON_MODEL_FILES_H_
#define LASSO_COMMON_MODEL_FILES_H_

#include <filesystem>
#include <string>
#include <vector>

namespace lasso::app {

// Folders with demo checkpoints and the evaluation set, the most specific first; they need not
// exist.
std::vector<std::filesystem::path> model_folders();

struct ModelFile {
  std::string path;
  std::string warning;  // what the user should know about the choice; may be empty
};

// The file that the user names; else the one that LASSO_MODEL names; else the demo checkpoint, with
// a warning. Whether a named file exists is not looked at. Throws kUnsupported for a folder, and
// kNotFound where there is no demo checkpoint, with where it was looked for.
ModelFile find_model_file(const std::string& name);

// The same of detectors.
ModelFile find_detector_file(const std::string& name);

// Whether the file begins as engine files of any version do.
bool begins_like_engine(const std::string& path);

// The device that an engine file was built for, as its header has it, "cpu" or "cuda"; empty for
// any other file. What the file is worth, only loading it tells.
std::string engine_device(const std::string& path);

// The folder of the evaluation set that comes with Lasso; empty if there is none.
std::string default_evaluation_set();

}  // namespace lasso::app

#endif  // LASSO_COMMON_MODEL_FILES_H_
