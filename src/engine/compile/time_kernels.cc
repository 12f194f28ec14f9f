#include "engine/compile/time_kernels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "backend/device.h"
#include "core/aligned_buffer.h"
#include "core/check.h"
#include "core/memory.h"
#include "core/random.h"
#include "engine/compile/choose_kernel.h"
#include "graph/op_json.h"

namespace lasso::engine {

namespace {

using kernels::Call;
using kernels::Family;
using kernels::Offer;
using kernels::Operand;

constexpr int kRounds = 3;
constexpr double kFasterKernel = 0.9;
// Rows differ in how they are built and packed, tunings in nothing but time.
constexpr double kFasterTuning = 0.98;
// Short kernels run several times a round: the clock and waking a team are coarse against them.
constexpr double kLeastSeconds = 1e-3;
constexpr int kMostRecorded = 64;

std::size_t bytes_of(const Operand& operand) {
  return static_cast<std::size_t>(element_count(operand.dims)) * size_of(operand.dtype);
}

// Whether the call takes input i as it is, and not packed.
bool is_given(const Call& call, const std::vector<std::size_t>& packed, std::size_t i) {
  return call.inputs[i].present && std::find(packed.begin(), packed.end(), i) == packed.end();
}

// Values of ordinary size in the operand's type.
std::vector<std::byte> random_operand(const Operand& operand, std::uint64_t seed) {
  std::vector<std::byte> bytes(bytes_of(operand));
  SplitMix64 random(seed);
  const auto count = static_cast<std::size_t>(element_count(operand.dims));
  for (std::size_t i = 0; i < count; ++i) {
    const float value = random.uniform(-1.0F, 1.0F);
    if (operand.dtype == DType::kF32) {
      std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
    } else if (operand.dtype == DType::kBF16 || operand.dtype == DType::kF16) {
      const std::uint16_t bits =
          operand.dtype == DType::kBF16 ? f32_to_bf16(value) : f32_to_f16(value);
      std::memcpy(bytes.data() + i * sizeof(bits), &bits, sizeof(bits));
    } else if (operand.dtype == DType::kU8) {
      bytes[i] = static_cast<std::byte>(random.below(256));
    }  // others are indices, and stay 0
  }
  return bytes;
}

// The call's operands on the device.
class Operands {
 public:
  Operands(const backend::Device& device, backend::Stream& stream, const Call& call,
           const std::vector<std::size_t>& packed) {
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      inputs_.push_back(nullptr);
      if (!is_given(call, packed, i)) continue;
      const std::vector<std::byte> values = random_operand(call.inputs[i], i + 1);
      inputs_.back() = take(device, values.size());
      stream.upload(const_cast<void*>(inputs_.back()), values.data(), values.size());
    }
    for (const Operand& output : call.outputs) outputs_.push_back(take(device, bytes_of(output)));
  }

  const std::vector<const void*>& inputs() const { return inputs_; }
  const std::vector<void*>& outputs() const { return outputs_; }

 private:
  void* take(const backend::Device& device, std::size_t bytes) {
    return buffers_.emplace_back(device.allocate(std::max<std::size_t>(bytes, 1))).data();
  }

  std::vector<backend::Buffer> buffers_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
};

// Of memory, for the rows that offer: operands, each form of the packed weights, workspaces; and
// the largest of what the host makes before it is uploaded.
std::uint64_t bytes_needed(const Family& family, const Call& call,
                           const std::vector<std::optional<Offer>>& offers) {
  const std::vector<std::size_t> packed = family.packed_inputs(call);
  std::uint64_t bytes = 0;
  std::uint64_t largest = 0;
  const auto take = [&](std::uint64_t size) {
    bytes += size;
    largest = std::max(largest, size);
  };
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    if (!call.inputs[i].present) continue;
    // Packing reads constants as float32.
    take(is_given(call, packed, i)
             ? bytes_of(call.inputs[i])
             : static_cast<std::uint64_t>(element_count(call.inputs[i].dims)) * sizeof(float));
  }
  for (const Operand& output : call.outputs) take(bytes_of(output));
  std::set<std::string> layouts;
  for (const auto& offer : offers) {
    if (!offer) continue;
    bytes += offer->workspace_bytes;
    if (layouts.insert(offer->packed_layout).second) take(offer->packed_bytes);
  }
  return bytes + largest;
}

// One way to compute the call.
struct Variant {
  std::size_t kernel = 0;
  std::string tuning;
  std::unique_ptr<backend::KernelState> state;
  std::byte* workspace = nullptr;
  const std::byte* packed = nullptr;
  // Several runs, where the device records; else each run is waited for.
  std::unique_ptr<backend::Recording> recording;
  int recorded_runs = 0;
  std::array<double, kRounds> seconds{};

  double best() const { return *std::min_element(seconds.begin(), seconds.end()); }
};

class Timing {
 public:
  Timing(const Family& family, const Call& call, const CompileOptions& options,
         std::shared_ptr<const backend::Device> device, const std::vector<TensorView>& constants)
      : family_(family),
        call_(call),
        target_(options.target),
        device_(std::move(device)),
        current_(device_->make_current()),
        stream_(device_->make_stream()),
        operands_(*device_, *stream_, call, family.packed_inputs(call)),
        constants_(constants) {}
  ~Timing() { stream_.reset(); }  // waits for what uses the rest
  Timing(const Timing&) = delete;
  Timing& operator=(const Timing&) = delete;

  // A row in its own way and by its tunings.
  void add(std::size_t kernel, Offer offer) {
    const std::byte* packed = offer.packed_bytes > 0 ? packed_for(kernel, offer) : nullptr;
    workspaces_.push_back(device_->allocate(std::max<std::size_t>(offer.workspace_bytes, 1)));
    std::vector<std::string> tunings = family_.tunings(kernel, call_, target_);
    for (const std::string& tuning : tunings) {
      LASSO_CHECK(kernels::is_tuning(tuning), ErrorCode::kInternal,
                  "{}: \"{}\" is no tuning that a file may hold", family_.label(kernel), tuning);
    }
    tunings.insert(tunings.begin(), std::string());
    for (std::string& tuning : tunings) {
      offer.tuning = tuning;
      Variant& variant = variants_.emplace_back();
      variant.kernel = kernel;
      variant.tuning = std::move(tuning);
      variant.state = family_.create(kernel, call_, target_, offer);
      variant.workspace = workspaces_.back().data();
      variant.packed = packed;
    }
  }

  // In turn, so that what slows the machine down for a while slows all of them down.
  const std::vector<Variant>& run() {
    for (Variant& variant : variants_) prepare(variant);
    for (std::size_t round = 0; round < kRounds; ++round) {
      for (Variant& variant : variants_) variant.seconds[round] = time(variant);
    }
    return variants_;
  }

 private:
  const std::byte* packed_for(std::size_t kernel, const Offer& offer) {
    backend::Buffer& packed = layouts_[offer.packed_layout];
    if (packed.size() > 0) return packed.data();
    const AlignedBuffer host(offer.packed_bytes);
    family_.pack(kernel, call_, constants_, host.data());
    packed = device_->allocate(host.size());
    stream_->upload(packed.data(), host.data(), host.size());
    stream_->wait();
    return packed.data();
  }

  void launch(const Variant& variant) {
    stream_->launch(
        family_.run(variant.kernel), *variant.state,
        {operands_.inputs(), operands_.outputs(), variant.packed, variant.workspace, nullptr});
  }

  // The first runs are not counted: everything is cold.
  void prepare(Variant& variant) {
    launch(variant);
    const double seconds = 1e-3 * stream_->time([&] { launch(variant); });
    const int runs = static_cast<int>(
        std::clamp(kLeastSeconds / std::max(seconds, kLeastSeconds / kMostRecorded), 1.0,
                   1.0 * kMostRecorded));
    variant.recording = stream_->record([&] {
      for (int i = 0; i < runs; ++i) launch(variant);
    });
    variant.recorded_runs = runs;
    if (variant.recording == nullptr) return;
    stream_->replay(*variant.recording);
    stream_->wait();
  }

  // Seconds of one run.
  double time(const Variant& variant) {
    int runs = 0;
    double seconds = 0;
    do {
      seconds += 1e-3 * stream_->time([&] {
        if (variant.recording == nullptr) {
          launch(variant);
        } else {
          stream_->replay(*variant.recording);
        }
      });
      runs += variant.recording == nullptr ? 1 : variant.recorded_runs;
    } while (seconds < kLeastSeconds);
    return seconds / runs;
  }

  const Family& family_;
  const Call& call_;
  const backend::TargetInfo& target_;
  std::shared_ptr<const backend::Device> device_;
  std::shared_ptr<void> current_;
  std::unique_ptr<backend::Stream> stream_;
  Operands operands_;
  const std::vector<TensorView>& constants_;
  std::map<std::string, backend::Buffer> layouts_;
  std::vector<backend::Buffer> workspaces_;
  std::vector<Variant> variants_;
};

// Whether a variant is faster than the usual one in each round, and clearly.
bool displaces(const Variant& variant, const Variant& usual) {
  const bool same_kernel = variant.kernel == usual.kernel;
  const double most = same_kernel ? kFasterTuning : kFasterKernel;
  for (std::size_t round = 0; round < kRounds; ++round) {
    if (variant.seconds[round] > most * usual.seconds[round]) return false;
  }
  return true;
}

TimedChoice choice_of(const Family& family, const std::vector<Variant>& variants,
                      std::size_t default_kernel) {
  const Variant& usual = *std::find_if(variants.begin(), variants.end(), [&](const Variant& v) {
    return v.kernel == default_kernel && v.tuning.empty();
  });
  TimedChoice choice;
  double fastest = std::numeric_limits<double>::infinity();
  for (const Variant& variant : variants) {
    const std::string label = family.label(variant.kernel);
    const double ms = 1e3 * variant.best();
    if (variant.tuning.empty()) {
      choice.times.push_back({label, ms});
    } else {
      choice.times.back().ms = std::min(choice.times.back().ms, ms);
    }
    if (displaces(variant, usual) && variant.best() < fastest) {
      fastest = variant.best();
      choice.preferred = {label, variant.tuning};
    }
  }
  return choice;
}

std::shared_ptr<const backend::Device> device_of(const CompileOptions& options) {
  return options.devices == nullptr ? backend::make_cpu_device(options.target)
                                    : options.devices->first();
}

}  // namespace

TimedChoice time_kernels(const Family& family, const Call& call, const CompileOptions& options,
                         std::size_t default_kernel, const std::vector<TensorView>& constants,
                         std::uint64_t memory_limit) {
  std::vector<std::string> unused;
  std::vector<std::optional<Offer>> offers =
      ask_all(family, call, false, options.target, nullptr, unused);
  if (default_kernel + 1 != offers.size()) offers.back().reset();
  const auto device = device_of(options);
  {
    const auto current = device->make_current();
    std::size_t ways = 0;
    for (std::size_t i = 0; i < offers.size(); ++i) {
      if (offers[i]) ways += 1 + family.tunings(i, call, options.target).size();
    }
    if (ways < 2) return {};
  }
  if (memory_limit != 0 && resident_bytes() + bytes_needed(family, call, offers) > memory_limit) {
    return {};
  }
  try {
    Timing timing(family, call, options, device, constants);
    for (std::size_t i = 0; i < offers.size(); ++i) {
      if (offers[i]) timing.add(i, std::move(*offers[i]));
    }
    return choice_of(family, timing.run(), default_kernel);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kOutOfMemory && !device->is_host()) return {};
    throw;
  }
}

namespace {

std::string key_of(const Call& call, const backend::TargetInfo& target) {
  std::string key = fmt::format("{} {} {}", graph::write_op(call.op).dump(),
                                to_string(target.features), target.threads);
  for (const auto* operands : {&call.inputs, &call.outputs}) {
    for (const Operand& operand : *operands) {
      key += operand.present ? fmt::format(" {}{}{}", to_string(operand.dtype),
                                           to_string(operand.dims), operand.constant ? "c" : "")
                             : std::string(" -");
    }
  }
  return key;
}

}  // namespace

const TimedChoice& KernelTimes::of(const Family& family, const Call& call,
                                   const CompileOptions& options,
                                   const std::vector<TensorView>& constants) {
  const auto [it, is_new] = choices_.try_emplace(key_of(call, options.target));
  if (!is_new) return it->second;
  std::vector<std::string> unused;
  const auto usual = choose_kernel(family, call, false, options.target, nullptr, {}, unused);
  if (usual) {
    it->second = time_kernels(family, call, options, usual->kernel, constants, memory_limit_);
  }
  return it->second;
}

}  // namespace lasso::engine
