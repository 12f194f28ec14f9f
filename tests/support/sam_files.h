// Engine files of SAM models that tests make in memory, loaded as users' files are.
#ifndef LASSO_TESTS_SUPPORT_SAM_FILES_H_
#define LASSO_TESTS_SUPPORT_SAM_FILES_H_

#include <memory>
#include <string>

#include "engine/file/engine_file.h"
#include "models/family.h"
#include "models/sam/describe/describe.h"
#include "models/sam/family.h"
#include "models/sam/model_file.h"

namespace lasso::test {

// `precision` is the name of what `options` ask for.
inline void build_engine_file(const sam::SamCheckpoint& checkpoint,
                              const engine::CompileOptions& options, const std::string& precision,
                              const std::string& path) {
  engine::ModelRecord record =
      sam::record_of(checkpoint.config, preprocess_preset("sam"), sam::fingerprint(checkpoint));
  record.precision = precision;
  engine::build_engine_file(path, record, [&](engine::WeightSink& sink) {
    return engine::compile(sam::describe(checkpoint), options, sink);
  });
}

inline std::shared_ptr<const sam::SamModel> load_engine_file(const std::string& path,
                                                             const engine::CompileOptions& options,
                                                             bool verify) {
  engine::ReadOptions read;
  read.features = options.target.features;
  read.threads = options.target.threads;
  read.verify = verify;
  return sam::model_of(load_engine(ModelSource(path), read), "a test");
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_SAM_FILES_H_
