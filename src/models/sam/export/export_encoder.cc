// The image encoder as PyTorch's exporter writes Meta's ImageEncoderViT: windows are cut out of the
// padded tokens, attention is spelled out, and relative positions are products of the queries with
// tables [S, S, d].
#include <cmath>
#include <utility>

#include "core/check.h"
#include "core/convert.h"
#include "models/sam/export/export_builder.h"

namespace lasso::sam {

namespace {

using Value = OnnxBuilder::Value;

// Row i, column j: the vector for query i and key j, which the parameter [2S - 1, d] has at
// i - j + S - 1.
Tensor position_table(const Weights& weights, const std::string& name) {
  const Tensor parameter = weights.dense(name);
  const std::int64_t size = (parameter.dims[0] + 1) / 2;
  const std::int64_t width = parameter.dims[1];
  const std::vector<float> rows = read_f32(parameter.view());
  parameter.check_file();
  std::vector<float> table;
  table.reserve(static_cast<std::size_t>(size * size * width));
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j < size; ++j) {
      const auto row = rows.begin() + (i - j + size - 1) * width;
      table.insert(table.end(), row, row + width);
    }
  }
  return make_tensor({size, size, width}, table);
}

class EncoderExporter {
 public:
  EncoderExporter(const SamCheckpoint& checkpoint, const EncoderExport& options)
      : options_(options),
        config_(checkpoint.config),
        grid_(config_.grid()),
        b_(options.parts == 1 ? "image_encoder"
                              : fmt::format("image_encoder_{}_of_{}", options.part, options.parts),
           options.opset, checkpoint, options.scales) {}

  BuiltOnnx run() {
    const bool last = options_.part == options_.parts;
    Value x = options_.part == 1 ? patches() : hidden(options_.part - 1);
    if (options_.part > 1) b_.input(x, OnnxDataType::kFloat32, tokens());
    const int end = first_block(options_.part + 1);
    for (int i = first_block(options_.part); i < end; ++i) {
      x = block(x, i,
                !last && i + 1 == end ? hidden(options_.part) : "blocks." + std::to_string(i));
    }
    if (last) {
      neck(x);
    } else {
      b_.output(x, OnnxDataType::kFloat32, tokens());
    }
    return std::move(b_).finish();
  }

 private:
  static std::string hidden(int part) { return fmt::format("hidden_{}", part); }
  std::vector<OnnxDim> tokens() const {
    return {std::int64_t{1}, grid_, grid_, std::int64_t{config_.embed_dim}};
  }
  // Of part p, counted from 1: parts have as many blocks as any other, or one more.
  int first_block(int part) const { return (part - 1) * config_.depth / options_.parts; }

  Value patches() {
    const std::int64_t size = config_.image_size;
    const Value image = b_.input(kOnnxImage, OnnxDataType::kFloat32,
                                 {std::int64_t{1}, std::int64_t{3}, size, size});
    const std::string p = "image_encoder.";
    const Value patches = b_.convolution("patch_embed", "Conv", image, p + "patch_embed.proj",
                                         config_.patch_size, config_.patch_size, 0, true);
    const Value rows = b_.transpose("patch_embed.rows", patches, {0, 2, 3, 1});
    return b_.add("pos_embed", rows, b_.parameter(p + "pos_embed"));
  }

  Value block(const Value& x, int index, const std::string& result) {
    const std::string name = "blocks." + std::to_string(index);
    const std::string p = "image_encoder." + name;
    const float epsilon = config_.encoder_norm_eps;
    const Value normed = b_.layer_norm(name + ".norm1", x, p + ".norm1", epsilon);
    const std::int64_t window = config_.is_global(index) ? 0 : config_.window_size;
    const Value attended = window == 0 ? attention(name + ".attn", p + ".attn", normed, 1, grid_)
                                       : windowed(name + ".attn", p + ".attn", normed, window);
    const Value sum = b_.add(name + ".attn.sum", x, attended);
    const Value normed2 = b_.layer_norm(name + ".norm2", sum, p + ".norm2", epsilon);
    const Value hidden = b_.linear(name + ".mlp.lin1", normed2, p + ".mlp.lin1");
    const Value activated = b_.gelu(name + ".mlp.gelu", hidden);
    return b_.add(result, sum, b_.linear(name + ".mlp.lin2", activated, p + ".mlp.lin2"));
  }

  Value windowed(const std::string& name, const std::string& layer, Value x, std::int64_t window) {
    const std::int64_t width = config_.embed_dim;
    const std::int64_t count = (grid_ + window - 1) / window;
    const std::int64_t padding = count * window - grid_;
    if (padding > 0) {
      x = b_.node(name + ".pad", "Pad", {x, b_.ints({0, 0, 0, 0, 0, padding, padding, 0})},
                  {{"mode", std::string("constant")}});
    }
    x = b_.reshape(name + ".windows", x, {1, count, window, count, window, width});
    x = b_.transpose(name + ".windows.rows", x, {0, 1, 3, 2, 4, 5});
    x = b_.reshape(name + ".windows.in", x, {count * count, window, window, width});
    x = attention(name, layer, x, count * count, window);
    x = b_.reshape(name + ".windows.out", x, {1, count, count, window, window, width});
    x = b_.transpose(name + ".rows", x, {0, 1, 3, 2, 4, 5});
    x = b_.reshape(name + ".tokens", x, {1, count * window, count * window, width});
    if (padding == 0) return x;
    return b_.node(name + ".crop", "Slice",
                   {x, b_.ints({0, 0}), b_.ints({grid_, grid_}), b_.ints({1, 2}), b_.ints({1, 1})});
  }

  // Of x [batch, size, size, C].
  Value attention(const std::string& name, const std::string& layer, const Value& x,
                  std::int64_t batch, std::int64_t size) {
    const std::int64_t heads = config_.num_heads;
    const std::int64_t width = config_.head_dim;
    const std::int64_t count = size * size;
    Value qkv = b_.linear(name + ".qkv", x, layer + ".qkv");
    qkv = b_.reshape(name + ".qkv.heads", qkv, {batch, count, 3, heads, width});
    qkv = b_.transpose(name + ".qkv.first", qkv, {2, 0, 3, 1, 4});
    qkv = b_.reshape(name + ".qkv.batch", qkv, {3, batch * heads, count, width});
    std::vector<std::string> names;
    for (const char* part : {".q", ".k", ".v"}) names.push_back(name + part + ".one");
    const std::vector<Value> parts =
        b_.nodes(names, "Split", {qkv, b_.ints({1, 1, 1})}, {{"axis", std::int64_t{0}}});
    const auto squeeze = [&](const char* suffix, const Value& part) {
      return b_.node(name + suffix, "Squeeze", {part, b_.ints({0})});
    };
    const Value q = squeeze(".q", parts[0]);
    const Value k = squeeze(".k", parts[1]);
    const Value v = squeeze(".v", parts[2]);
    const float scale = 1.0F / std::sqrt(static_cast<float>(width));
    const Value scaled = b_.node(name + ".q.scaled", "Mul", {q, b_.scalar(scale)});
    const Value keys = b_.transpose(name + ".k.T", k, {0, 2, 1});
    Value logits = b_.node(name + ".logits", "MatMul", {scaled, keys});
    if (config_.rel_pos) logits = with_positions(name, layer, logits, q, batch * heads, size);
    const Value weights =
        b_.node(name + ".softmax", "Softmax", {logits}, {{"axis", std::int64_t{-1}}});
    Value y = b_.node(name + ".heads", "MatMul", {weights, v});
    y = b_.reshape(name + ".heads.grid", y, {batch, heads, size, size, width});
    y = b_.transpose(name + ".heads.last", y, {0, 2, 3, 1, 4});
    y = b_.reshape(name + ".joined", y, {batch, size, size, heads * width});
    return b_.linear(name + ".proj", y, layer + ".proj");
  }

  Value with_positions(const std::string& name, const std::string& layer, const Value& logits,
                       const Value& q, std::int64_t batch, std::int64_t size) {
    const Value grid = b_.reshape(name + ".q.grid", q, {batch, size, size, config_.head_dim});
    const Value rows =
        positions(name + ".rel_h", layer + ".rel_pos_h", "bhwc,hkc->bhwk", grid, size);
    const Value columns =
        positions(name + ".rel_w", layer + ".rel_pos_w", "bhwc,wkc->bhwk", grid, size);
    Value sum = b_.reshape(name + ".logits.grid", logits, {batch, size, size, size, size});
    sum = b_.add(name + ".logits.h", sum,
                 b_.node(name + ".rel_h.columns", "Unsqueeze", {rows, b_.ints({4})}));
    sum = b_.add(name + ".logits.w", sum,
                 b_.node(name + ".rel_w.rows", "Unsqueeze", {columns, b_.ints({3})}));
    return b_.reshape(name + ".logits.sum", sum, {batch, size * size, size * size});
  }

  Value positions(const std::string& name, const std::string& parameter, const char* equation,
                  const Value& q, std::int64_t size) {
    const Value table =
        b_.constant(parameter + ".table", DType::kF32, {size, size, config_.head_dim},
                    [&weights = b_.checkpoint().weights, parameter] {
                      return position_table(weights, parameter);
                    });
    return b_.node(name, "Einsum", {q, table}, {{"equation", std::string(equation)}});
  }

  void neck(const Value& tokens) {
    const std::string p = "image_encoder.neck.";
    Value x = b_.transpose("neck.in", tokens, {0, 3, 1, 2});
    x = b_.convolution("neck.0", "Conv", x, p + "0", 1, 1, 0, false);
    x = b_.layer_norm_2d("neck.1", x, p + "1", config_.norm_2d_eps);
    x = b_.convolution("neck.2", "Conv", x, p + "2", 3, 1, 1, false);
    x = b_.layer_norm_2d(kOnnxEmbeddings, x, p + "3", config_.norm_2d_eps);
    b_.output(x, OnnxDataType::kFloat32,
              {std::int64_t{1}, std::int64_t{config_.prompt_dim}, grid_, grid_});
  }

  const EncoderExport& options_;
  const SamConfig& config_;
  std::int64_t grid_;
  ExportBuilder b_;
};

}  // namespace

BuiltOnnx export_encoder(const SamCheckpoint& checkpoint, const EncoderExport& options) {
  const int depth = checkpoint.config.depth;
  LASSO_CHECK(options.parts >= 1 && options.parts <= depth, ErrorCode::kInvalidArgument,
              "{} parts: the encoder has {} blocks", options.parts, depth);
  return EncoderExporter(checkpoint, options).run();
}

}  // namespace lasso::sam
