// A module of every operation, its engine file, and what reads it.
#ifndef LASSO_ENGINE_FILE_ENGINE_FILE_FIXTURE_H_
#define LASSO_ENGINE_FILE_ENGINE_FILE_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "engine/file/engine_file.h"
#include "engine/run/session.h"
#include "graph/builder.h"
#include "support/engine_bytes.h"
#include "support/files.h"
#include "support/tensors.h"

namespace lasso::engine {

using graph::Activation;
using graph::Builder;
using graph::Dim;
using graph::kNoValue;
using graph::ValueId;
using test::EngineBytes;

inline constexpr char kHash[] = "0123456789abcdef0123456789abcdef";
inline const ModelRecord kModel{"test", kHash, "fp32", R"({"size":7})", {}};

inline Tensor random_tensor(Dims dims, unsigned seed) {
  return test::random_tensor(std::move(dims), seed, 0.1F);
}

// Every operation at least once, on symbolic sizes, in two programs that share weights.
inline graph::Module every_op() {
  graph::Module module;
  const Tensor w = random_tensor({128, 64}, 1);
  for (const char* name : {"first", "second"}) {
    Builder b(name);
    const Dim batch = Dim::symbol("batch");
    const Dim points = Dim::symbol("points");
    const ValueId image = b.input("image", DType::kF32, {batch, 8, 8, 16});
    const ValueId labels = b.input("labels", DType::kI32, {batch, points});
    ValueId x = b.add("conv", graph::Conv2d{3, 3, 1, 1, Activation::kGelu},
                      {image, b.constant("conv.w", random_tensor({48, 16, 3, 3}, 2)),
                       b.constant("conv.b", random_tensor({48}, 3))});
    x = b.add(
        "attention", graph::WindowAttention{2, 4, 0.35F},
        {x, b.constant("rh", random_tensor({7, 8}, 4)), b.constant("rw", random_tensor({7, 8}, 5)),
         b.constant("pad", random_tensor({48}, 6))});
    x = b.add("up", graph::ConvTranspose2d{2, Activation::kRelu},
              {x, b.constant("up.w", random_tensor({16, 64, 2, 2}, 7)), kNoValue});
    graph::Resize resize{.mode = graph::ResizeMode::kLinear};
    resize.height = resize.width = 32;
    x = b.add("resized", resize, {x});
    x = b.add("pooled", graph::Pool2d{.kernel_h = 2, .kernel_w = 2, .stride = 2}, {x});
    x = b.add("spread", graph::Deconv2d{.kernel_h = 3, .kernel_w = 3, .padding = 1},
              {x, b.constant("spread.w", random_tensor({64, 64, 3, 3}, 15)), kNoValue});
    x = b.add("tokens", graph::Reshape{{batch, 256, 64}}, {x});
    x = b.add("norm", graph::LayerNorm{1e-5F, Activation::kNone},
              {x, b.constant("gamma", random_tensor({64}, 8)),
               b.constant("beta", random_tensor({64}, 9))});
    const ValueId slice = b.add("slice", graph::Slice{1, 3, 19}, {x});
    const ValueId hidden =
        b.add("hidden", graph::Linear{Activation::kSigmoid},
              {slice, b.constant("w", w), b.constant("b", random_tensor({128}, 10))});
    const ValueId turned = b.add("turned", graph::Transpose{{0, 2, 1}}, {hidden});
    const ValueId logits = b.add("logits", graph::MatMul{}, {turned, turned});
    const ValueId table = b.constant("table", random_tensor({5, 64}, 11));
    const ValueId kinds = b.add("kinds", graph::Gather{1}, {table, labels});
    const ValueId one = b.constant("one", random_tensor({1, 1, 64}, 12));
    const ValueId more = b.add("more", graph::Expand{{batch, 2, 64}}, {one});
    b.add("sizes", graph::Sizes{{batch, batch * 2 + 1}}, {one});
    const ValueId joined = b.add("joined", graph::Concat{1}, {more, kinds});
    const ValueId answered = b.add("answered", graph::Attention{4, 0.25F}, {joined, x, x});
    const ValueId scaled =
        b.add("scaled", graph::Binary{graph::BinaryKind::kMul, Activation::kNone},
              {answered, b.constant("scale", random_tensor({64}, 13))});
    const ValueId relu = b.add("relu", graph::Unary{Activation::kRelu}, {joined});
    const ValueId waves = b.add("waves", graph::FourierFeatures{},
                                {relu, b.constant("matrix", random_tensor({64, 32}, 14))});
    const ValueId chances = b.add("chances", graph::Softmax{2}, {scaled});
    const ValueId largest =
        b.add("largest", graph::Reduce{graph::ReduceKind::kMax, {2}, true}, {chances});
    const ValueId padded = b.add("padded", graph::Pad{{0, 0, 1}, {0, 0, 62}, 0.5F}, {largest});
    const ValueId all = b.add("all", graph::Binary{graph::BinaryKind::kAdd}, {waves, padded});
    const ValueId leaky = b.add("leaky", graph::LeakyRelu{0.1F}, {all});
    const ValueId above =
        b.add("above", graph::Compare{graph::CompareKind::kGreater}, {all, scaled});
    const ValueId chosen = b.add("chosen", graph::Select{}, {above, leaky, scaled});
    b.output(b.add("sum", graph::Binary{graph::BinaryKind::kAdd}, {chosen, scaled}), "sum");
    b.output(logits, "logits");
    module.programs.push_back(b.finish());
    module.programs.back().typical = {{"batch", 1}, {"points", 3}};
  }
  return module;
}

inline CompileOptions options_of(CpuFeatures features, bool reference = false) {
  CompileOptions options;
  options.target = backend::test_target(2);
  options.target.features = features;
  options.reference = reference;
  return options;
}

inline ReadOptions read_options(bool verify = false,
                                CpuFeatures features = backend::test_features()) {
  return {
      .families = {"test"}, .features = features, .threads = 2, .verify = verify, .open_gpus = {}};
}

inline SessionOptions session_options() {
  SessionOptions options;
  options.threads = 2;
  return options;
}

// Both outputs for two images and five points.
inline std::vector<float> run(std::shared_ptr<const CompiledModule> module, std::size_t program) {
  Session session(std::move(module), session_options());
  const Tensor image = random_tensor({2, 8, 8, 16}, 20);
  const std::vector<std::int32_t> labels{-1, 0, 1, 2, 3, 3, 2, 1, 0, -1};
  std::vector<float> result(2 * 7 * 64 + 2 * 128 * 128);
  const std::vector<std::int64_t> symbols{2, 5};
  const std::vector<ConstTensorRef> inputs{static_cast<const float*>(image.data.get()),
                                           labels.data()};
  const std::vector<TensorRef> outputs{result.data(), result.data() + 2 * 7 * 64};
  session.run(program, symbols, inputs, outputs);
  return result;
}

class EngineFile : public testing::Test {
 protected:
  EngineFile() {
    write_engine_file(path_, *module_, kModel);
    bytes_ = test::read_bytes(path_);
    parts_ = test::split_engine(bytes_);
  }

  LoadedEngine read(bool verify = false) const {
    return read_engine_file(path_, read_options(verify));
  }
  void write(const std::string& bytes) const { test::write_bytes(path_, bytes); }
  void write(const EngineBytes& parts) const { write(test::join_engine(parts)); }

  test::TempDir folder_;
  const std::string path_ = folder_ / "test.lasso";
  const std::shared_ptr<const CompiledModule> module_ =
      compile(every_op(), options_of(backend::test_features()));
  std::string bytes_;
  EngineBytes parts_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_FILE_ENGINE_FILE_FIXTURE_H_
