// What the rows of GPUs seldom meet: tensors without elements, such of more than 2^31 bytes,
// float32 products by TF32. And, last, that every row ran.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gpu/rows.h"

namespace lasso {
namespace {

using graph::Activation;
using test::absent;
using test::In;
using test::RowsTest;
using test::weights;

TEST_F(RowsTest, NothingToCompute) {
  using graph::BinaryKind;
  const graph::Linear linear;
  check("no rows", linear, {{{0, 8}}, weights({5, 8}), weights({5})});
  check("no columns", linear, {{{3, 8}}, weights({0, 8}), weights({0})});
  check("nothing to sum", linear, {{{3, 0}}, weights({5, 0}), weights({5})});
  check("no rows", graph::Linear{Activation::kGelu, DType::kF16, DType::kF16},
        {{{0, 8}, DType::kF16}, weights({5, 8}), weights({5})});
  check("no rows", graph::MatMul{}, {{{2, 0, 8}}, {{2, 5, 8}}});
  check("no columns", graph::MatMul{}, {{{2, 3, 8}}, {{2, 0, 8}}});
  check("no batch", graph::MatMul{}, {{{0, 3, 8}}, {{0, 5, 8}}});
  check("nothing to sum", graph::MatMul{}, {{{2, 3, 0}}, {{2, 5, 0}}});
  graph::Conv2d conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.padding = 1;
  check("no images", conv, {{{0, 5, 6, 8}}, weights({8, 8, 3, 3}), weights({8})});
  conv.groups = 8;
  check("no images", conv, {{{0, 5, 6, 8}}, weights({8, 1, 3, 3}), weights({8})});
  conv.groups = 1;
  check("no filters", conv, {{{1, 5, 6, 8}}, weights({0, 8, 3, 3}), absent()});
  const graph::Deconv2d deconv{.kernel_h = 3, .kernel_w = 3, .stride = 2};
  check("no images", deconv, {{{0, 5, 6, 8}}, weights({8, 7, 3, 3}), weights({7})});
  check("no filters", deconv, {{{1, 5, 6, 8}}, weights({8, 0, 3, 3}), absent()});
  for (const DType type : {DType::kF32, DType::kF16}) {
    check("no images", graph::ConvTranspose2d{2, Activation::kNone, type},
          {{{0, 5, 6, 8}}, weights({8, 8, 2, 2}), weights({8})});
    check("no images", graph::UpscaledProduct{2, Activation::kGelu, type},
          {{{0, 4, 32}}, {{0, 16, 16, 64}, type}, weights({64, 32, 2, 2}), weights({32})});
    check("no rows", graph::UpscaledProduct{2, Activation::kGelu, type},
          {{{1, 0, 32}}, {{1, 16, 16, 64}, type}, weights({64, 32, 2, 2}), weights({32})});
    check("no rows", graph::LayerNorm{1e-6F, Activation::kNone, type},
          {{{0, 256}}, weights({256}), weights({256})});
    check("no rows", graph::AddNorm{1e-6F, true, type == DType::kF16, type},
          {{{0, 256}}, weights({256}), weights({256}), {{0, 256}}});
    check("no images", graph::WindowAttention{2, 14, 0.125F},
          {{{0, 64, 64, 384}, type}, absent(), absent(), absent()});
    check("no queries", graph::Attention{2, 0.25F},
          {{{1, 0, 32}, type}, {{1, 9, 32}, type}, {{1, 9, 32}, type}});
    check("no images", graph::Attention{2, 0.25F},
          {{{0, 7, 32}, type}, {{0, 9, 32}, type}, {{0, 9, 32}, type}});
    check("cast", graph::Cast{DType::kBF16}, {{{0, 7}, type}}, true);
  }
  check("no rows", graph::LayerNorm{1e-6F, Activation::kNone, DType::kU8},
        {{{0, 256}}, weights({256}), weights({256})});
  check("binary", graph::Binary{BinaryKind::kAdd, Activation::kNone}, {{{0, 8}}, {{8}}});
  check("binary", graph::Binary{BinaryKind::kAdd, Activation::kNone}, {{{3, 0}}, {{0}}});
  check("unary", graph::Unary{graph::UnaryKind::kExp}, {{{0}}});
  check("binary", graph::Binary{BinaryKind::kAdd, Activation::kNone},
        {{{0, 8}, DType::kI32}, {{8}, DType::kI32}}, true);
  check("unary", graph::Unary{graph::UnaryKind::kNot}, {{{0}, DType::kBool}}, true);
  check("leaky ReLU", graph::LeakyRelu{}, {{{0, 4}}});
  check("compare", graph::Compare{}, {{{0, 8}}, {{8}}}, true);
  check("select", graph::Select{}, {{{0, 8}, DType::kBool}, {{8}}, {{1}}}, true);
  check("cast", graph::Cast{DType::kI64}, {{{0, 7}, DType::kBool}}, true);
  check("fourier", graph::FourierFeatures{}, {{{0, 2}}, {{2, 16}}});
  check("quantize", graph::Quantize{}, {{{0, 64}}, absent()}, true);
  check("no images", graph::Resize{.height = 4, .width = 5}, {{{0, 6, 6, 8}}}, true);
  check("no channels", graph::Resize{.height = 4, .width = 5}, {{{2, 6, 6, 0}}}, true);
  check("no pixels", graph::Resize{.height = 0, .width = 5}, {{{2, 0, 6, 8}}}, true);
  check("no images", graph::Pool2d{.stride = 2}, {{{0, 6, 6, 8}}}, true);
  check("no channels", graph::Pool2d{.stride = 2}, {{{2, 6, 6, 0}}}, true);
  check("no pixels", graph::Pool2d{.padding = 1}, {{{2, 0, 6, 8}}}, true);
  for (const graph::ReduceKind kind : {graph::ReduceKind::kSum, graph::ReduceKind::kMean}) {
    check("reduce", graph::Reduce{kind, {1}, true}, {{{0, 5}}});
  }
  check("reduce", graph::Reduce{graph::ReduceKind::kSum, {0}, true}, {{{0, 5}}});
  check("softmax", graph::Softmax{1}, {{{0, 5}}});
  check("softmax", graph::Softmax{1}, {{{5, 0}}});
  check("softmax", graph::Softmax{0}, {{{5, 0}}});
  check("concat", graph::Concat{1}, {{{0, 3}}, {{0, 4}}}, true);
  check("concat", graph::Concat{1}, {{{5, 0}}, {{5, 4}}, {{5, 0}}}, true);
  check("concat", graph::Concat{1}, {{{5, 0}}, {{5, 0}}}, true);
  check("slice", graph::Slice{1, 2, 5}, {{{0, 9}}}, true);
  check("slice", graph::Slice{0, 2, 5}, {{{9, 0}}}, true);
  check("slice", graph::Slice{0, 8, -1, -2}, {{{9, 0}}}, true);
  check("transpose", graph::Transpose{{1, 0}}, {{{0, 20}}}, true);
  check("transpose", graph::Transpose{{0, 2, 1}}, {{{0, 64, 64}}}, true);
  check("expand", graph::Expand{{0, 4}}, {{{1, 4}}}, true);
  check("gather", graph::Gather{}, {{{11, 6}}, {{0}, DType::kI32}}, true);
  check("gather", graph::Gather{}, {{{11, 0}}, {{3}, DType::kI32}}, true);
  check("gather", graph::Gather{0, 1}, {{{0, 11}}, {{3}, DType::kI32}}, true);
  const auto indices = [](Dims dims) { return In{std::move(dims), DType::kI32}; };
  check("elements", graph::GatherElements{0}, {{{11, 6}}, indices({0, 6})}, true);
  check("elements", graph::GatherElements{1}, {{{11, 6}}, indices({0, 6})}, true);
  check("tuples", graph::GatherNd{}, {{{11, 6}}, indices({0, 1})}, true);
  check("no slices", graph::GatherNd{}, {{{11, 0}}, indices({3, 1})}, true);
  check("no updates", graph::ScatterElements{0}, {{{11, 6}}, indices({0, 6}), {{0, 6}}}, true);
  check("no columns", graph::ScatterElements{0}, {{{11, 6}}, indices({3, 0}), {{3, 0}}}, true);
  check("no updates", graph::ScatterNd{}, {{{11, 6}}, indices({0, 1}), {{0, 6}}}, true);
  check("no rows", graph::ArgReduce{graph::ReduceKind::kMax, 1}, {{{0, 6}}}, true);
  check("no rows", graph::TopK{1, 3}, {{{0, 6}}}, true);
  check("no rows", graph::CumSum{1}, {{{0, 6}}}, true);
  check("no columns", graph::CumSum{1}, {{{6, 0}}}, true);
  check("no images", graph::NonMaxSuppression{}, {{{0, 9, 4}}, {{0, 3, 9}}}, true);
  check("no boxes", graph::NonMaxSuppression{}, {{{2, 0, 4}}, {{2, 3, 0}}}, true);
  check("no classes", graph::NonMaxSuppression{}, {{{2, 9, 4}}, {{2, 0, 9}}}, true);
  check("no images", graph::EfficientNms{}, {{{0, 9, 4}}, {{0, 9, 3}}}, true);
  check("no boxes", graph::EfficientNms{}, {{{2, 0, 4}}, {{2, 0, 3}}}, true);
  check("no images", graph::DetectionNms{}, {{{0, 9, 7}}, absent()}, true);
  check("no boxes", graph::DetectionNms{}, {{{2, 0, 7}}, absent()}, true);
  graph::Pad pad;
  pad.before = {1, 0};
  pad.after = {0, 2};
  check("pad", pad, {{{0, 4}}}, true);
  check("pad", pad, {{{3, 0}}}, true);
}

// Windows that begin 128 pixels before the image or 127 behind it, and reach 255 pixels, are the
// widest that tensor maps have room for; tiles whose pixels are of many images.
TEST_F(RowsTest, WindowsAtTheEndsOfTensorMaps) {
  const auto check_conv = [&](const graph::Conv2d& op, const std::vector<In>& ins, bool fits) {
    check(fits ? "fits" : "too wide", op, ins);
    const kernels::Family& family = kernels::family_of(op, backend::DeviceKind::kCuda);
    const kernels::Call call = make(op, ins);
    for (std::size_t row = 0; row < family.size(); ++row) {
      if (family.kernel_name(row) != "wgmma") continue;
      const kernels::Offer offer = family.ask(row, call, device_->target());
      EXPECT_EQ(static_cast<bool>(offer), fits && device_->target().warp_groups) << offer.reason;
    }
  };
  const auto image = [](Dims dims) { return In{std::move(dims), DType::kF16}; };
  graph::Conv2d op{.kernel_h = 3, .kernel_w = 3, .padding = 1};
  op.weights = op.output = DType::kF16;
  check_conv(op, {image({70, 1, 1, 16}), weights({24, 16, 3, 3}), weights({24})}, true);
  op.padding = {128, 128, 129, 129};
  check_conv(op, {image({1, 2, 3, 8}), weights({8, 8, 3, 3}), weights({8})}, true);
  op.padding = {129, 1, 1, 1};
  check_conv(op, {image({1, 2, 3, 8}), weights({8, 8, 3, 3}), weights({8})}, false);
  op.padding = {1, 1, 1, 130};
  check_conv(op, {image({1, 2, 3, 8}), weights({8, 8, 3, 3}), weights({8})}, false);
  op.padding = 1;
  op.stride = 8;
  check_conv(op, {image({2, 33, 40, 8}), weights({8, 8, 3, 3}), weights({8})}, true);
  op.stride = {1, 9};
  check_conv(op, {image({2, 33, 40, 8}), weights({8, 8, 3, 3}), weights({8})}, false);
  op.stride = 1;
  op.kernel_h = op.kernel_w = 2;
  op.padding = {128, 127, 128, 128};
  op.dilation = 255;
  check_conv(op, {image({3, 2, 2, 8}), weights({8, 8, 2, 2}), weights({8})}, true);
  op.padding = 128;
  op.dilation = {256, 255};
  check_conv(op, {image({3, 2, 2, 8}), weights({8, 8, 2, 2}), weights({8})}, false);
  // As many images as are joined.
  graph::Conv2d join;
  join.weights = DType::kF16;
  std::vector<In> images{image({1, 5, 7, 32}), weights({40, 256, 1, 1}), absent()};
  images.resize(10, images.front());
  check_conv(join, images, true);
}

// Factors of 11 bits: the bounds widen by that, and only for float32.
TEST_F(RowsTest, ProductsByTf32) {
  backend::DeviceOptions options;
  options.tf32 = true;
  stream_.reset();
  device_ = kernels::device_library(backend::DeviceKind::kCuda).open(options);
  stream_ = device_->make_stream();
  check("linear", graph::Linear{}, {{{200, 768}}, weights({136, 768}), weights({136})});
  check("linear", graph::Linear{Activation::kGelu, DType::kF16, DType::kF16},
        {{{200, 768}, DType::kF16}, weights({136, 768}), weights({136})});
  check("matmul", graph::MatMul{}, {{{2, 65, 64}}, {{2, 48, 64}}});
}

// An op on tensors of so many bytes that places in them take more than 31 bits.
class LargeRowsTest : public RowsTest {
 protected:
  static constexpr std::int64_t kWidth = 64;
  static constexpr std::int64_t kRows = (std::int64_t{1} << 25) + 1;

  static std::byte value_at(std::int64_t place) {
    return static_cast<std::byte>(mix(static_cast<std::uint64_t>(place)) | 1U);
  }

  // Calls f(row, column) for some elements of [rows, columns], the first and the last among them.
  template <typename F>
  static void for_some(std::int64_t rows, std::int64_t columns, const F& f) {
    constexpr int kCount = 40;
    SplitMix64 random(7);
    f(std::int64_t{0}, std::int64_t{0});
    f(rows - 1, columns - 1);
    for (int i = 0; i < kCount; ++i) {
      const auto row = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(rows)));
      f(row, static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(columns))));
    }
  }

  // Where an element of an input is found in the result.
  using Place =
      std::function<std::int64_t(std::size_t input, std::int64_t row, std::int64_t column)>;

  // Inputs are uint8 of two dimensions, of zeros but for some elements.
  void check_large(const graph::Op& op, const std::vector<In>& ins, const Place& place) {
    SCOPED_TRACE(graph::op_name(op));
    try {
      check_every_row(op, ins, place);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory) throw;
      GTEST_SKIP() << error.what();
    }
  }

 private:
  void check_every_row(const graph::Op& op, const std::vector<In>& ins, const Place& place) {
    const kernels::Call call = make(op, ins);
    const std::size_t width = size_of(call.outputs.at(0).dtype);
    const auto current = device_->make_current();
    std::vector<backend::Buffer> buffers;
    std::vector<const void*> inputs;
    for (std::size_t i = 0; i < ins.size(); ++i) {
      buffers.push_back(device_->allocate(test::bytes_of(call.inputs[i])));
      std::byte* data = buffers.back().data();
      inputs.push_back(data);
      stream_->fill(data, std::byte{0}, test::bytes_of(call.inputs[i]));
      const Dims& dims = ins[i].dims;
      for_some(dims[0], dims[1], [&](std::int64_t row, std::int64_t column) {
        const std::byte value = value_at(place(i, row, column));
        stream_->upload(data + row * dims[1] + column, &value, 1);
      });
    }
    const std::size_t bytes = test::bytes_of(call.outputs.at(0));
    const backend::Buffer result = device_->allocate(bytes);
    std::vector<void*> outputs{result.data()};
    const kernels::Family& family = kernels::family_of(op, backend::DeviceKind::kCuda);
    int ran = 0;
    for (std::size_t row = 0; row < family.size(); ++row) {
      SCOPED_TRACE(family.label(row));
      const kernels::Offer offer = family.ask(row, call, device_->target());
      if (!offer) continue;
      ++ran;
      const backend::Buffer workspace = device_->allocate(offer.workspace_bytes);
      stream_->fill(result.data(), std::byte{0xFF}, bytes);
      const auto state = family.create(row, call, device_->target(), offer);
      stream_->launch(family.run(row), *state,
                      {inputs, outputs, nullptr, workspace.data(), nullptr});
      for (std::size_t i = 0; i < ins.size(); ++i) {
        for_some(ins[i].dims[0], ins[i].dims[1], [&](std::int64_t at, std::int64_t column) {
          const std::int64_t to = place(i, at, column);
          if (to < 0) return;
          std::uint16_t bits = 0;
          stream_->download(&bits, result.data() + to * static_cast<std::int64_t>(width), width);
          stream_->wait();
          const auto value = std::to_integer<std::uint16_t>(value_at(to));
          EXPECT_EQ(bits, width == 1 ? value : f32_to_bf16(value))
              << "input " << i << ", element " << at << ", " << column;
        });
      }
      stream_->wait();
    }
    EXPECT_GT(ran, 0);
  }
};

TEST_F(LargeRowsTest, Moves) {
  const In all{{kRows, kWidth}, DType::kU8};
  check_large(graph::Slice{0, 1, kRows}, {all}, [](std::size_t, std::int64_t row, std::int64_t c) {
    return (row - 1) * kWidth + c;  // of row 0 nowhere
  });
  check_large(graph::Transpose{{1, 0}}, {all},
              [](std::size_t, std::int64_t row, std::int64_t c) { return c * kRows + row; });
  const In half{{kRows, kWidth / 2}, DType::kU8};
  check_large(graph::Concat{1}, {half, half}, [](std::size_t i, std::int64_t row, std::int64_t c) {
    return row * kWidth + static_cast<std::int64_t>(i) * (kWidth / 2) + c;
  });
  graph::Pad pad;
  pad.before = {1, 1};
  pad.after = {0, 2};
  check_large(pad, {all}, [](std::size_t, std::int64_t row, std::int64_t c) {
    return (row + 1) * (kWidth + 3) + c + 1;
  });
}

TEST_F(LargeRowsTest, Cast) {
  check_large(graph::Cast{DType::kBF16}, {{{kRows, kWidth}, DType::kU8}},
              [](std::size_t, std::int64_t row, std::int64_t c) { return row * kWidth + c; });
}

using RowsOfAllLists = RowsTest;

// The last test. Operations that copy share one list.
TEST_F(RowsOfAllLists, HaveRun) {
  const ::testing::UnitTest& tests = *::testing::UnitTest::GetInstance();
  if (tests.test_to_run_count() != tests.total_test_count()) {
    GTEST_SKIP() << "only some of the tests were asked for";
  }
  const auto copies = [](std::string_view name) {
    return name == "slice" || name == "transpose" || name == "expand" || name == "copy";
  };
  const auto ran = [&](std::string_view family, const std::string& label) {
    const auto& all = test::rows_that_ran();
    return std::any_of(all.begin(), all.end(), [&](const auto& rows) {
      return (rows.first == family || (copies(rows.first) && copies(family))) &&
             rows.second.count(label) > 0;
    });
  };
  const backend::TargetInfo& target = device_->target();
  const auto check_family = [&](const kernels::Family& family) {
    for (std::size_t row = 0; row < family.size(); ++row) {
      const bool is_of_warp_groups = family.kernel_name(row).substr(0, 5) == "wgmma";
      if (!kernels::missing(family.needs(row), target).empty()) continue;
      if (is_of_warp_groups && !target.warp_groups) continue;
      EXPECT_TRUE(ran(family.name(), family.label(row)))
          << family.name() << ": " << family.label(row) << " took none of the calls";
    }
  };
  const auto check_all = [&]<std::size_t... kIndex>(std::index_sequence<kIndex...> /*all*/) {
    (check_family(kernels::family_of(std::variant_alternative_t<kIndex, graph::Op>{},
                                     backend::DeviceKind::kCuda)),
     ...);
  };
  check_all(std::make_index_sequence<std::variant_size_v<graph::Op>>());
}

}  // namespace
}  // namespace lasso
