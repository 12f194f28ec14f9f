#include "kernels/device_peaks.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/convert.h"
#include "core/random.h"
#include "kernels/device_library.h"
#include "kernels/registry.h"

namespace lasso::kernels {

namespace {

using backend::Buffer;
using backend::DeviceKind;

constexpr std::int64_t kSize = 8192;  // a row, column and sum of a product
constexpr std::size_t kElements = static_cast<std::size_t>(kSize) * kSize;

// Random numbers, which take more power than zeros; they repeat, but no two rows are equal.
AlignedBuffer random_matrix(DType type) {
  constexpr std::size_t kPeriod = 1'000'003;
  AlignedBuffer buffer(kElements * size_of(type));
  SplitMix64 random(1);
  for (std::size_t i = 0; i < kPeriod; ++i) {
    const float value = random.uniform(-1.0F, 1.0F);
    if (type == DType::kF32) {
      reinterpret_cast<float*>(buffer.data())[i] = value;
    } else {
      reinterpret_cast<std::uint16_t*>(buffer.data())[i] = f32_to_half(type, value);
    }
  }
  for (std::size_t done = kPeriod; done < kElements; done *= 2) {
    std::memcpy(buffer.data() + done * size_of(type), buffer.data(),
                std::min(done, kElements - done) * size_of(type));
  }
  return buffer;
}

class PeakMeasurement {
 public:
  explicit PeakMeasurement(const backend::DeviceOptions& options)
      : device_(device_library(DeviceKind::kCuda).open(options)),
        current_(device_->make_current()),
        stream_(device_->make_stream()) {}

  const TargetInfo& target() const { return device_->target(); }
  std::string name() const { return device_->name(); }

  // None where only the plain row, which is last, takes the type.
  void add_product(const std::string& precision, DType type, GpuPeaks& peaks) {
    Call call;
    call.op = graph::Linear{graph::Activation::kNone, type, type};
    call.inputs = {
        {true, type, {kSize, kSize}, false}, {true, DType::kF32, {kSize, kSize}, true}, {}};
    call.outputs = {{true, type, {kSize, kSize}, false}};
    const Family& family = family_of(call.op, DeviceKind::kCuda);
    for (std::size_t row = 0; row + 1 < family.size(); ++row) {
      const Offer offer = family.ask(row, call, target());
      if (!offer) continue;
      const double seconds = time_product(family, row, call, offer);
      peaks.rates.push_back({precision, std::string(family.kernel_name(row)),
                             2.0 * kSize * kSize * kSize / seconds * 1e-9});
      return;
    }
  }

  // Bytes read and written a second.
  double copy_rate(std::uint64_t memory_bytes) {
    const std::size_t bytes =
        std::min(std::size_t{1} << 30, static_cast<std::size_t>(memory_bytes / 8));
    const Buffer from = device_->allocate(bytes);
    const Buffer to = device_->allocate(bytes);
    stream_->fill(from.data(), std::byte{1}, bytes);
    return 2.0 * static_cast<double>(bytes) /
           best_seconds([&] { stream_->copy(to.data(), from.data(), bytes); });
  }

 private:
  // Of one of many calls in a row, in the best of several rounds; the one before them says how many
  // calls a round has.
  template <typename Work>
  double best_seconds(const Work& work) {
    constexpr int kRounds = 5;
    constexpr double kRoundSeconds = 0.05;
    work();
    stream_->wait();
    int calls = 1;
    double best = 0;
    for (int round = 0; round <= kRounds; ++round) {
      const double each = 1e-3 / calls * stream_->time([&] {
        for (int i = 0; i < calls; ++i) work();
      });
      if (round == 0) {
        calls = static_cast<int>(std::clamp(kRoundSeconds / each, 1.0, 100.0));
      } else if (round == 1 || each < best) {
        best = each;
      }
    }
    return best;
  }

  Buffer upload(const AlignedBuffer& from) {
    Buffer buffer = device_->allocate(from.size());
    stream_->upload(buffer.data(), from.data(), from.size());
    stream_->wait();
    return buffer;
  }

  double time_product(const Family& family, std::size_t row, const Call& call, const Offer& offer) {
    const DType type = call.inputs[0].dtype;
    const Buffer x = upload(random_matrix(type));
    Buffer packed;
    {
      const AlignedBuffer weights = random_matrix(DType::kF32);
      std::vector<TensorView> constants(family.packed_inputs(call).size());
      constants.front() = {DType::kF32, call.inputs[1].dims, weights.data()};
      const AlignedBuffer host(offer.packed_bytes);
      family.pack(row, call, constants, host.data());
      packed = upload(host);
    }
    const Buffer workspace = device_->allocate(offer.workspace_bytes);
    const Buffer y = device_->allocate(kElements * size_of(type));
    const auto state = family.create(row, call, target(), offer);
    const std::vector<const void*> inputs{x.data(), nullptr, nullptr};
    const std::vector<void*> outputs{y.data()};
    const double seconds = best_seconds([&] {
      stream_->launch(family.run(row), *state,
                      {inputs, outputs, packed.data(), workspace.data(), nullptr});
    });
    stream_->wait();
    return seconds;
  }

  std::shared_ptr<const backend::Device> device_;
  std::shared_ptr<void> current_;
  std::unique_ptr<backend::Stream> stream_;
};

}  // namespace

GpuPeaks measure_gpu(int index) {
  constexpr int kLeastSmOfTf32 = 80;
  backend::DeviceOptions options;
  options.index = index;
  PeakMeasurement plain(options);
  GpuPeaks peaks;
  peaks.device = plain.name();
  plain.add_product("fp32", DType::kF32, peaks);
  if (plain.target().sm >= kLeastSmOfTf32) {
    options.tf32 = true;
    PeakMeasurement(options).add_product("tf32", DType::kF32, peaks);
  }
  plain.add_product("bf16", DType::kBF16, peaks);
  plain.add_product("fp16", DType::kF16, peaks);
  const auto devices = device_library(DeviceKind::kCuda).devices();
  peaks.bytes_per_s = plain.copy_rate(devices.at(static_cast<std::size_t>(index)).memory_bytes);
  return peaks;
}

}  // namespace lasso::kernels
