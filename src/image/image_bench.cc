// The steps around the model for a picture of 1920x1080: OMP_NUM_THREADS sets the threads.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

#include "core/random.h"
#include "image/mask/mask_upsample.h"
#include "image/preprocess.h"
#include "lasso/mask.h"

namespace lasso {
namespace {

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;

// Smooth shapes with the grain of a photograph.
const Image& scene() {
  static const Image image = [] {
    Image out{kWidth, kHeight, PixelFormat::kRgb, {}};
    SplitMix64 random(1);
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        for (int c = 0; c < 3; ++c) {
          const double value = 128 + 90 * std::sin(x * 0.011 + c) * std::cos(y * 0.017 - c) +
                               (x / 240 + y / 135) % 2 * 25;
          out.pixels.push_back(
              static_cast<std::uint8_t>(value + static_cast<double>(random.below(8))));
        }
      }
    }
    return out;
  }();
  return image;
}

const Mask& blob() {
  static const Mask mask = [] {
    Mask out{kWidth, kHeight, {}};
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const double angle = std::atan2(y - 540, x - 960);
        out.data.push_back(std::hypot(x - 960, y - 540) < 380 + 40 * std::sin(9 * angle));
      }
    }
    return out;
  }();
  return mask;
}

std::vector<std::uint8_t> jpeg_of(const Image& image) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 90, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < image.height; ++y) {
    auto* row = const_cast<JSAMPROW>(image.pixels.data() + 3 * y * image.width);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::vector<std::uint8_t> file(memory, memory + size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return file;
}

void decode(benchmark::State& state, const std::vector<std::uint8_t>& file) {
  for (auto _ : state) benchmark::DoNotOptimize(decode_image(file));
  state.counters["file_bytes"] = static_cast<double>(file.size());
}

void decode_jpeg_1080p(benchmark::State& state) { decode(state, jpeg_of(scene())); }
void decode_png_1080p(benchmark::State& state) { decode(state, encode_png(scene().view())); }

void preprocess_1080p(benchmark::State& state, const char* preset) {
  PreprocessScratch scratch;
  std::vector<float> out(3 << 20);
  for (auto _ : state) {
    preprocess_image(preprocess_preset(preset), scene().view(), 1024, scratch, out.data());
    benchmark::ClobberMemory();
  }
}

void upsample_mask_1080p(benchmark::State& state) {
  std::vector<float> low(256 * 256);
  for (std::size_t i = 0; i < low.size(); ++i) {
    low[i] = static_cast<float>(10 * std::sin(static_cast<double>(i % 256) * 0.05) +
                                5 * std::cos(static_cast<double>(i / 256) * 0.07));
  }
  const MaskUpsample u = mask_upsample_of(preprocess_preset("sam"), 256, 1024, kWidth, kHeight);
  MaskScratch scratch;
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(kWidth) * kHeight);
  for (auto _ : state) {
    upsample_mask(u, low.data(), 0.0f, scratch, mask.data(), kWidth);
    benchmark::ClobberMemory();
  }
}

void overlay_1080p(benchmark::State& state) {
  Prompt prompt;
  prompt.points = {{960, 540, PointLabel::kForeground}, {100, 100, PointLabel::kBackground}};
  prompt.box = Box{500, 100, 1400, 980};
  for (auto _ : state) {
    benchmark::DoNotOptimize(draw_overlay(scene().view(), {{&blob(), &prompt, palette_color(0)}}));
  }
}

void encode_png_1080p(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) bytes = encode_png(scene().view()).size();
  state.counters["file_bytes"] = static_cast<double>(bytes);
}

void encode_mask_png_1080p(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) bytes = encode_mask_png(blob()).size();
  state.counters["file_bytes"] = static_cast<double>(bytes);
}

void rle_1080p(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(rle_to_string(encode_rle(blob())));
}

void polygons_1080p(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(mask_polygons(blob()));
}

void iou_1080p(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(mask_iou(blob(), blob()));
}

BENCHMARK(decode_jpeg_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(decode_png_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(preprocess_1080p, sam, "sam")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(preprocess_1080p, medsam, "medsam")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(upsample_mask_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(overlay_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(encode_png_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(encode_mask_png_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(rle_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(polygons_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(iou_1080p)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace lasso
