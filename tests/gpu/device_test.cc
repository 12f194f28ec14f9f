// The GPU as a device: memory, order of work, recordings, limits; and a model on it, run by run.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "engine/run/session.h"
#include "gpu/gpu_test.h"
#include "gpu/micro.h"
#include "support/errors.h"

namespace lasso {
namespace {

using backend::Buffer;

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

// Ten copies take longer than one, and one longer than none.
TEST_F(DeviceTest, WorkIsTimedOnTheDevice) {
  constexpr std::size_t kBytes = std::size_t{256} << 20;
  const Buffer a = device_->allocate(kBytes);
  const Buffer b = device_->allocate(kBytes);
  const auto copy = [&](int times) {
    for (int i = 0; i < times; ++i) stream_->copy(b.data(), a.data(), kBytes);
  };
  stream_->time([&] { copy(1); });
  const double none = stream_->time([&] { copy(0); });
  const double one = stream_->time([&] { copy(1); });
  const double ten = stream_->time([&] { copy(10); });
  EXPECT_GE(none, 0);
  EXPECT_GT(one, none);
  EXPECT_GT(ten, 3 * one);
}

TEST_F(DeviceTest, MemoryInUseIsCounted) {
  const auto& library = kernels::device_library(backend::DeviceKind::kCuda);
  const GpuState before = library.state(0);
  Buffer block = device_->allocate(40 << 20);
  EXPECT_EQ(library.state(0).own_memory_bytes, before.own_memory_bytes + (40 << 20));
  block = {};
  const GpuState after = library.state(0);
  EXPECT_EQ(after.own_memory_bytes, before.own_memory_bytes);
  EXPECT_GE(after.most_own_memory_bytes, before.own_memory_bytes + (40 << 20));
}

TEST_F(DeviceTest, MemoryHasALimit) {
  backend::DeviceOptions options;
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
  backend::DeviceOptions options;
  options.index = 100;
  const auto& library = kernels::device_library(backend::DeviceKind::kCuda);
  EXPECT_ERROR(library.open(options), ErrorCode::kNotFound, "cuda:100");
  options.index = 0;
  options.most_sm = 61;
  EXPECT_ERROR(library.open(options), ErrorCode::kUnsupported, "sm_61");
}

// Eager, recorded and replayed runs give the same bits, on any stream and device.
TEST_F(DeviceTest, RunsGiveTheSameBits) {
  const auto second = kernels::device_library(backend::DeviceKind::kCuda).open({});
  const auto module = test::micro({device_, second});
  engine::SessionOptions options;
  options.poison = false;
  engine::Session a(module, options);
  engine::Session b(module, options);
  EXPECT_NE(a.device(), b.device());
  std::vector<std::vector<float>> first;
  for (std::uint64_t seed = 0; seed < 4; ++seed) first.push_back(test::encode(a, seed));
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    EXPECT_EQ(test::encode(a, seed), first[seed]);
    EXPECT_EQ(test::encode(b, seed), first[seed]);
  }
  EXPECT_NE(first[0], first[1]);
  options.poison = true;
  engine::Session poisoned(module, options);
  EXPECT_EQ(test::encode(poisoned, 2), first[2]);
}

TEST_F(DeviceTest, SessionsRunAtTheSameTime) {
  const auto module = test::micro({device_});
  engine::SessionOptions options;
  engine::Session alone(module, options);
  std::vector<std::vector<float>> expected;
  for (std::uint64_t seed = 0; seed < 8; ++seed) expected.push_back(test::encode(alone, seed));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      engine::Session session(module, options);
      for (int round = 0; round < 5; ++round) {
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
          if (test::encode(session, seed) != expected[seed]) ++wrong[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace lasso
