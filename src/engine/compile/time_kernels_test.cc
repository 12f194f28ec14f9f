#include "engine/compile/time_kernels.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/test_target.h"
#include "engine/compile/choose_kernel.h"
#include "kernels/registry.h"

namespace lasso::engine {
namespace {

constexpr std::int64_t kSize = 128;

// A layer that several rows compute on every CPU with AVX-512, and one on others.
kernels::Call layer() {
  kernels::Call call;
  call.op = graph::Linear{};
  const auto operand = [](Dims dims, bool constant) {
    kernels::Operand result;
    result.present = true;
    result.dtype = DType::kF32;
    result.dims = std::move(dims);
    result.constant = constant;
    return result;
  };
  call.inputs = {operand({kSize, kSize}, false), operand({kSize, kSize}, true)};
  call.outputs = {operand({kSize, kSize}, false)};
  return call;
}

TimedChoice timed(std::uint64_t memory_limit) {
  const std::vector<float> weights(kSize * kSize, 0.5F);
  const kernels::Call call = layer();
  KernelTimes times(memory_limit);
  CompileOptions options;
  options.target = backend::test_target(1);
  return times.of(kernels::family_of(call.op, backend::DeviceKind::kCpu), call, options,
                  {{DType::kF32, {kSize, kSize}, weights.data()}, {}});
}

// A row that takes as many microseconds as its tuning says, 300 by itself; a slower one behind it,
// and a reference. Their time is made up.
struct Nap {};

double now_us = 0;

class NapState : public kernels::KernelState {
 public:
  explicit NapState(int microseconds) : microseconds(microseconds) {}
  int microseconds;
};

void nap(const kernels::KernelState& state, const kernels::KernelArgs& /*args*/) {
  now_us += static_cast<const NapState&>(state).microseconds;
}

template <int kUsual>
std::unique_ptr<kernels::KernelState> create_nap(const Nap& /*problem*/,
                                                 const backend::TargetInfo& /*target*/,
                                                 const kernels::Offer& offer) {
  return std::make_unique<NapState>(offer.tuning.empty() ? kUsual : std::stoi(offer.tuning));
}

const kernels::Family& naps() {
  constexpr auto kAlways = kernels::always<Nap>;
  constexpr auto kTunings = [](const Nap& /*problem*/, const backend::TargetInfo& /*target*/) {
    return std::vector<std::string>{"900", "100", "298"};
  };
  const kernels::Needs needs{.features = CpuFeature::kAvx2};
  static const std::vector<kernels::Kernel<Nap>> list{
      {"tuned", needs, kAlways, nullptr, create_nap<300>, nap, kTunings},
      {"plain", needs, kAlways, nullptr, create_nap<295>, nap},
      {"reference", {}, kAlways, nullptr, create_nap<1>, nap}};
  static const kernels::ListFamily<Nap> family("nap", list,
                                               [](const kernels::Call& /*call*/) { return Nap{}; });
  return family;
}

class MadeUpRecording final : public backend::Recording {
 public:
  explicit MadeUpRecording(double us) : us(us) {}
  double us;
};

// Whose clock is the one above.
class MadeUpStream final : public backend::Stream {
 public:
  void launch(backend::KernelRun run, const backend::KernelState& state,
              const backend::KernelArgs& args) override {
    run(state, args);
  }
  void upload(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void fill(void* to, std::byte value, std::size_t bytes) override {
    std::memset(to, std::to_integer<int>(value), bytes);
  }
  void wait() override {}
  void abandon() noexcept override {}
  double time(const std::function<void()>& work) override {
    const double begin = now_us;
    work();
    return (now_us - begin) / 1000;
  }
  void replay(const backend::Recording& recording) override {
    now_us += static_cast<const MadeUpRecording&>(recording).us;
  }

 protected:
  bool begin_recording() override {
    begin_us_ = now_us;
    return true;
  }
  std::unique_ptr<backend::Recording> end_recording() override {
    const double us = now_us - begin_us_;
    now_us = begin_us_;
    return std::make_unique<MadeUpRecording>(us);
  }

 private:
  double begin_us_ = 0;
};

class MadeUpDevice final : public backend::Device {
 public:
  explicit MadeUpDevice(bool has_memory) : has_memory_(has_memory) {}
  const backend::TargetInfo& target() const override { return cpu_->target(); }
  std::string model() const override { return "made up"; }
  std::string name() const override { return "made up"; }
  bool is_host() const override { return false; }
  std::size_t alignment() const override { return cpu_->alignment(); }
  backend::Buffer allocate(std::size_t bytes) const override {
    if (!has_memory_) throw Error(ErrorCode::kOutOfMemory, "no memory");
    return cpu_->allocate(bytes);
  }
  std::unique_ptr<backend::Stream> make_stream() const override {
    return std::make_unique<MadeUpStream>();
  }

 private:
  bool has_memory_;
  std::shared_ptr<const backend::Device> cpu_ = backend::make_cpu_device(backend::test_target(1));
};

CompileOptions on_made_up_device(bool has_memory = true) {
  CompileOptions options;
  options.target = backend::test_target(1);
  const std::vector<std::shared_ptr<const backend::Device>> devices{
      std::make_shared<MadeUpDevice>(has_memory)};
  options.devices = std::make_shared<const backend::DeviceSet>(devices);
  return options;
}

TEST(TimeKernels, TheFastestTuningIsPreferredAndGivenToItsRow) {
  const CompileOptions options = on_made_up_device();
  const TimedChoice choice = time_kernels(naps(), layer(), options, 0, {});
  ASSERT_EQ(choice.times.size(), 2U);
  EXPECT_EQ(choice.times[0].kernel, "tuned.avx2");
  EXPECT_NEAR(choice.times[0].ms, 0.1, 1e-9);
  EXPECT_EQ(choice.times[1].kernel, "plain.avx2");
  EXPECT_NEAR(choice.times[1].ms, 0.295, 1e-9);
  EXPECT_EQ(choice.preferred.kernel, "tuned.avx2");
  EXPECT_EQ(choice.preferred.tuning, "100");
  EXPECT_EQ(time_kernels(naps(), layer(), options, 1, {}).preferred, choice.preferred);

  std::vector<std::string> rejected;
  const auto tuning = [&](const Preference& preferred) {
    return choose_kernel(naps(), layer(), false, options.target, nullptr, preferred, rejected)
        ->offer.tuning;
  };
  EXPECT_EQ(tuning(choice.preferred), "100");
  EXPECT_EQ(tuning({}), "");
  EXPECT_EQ(tuning({"of another release", "100"}), "");
}

TEST(TimeKernels, NothingIsTimedWhereTheDeviceLacksTheMemory) {
  const TimedChoice choice = time_kernels(naps(), layer(), on_made_up_device(false), 0, {});
  EXPECT_TRUE(choice.times.empty());
  EXPECT_EQ(choice.preferred, Preference{});
}

TEST(TimeKernels, TimesEveryRowThatOffersOrNone) {
  const TimedChoice choice = timed(0);
  if (backend::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_GE(choice.times.size(), 2U);
  }
  for (const KernelTime& time : choice.times) {
    EXPECT_GT(time.ms, 0) << time.kernel;
    EXPECT_EQ(time.kernel.find("reference"), std::string::npos);
  }
}

TEST(TimeKernels, NothingIsTimedBeyondTheMemoryLimit) {
  const TimedChoice choice = timed(1);
  EXPECT_TRUE(choice.times.empty());
  EXPECT_EQ(choice.preferred, Preference{});
}

}  // namespace
}  // namespace lasso::engine
