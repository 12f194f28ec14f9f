#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/file/engine_file_fixture.h"
#include "support/errors.h"
#include "support/mock_device.h"

namespace lasso::engine {
namespace {

// An engine for GPUs, on a device that stands for one: who opens it decides, by what the file says.
TEST_F(EngineFile, GpusAreOpenedByTheCaller) {
  const auto device = test::MockDevice::make(backend::test_target(1));
  ReadOptions options = read_options();
  bool tf32 = true;
  options.open_gpus = [&](bool asked) {
    tf32 = asked;
    return std::make_shared<const backend::DeviceSet>(
        std::vector<std::shared_ptr<const backend::Device>>{device});
  };
  const auto write_gpus = [&](const std::string& from, const std::string& to) {
    EngineBytes changed = parts_;
    const std::size_t at = changed.meta.find(from);
    ASSERT_NE(at, std::string::npos);
    changed.meta.replace(at, from.size(), to);
    std::string bytes = test::join_engine(changed);
    bytes.replace(24, 4, "cuda");
    test::reseal_header(bytes);
    write(bytes);
  };
  for (const bool asked : {false, true}) {
    write_gpus("\"tf32\":false", asked ? "\"tf32\":true" : "\"tf32\":false");
    const LoadedEngine engine = read_engine_file(path_, options);
    EXPECT_EQ(tf32, asked);
    ASSERT_NE(engine.module->options.devices, nullptr);
    EXPECT_EQ(engine.module->options.devices->first(), device);
    EXPECT_EQ(engine.module->options.target.features, backend::test_features());
    EXPECT_EQ(engine.module->options.target.threads, 2);
    for (std::size_t p = 0; p < 2; ++p) EXPECT_EQ(run(engine.module, p), run(module_, p));
  }
  EXPECT_GT(device->counts().launches, 0);
  for (const char* lie : {"\"tf32\":1", "\"tf32\":null"}) {
    write_gpus("\"tf32\":false", lie);
    EXPECT_ERROR(read_engine_file(path_, options), ErrorCode::kCorruptFile, "tf32");
  }
  for (const char* lie : {"\"sm\":-1", "\"sm\":1001", "\"sm\":90.5"}) {
    write_gpus("\"sm\":0", lie);
    EXPECT_ERROR(read_engine_file(path_, options), ErrorCode::kCorruptFile, "sm");
  }
  write_gpus("\"sm\":0", "\"sm\":0");
  options.open_gpus = [](bool) -> std::shared_ptr<const backend::DeviceSet> {
    throw Error(ErrorCode::kDevice, "there is no driver");
  };
  EXPECT_ERROR(read_engine_file(path_, options), ErrorCode::kDevice,
               path_ + ": there is no driver");
}

}  // namespace
}  // namespace lasso::engine
