// A SAM model on a device whose memory the host can't touch: every shortcut by host pointers, by
// work that is taken to be done, or by arguments that change while a run may read them would fail.
#include "support/mock_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "core/random.h"
#include "engine/run/session.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/describe/describe.h"
#include "support/errors.h"

namespace lasso {
namespace {

using engine::ConstTensorRef;
using engine::Session;
using engine::TensorRef;
using test::MockDevice;

using Floats = std::vector<float>;

std::shared_ptr<const engine::CompiledModule> micro() {
  const char* root = std::getenv("LASSO_SOURCE_DIR");
  const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(
      std::string(root == nullptr ? "." : root) + "/tests/data/sam_micro/checkpoint.pth", "");
  engine::CompileOptions options;
  options.target = backend::test_target(2);
  return engine::compile(sam::describe(checkpoint), options);
}

std::size_t elements(const graph::Graph& graph, graph::ValueId id, const graph::Bindings& sizes) {
  return static_cast<std::size_t>(element_count(graph::evaluate(graph.value(id).shape, sizes)));
}

// Arguments of one run of a program, in the host's memory.
struct Arguments {
  Arguments(const graph::Graph& graph, const graph::Bindings& sizes, std::uint64_t seed) {
    SplitMix64 random(seed);
    for (const graph::ValueId id : graph.inputs) {
      const std::size_t count = elements(graph, id, sizes);
      if (graph.value(id).dtype == DType::kI32) {
        labels.emplace_back(count);
        for (auto& label : labels.back()) label = static_cast<std::int32_t>(random.below(2));
        inputs.emplace_back(labels.back().data());
      } else {
        floats.emplace_back(count);
        for (float& value : floats.back()) value = random.uniform();
        inputs.emplace_back(floats.back().data());
      }
    }
    for (const graph::ValueId id : graph.outputs) {
      results.emplace_back(elements(graph, id, sizes));
      outputs.emplace_back(results.back().data());
    }
    for (const auto& [name, size] : sizes) symbols[name] = size;
  }
  std::vector<std::int64_t> values(const std::vector<std::string>& names) const {
    std::vector<std::int64_t> result;
    for (const std::string& name : names) result.push_back(symbols.at(name));
    return result;
  }
  void forget_inputs() {
    for (Floats& values : floats) std::fill(values.begin(), values.end(), -1e30F);
  }

  std::vector<Floats> floats, results;
  std::vector<std::vector<std::int32_t>> labels;
  std::vector<ConstTensorRef> inputs;
  std::vector<TensorRef> outputs;
  graph::Bindings symbols;
};

class MockDeviceTest : public testing::Test {
 protected:
  MockDeviceTest() : module_(micro()), device_(MockDevice::make(backend::test_target(2))) {}

  Session session(std::shared_ptr<const backend::Device> device, bool poison = false) const {
    engine::SessionOptions options;
    options.threads = 2;
    options.device = std::move(device);
    options.poison = poison;
    return {module_, options};
  }
  const engine::CompiledProgram& program(const Session& session, const char* name) const {
    return module_->programs[session.program(name)];
  }
  // Runs a program and returns its results.
  std::vector<Floats> run(Session& session, const char* name, const graph::Bindings& sizes) const {
    const engine::CompiledProgram& p = program(session, name);
    Arguments arguments(p.graph, sizes, 7);
    session.run(session.program(name), arguments.values(p.symbols), arguments.inputs,
                arguments.outputs);
    return arguments.results;
  }

  std::shared_ptr<const engine::CompiledModule> module_;
  std::shared_ptr<MockDevice> device_;
};

TEST_F(MockDeviceTest, EveryProgramGivesTheHostsBits) {
  for (const bool poison : {false, true}) {
    Session here = session(nullptr, poison);
    Session there = session(device_, poison);
    EXPECT_EQ(run(here, sam::kImageEncoder, {{"batch", 2}}),
              run(there, sam::kImageEncoder, {{"batch", 2}}));
    EXPECT_EQ(run(here, sam::kImageTokens, {}), run(there, sam::kImageTokens, {}));
    const graph::Bindings prompts{{"prompts", 3}, {"points", 2}};
    EXPECT_EQ(run(here, sam::kMaskDecoder, prompts), run(there, sam::kMaskDecoder, prompts));
    EXPECT_EQ(run(here, sam::kMaskDecoderWithMask, prompts),
              run(there, sam::kMaskDecoderWithMask, prompts));
  }
  EXPECT_GT(device_->counts().launches, 0);
}

// The second run's arena is larger, the first run has not begun, and its inputs are overwritten.
TEST_F(MockDeviceTest, SeveralRunsBeforeAWait) {
  Session here = session(nullptr);
  Session there = session(device_);
  const std::size_t encoder = there.program(sam::kImageEncoder);
  const engine::CompiledProgram& p = module_->programs[encoder];
  std::vector<Arguments> runs;
  for (const std::int64_t batch : {1, 1, 3, 2}) {
    runs.emplace_back(p.graph, graph::Bindings{{"batch", batch}}, runs.size());
  }
  for (Arguments& arguments : runs) {
    there.enqueue(encoder, arguments.values(p.symbols), arguments.inputs, arguments.outputs);
    arguments.forget_inputs();
  }
  there.wait();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Arguments expected(p.graph, runs[i].symbols, i);
    here.run(encoder, expected.values(p.symbols), expected.inputs, expected.outputs);
    EXPECT_EQ(runs[i].results, expected.results) << "run " << i;
  }
  EXPECT_GT(device_->counts().most_waiting, static_cast<std::int64_t>(p.nodes.size()));
}

// The first run of a plan is launched, the second one recorded, and it and all others are replayed,
// until the arena moves.
TEST_F(MockDeviceTest, RunsAreRecordedOnce) {
  Session here = session(nullptr);
  Session there = session(device_);
  const std::size_t encoder = there.program(sam::kImageEncoder);
  const engine::CompiledProgram& p = module_->programs[encoder];
  const auto check = [&](std::int64_t batch, std::uint64_t seed) {
    Arguments seen(p.graph, {{"batch", batch}}, seed);
    Arguments expected(p.graph, {{"batch", batch}}, seed);
    there.run(encoder, seen.values(p.symbols), seen.inputs, seen.outputs);
    here.run(encoder, expected.values(p.symbols), expected.inputs, expected.outputs);
    EXPECT_EQ(seen.results, expected.results) << "batch " << batch << ", seed " << seed;
  };
  for (const std::uint64_t seed : {1, 2, 3, 4}) check(1, seed);
  EXPECT_EQ(device_->counts().recordings, 1);
  EXPECT_EQ(device_->counts().replays, 3);
  const std::int64_t launches = device_->counts().launches;
  check(1, 5);
  EXPECT_EQ(device_->counts().launches, launches);
  check(2, 6);  // needs a larger arena
  for (const std::uint64_t seed : {7, 8}) check(1, seed);
  EXPECT_EQ(device_->counts().recordings, 2);
  EXPECT_EQ(device_->counts().replays, 6);
}

// What a call that fails has asked for is not written later: its caller's memory may be gone.
TEST_F(MockDeviceTest, NothingIsWrittenAfterAFailure) {
  Session there = session(device_);
  Session here = session(nullptr);
  const std::size_t tokens = there.program(sam::kImageTokens);
  const graph::Graph& graph = module_->programs[tokens].graph;
  ASSERT_GE(graph.outputs.size(), 2U);
  Arguments failed(graph, {}, 3);
  for (Floats& values : failed.results) std::fill(values.begin(), values.end(), 1e30F);
  const std::vector<Floats> untouched = failed.results;
  device_->fail_download_after(1);  // the first output's is asked for
  EXPECT_THROW(there.run(tokens, {}, failed.inputs, failed.outputs), Error);
  EXPECT_EQ(run(there, sam::kImageTokens, {}), run(here, sam::kImageTokens, {}));
  EXPECT_EQ(failed.results, untouched);
}

// A recording during which something fails leaves the stream as it was.
TEST_F(MockDeviceTest, ARecordingThatFailsIsGone) {
  const auto stream = device_->make_stream();
  const backend::Buffer there = device_->allocate(4);
  EXPECT_ERROR(stream->record([&] {
    stream->fill(there.data(), std::byte{9}, 4);
    throw Error(ErrorCode::kOutOfMemory, "no kernel");
  }),
               ErrorCode::kOutOfMemory, "no kernel");
  stream->fill(there.data(), std::byte{1}, 4);
  std::array<std::byte, 4> here{};
  stream->download(here.data(), there.data(), here.size());
  stream->wait();
  EXPECT_EQ(here.front(), std::byte{1});
}

// Plans that leave the cache while their work waits.
TEST_F(MockDeviceTest, PlansOutliveTheirWork) {
  engine::SessionOptions options;
  options.device = device_;
  options.cached_plans = 1;
  Session there(module_, options);
  Session here = session(nullptr);
  const std::size_t decoder = there.program(sam::kMaskDecoder);
  const engine::CompiledProgram& p = module_->programs[decoder];
  std::vector<Arguments> runs;
  for (const std::int64_t points : {2, 3, 4}) {
    runs.emplace_back(p.graph, graph::Bindings{{"prompts", 1}, {"points", points}}, 5);
    there.enqueue(decoder, runs.back().values(p.symbols), runs.back().inputs, runs.back().outputs);
  }
  there.wait();
  for (const Arguments& arguments : runs) {
    Arguments expected(p.graph, arguments.symbols, 5);
    here.run(decoder, expected.values(p.symbols), expected.inputs, expected.outputs);
    EXPECT_EQ(arguments.results, expected.results);
  }
}

// Results stay on the device and go into the next program from there.
TEST_F(MockDeviceTest, ArgumentsOnTheDeviceAreUsedThere) {
  Session there = session(device_);
  Session here = session(nullptr);
  const std::size_t encoder = there.program(sam::kImageEncoder);
  const std::size_t tokens = there.program(sam::kImageTokens);
  const graph::Graph& graph = module_->programs[encoder].graph;
  Arguments image(graph, {{"batch", 1}}, 3);
  Arguments last(module_->programs[tokens].graph, {}, 3);
  const std::size_t count = elements(graph, graph.outputs.front(), {{"batch", 1}});
  const backend::Buffer embedding = device_->allocate(count * sizeof(float));
  const std::int64_t before = device_->counts().downloaded_bytes;
  const std::vector<std::int64_t> one{1};
  const std::vector<TensorRef> out{{embedding.data(), DType::kF32, engine::MemorySpace::kDevice}};
  there.enqueue(encoder, one, image.inputs, out);
  EXPECT_EQ(device_->counts().downloaded_bytes, before);
  const std::vector<ConstTensorRef> in{
      {embedding.data(), DType::kF32, engine::MemorySpace::kDevice}};
  there.run(tokens, {}, in, last.outputs);

  here.run(encoder, one, image.inputs, image.outputs);
  Arguments expected(module_->programs[tokens].graph, {}, 3);
  const std::vector<ConstTensorRef> host{image.results[0].data()};
  here.run(tokens, {}, host, expected.outputs);
  EXPECT_EQ(last.results, expected.results);
}

TEST_F(MockDeviceTest, WeightsAreUploadedOncePerDevice) {
  const std::int64_t before = device_->counts().uploaded_bytes;
  Session one = session(device_);
  const std::int64_t weights = device_->counts().uploaded_bytes - before;
  EXPECT_EQ(weights, static_cast<std::int64_t>(module_->weights.size()));
  Session two = session(device_);
  EXPECT_EQ(device_->counts().uploaded_bytes - before, weights);
}

// A device whose first stream fails.
class FailsOnce final : public backend::Device {
 public:
  explicit FailsOnce(std::shared_ptr<const backend::Device> device) : device_(std::move(device)) {}
  const backend::TargetInfo& target() const override { return device_->target(); }
  std::string model() const override { return device_->model(); }
  std::string name() const override { return device_->name(); }
  bool is_host() const override { return false; }
  std::size_t alignment() const override { return device_->alignment(); }
  backend::Buffer allocate(std::size_t bytes) const override { return device_->allocate(bytes); }
  std::unique_ptr<backend::Stream> make_stream() const override {
    static const backend::KernelState state{};
    auto stream = device_->make_stream();
    if (std::exchange(fails_, false)) {
      stream->launch([](const backend::KernelState&,
                        const backend::KernelArgs&) { throw Error(ErrorCode::kDevice, "trapped"); },
                     state, {});
    }
    return stream;
  }

 private:
  std::shared_ptr<const backend::Device> device_;
  mutable bool fails_ = true;
};

TEST_F(MockDeviceTest, WeightsWhoseUploadFailedAreUploadedAgain) {
  const auto device = std::make_shared<FailsOnce>(device_);
  EXPECT_THROW(module_->weights.on(device), Error);
  const std::byte* there = module_->weights.on(device);
  const auto stream = device->make_stream();
  std::vector<std::byte> here(static_cast<std::size_t>(module_->weights.size()));
  stream->download(here.data(), there, here.size());
  stream->wait();
  EXPECT_EQ(
      std::memcmp(here.data(), module_->weights.on(backend::make_cpu_device({})), here.size()), 0);
}

TEST_F(MockDeviceTest, TracesReadTheDevice) {
  Session here = session(nullptr);
  Session there = session(device_);
  std::vector<Floats> traces[2];
  const auto collect = [](std::vector<Floats>& into) {
    return [&into](const std::string&, const std::string&, const Dims& dims, const float* values,
                   double) {
      const auto count = static_cast<std::size_t>(element_count(dims));
      into.push_back(values == nullptr ? Floats() : Floats(values, values + count));
    };
  };
  here.set_trace(collect(traces[0]));
  there.set_trace(collect(traces[1]));
  run(here, sam::kImageEncoder, {{"batch", 1}});
  run(there, sam::kImageEncoder, {{"batch", 1}});
  EXPECT_FALSE(traces[0].empty());
  EXPECT_EQ(traces[0], traces[1]);
}

TEST_F(MockDeviceTest, FailuresAreThrownByWait) {
  const auto stream = device_->make_stream();
  const backend::KernelState state{};
  stream->launch([](const backend::KernelState&,
                    const backend::KernelArgs&) { throw Error(ErrorCode::kDevice, "trapped"); },
                 state, {});
  EXPECT_THROW(stream->wait(), Error);
  EXPECT_NO_THROW(stream->wait());
}

TEST_F(MockDeviceTest, HostPointersAreNoneOfItsOwn) {
  const auto stream = device_->make_stream();
  const backend::KernelState state{};
  float value = 0;
  void* outputs[] = {&value};
  EXPECT_THROW(stream->launch([](const backend::KernelState&, const backend::KernelArgs&) {}, state,
                              {.inputs = {}, .outputs = outputs}),
               Error);
}

}  // namespace
}  // namespace lasso
