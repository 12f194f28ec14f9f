// Every row of the GPU's lists against the CPU's reference, over ops, types, and shapes with tails.
#include "gpu/rows.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lasso {
namespace {

using graph::Activation;
using test::absent;
using test::In;
using test::RowsTest;
using test::weights;

constexpr DType kFloats[] = {DType::kF32, DType::kBF16, DType::kF16};

TEST_F(RowsTest, Linear) {
  struct Shape {
    std::int64_t m, n, k;
  };
  for (const DType weights_type : kFloats) {
    for (const DType output : {DType::kF32, weights_type}) {
      for (const DType input : {DType::kF32, weights_type}) {
        for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kRelu,
                                            Activation::kSigmoid, Activation::kSilu}) {
          for (const Shape s : {Shape{1, 1, 1}, Shape{7, 5, 3}, Shape{65, 33, 17},
                                Shape{64, 48, 80}, Shape{200, 136, 768}, Shape{3, 256, 2048}}) {
            const graph::Linear op{activation, weights_type, output};
            check("bias", op, {{{s.m, s.k}, input}, weights({s.n, s.k}), weights({s.n})});
            if (activation != Activation::kNone && s.m > 1) continue;
            check("plain", op, {{{s.m, s.k}, input}, weights({s.n, s.k}), absent()});
            if (output != DType::kF32) continue;
            check("residual", op,
                  {{{s.m, s.k}, input}, weights({s.n, s.k}), weights({s.n}), {{s.m, s.n}}});
            if (HasFailure()) return;
          }
        }
      }
    }
  }
  // Rows that warps share, and more than one warp has.
  for (const DType type : kFloats) {
    check("few rows", graph::Linear{Activation::kRelu, type, type},
          {{{7, 256}}, weights({2048, 256}), weights({2048})});
    check("few rows", graph::Linear{Activation::kNone, type},
          {{{20, 2048}, type}, weights({255, 2048}), weights({255}), {{20, 255}}});
  }
  for (const std::int64_t rows : {33, 61}) {
    for (const std::int64_t width : {4, 256, 1028}) {
      const graph::Linear op{Activation::kRelu};
      const In x{{rows, width}};
      check("few rows", op, {x, weights({255, width}), absent()});
      check("few rows", op, {x, weights({255, width}), weights({255})});
      check("few rows", op, {x, weights({255, width}), absent(), {{rows, 255}}});
      check("few rows", op, {x, weights({255, width}), weights({255}), {{rows, 255}}});
    }
  }
  // Weights that are computed.
  check("computed", graph::Linear{}, {{{9, 33}}, {{21, 33}}, {{21}}});
}

TEST_F(RowsTest, LinearAtModelSizes) {
  for (const DType type : {DType::kBF16, DType::kF16}) {
    check("qkv", graph::Linear{Activation::kNone, type, type},
          {{{4096, 768}, type}, weights({2304, 768}), weights({2304})});
    check("lin1", graph::Linear{Activation::kGelu, type, type},
          {{{1000, 1280}, type}, weights({5120, 1280}), weights({5120})});
    check("lin2", graph::Linear{Activation::kNone, type, DType::kF32},
          {{{1000, 5120}, type}, weights({1280, 5120}), weights({1280}), {{1000, 1280}}});
  }
}

TEST_F(RowsTest, MatMul) {
  for (const Activation activation : {Activation::kNone, Activation::kSigmoid, Activation::kSilu}) {
    check("plain", graph::MatMul{activation}, {{{5, 7}}, {{3, 7}}});
    check("batches", graph::MatMul{activation}, {{{2, 3, 65, 33}}, {{2, 3, 17, 33}}});
    check("broadcast", graph::MatMul{activation}, {{{2, 1, 4, 32}}, {{1, 5, 64, 32}}});
    check("one", graph::MatMul{activation}, {{{3, 4, 32}}, {{4096, 32}}});
  }
  check("masks", graph::MatMul{}, {{{3, 4, 32}}, {{3, 5000, 32}}});
  check("masks", graph::MatMul{Activation::kGelu}, {{{2, 3, 20}}, {{2, 1027, 20}}});
  // Batches of several loops, and of more than a kernel takes.
  check("loops", graph::MatMul{}, {{{2, 1, 3, 1, 9, 12}}, {{1, 4, 1, 2, 70, 12}}});
  check("loops", graph::MatMul{},
        {{{2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 5, 6}}, {{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 3, 6}}});
}

TEST_F(RowsTest, Conv2d) {
  for (const DType type : kFloats) {
    for (const auto& [input, output] : std::vector<std::pair<DType, DType>>{
             {DType::kF32, DType::kF32}, {type, DType::kF32}, {DType::kF32, type}, {type, type}}) {
      for (const Activation activation :
           {Activation::kNone, Activation::kGelu, Activation::kSilu}) {
        graph::Conv2d op;
        op.weights = type;
        op.output = output;
        op.activation = activation;
        check("1x1", op, {{{2, 9, 7, 24}, input}, weights({16, 24, 1, 1}), weights({16})});
        check("1x1 odd", op, {{{1, 5, 5, 3}, input}, weights({7, 3, 1, 1}), absent()});
        op.kernel_h = op.kernel_w = 3;
        op.padding = 1;
        check("3x3", op, {{{2, 9, 7, 24}, input}, weights({16, 24, 3, 3}), weights({16})});
        check("3x3 odd", op, {{{1, 6, 11, 5}, input}, weights({9, 5, 3, 3}), absent()});
        op.stride = 2;
        check("3x3 stride", op, {{{1, 9, 12, 8}, input}, weights({8, 8, 3, 3}), weights({8})});
        op.dilation = 2;
        op.padding = {2, 1, 0, 3};
        check("dilated", op, {{{1, 12, 9, 8}, input}, weights({8, 8, 3, 3}), weights({8})});
        op.dilation = 1;
        op.padding = 0;
        op.kernel_h = op.kernel_w = 4;
        op.stride = 4;
        check("patches", op, {{{2, 32, 16, 3}, input}, weights({40, 3, 4, 4}), weights({40})});
        op.kernel_h = 3;
        op.kernel_w = 2;
        op.stride = 1;
        op.groups = 2;
        check("groups", op, {{{1, 7, 8, 6}, input}, weights({4, 3, 3, 2}), weights({4})});
        op.groups = 12;
        op.padding = {1, 0, 2, 1};
        op.dilation = {1, 2};
        check("depthwise", op, {{{2, 7, 14, 12}, input}, weights({12, 1, 3, 2}), weights({12})});
        op.groups = 7;
        op.stride = {2, 3};
        check("depthwise", op, {{{2, 9, 25, 7}, input}, weights({7, 1, 3, 2}), absent()});
        if (HasFailure()) return;
      }
    }
  }
  graph::Conv2d op;
  op.kernel_h = op.kernel_w = 16;
  op.stride = 16;
  op.weights = DType::kBF16;
  check("patch embedding", op, {{{1, 256, 256, 3}}, weights({768, 3, 16, 16}), weights({768})});
  // Windows of two parts, the second a smaller one.
  graph::Conv2d parts;
  parts.weights = DType::kF16;
  parts.kernel_h = parts.kernel_w = 3;
  parts.padding = 1;
  check("parts", parts, {{{2, 150, 200, 104}, DType::kF16}, weights({8, 104, 3, 3}), weights({8})});
}

// Windows of half numbers, of which rows with tiles take parts: tiles that are not full, channels
// that are no whole step, results whose rows are no multiples of 16 bytes, a sum in parts.
TEST_F(RowsTest, Conv2dOfHalves) {
  for (const DType type : {DType::kBF16, DType::kF16}) {
    for (const DType output : {DType::kF32, type}) {
      for (const Activation activation :
           {Activation::kSilu, Activation::kLeakyRelu, Activation::kRelu, Activation::kSigmoid}) {
        graph::Conv2d op;
        op.weights = type;
        op.output = output;
        op.activation = activation;
        check("head", op, {{{3, 13, 17, 96}, type}, weights({255, 96, 1, 1}), weights({255})});
        check("joined", op,
              {{{2, 9, 11, 64}, type},
               weights({40, 320, 1, 1}),
               weights({40}),
               {{2, 9, 11, 128}, type},
               {{2, 9, 11, 128}, type}});
        check("joined, narrow", op,
              {{{2, 9, 11, 32}, type}, weights({9, 96, 1, 1}), absent(), {{2, 9, 11, 64}, type}});
        op.kernel_h = op.kernel_w = 3;
        op.padding = 1;
        check("3x3", op, {{{2, 20, 20, 64}, type}, weights({132, 64, 3, 3}), weights({132})});
        check("few", op, {{{1, 7, 9, 512}, type}, weights({200, 512, 3, 3}), weights({200})});
        op.stride = 2;
        check("narrow", op, {{{1, 33, 29, 32}, type}, weights({72, 32, 3, 3}), absent()});
        op.kernel_h = 5;
        op.kernel_w = 2;
        op.stride = {3, 1};
        op.padding = {2, 1, 0, 3};
        op.dilation = {1, 3};
        check("any", op, {{{2, 21, 18, 136}, type}, weights({40, 136, 5, 2}), weights({40})});
        for (const DType input : {DType::kF32, type}) {
          graph::Conv2d few{.kernel_h = 3, .kernel_w = 3, .stride = 2, .padding = {1, 0, 2, 1}};
          few.weights = type;
          few.output = output;
          few.activation = activation;
          check("pixels", few, {{{2, 21, 18, 3}, input}, weights({32, 3, 3, 3}), weights({32})});
          few.dilation = {2, 1};
          check("pixels", few, {{{1, 9, 33, 4}, input}, weights({72, 4, 3, 3}), absent()});
        }
        if (HasFailure()) return;
      }
    }
  }
  // More tiles than blocks of the largest GPUs, and a window that reaches from side to side.
  graph::Conv2d op{.kernel_h = 3, .kernel_w = 3, .padding = 1};
  op.weights = op.output = DType::kF16;
  check("many", op, {{{4, 160, 160, 64}, DType::kF16}, weights({64, 64, 3, 3}), weights({64})});
  op.kernel_h = op.kernel_w = 9;
  op.padding = 4;
  check("wide", op, {{{1, 5, 5, 8}, DType::kF16}, weights({8, 8, 9, 9}), weights({8})});
}

TEST_F(RowsTest, ConvTranspose2d) {
  for (const DType type : kFloats) {
    for (const DType output : {DType::kF32, type}) {
      for (const DType input : {DType::kF32, type}) {
        for (const Activation activation :
             {Activation::kNone, Activation::kGelu, Activation::kSilu}) {
          for (const std::int64_t stride : {1, 2, 3}) {
            const graph::ConvTranspose2d op{stride, activation, type, output};
            check("small", op,
                  {{{2, 3, 5, 7}, input}, weights({7, 6, stride, stride}), weights({6})});
            check("even", op,
                  {{{1, 16, 16, 64}, input}, weights({64, 32, stride, stride}), absent()});
          }
          if (HasFailure()) return;
        }
      }
    }
  }
  // Sums of two parts, the second a smaller one.
  check("parts", graph::ConvTranspose2d{2, Activation::kNone, DType::kF16, DType::kF16},
        {{{1, 180, 190, 8}, DType::kF16}, weights({8, 64, 2, 2}), weights({64})});
}

TEST_F(RowsTest, UpscaledProduct) {
  for (const DType type : {DType::kBF16, DType::kF16}) {
    const graph::UpscaledProduct op{2, Activation::kGelu, type};
    const auto image = [&](Dims dims) { return In{std::move(dims), type}; };
    check("masks", op,
          {{{3, 4, 32}}, image({3, 16, 24, 64}), weights({64, 32, 2, 2}), weights({32})});
    check("fewer", op,
          {{{2, 3, 32}}, image({2, 8, 16, 24}), weights({24, 32, 2, 2}), weights({32})});
    check("SAM", op,
          {{{2, 4, 32}}, image({2, 128, 128, 64}), weights({64, 32, 2, 2}), weights({32})});
  }
  for (const DType type : kFloats) {
    for (const DType input : {DType::kF32, type}) {
      for (const Activation activation :
           {Activation::kNone, Activation::kGelu, Activation::kSilu}) {
        const graph::UpscaledProduct op{2, activation, type};
        check("odd", op,
              {{{3, 7, 21}}, {{3, 5, 9, 13}, input}, weights({13, 21, 2, 2}), weights({21})});
        check("pixels", op,
              {{{2, 4, 32}}, {{2, 7, 11, 64}, input}, weights({64, 32, 2, 2}), absent()});
      }
      check("stride", graph::UpscaledProduct{3, Activation::kRelu, type},
            {{{2, 5, 8}}, {{2, 6, 4, 72}, input}, weights({72, 8, 3, 3}), weights({8})});
    }
  }
}

TEST_F(RowsTest, LayerNorm) {
  for (const DType output : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kSilu}) {
      for (const std::int64_t channels :
           {1, 3, 8, 31, 64, 100, 256, 257, 300, 768, 1000, 1280, 3000}) {
        for (const std::int64_t rows : {1, 5, 133}) {
          check("rows", graph::LayerNorm{1e-6F, activation, output},
                {{{rows, channels}, DType::kF32, false, 0.5F},
                 weights({channels}),
                 weights({channels})});
        }
        if (HasFailure()) return;
      }
    }
  }
  for (const std::int64_t channels : {3, 64, 100, 300, 1000, 3000}) {
    check("uint8", graph::LayerNorm{1e-6F, Activation::kNone, DType::kU8},
          {{{33, channels}, DType::kF32, false, 0.5F}, weights({channels}), weights({channels})});
  }
  // A large mean must not eat the variance.
  check("mean", graph::LayerNorm{1e-6F, Activation::kNone, DType::kBF16},
        {{{40, 1000}, DType::kF32, false, 1000.0F}, weights({1000}), weights({1000})});
}

TEST_F(RowsTest, AddNorm) {
  for (const DType output : kFloats) {
    const bool is_half = output != DType::kF32;
    for (const std::int64_t channels : {1, 3, 8, 100, 256, 257, 768, 1024, 3000}) {
      const std::vector<In> alone{
          {{5, 33, channels}, DType::kF32, false, 0.5F}, weights({channels}), weights({channels})};
      std::vector<In> sums = alone;
      sums.push_back({{1, 33, channels}});
      std::vector<In> all = sums;
      all.push_back({{33, channels}});
      std::vector<In> shift = alone;
      shift.push_back(absent());
      shift.push_back({{5, 33, channels}});
      check("sum", graph::AddNorm{1e-6F, true, is_half, output}, sums);
      check("all", graph::AddNorm{1e-6F, true, is_half, output}, all);
      check("halves", graph::AddNorm{1e-6F, false, is_half, output}, all);
      check("shift", graph::AddNorm{1e-6F, true, false, output}, shift);
      if (HasFailure()) return;
    }
  }
}

TEST_F(RowsTest, WindowAttention) {
  struct Shape {
    std::int64_t batch, height, width, heads, dim, window;
  };
  for (const DType type : kFloats) {
    for (const Shape s :
         {Shape{1, 64, 64, 2, 64, 14},  Shape{1, 64, 64, 2, 64, 0},   Shape{1, 64, 64, 1, 80, 0},
          Shape{2, 64, 64, 1, 80, 14},  Shape{1, 16, 16, 2, 32, 0},   Shape{1, 16, 16, 2, 32, 7},
          Shape{1, 20, 20, 1, 64, 8},   Shape{2, 9, 11, 2, 12, 4},    Shape{1, 7, 5, 1, 5, 0},
          Shape{1, 32, 32, 1, 48, 14},  Shape{1, 20, 31, 1, 64, 0},   Shape{1, 40, 40, 1, 16, 14},
          Shape{1, 96, 96, 1, 64, 0},   Shape{1, 28, 28, 1, 128, 14}, Shape{1, 3, 70, 2, 80, 0},
          Shape{1, 20, 20, 2, 32, 0},   Shape{1, 40, 40, 1, 16, 20},  Shape{1, 24, 24, 1, 128, 0},
          Shape{1, 50, 50, 1, 112, 20}, Shape{2, 50, 45, 2, 64, 17},  Shape{1, 78, 75, 1, 80, 40},
          Shape{1, 1, 3100, 1, 5, 0}}) {
      const std::int64_t side_h = s.window > 0 ? s.window : s.height;
      const std::int64_t side_w = s.window > 0 ? s.window : s.width;
      const graph::WindowAttention op{s.heads, s.window,
                                      1.0F / std::sqrt(static_cast<float>(s.dim))};
      const Dims qkv{s.batch, s.height, s.width, 3 * s.heads * s.dim};
      const std::string name = to_string(qkv) + " " + std::string(to_string(type)) + " heads of " +
                               std::to_string(s.dim);
      check(name, op, {{qkv, type}, absent(), absent(), absent()});
      if (s.window > 0) {
        check(name + " pad", op, {{qkv, type}, absent(), absent(), {{3 * s.heads * s.dim}}});
      }
      if (s.window == 0 && s.height != s.width) continue;  // positions need a square
      check(name + " rel", op,
            {{qkv, type}, {{2 * side_h - 1, s.dim}}, {{2 * side_w - 1, s.dim}}, absent()});
      check(name + " rel, pad", op,
            {{qkv, type},
             {{2 * side_h - 1, s.dim}},
             {{2 * side_w - 1, s.dim}},
             {{3 * s.heads * s.dim}}});
      if (HasFailure()) return;
    }
  }
}

TEST_F(RowsTest, Attention) {
  struct Shape {
    std::int64_t q_batch, k_batch, queries, keys, heads, dim;
  };
  for (const DType type : kFloats) {
    for (const Shape s :
         {Shape{1, 1, 7, 4096, 8, 16}, Shape{3, 1, 9, 4096, 8, 16}, Shape{1, 3, 5, 1000, 8, 16},
          Shape{2, 2, 4096, 7, 8, 16}, Shape{3, 3, 8, 8, 8, 32}, Shape{2, 2, 100, 21, 4, 8},
          Shape{1, 1, 33, 65, 2, 5}, Shape{1, 1, 1, 1, 1, 1}, Shape{2, 1, 200, 300, 3, 64},
          Shape{1, 1, 20, 64, 2, 24}, Shape{1, 1, 64, 3000, 1, 128}, Shape{2, 2, 40, 100, 11, 16},
          Shape{1, 1, 9, 4096, 13, 32}, Shape{2, 1, 300, 40, 9, 32}, Shape{1, 1, 3, 5, 1, 1600}}) {
      const std::int64_t c = s.heads * s.dim;
      check("attention " + std::string(to_string(type)),
            graph::Attention{s.heads, 1.0F / std::sqrt(static_cast<float>(s.dim))},
            {{{s.q_batch, s.queries, c}, type},
             {{s.k_batch, s.keys, c}, type},
             {{s.k_batch, s.keys, c}, type}});
      if (HasFailure()) return;
    }
  }
}

TEST_F(RowsTest, Moves) {
  for (const DType type : {DType::kF32, DType::kBF16, DType::kU8, DType::kI32}) {
    const auto in = [&](Dims dims) {
      In input{std::move(dims), type};
      input.below = 1000;
      return input;
    };
    check("concat", graph::Concat{1}, {in({3, 4, 5}), in({3, 1, 5}), in({3, 7, 5})}, true);
    check("concat", graph::Concat{0}, {in({100003})}, true);
    check("concat", graph::Concat{2}, {in({3, 64, 16}), in({3, 64, 32})}, true);
    std::vector<In> pieces;
    for (std::int64_t i = 1; i < 20; ++i) pieces.push_back(in({3, i, 5}));
    check("concat", graph::Concat{1}, pieces, true);
    check("slice", graph::Slice{1, 2, 5}, {in({3, 9, 5})}, true);
    check("slice", graph::Slice{2, 16, 48}, {in({3, 9, 64})}, true);
    check("slice", graph::Slice{0, 1, 2}, {in({3, 9, 64})}, true);
    check("slice", graph::Slice{1, 1, 9, 2}, {in({3, 9, 64})}, true);
    check("slice", graph::Slice{1, 8, -1, -3}, {in({3, 9, 5})}, true);
    check("slice", graph::Slice{2, 99, -1, -1}, {in({3, 20, 100})}, true);
    check("slice", graph::Slice{0, 18, 1, -4}, {in({20, 33, 8})}, true);
    check("transpose", graph::Transpose{{1, 0}}, {in({33, 65})}, true);
    check("transpose", graph::Transpose{{0, 2, 1}}, {in({3, 64, 100})}, true);
    check("transpose", graph::Transpose{{0, 3, 1, 2}}, {in({2, 16, 16, 24})}, true);
    check("transpose", graph::Transpose{{0, 2, 1, 3}}, {in({2, 5, 7, 16})}, true);
    check("transpose", graph::Transpose{{2, 0, 3, 1}}, {in({5, 6, 7, 8})}, true);
    check("transpose", graph::Transpose{{5, 4, 3, 2, 1, 0}}, {in({2, 3, 4, 3, 2, 3})}, true);
    check("transpose", graph::Transpose{{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
          {in({2, 2, 2, 2, 2, 2, 2, 2, 2, 3})}, true);
    check("expand", graph::Expand{{3, 4, 5}}, {in({1, 4, 1})}, true);
    check("expand", graph::Expand{{7, 1000}}, {in({1000})}, true);
    graph::Pad pad;
    pad.before = {1, 0, 2};
    pad.after = {0, 3, 1};
    check("pad", pad, {in({3, 4, 5})}, true);
    In index{{4, 3}, DType::kI32};
    index.below = 9;
    check("sizes", graph::Sizes{{7, -3, 1 << 20}}, {in({11, 6})}, true);
    check("gather", graph::Gather{2}, {in({11, 6, 2}), index}, true);
    index.special = true;  // beyond the table on both sides
    check("gather", graph::Gather{}, {in({300, 6, 2}), index}, true);
    check("gather", graph::Gather{0, 1, true}, {in({6, 300, 2}), index}, true);
    index.dims = {200};
    check("gather", graph::Gather{0, 2, true}, {in({3, 2, 150}), index}, true);
  }
  graph::Pad pad;
  pad.before = {1, 0, 2};
  pad.after = {0, 3, 1};
  pad.value = -1.5F;
  check("pad", pad, {{{3, 4, 5}}}, true);
}

TEST_F(RowsTest, CastsAndQuantize) {
  constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kF64, DType::kI8,
                              DType::kU8,  DType::kI16, DType::kI32,  DType::kI64, DType::kBool};
  for (const DType from : kTypes) {
    for (const DType to : kTypes) {
      for (const std::int64_t count : {1, 5, 1000, 70001}) {
        In in{{count}, from};
        in.below = 100000;
        check("cast", graph::Cast{to}, {in}, true);
      }
      In special{{70000}, from};
      special.special = true;
      check("special values", graph::Cast{to}, {special}, true);
    }
  }
  for (const DType from : {DType::kF32, DType::kBF16}) {
    check("quantize", graph::Quantize{}, {{{33, 100}, from}, absent()}, true);
    check("quantize", graph::Quantize{}, {{{5, 1280}, from}, weights({1280})}, true);
    In special{{1000, 53}, from};
    special.special = true;
    check("special values", graph::Quantize{}, {special, absent()}, true);
    special.dims = {9000, 7};
    check("special values", graph::Quantize{}, {special, weights({7})}, true);
  }
}

TEST_F(RowsTest, ReduceAndSoftmax) {
  using graph::ReduceKind;
  for (const auto kind :
       {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kMax, ReduceKind::kMin}) {
    for (const std::vector<std::int64_t>& axes :
         {std::vector<std::int64_t>{0}, {1}, {2}, {0, 2}, {0, 1, 2}}) {
      check("reduce", graph::Reduce{kind, axes, true}, {{{5, 33, 70}, DType::kF32, false, 0.5F}});
      check("reduce", graph::Reduce{kind, axes, false}, {{{2, 1, 3}, DType::kF32, false, 0.5F}});
    }
    check("reduce", graph::Reduce{kind, {1}, false}, {{{2, 100000}, DType::kF32, false, 0.5F}});
  }
  for (const auto kind :
       {ReduceKind::kSum, ReduceKind::kMax, ReduceKind::kMin, ReduceKind::kProd}) {
    for (const bool special : {false, true}) {
      const auto in = [&](Dims dims) {
        In x{std::move(dims), DType::kI32};
        x.below = 1'000'000;
        x.special = special;
        return x;
      };
      for (const std::vector<std::int64_t>& axes :
           {std::vector<std::int64_t>{0}, {1}, {2}, {0, 2}, {0, 1, 2}}) {
        check("reduce", graph::Reduce{kind, axes, true}, {in({5, 33, 70})}, true);
      }
      check("reduce", graph::Reduce{kind, {1}, false}, {in({2, 100000})}, true);
    }
    check("reduce", graph::Reduce{kind, {1}, false}, {{{33, 70}, DType::kF32, false, 1.0F}});
  }
  for (const std::int64_t axis : {0, 1, 2}) {
    check("softmax", graph::Softmax{axis}, {{{7, 33, 65}}});
    check("softmax", graph::Softmax{axis}, {{{2, 3000, 3}}});
    check("softmax", graph::Softmax{axis}, {{{1, 1, 1}}});
  }
  for (const std::int64_t count : {128, 129, 512, 513, 1000, 1025, 4096, 5000}) {
    check("softmax", graph::Softmax{1}, {{{9, count}}});
  }
}

}  // namespace
}  // namespace lasso
