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
#include "core/stopwatch.h"
#include "engine/compile/choose_kernel.h"
#include "graph/op_json.h"

namespace lasso::engine {

namespace {

using kernels::Call;
using kernels::Family;
using kernels::Offer;
using kernels::Operand;

constexpr int kRounds = 3;
constexpr double kClearlyFaster = 0.9;
// Short kernels run several times a round: the clock and waking a team are coarse against them.
constexpr double kLeastSeconds = 1e-3;

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

struct Row {
  std::size_t kernel = 0;
  std::unique_ptr<backend::KernelState> state;
  backend::Buffer workspace;
  const std::byte* packed = nullptr;
  std::array<double, kRounds> seconds{};
};

// Seconds of one run.
double run(const Family& family, const Row& row, const Operands& operands,
           backend::Stream& stream) {
  const backend::KernelArgs args{operands.inputs(), operands.outputs(), row.packed,
                                 row.workspace.data(), nullptr};
  int runs = 0;
  const Stopwatch watch;
  do {
    stream.launch(family.run(row.kernel), *row.state, args);
    stream.wait();
    ++runs;
  } while (watch.seconds() < kLeastSeconds);
  return watch.seconds() / runs;
}

}  // namespace

TimedChoice time_kernels(const Family& family, const Call& call, const backend::TargetInfo& target,
                         std::size_t default_kernel, const std::vector<TensorView>& constants,
                         std::uint64_t memory_limit) {
  std::vector<std::string> unused;
  std::vector<std::optional<Offer>> offers = ask_all(family, call, false, target, nullptr, unused);
  offers.back().reset();
  TimedChoice choice;
  if (std::count_if(offers.begin(), offers.end(), [](const auto& o) { return o.has_value(); }) <
      2) {
    return choice;
  }
  if (memory_limit != 0 && resident_bytes() + bytes_needed(family, call, offers) > memory_limit) {
    return choice;
  }
  const auto device = backend::make_cpu_device(target);
  const auto stream = device->make_stream();
  const Operands operands(*device, *stream, call, family.packed_inputs(call));
  std::map<std::string, backend::Buffer> layouts;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (!offers[i]) continue;
    Row& row = rows.emplace_back();
    row.kernel = i;
    row.state = family.create(i, call, target, *offers[i]);
    row.workspace = device->allocate(std::max<std::size_t>(offers[i]->workspace_bytes, 1));
    if (offers[i]->packed_bytes == 0) continue;
    backend::Buffer& packed = layouts[offers[i]->packed_layout];
    if (packed.size() == 0) {
      const AlignedBuffer host(offers[i]->packed_bytes);
      family.pack(i, call, constants, host.data());
      packed = device->allocate(host.size());
      stream->upload(packed.data(), host.data(), host.size());
      stream->wait();
    }
    row.packed = packed.data();
  }
  for (Row& row : rows) run(family, row, operands, *stream);  // not counted: everything is cold
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (Row& row : rows) row.seconds[round] = run(family, row, operands, *stream);
  }
  const auto best = [](const Row& row) {
    return *std::min_element(row.seconds.begin(), row.seconds.end());
  };
  const Row& usual = *std::find_if(rows.begin(), rows.end(),
                                   [&](const Row& row) { return row.kernel == default_kernel; });
  double fastest = std::numeric_limits<double>::infinity();
  for (const Row& row : rows) {
    choice.times.push_back({family.label(row.kernel), 1e3 * best(row)});
    bool always = row.kernel != default_kernel;
    for (std::size_t round = 0; round < kRounds; ++round) {
      always = always && row.seconds[round] <= kClearlyFaster * usual.seconds[round];
    }
    if (always && best(row) < fastest) {
      fastest = best(row);
      choice.preferred = choice.times.back().kernel;
    }
  }
  return choice;
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
                                   const backend::TargetInfo& target,
                                   const std::vector<TensorView>& constants) {
  const auto [it, is_new] = choices_.try_emplace(key_of(call, target));
  if (!is_new) return it->second;
  std::vector<std::string> unused;
  const auto usual = choose_kernel(family, call, false, target, nullptr, {}, unused);
  if (usual) {
    it->second = time_kernels(family, call, target, usual->kernel, constants, memory_limit_);
  }
  return it->second;
}

}  // namespace lasso::engine
