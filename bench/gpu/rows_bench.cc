// Times every row of the GPU's lists that takes a node of a SAM model, beside the GPU's ceilings.
//
//   gpu_rows_bench ARCH PRECISION [BATCH [PROMPTS]]      such as vit_b bf16 1 64
//
// Each distinct node once: launches in a row, recorded and replayed, so that no time between them
// counts; operands are random, and small ones stay in the GPU's cache, as they do in the model.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "core/random.h"
#include "core/stopwatch.h"
#include "engine/compile/choose_kernel.h"
#include "engine/compile/compile.h"
#include "graph/graph.h"
#include "graph/op_json.h"
#include "kernels/device_library.h"
#include "kernels/device_peaks.h"
#include "kernels/registry.h"
#include "models/family.h"
#include "passes/pass.h"

namespace lasso {
namespace {

using backend::Buffer;
using backend::DeviceKind;
using kernels::Call;
using kernels::Family;
using kernels::Offer;
using kernels::Operand;

constexpr int kRounds = 5;

std::size_t bytes_of(const Operand& operand) {
  return operand.present
             ? static_cast<std::size_t>(element_count(operand.dims)) * size_of(operand.dtype)
             : 0;
}

// Random values of ordinary size; indices are zeros.
AlignedBuffer random_values(const Operand& operand, std::uint64_t seed) {
  AlignedBuffer buffer(bytes_of(operand) + 1);
  SplitMix64 random(seed);
  const auto count = static_cast<std::size_t>(element_count(operand.dims));
  for (std::size_t i = 0; i < count; ++i) {
    const float value = random.uniform(-1.0F, 1.0F);
    if (operand.dtype == DType::kF32) {
      reinterpret_cast<float*>(buffer.data())[i] = value;
    } else if (operand.dtype == DType::kBF16 || operand.dtype == DType::kF16) {
      reinterpret_cast<std::uint16_t*>(buffer.data())[i] =
          operand.dtype == DType::kBF16 ? f32_to_bf16(value) : f32_to_f16(value);
    } else {
      std::memset(buffer.data(), 0, bytes_of(operand));
      break;
    }
  }
  return buffer;
}

class Bench {
 public:
  Bench()
      : device_(kernels::device_library(DeviceKind::kCuda).open({})),
        stream_(device_->make_stream()),
        current_(device_->make_current()) {}

  const backend::TargetInfo& target() const { return device_->target(); }
  const backend::Device& device() const { return *device_; }

  // Seconds of one call of `work` of many.
  template <typename Work>
  double seconds(const Work& work) {
    work();
    stream_->wait();
    int launches = 1;
    double best = 1e30;
    for (int round = 0; round < kRounds + 1; ++round) {
      const auto recording = stream_->record([&] {
        for (int i = 0; i < launches; ++i) work();
      });
      stream_->replay(*recording);
      stream_->wait();
      const Stopwatch watch;
      stream_->replay(*recording);
      stream_->wait();
      const double each = watch.seconds() / launches;
      if (round == 0) {
        launches = static_cast<int>(std::clamp(2e-3 / each, 1.0, 500.0));
      } else {
        best = std::min(best, each);
      }
    }
    return best;
  }

  // One row of a node's family; seconds of a call.
  double time(const Family& family, std::size_t row, const Offer& offer, const Call& call) {
    const std::vector<std::size_t> packed_inputs = family.packed_inputs(call);
    std::vector<TensorView> constants;
    std::vector<AlignedBuffer> values;
    for (const std::size_t i : packed_inputs) {
      const bool present = i < call.inputs.size() && call.inputs[i].present;
      values.push_back(present ? random_values(call.inputs[i], i) : AlignedBuffer());
      constants.push_back(
          present ? TensorView{call.inputs[i].dtype, call.inputs[i].dims, values.back().data()}
                  : TensorView{});
    }
    const Buffer packed = device_->allocate(offer.packed_bytes + 1);
    if (offer.packed_bytes > 0) {
      const AlignedBuffer host(offer.packed_bytes);
      family.pack(row, call, constants, host.data());
      stream_->upload(packed.data(), host.data(), host.size());
    }
    const Buffer workspace = device_->allocate(offer.workspace_bytes + 1);
    std::vector<Buffer> buffers;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      inputs.push_back(nullptr);
      const bool is_packed = std::count(packed_inputs.begin(), packed_inputs.end(), i) > 0;
      if (is_packed || !call.inputs[i].present) continue;
      const AlignedBuffer random = random_values(call.inputs[i], i);
      buffers.push_back(device_->allocate(bytes_of(call.inputs[i]) + 1));
      stream_->upload(buffers.back().data(), random.data(), bytes_of(call.inputs[i]));
      inputs.back() = buffers.back().data();
    }
    for (const Operand& output : call.outputs) {
      buffers.push_back(device_->allocate(bytes_of(output) + 1));
      outputs.push_back(buffers.back().data());
    }
    stream_->wait();
    const auto state = family.create(row, call, target(), offer);
    const double time = seconds([&] {
      stream_->launch(family.run(row), *state,
                      {inputs, outputs, packed.data(), workspace.data(), nullptr});
    });
    stream_->wait();
    return time;
  }

 private:
  std::shared_ptr<const backend::Device> device_;
  std::unique_ptr<backend::Stream> stream_;
  std::shared_ptr<void> current_;
};

std::string shapes(const Call& call) {
  std::string text;
  for (const Operand& operand : call.inputs) {
    if (operand.present) text += to_string(operand.dims);
  }
  return text + " -> " + std::string(to_string(call.outputs.front().dtype));
}

// Multiplications and additions a second.
double product_rate(const GpuPeaks& peaks, const std::string& precision) {
  for (const GpuRate& rate : peaks.rates) {
    if (rate.precision == precision) return rate.gflop_per_s * 1e9;
  }
  fail(ErrorCode::kUnsupported, "{} has no products in {}", peaks.device, precision);
}

int run(int argc, char** argv) {
  LASSO_CHECK(argc >= 3, ErrorCode::kInvalidArgument,
              "usage: gpu_rows_bench ARCH PRECISION [BATCH [PROMPTS]]");
  const graph::Bindings sizes{{"batch", argc > 3 ? std::atoi(argv[3]) : 1},
                              {"prompts", argc > 4 ? std::atoi(argv[4]) : 1},
                              {"points", 2}};
  Bench bench;
  const GpuPeaks peaks = kernels::measure_gpu(0);
  const double bandwidth = peaks.bytes_per_s;
  const double half = product_rate(peaks, "bf16");
  const double single = product_rate(peaks, "fp32");
  fmt::print("{}: copies {:.2f} TB/s, bf16 products {:.0f} TFLOP/s, fp32 {:.1f}\n",
             bench.device().model(), bandwidth * 1e-12, half * 1e-12, single * 1e-12);
  const auto description = families().front()->random(argv[1], 1, {});
  engine::CompileOptions options;
  options.target = bench.target();
  passes::PassContext context;
  context.target = options.target;
  context.precision = description->precision_plan(precision_from_string(argv[2]), options);
  const graph::Module module = passes::optimize(description->programs(), context);
  for (const graph::Graph& program : module.programs) {
    std::map<std::string, std::pair<const graph::Node*, int>> distinct;
    for (const graph::Node& node : program.nodes) {
      if (std::holds_alternative<graph::Reshape>(node.op)) continue;
      const Call call = engine::make_call(program, node, sizes);
      auto& [first, count] = distinct[graph::write_op(call.op).dump() + shapes(call)];
      first = &node;
      ++count;
    }
    double sum = 0;
    fmt::print("\n{}: nodes x us each, of the best row; share of the nearer ceiling\n",
               program.name);
    for (const auto& [key, entry] : distinct) {
      const graph::Node& node = *entry.first;
      const Call call = engine::make_call(program, node, sizes);
      const Family& family = kernels::family_of(node.op, DeviceKind::kCuda);
      const double flops = graph::flops(program, node, sizes);
      double moved = 0;
      for (const Operand& operand : call.inputs) moved += static_cast<double>(bytes_of(operand));
      for (const Operand& operand : call.outputs) moved += static_cast<double>(bytes_of(operand));
      bool is_half = false;
      for (const Operand& operand : call.inputs) {
        is_half = is_half || (operand.present && size_of(operand.dtype) == 2);
      }
      std::vector<std::string> unused;
      const auto chosen =
          engine::choose_kernel(family, call, false, bench.target(), nullptr, {}, unused);
      for (std::size_t row = 0; row < family.size(); ++row) {
        const Offer offer = family.ask(row, call, bench.target());
        if (!offer) continue;
        const bool is_chosen = chosen && chosen->kernel == row;
        // Plain rows take minutes at these sizes.
        if (!is_chosen && flops > 1e8 && row + 1 == family.size()) continue;
        const double seconds = bench.time(family, row, offer, call);
        if (is_chosen) sum += seconds * entry.second;
        const double floor = std::max(flops / (is_half ? half : single), moved / bandwidth);
        fmt::print("{}{:3} x {:8.1f} us {:7.1f} TFLOP/s {:6.2f} TB/s {:4.0f}% {} {} {}\n",
                   is_chosen ? '*' : ' ', entry.second, seconds * 1e6, flops / seconds * 1e-12,
                   moved / seconds * 1e-12, 100 * floor / seconds, family.label(row),
                   graph::attributes(call.op), shapes(call));
      }
    }
    fmt::print("{}: {:.3f} ms in kernels\n", program.name, sum * 1e3);
  }
  return 0;
}

}  // namespace
}  // namespace lasso

int main(int argc, char** argv) {
  try {
    return lasso::run(argc, argv);
  } catch (const lasso::Error& error) {
    fmt::print(stderr, "gpu_rows_bench: {}\n", error.what());
    return 1;
  }
}
