// Statistics, schedule, relative figures and imported times of `lasso bench speed`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/bench/speed/baseline.h"
#include "cli/bench/speed/gpu_report.h"
#include "cli/bench/speed/html.h"
#include "cli/bench/speed/layers.h"
#include "cli/bench/speed/report.h"
#include "cli/bench/speed/results.h"
#include "cli/exit_codes.h"
#include "cli/model/gpu.h"
#include "cli/model/layer_json.h"
#include "cli/model/picture.h"
#include "cli/model/statistics.h"

namespace lasso::app {
namespace {

TEST(Statistics, OfKnownSamples) {
  std::vector<double> samples;
  for (int i = 100; i > 0; --i) samples.push_back(i);
  const Statistics of_100 = summarize(samples);
  EXPECT_EQ(of_100.runs, 100U);
  EXPECT_EQ(of_100.median, 50.5);
  EXPECT_EQ(of_100.p95, 95);
  EXPECT_EQ(of_100.mean, 50.5);
  EXPECT_EQ(of_100.min, 1);

  const Statistics of_3 = summarize({9, 1, 2});
  EXPECT_EQ(of_3.median, 2);
  EXPECT_EQ(of_3.p95, 9);
  EXPECT_EQ(of_3.mean, 4);

  const Statistics of_1 = summarize({7});
  EXPECT_EQ(of_1.median, 7);
  EXPECT_EQ(of_1.p95, 7);
  EXPECT_EQ(summarize({}).runs, 0U);
}

// Runs of `ms` each until the schedule is done: how many of each kind.
std::pair<int, int> run_all(Schedule* schedule, double ms) {
  std::pair<int, int> runs;
  for (auto next = schedule->next(); next != Schedule::Next::kDone; next = schedule->next()) {
    ++(next == Schedule::Next::kWarmUp ? runs.first : runs.second);
    schedule->ran(ms);
  }
  return runs;
}

TEST(Schedule, DoesWhatIsAskedForWithinTheLimit) {
  Schedule schedule({5, 50, 60});
  EXPECT_EQ(run_all(&schedule, 1000), std::make_pair(5, 50));
  EXPECT_EQ(schedule.warm_up_runs(), 5);
  EXPECT_TRUE(schedule.complete());
}

TEST(Schedule, BeginsNoRunAfterTheLimit) {
  Schedule schedule({5, 50, 60});
  // Warm-up begins at 0, 4 and 8 s, measuring at 12, ..., 60 s.
  EXPECT_EQ(run_all(&schedule, 4000), std::make_pair(3, 13));
  EXPECT_FALSE(schedule.complete());
}

TEST(Schedule, MeasuresOnceHoweverLongItTakes) {
  Schedule schedule({5, 50, 60});
  EXPECT_EQ(run_all(&schedule, 1e6), std::make_pair(1, 1));
  Schedule cold({0, 50, 60});
  EXPECT_EQ(run_all(&cold, 1e6), std::make_pair(0, 1));
}

TEST(Pictures, AreTheSameWithTheirRowsShifted) {
  const Image image = synthetic_image(20, 24, 1);
  const ShiftedPictures pictures(image);
  std::set<std::string> different;
  for (int i = 0; i < ShiftedPictures::kCount; ++i) {
    const ImageView view = pictures.view(i);
    ASSERT_EQ(std::make_pair(view.width, view.height), std::make_pair(20, 24));
    ASSERT_EQ(view.stride_bytes, 60);
    const std::vector<std::uint8_t> pixels(view.data, view.data + 60 * 24);
    std::vector<std::uint8_t> expected = image.pixels;
    std::rotate(expected.begin(), expected.begin() + 60 * 3 * i, expected.end());
    EXPECT_EQ(pixels, expected) << i;
    different.emplace(pixels.begin(), pixels.end());
    EXPECT_EQ(pictures.view(i + ShiftedPictures::kCount).data, view.data);
  }
  EXPECT_EQ(different.size(), 8U);
}

TEST(Pictures, MayHaveFewerRowsThanThereAreOfThem) {
  const Image image = synthetic_image(20, 1, 1);
  const ShiftedPictures pictures(image);
  for (int i = 0; i < ShiftedPictures::kCount; ++i) {
    const ImageView view = pictures.view(i);
    EXPECT_EQ(std::vector<std::uint8_t>(view.data, view.data + 60), image.pixels);
  }
}

TEST(Stages, HaveKeysAndTitles) {
  const std::vector<SpeedStage> stages = speed_stages({1}, {1, 16});
  ASSERT_EQ(stages.size(), 4U);
  EXPECT_EQ(stages[0].key(), "encode");
  EXPECT_EQ(stages[1].key(), "decode_1");
  EXPECT_EQ(stages[1].title(), "Decoder, 1 prompt");
  EXPECT_EQ(stages[2].key(), "decode_16");
  EXPECT_EQ(stages[3].key(), "end_to_end");
}

TEST(Stages, OfTheEncoderCountImages) {
  const std::vector<SpeedStage> stages = speed_stages({1, 8}, {16});
  EXPECT_EQ(stages[1].key(), "encode_8");
  EXPECT_EQ(stages[1].title(), "Image encoder, 8 images");
  EXPECT_DOUBLE_EQ(stages[0].fps(40), 25);
  EXPECT_DOUBLE_EQ(stages[1].fps(40), 200);
  EXPECT_DOUBLE_EQ(stages[2].fps(40), 25);
  EXPECT_DOUBLE_EQ(stages[3].fps(40), 25);
}

TEST(Results, RatesAreByTheMedian) {
  SpeedRow row;
  row.stages["encode"] = times_of({10, 20, 90});
  EXPECT_FALSE(row.gflop_per_s("encode").has_value());
  row.gflop["encode"] = 4;
  EXPECT_DOUBLE_EQ(row.gflop_per_s("encode").value(), 200);
  EXPECT_FALSE(row.peak_percent("encode").has_value());
  row.peak_gflop_per_s = 500;
  EXPECT_DOUBLE_EQ(row.peak_percent("encode").value(), 40);
  EXPECT_FALSE(row.gflop_per_s("decode_1").has_value());
}

TEST(Results, TheFirstRowWithAStageIsWhatOthersAreComparedWith) {
  SpeedResults results;
  results.stages = speed_stages({1}, {1});
  results.rows.resize(2);
  results.rows[0].stages["encode"] = times_of({1});
  results.rows[1].stages["encode"] = times_of({2});
  results.rows[1].stages["decode_1"] = times_of({3});
  EXPECT_EQ(results.first(results.stages[0])->mean_ms, 1);
  EXPECT_EQ(results.first(results.stages[1])->mean_ms, 3);
  EXPECT_EQ(results.first(results.stages[2]), nullptr);
}

MachineGpu fake_gpu(double bf16_gflop_per_s) {
  MachineGpu gpu;
  gpu.info = {
      "cuda:1",         "NVIDIA X", "sm_90", 132, std::uint64_t{141} << 30, "580.95.05, CUDA 13.0",
      "cuBLASLt 13.0.2"};
  gpu.peaks = {"cuda:1",
               {{"fp32", "cublaslt", 50'000},
                {"tf32", "cublaslt", 400'000},
                {"bf16", "cublaslt", bf16_gflop_per_s}},
               4.1e12};
  return gpu;
}

// One candidate on the CPU and one on a GPU.
SpeedResults results_with_gpu() {
  SpeedResults results;
  results.machine = {"a CPU",
                     2,
                     "avx512",
                     std::uint64_t{1} << 30,
                     {{"fp32", "avx2", "vfmadd231ps", 2, 100}},
                     {fake_gpu(700'000)}};
  results.stages = speed_stages({1}, {1});
  for (const char* device : {"cpu", "cuda"}) {
    SpeedRow row;
    row.name = device;
    row.info = {{"model", "SAM"},  {"device", device}, {"precision", "fp32"},
                {"isa", "avx512"}, {"threads", 2},     {"load_ms", 3.0}};
    row.stages["encode"] = times_of({10});
    row.gflop["encode"] = 2;
    results.rows.push_back(std::move(row));
  }
  SpeedRow& row = results.rows.back();
  row.info["isa"] = "sm_90";
  row.info["gpu"] = "cuda:1";
  row.info["tf32"] = false;
  for (const int clock : {1500, 1980, 1755}) {
    GpuState state;
    state.sm_clock_mhz = clock;
    state.power_w = 0.1 * clock;
    state.most_own_memory_bytes = static_cast<std::uint64_t>(clock) << 20;
    row.gpu_states.push_back(state);
  }
  return results;
}

TEST(Gpus, PeaksAreThoseOfTheirPrecision) {
  SpeedResults results = results_with_gpu();
  SpeedRow& row = results.rows.back();
  EXPECT_EQ(results.rows.front().peak_of(results.machine, "fp32"), 100);
  EXPECT_EQ(row.peak_of(results.machine, "fp32"), 50'000);
  EXPECT_EQ(row.peak_of(results.machine, "bf16"), 700'000);
  EXPECT_EQ(row.peak_of(results.machine, "int8"), 0);
  row.info["tf32"] = true;
  EXPECT_EQ(row.peak_of(results.machine, "fp32"), 400'000);
  EXPECT_EQ(row.peak_of(results.machine, "bf16"), 700'000);
  row.info["gpu"] = "cuda:0";
  EXPECT_EQ(row.peak_of(results.machine, "bf16"), 0);
}

TEST(Gpus, TheBestMeasurementCounts) {
  std::vector<MachineGpu> gpus;
  add_measurement(fake_gpu(600'000), &gpus);
  add_measurement(fake_gpu(700'000), &gpus);
  MachineGpu full = fake_gpu(0);
  full.peaks = {};
  for (const MachineGpu& worse : {fake_gpu(500'000), full}) {
    add_measurement(worse, &gpus);
    ASSERT_EQ(gpus.size(), 1U);
    EXPECT_EQ(gpus[0].peak_gflop_per_s("bf16"), 700'000);
    EXPECT_EQ(gpus[0].peak_gflop_per_s("fp32"), 50'000);
    EXPECT_EQ(gpus[0].peaks.bytes_per_s, 4.1e12);
  }
  MachineGpu other = fake_gpu(1);
  other.info.device = "cuda:0";
  add_measurement(other, &gpus);
  EXPECT_EQ(gpus.size(), 2U);
}

TEST(Gpus, ThatCannotBeUsedAreMarked) {
  GpuInfo gpu = fake_gpu(1).info;
  gpu.isa = "sm_75";
  EXPECT_EQ(describe_gpu(gpu), "cuda:1 (NVIDIA X, sm_75)");
  gpu.isa = "sm_61";
  EXPECT_EQ(describe_gpu(gpu), "cuda:1 (NVIDIA X, sm_61) (below sm_75: can't be used)");
}

TEST(Gpus, AreDescribedInJson) {
  const SpeedResults results = results_with_gpu();
  const OrderedJson json = to_json(results, true);
  const OrderedJson& gpu = json.at("machine").at("gpus").at(0);
  EXPECT_EQ(gpu.at("model"), "NVIDIA X");
  EXPECT_EQ(gpu.at("peaks").at(1).at("precision"), "tf32");
  EXPECT_EQ(gpu.at("bandwidth_bytes_per_s"), 4.1e12);
  EXPECT_EQ(to_json(machine_from_json(json.at("machine"))), json.at("machine"));
  EXPECT_FALSE(json.at("candidates").at(0).contains("gpu_state"));
  const OrderedJson& candidate = json.at("candidates").at(1);
  EXPECT_EQ(candidate.at("gpu"), "cuda:1");
  EXPECT_EQ(candidate.at("gpu_memory_bytes"), std::uint64_t{1980} << 20);
  EXPECT_EQ(candidate.at("gpu_state"), (OrderedJson{{"sm_clock_mhz", 1755}, {"power_w", 198.0}}));
  GpuState state = results.rows.back().gpu_states.front();
  state.memory_bytes = std::uint64_t{1} << 40;
  EXPECT_EQ(to_json(gpu_state_from_json(to_json(state))), to_json(state));
}

TEST(Gpus, AreInTextAndPage) {
  SpeedResults results = results_with_gpu();
  std::string text;
  for (const std::string& line : describe_run(results)) {
    EXPECT_LE(line.size(), 100U) << line;
    text += line + "\n";
  }
  EXPECT_NE(text.find("cuda:1: NVIDIA X, 132 multiprocessors, sm_90, 141.0 GiB\n"
                      "driver 580.95.05, CUDA 13.0; cuBLASLt 13.0.2\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("fp32 50.0, tf32 400, bf16 700; of copies 4.10 TB/s"), std::string::npos);
  const std::vector<ReportTable> tables = gpu_tables(results);
  ASSERT_EQ(tables.size(), 1U);
  ASSERT_EQ(tables[0].rows.size(), 1U);
  EXPECT_EQ(tables[0].rows[0].size(), tables[0].columns.size());
  EXPECT_EQ(tables[0].rows[0][2], "1755");
  EXPECT_NE(to_html(results, "now").find("NVIDIA X"), std::string::npos);
  results.rows.pop_back();
  EXPECT_TRUE(gpu_tables(results).empty());
}

LayerTime layer_time(const std::string& name, const std::string& op, const std::string& precision,
                     double ms, double gflop, double peak) {
  LayerTime time;
  time.stage = "encode";
  time.layer.name = name;
  time.layer.op = op;
  time.layer.precision = precision;
  time.layer.gflop = gflop;
  time.ms = ms;
  time.peak_gflop_per_s = peak;
  return time;
}

// Two blocks, the second of which attends globally, and a layer in another precision.
std::vector<LayerTime> two_blocks() {
  std::vector<LayerTime> layers = {layer_time("blocks.0.qkv", "linear", "int8", 1, 0.5, 1000),
                                   layer_time("blocks.0.attn", "window_attention", "bf16", 2, 1, 0),
                                   layer_time("blocks.1.qkv", "linear", "int8", 3, 0.5, 1000),
                                   layer_time("blocks.1.attn", "window_attention", "bf16", 9, 4, 0),
                                   layer_time("neck.0", "linear", "fp32", 4, 1, 500),
                                   layer_time("neck.1", "layer_norm", "fp32", 1, 0, 500)};
  layers[1].layer.window = 14;
  return layers;
}

TEST(Layers, HaveKinds) {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"linear", "linear"},
      {"attention", "attention"},
      {"layer_norm", "LayerNorm"},
      {"conv2d", "convolution"},
      {"add", "elementwise"},
      {"conv_transpose2d", "convolution"},
      {"quantize", "quantisation"},
      {"gather", "other"},
      {"window_attention", "global attention"}};
  for (const auto& [op, kind] : kinds) {
    EXPECT_EQ(layer_kind(layer_time("x", op, "fp32", 1, 1, 0).layer), kind);
  }
  EXPECT_EQ(layer_kind(two_blocks()[1].layer), "windowed attention");
}

TEST(Layers, OfAKindAndPrecisionGoTogether) {
  const std::vector<LayerTime> layers = two_blocks();
  const std::vector<LayerGroup> groups = group_by_kind(layers_of(layers, "encode"));
  std::vector<std::string> names;
  for (const LayerGroup& group : groups) names.push_back(group.name + " " + group.precision);
  EXPECT_EQ(names, (std::vector<std::string>{"global attention bf16", "linear int8", "linear fp32",
                                             "windowed attention bf16", "LayerNorm fp32"}));
  EXPECT_EQ(groups[1].layers.size(), 2U);
  EXPECT_EQ(groups[1].ms(), 4);
  EXPECT_EQ(groups[1].gflop(), 1);
  EXPECT_DOUBLE_EQ(groups[1].gflop_per_s().value(), 250);
  EXPECT_DOUBLE_EQ(groups[1].peak_percent().value(), 25);
  EXPECT_FALSE(groups[0].peak_percent().has_value());  // no peak is known
  EXPECT_FALSE(groups[4].gflop_per_s().has_value());   // no work is counted
  EXPECT_TRUE(layers_of(layers, "decode_1").empty());
}

TEST(Layers, OfSeveralPrecisionsAreComparedWithTheirOwnPeaks) {
  std::vector<LayerTime> layers = two_blocks();
  const auto group_of = [&] { return LayerGroup{"", "", "", layers_of(layers, "encode")}; };
  EXPECT_FALSE(group_of().peak_percent().has_value());
  layers[1].peak_gflop_per_s = layers[3].peak_gflop_per_s = 1000;
  // At their peaks: 1 ms of int8, 5 of bf16, 2 of fp32; 20 in fact.
  EXPECT_DOUBLE_EQ(group_of().peak_percent().value(), 40);
  EXPECT_DOUBLE_EQ(layers[4].peak_percent().value(), 50);
}

TEST(Layers, OfSeveralBlocksGoTogetherIfEqual) {
  const std::vector<LayerTime> layers = two_blocks();
  std::vector<std::string> names;
  for (const LayerGroup& group : group_repeated(layers_of(layers, "encode"))) {
    names.push_back(group.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"blocks.*.qkv", "blocks.0.attn", "blocks.1.attn",
                                             "neck.0", "neck.1"}));
}

TEST(Layers, AreDescribedInJson) {
  LayerInfo layer = two_blocks()[1].layer;
  layer.shape = "[batch, 64, 64, 768]";
  layer.input_shapes = {"[batch, 64, 64, 2304]", ""};
  layer.kernel = "streaming";
  layer.isa = "avx2";
  layer.weight_bytes = 12;
  const LayerInfo copy = layer_from_json(layer_json(layer));
  EXPECT_EQ(layer_json(copy), layer_json(layer));
  EXPECT_EQ(copy.window, 14);
  EXPECT_EQ(copy.input_shapes, layer.input_shapes);
}

TEST(Layers, AreRunAFewTimes) {
  EXPECT_EQ(layer_plan({5, 50, 60}).iterations, 5);
  EXPECT_EQ(layer_plan({5, 50, 60}).warm_up, 1);
  EXPECT_EQ(layer_plan({0, 3, 60}).iterations, 3);
  EXPECT_EQ(layer_plan({0, 3, 60}).warm_up, 0);
}

TEST(Baseline, TakesMeansSamplesAndObjects) {
  const SpeedRow row = parse_baseline(
      R"({"name": "other", "peak_rss_bytes": 12, "timings": {"encode_ms": 80.5,
          "decode_16_ms": [3, 1, 2], "end_to_end_ms": {"mean_ms": 9, "p95_ms": 10, "runs": 4}}})",
      "b.json");
  EXPECT_EQ(row.name, "other");
  EXPECT_TRUE(row.imported);
  EXPECT_EQ(row.peak_rss_bytes, 12U);
  EXPECT_EQ(row.stages.at("encode").mean_ms, 80.5);
  EXPECT_FALSE(row.stages.at("encode").median_ms.has_value());
  EXPECT_EQ(row.stages.at("decode_16").median_ms, 2);
  EXPECT_EQ(row.stages.at("decode_16").runs, 3U);
  EXPECT_EQ(row.stages.at("end_to_end").p95_ms, 10);
  EXPECT_EQ(row.stages.at("end_to_end").runs, 4U);
}

TEST(Baseline, TakesEveryKeyOfAStage) {
  for (const SpeedStage& stage : speed_stages({1, 2, kMostImages}, {1, kMostPrompts})) {
    const SpeedRow row = parse_baseline(
        R"({"name": "other", "timings": {")" + stage.key() + R"(_ms": 7}})", "b.json");
    EXPECT_EQ(row.stages.at(stage.key()).mean_ms, 7);
  }
}

TEST(Baseline, TakesTheFirstCandidateOfAReport) {
  const SpeedRow row = parse_baseline(
      R"({"version": "0.1.0", "baseline": null, "candidates": [
          {"name": "a", "stages": {"encode": {"mean_ms": 5}}},
          {"name": "b", "stages": {"encode": {"mean_ms": 6}}}]})",
      "results.json");
  EXPECT_EQ(row.name, "a");
  EXPECT_EQ(row.stages.at("encode").mean_ms, 5);
}

TEST(Baseline, SaysWhatIsWrong) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const std::vector<std::pair<std::string, std::string>> files = {
      {"", "is not JSON"},
      {"{", "is not JSON"},
      {"\xff", "is not JSON"},
      {deep, "8 levels"},
      {"[]", "expected an object"},
      {"{}", "\"name\""},
      {R"({"name": 3})", "\"name\""},
      {R"({"name": ""})", "1 to 200"},
      {R"({"name": ")" + std::string(201, 'x') + "\"}", "1 to 200"},
      {R"({"name": "x"})", "\"timings\""},
      {R"({"name": "x", "timings": {}})", "\"timings\""},
      {R"({"name": "x", "timings": [1]})", "\"timings\""},
      {R"({"name": "x", "timings": {"encode": 1}})", "\"encode_ms\""},
      {R"({"name": "x", "timings": {"_ms": 1}})", "\"_ms\""},
      {R"({"name": "x", "timings": {"decode_0_ms": 1}})", "\"decode_0_ms\""},
      {R"({"name": "x", "timings": {"decode_99999999999_ms": 1}})", "decode_N_ms"},
      {R"({"name": "x", "timings": {"decode_-1_ms": 1}})", "decode_N_ms"},
      {R"({"name": "x", "timings": {"encode_1_ms": 1}})", "encode_N_ms\" with N from 2 to 256"},
      {R"({"name": "x", "timings": {"encode_257_ms": 1}})", "encode_N_ms"},
      {R"({"name": "x", "timings": {"encode__ms": 1}})", "encode_N_ms"},
      {R"({"name": "x", "timings": {"encode_ms": 0}})", "greater than 0"},
      {R"({"name": "x", "timings": {"encode_ms": -1}})", "greater than 0"},
      {R"({"name": "x", "timings": {"encode_ms": 1e300}})", "1e+300"},
      {R"({"name": "x", "timings": {"encode_ms": "1"}})", "got \"1\""},
      {R"({"name": "x", "timings": {"encode_ms": null}})", "got null"},
      {R"({"name": "x", "timings": {"encode_ms": []}})", "samples"},
      {R"({"name": "x", "timings": {"encode_ms": [1, "2"]}})", "got \"2\""},
      {R"({"name": "x", "timings": {"encode_ms": {}}})", "mean_ms"},
      {R"({"name": "x", "timings": {"encode_ms": {"mean_ms": 1, "runs": -3}}})", "whole number"},
      {R"({"name": "x", "timings": {"encode_ms": 1}, "peak_rss_bytes": 1.5})", "whole number"},
      {R"({"candidates": []})", "candidates"},
      {R"({"candidates": 1})", "candidates"},
      {R"({"candidates": [{"candidates": [{"candidates": []}]}]})", "candidates"},
      {R"({"candidates": [{"name": "a"}]})", "\"timings\""},
  };
  for (const auto& [text, needle] : files) {
    try {
      parse_baseline(text, "b.json");
      ADD_FAILURE() << text.substr(0, 80);
    } catch (const Failure& failure) {
      const std::string message = failure.what();
      EXPECT_EQ(failure.exit(), Exit::kUsage);
      EXPECT_EQ(message.rfind("--baseline b.json: ", 0), 0U) << message;
      EXPECT_NE(message.find(needle), std::string::npos) << message;
      EXPECT_LT(message.size(), 300U);
    }
  }
}

}  // namespace
}  // namespace lasso::app
