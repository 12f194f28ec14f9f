// The GPU as a device: memory, order of work, recordings, limits; and a model on it, run by run.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "backend/test_target.h"
#include "core/random.h"
#include "engine/run/session.h"
#include "gpu/gpu_test.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/describe/describe.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

using backend::Buffer;
using backend::Device;
using backend::DeviceSet;

class DeviceTest : public test::GpuTest {};

std::vector<std::uint32_t> numbers(std::size_t count, std::uint32_t first) {
  std::vector<std::uint32_t> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// Sizes around those of the blocks that copies go through.
TEST_F(DeviceTest, CopiesThereAndBack) {
  for (const std::size_t count : {1U, 1000U, (512U << 10) / 4, (4U << 20) / 4 + 1, 30'000'000U}) {
    std::vector<std::uint32_t> values = numbers(count, 7);
    const std::size_t bytes = count * sizeof(std::uint32_t);
    const Buffer a = device_->allocate(bytes);
    const Buffer b = device_->allocate(bytes);
    stream_->upload(a.data(), values.data(), bytes);
    std::fill(values.begin(), values.end(), 0U);  // it may change at once
    stream_->copy(b.data(), a.data(), bytes);
    std::vector<std::uint32_t> back(count);
    stream_->download(back.data(), b.data(), bytes);
    stream_->wait();
    EXPECT_EQ(back, numbers(count, 7)) << count;
  }
}

TEST_F(DeviceTest, ManyCopiesBeforeAWait) {
  constexpr std::size_t kCount = 300'000;
  const Buffer there = device_->allocate(kCount * 4);
  std::vector<std::vector<std::uint32_t>> back(100, std::vector<std::uint32_t>(kCount));
  for (std::uint32_t i = 0; i < back.size(); ++i) {
    const std::vector<std::uint32_t> values = numbers(kCount, i);
    stream_->upload(there.data(), values.data(), kCount * 4);
    stream_->download(back[i].data(), there.data(), kCount * 4);
  }
  stream_->wait();
  for (std::uint32_t i = 0; i < back.size(); ++i) EXPECT_EQ(back[i], numbers(kCount, i)) << i;
}

TEST_F(DeviceTest, RecordingsAreDoneAgain) {
  const Buffer a = device_->allocate(4096);
  const Buffer b = device_->allocate(4096);
  const auto recording = stream_->record([&] {
    stream_->copy(b.data(), a.data(), 4096);
    stream_->fill(a.data(), std::byte{9}, 4096);
  });
  ASSERT_NE(recording, nullptr);
  const std::vector<std::uint32_t> values = numbers(1024, 3);
  stream_->upload(a.data(), values.data(), 4096);
  stream_->replay(*recording);
  std::vector<std::uint32_t> first(1024);
  std::vector<std::uint32_t> second(1024);
  stream_->download(first.data(), b.data(), 4096);
  stream_->replay(*recording);
  stream_->download(second.data(), b.data(), 4096);
  stream_->wait();
  EXPECT_EQ(first, values);
  EXPECT_EQ(second, std::vector<std::uint32_t>(1024, 0x09090909U));
}

TEST_F(DeviceTest, MemoryHasALimit) {
  kernels::DeviceOptions options;
  options.memory_limit = 100 << 20;
  const auto device = kernels::device_library(backend::DeviceKind::kCuda).open(options);
  Buffer first = device->allocate(60 << 20);
  EXPECT_ERROR(device->allocate(41 << 20), ErrorCode::kOutOfMemory, "beyond the limit of 100 MiB");
  first = {};
  EXPECT_NO_THROW(device->allocate(100 << 20));
  EXPECT_ERROR(device_->allocate(std::size_t{1} << 45), ErrorCode::kOutOfMemory, "are free");
  EXPECT_NO_THROW(device_->allocate(1 << 20)) << "and goes on";
}

TEST_F(DeviceTest, UnknownGpusAndCapsAreNamed) {
  kernels::DeviceOptions options;
  options.index = 100;
  const auto& library = kernels::device_library(backend::DeviceKind::kCuda);
  EXPECT_ERROR(library.open(options), ErrorCode::kNotFound, "cuda:100");
  options.index = 0;
  options.most_sm = 61;
  EXPECT_ERROR(library.open(options), ErrorCode::kUnsupported, "sm_61");
}

std::shared_ptr<const engine::CompiledModule> micro(
    const std::vector<std::shared_ptr<const Device>>& devices) {
  const sam::SamCheckpoint checkpoint =
      sam::load_sam_checkpoint(test::data_path("sam_micro") + "/checkpoint.pth", "");
  engine::CompileOptions options;
  options.devices = std::make_shared<const DeviceSet>(devices);
  options.target = devices.front()->target();
  return engine::compile(sam::describe(checkpoint), options);
}

std::vector<float> encode(engine::Session& session, std::uint64_t seed) {
  const std::size_t program = session.program(sam::kImageEncoder);
  const graph::Graph& graph = session.module().programs[program].graph;
  const auto elements = [&](graph::ValueId id) {
    return static_cast<std::size_t>(
        element_count(graph::evaluate(graph.value(id).shape, {{"batch", 1}})));
  };
  std::vector<float> image(elements(graph.inputs.front()));
  SplitMix64 random(seed);
  for (float& value : image) value = random.uniform(-1.0F, 1.0F);
  std::vector<float> embedding(elements(graph.outputs.front()));
  const std::vector<std::int64_t> symbols{1};
  const std::vector<engine::ConstTensorRef> inputs{image.data()};
  const std::vector<engine::TensorRef> outputs{embedding.data()};
  session.run(program, symbols, inputs, outputs);
  return embedding;
}

// Eager, recorded and replayed runs give the same bits, on any stream and device.
TEST_F(DeviceTest, RunsGiveTheSameBits) {
  const auto second = kernels::device_library(backend::DeviceKind::kCuda).open({});
  const auto module = micro({device_, second});
  engine::SessionOptions options;
  options.poison = false;
  engine::Session a(module, options);
  engine::Session b(module, options);
  EXPECT_NE(a.device(), b.device());
  std::vector<std::vector<float>> first;
  for (std::uint64_t seed = 0; seed < 4; ++seed) first.push_back(encode(a, seed));
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    EXPECT_EQ(encode(a, seed), first[seed]);
    EXPECT_EQ(encode(b, seed), first[seed]);
  }
  EXPECT_NE(first[0], first[1]);
  options.poison = true;
  engine::Session poisoned(module, options);
  EXPECT_EQ(encode(poisoned, 2), first[2]);
}

TEST_F(DeviceTest, SessionsRunAtTheSameTime) {
  const auto module = micro({device_});
  engine::SessionOptions options;
  engine::Session alone(module, options);
  std::vector<std::vector<float>> expected;
  for (std::uint64_t seed = 0; seed < 8; ++seed) expected.push_back(encode(alone, seed));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      engine::Session session(module, options);
      for (int round = 0; round < 5; ++round) {
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
          if (encode(session, seed) != expected[seed]) ++wrong[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace lasso
