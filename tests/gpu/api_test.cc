// The public classes on a GPU: streams of the caller, engine files, limits, pictures of all sizes.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/memory.h"
#include "image/random_picture.h"
#include "lasso/machine.h"
#include "lasso/runner.h"
#include "lasso/segmenter.h"
#include "support/capped.h"
#include "support/embedding_values.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

constexpr std::int64_t kSide = 256;  // of the image that sam_micro takes

EngineOptions on_gpu(const std::string& device = "cuda") {
  EngineOptions options = test::capped();
  options.device = device;
  return options;
}

Engine micro(const EngineOptions& options) {
  return Engine::build(test::data_path("sam_micro/checkpoint.pth"), options);
}

std::vector<Prompt> boxes(int count, float width, float height, bool multimask = false) {
  std::vector<Prompt> prompts(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const float at = 0.7F * static_cast<float>(i) / static_cast<float>(count);
    prompts[static_cast<std::size_t>(i)].box =
        Box{at * width, at * height, (at + 0.25F) * width, (at + 0.3F) * height};
    prompts[static_cast<std::size_t>(i)].multimask = multimask;
  }
  return prompts;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    norm += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(sum / norm);
}

// Memory and a stream that the caller has by CUDA's own interface.
class CallersCuda {
 public:
  CallersCuda() { EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), 0); }
  ~CallersCuda() {
    cudaStreamSynchronize(stream_);
    for (void* block : blocks_) cudaFree(block);
    cudaStreamDestroy(stream_);
  }
  CallersCuda(const CallersCuda&) = delete;
  CallersCuda& operator=(const CallersCuda&) = delete;

  cudaStream_t stream() const { return stream_; }
  void* allocate(std::size_t bytes) {
    void* data = nullptr;
    EXPECT_EQ(cudaMalloc(&data, bytes), 0);
    blocks_.push_back(data);
    return data;
  }
  // What is asked of the stream next begins 50 ms later.
  void delay() {
    EXPECT_EQ(
        cudaLaunchHostFunc(
            stream_, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(50)); },
            nullptr),
        0);
  }

 private:
  cudaStream_t stream_ = nullptr;
  std::vector<void*> blocks_;
};

// The image's values come late on the caller's stream, twice (the second run is recorded), and
// their results are read there.
TEST(GpuRunner, WorkIsOrderedWithTheCallersStream) {
  RunnerOptions options;
  options.program = "image_encoder";
  Runner runner(micro(on_gpu()), options);
  EXPECT_EQ(runner.device(), "cuda:0");
  const std::size_t count = kSide * kSide * 3;
  const std::size_t bytes = count * sizeof(float);
  std::vector<std::vector<float>> expected;
  std::vector<std::vector<float>> images;
  for (const int seed : {1, 2, 3}) {
    std::vector<float> image(count);
    for (std::size_t i = 0; i < count; ++i) {
      image[i] = std::sin(static_cast<float>(i % 1000) * 0.01F * static_cast<float>(seed));
    }
    const HostTensorView view{ElementType::kFloat32, {1, kSide, kSide, 3}, image.data()};
    const HostTensor result = runner.run({{"image", view}}).at("image_embeddings");
    expected.emplace_back(result.as<float>(),
                          result.as<float>() + result.bytes.size() / sizeof(float));
    images.push_back(std::move(image));
  }
  CallersCuda cuda;
  const auto& output = runner.outputs().front();
  const std::size_t result_bytes = expected.front().size() * sizeof(float);
  const std::int64_t grid = kSide / 16;
  const auto channels = static_cast<std::int64_t>(expected.front().size()) / (grid * grid);
  const DeviceTensorView image{ElementType::kFloat32, {1, kSide, kSide, 3}, cuda.allocate(bytes)};
  const DeviceTensorView embedding{
      ElementType::kFloat32, {1, grid, grid, channels}, cuda.allocate(result_bytes)};
  std::vector<std::vector<float>> results(images.size(),
                                          std::vector<float>(channels * grid * grid));
  for (std::size_t i = 0; i < images.size(); ++i) {
    cuda.delay();
    ASSERT_EQ(
        cudaMemcpyAsync(image.data, images[i].data(), bytes, cudaMemcpyHostToDevice, cuda.stream()),
        0);
    runner.enqueue({{"image", image}}, {{output.name, embedding}}, {cuda.stream()});
    ASSERT_EQ(cudaMemcpyAsync(results[i].data(), embedding.data, result_bytes,
                              cudaMemcpyDeviceToHost, cuda.stream()),
              0);
  }
  ASSERT_EQ(cudaStreamSynchronize(cuda.stream()), 0);
  EXPECT_EQ(results, expected);

  DeviceTensorView wrong = image;
  wrong.data = nullptr;
  EXPECT_ERROR(runner.enqueue({{"image", wrong}}, {{output.name, embedding}}, {cuda.stream()}),
               ErrorCode::kInvalidArgument, "has no data");
  wrong = image;
  wrong.shape[1] = 64;
  EXPECT_ERROR(runner.enqueue({{"image", wrong}}, {{output.name, embedding}}, {cuda.stream()}),
               ErrorCode::kInvalidArgument, "input \"image\"");
}

TEST(GpuEngine, FilesRunAsWhatWasSaved) {
  const test::TempDir folder;
  const Image picture = random_picture(200, 150, 1);
  for (const Precision precision : {Precision::kFp32, Precision::kFp16}) {
    EngineOptions options = on_gpu();
    options.precision = precision;
    options.time_kernels = true;
    const std::string path = folder / (std::string(to_string(precision)) + ".lasso");
    const Engine built = micro(options);
    built.save(path);
    const Engine loaded = Engine::load(path, {true, test::capped().isa});
    EXPECT_EQ(loaded.info().device, "cuda");
    EXPECT_EQ(loaded.info().needed_isa, "sm_75");
    EXPECT_FALSE(loaded.info().tf32);
    Segmenter one(built);
    Segmenter two(loaded);
    const Embedding a = one.encode(picture.view());
    const Embedding b = two.encode(picture.view());
    EXPECT_EQ(test::values_of(a), test::values_of(b));
    const std::vector<Prompt> prompts = boxes(5, 200, 150);
    const auto x = one.segment(a, prompts);
    const auto y = two.segment(b, prompts);
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(x[i].low_res_logits, y[i].low_res_logits);
      EXPECT_EQ(x[i].masks.front().data, y[i].masks.front().data);
    }
    LoadOptions on_cpu;
    on_cpu.device = "cpu";
    EXPECT_ERROR(Engine::load(path, on_cpu), ErrorCode::kInvalidArgument, path);
    EngineOptions tf32 = on_gpu();
    tf32.tf32 = true;
    EXPECT_ERROR(Engine::open(path, tf32), ErrorCode::kInvalidArgument, "without TF32");
  }
}

TEST(GpuEngine, Tf32RoundsAndFilesKeepIt) {
  const test::TempDir folder;
  EngineOptions options = on_gpu();
  const Image picture = random_picture(256, 256, 2);
  Segmenter exact(micro(options));
  options.tf32 = true;
  const Engine rounded = micro(options);
  EXPECT_TRUE(rounded.info().tf32);
  rounded.save(folder / "tf32.lasso");
  const Engine loaded = Engine::open(folder / "tf32.lasso");
  EXPECT_TRUE(loaded.info().tf32);
  Segmenter segmenter(loaded);
  const double error = difference(test::values_of(segmenter.encode(picture.view())),
                                  test::values_of(exact.encode(picture.view())));
  EXPECT_LE(error, 5e-3);
  // Where the GPU has TF32, something must have been rounded.
  EXPECT_GT(error, rounded.info().isa == "sm_75" ? -1.0 : 1e-6);
}

// Two devices that are one GPU: segmenters take them in turn, and each has its weights.
TEST(GpuEngine, SeveralDevices) {
  const Engine engine = micro(on_gpu("cuda:0,0"));
  EXPECT_EQ(engine.info().devices, (std::vector<std::string>{"cuda:0", "cuda:0"}));
  const Image picture = random_picture(120, 200, 3);
  Segmenter first(engine);
  Segmenter second(engine);
  const Embedding a = first.encode(picture.view());
  const Embedding b = second.encode(picture.view());
  EXPECT_EQ(test::values_of(a), test::values_of(b));
  const auto prompts = boxes(3, 120, 200);
  EXPECT_EQ(second.segment(a, prompts)[2].low_res_logits,
            first.segment(b, prompts)[2].low_res_logits);
}

TEST(GpuEngine, WaitingForEveryKernelGivesTheSameBits) {
  const Image picture = random_picture(150, 100, 4);
  EngineOptions options = on_gpu();
  Segmenter fast(micro(options));
  options.synchronous = true;
  Segmenter slow(micro(options));
  const std::vector<float> expected = test::values_of(fast.encode(picture.view()));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(test::values_of(slow.encode(picture.view())), expected);
}

// A picture that does not fit, between two that do; what another segmenter does is untouched.
TEST(GpuSegmenter, GoesOnWhenMemoryWasShort) {
  EngineOptions options = on_gpu();
  options.device_memory_limit = std::uint64_t{100} << 20;
  const Engine engine = micro(options);
  Segmenter segmenter(engine);
  Segmenter other(engine);
  const Image small = random_picture(300, 200, 5);
  const std::vector<float> expected = test::values_of(segmenter.encode(small.view()));
  const std::vector<std::uint8_t> pixels(std::size_t{7000} * 6000 * 3);
  const ImageView large{pixels.data(), 7000, 6000, 7000 * 3};
  for (int i = 0; i < 2; ++i) {
    EXPECT_ERROR(segmenter.encode(large), ErrorCode::kOutOfMemory, "the limit of 100 MiB");
    EXPECT_EQ(test::values_of(segmenter.encode(small.view())), expected);
    EXPECT_EQ(test::values_of(other.encode(small.view())), expected);
  }
}

// Rows with a stride and pixels of four bytes, whose embedding is that of the dense ones; sizes go
// up and down.
TEST(GpuSegmenter, TakesViewsOfAnyKind) {
  Segmenter segmenter(micro(on_gpu()));
  for (const auto& [width, height] : {std::pair{333, 120}, {64, 500}, {1, 1}, {700, 701}}) {
    const Image picture = random_picture(width, height, 6);
    const std::ptrdiff_t stride = std::ptrdiff_t{4} * width + 12;
    std::vector<std::uint8_t> wide(static_cast<std::size_t>(stride * height), 0xEE);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const std::uint8_t* from = picture.pixels.data() + 3 * (std::ptrdiff_t{y} * width + x);
        std::uint8_t* to = wide.data() + y * stride + 4 * x;
        for (int c = 0; c < 3; ++c) to[c] = from[2 - c];
      }
    }
    const ImageView view{wide.data(), width, height, stride, PixelFormat::kBgra};
    EXPECT_EQ(test::values_of(segmenter.encode(view)),
              test::values_of(segmenter.encode(picture.view())))
        << width << "x" << height;
  }
}

// More masks than come down at a time.
TEST(GpuSegmenter, MasksOfSeveralTurnsAreTheCpus) {
  const Image picture = random_picture(2000, 1500, 7);
  const auto prompts = boxes(64, 2000, 1500, true);
  EngineOptions cpu;
  cpu.kernels = Kernels::kFast;
  Segmenter here(micro(cpu));
  Segmenter there(micro(on_gpu()));
  const auto expected = here.segment(here.encode(picture.view()), prompts);
  const auto answers = there.segment(there.encode(picture.view()), prompts);
  ASSERT_EQ(answers.size(), expected.size());
  std::int64_t differing = 0;
  std::int64_t inside = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_EQ(answers[i].masks.size(), 3U);
    for (std::size_t m = 0; m < 3; ++m) {
      const auto& a = answers[i].masks[m].data;
      const auto& b = expected[i].masks[m].data;
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        differing += a[k] != b[k] ? 1 : 0;
        inside += b[k];
      }
    }
  }
  EXPECT_GT(inside, 0);
  EXPECT_LE(static_cast<double>(differing), 1e-4 * static_cast<double>(inside));
}

// Memory of the GPU and of the host after 10,000 pictures is what it was after a hundred.
TEST(GpuSegmenter, ManyPicturesTakeNoMoreMemory) {
  constexpr int kPictures = 10'000;
  Segmenter segmenter(micro(on_gpu()));
  std::vector<Image> pictures;
  for (int i = 0; i < 8; ++i) pictures.push_back(random_picture(300 - 9 * i, 200 + 7 * i, i));
  std::uint64_t device = 0;
  std::uint64_t host = 0;
  for (int i = 0; i < kPictures; ++i) {
    const Image& picture = pictures[static_cast<std::size_t>(i) % pictures.size()];
    const Embedding embedding = segmenter.encode(picture.view());
    const auto answers = segmenter.segment(
        embedding,
        boxes(1 + i % 3, static_cast<float>(picture.width), static_cast<float>(picture.height)));
    ASSERT_EQ(answers.front().masks.size(), 1U);
    if (i == 100) {
      device = gpu_state("cuda:0").own_memory_bytes;
      host = resident_bytes();
    }
  }
  EXPECT_EQ(gpu_state("cuda:0").own_memory_bytes, device);
  EXPECT_LE(resident_bytes(), host + (std::uint64_t{16} << 20));
}

}  // namespace
}  // namespace lasso
