// What lasso::Engine holds.
#ifndef LASSO_API_ENGINE_IMPL_H_
#define LASSO_API_ENGINE_IMPL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "api/devices.h"
#include "lasso/engine.h"
#include "models/family.h"

namespace lasso {

struct Engine::Impl {
  Model model;
  EngineInfo info;
};

// What a caller's options say, as far as it can be refused before a model's file is read.
struct EngineSettings {
  explicit EngineSettings(const EngineOptions& options);

  // For loading: an engine's file says which device it is for.
  engine::ReadOptions reading(bool verify) const;

  // For building: for the GPUs, opened; or with the CPU's rates, which files bring with them.
  engine::CompileOptions measured() const;

  EngineOptions options;
  DeviceChoice device;
  engine::CompileOptions compile;
  Precision precision = Precision::kFp32;
  DescribeOptions describe;
};

// Throws kOutOfMemory where `work` on the model in `path` needs more bytes than the limit; 0: none.
void check_memory(const std::string& path, const char* work, std::uint64_t needed,
                  std::uint64_t limit);

// The number of threads that an option means, 0 for default_threads(). Throws kInvalidArgument for
// one out of range.
int thread_count(int option);

EngineInfo engine_info(const Model& model);

std::shared_ptr<const Engine::Impl> make_engine(Model model);

}  // namespace lasso

#endif  // LASSO_API_ENGINE_IMPL_H_
