// Engine files of programs whose sizes are computed from inputs' values.
#include "graph/computed_sizes.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/test_target.h"
#include "engine/file/engine_file.h"
#include "engine/file/engine_file_fixture.h"
#include "engine/run/compute_sizes.h"
#include "graph/builder.h"
#include "lasso/error.h"
#include "support/engine_bytes.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso::engine {
namespace {

// y [rows, 4] is x [1, 4] repeated, rows = 2 n + size[1], where n is the size of another input.
graph::Module repeated() {
  const Dim n = Dim::symbol("n");
  const auto inputs_of = [&](Builder& b) {
    return std::array{b.input("x", DType::kF32, {1, 4}), b.input("size", DType::kI32, {2}),
                      b.input("z", DType::kF32, {n})};
  };
  Builder sizes("main.sizes");
  const auto [x, size, z] = inputs_of(sizes);
  const ValueId second = sizes.add("second", graph::Slice{0, 1, 2}, {size});
  const ValueId two = sizes.constant("two", make_tensor({}, std::vector<std::int32_t>{2}));
  const ValueId lengths = sizes.add("lengths", graph::Sizes{{n}}, {x});
  const ValueId twice = sizes.add("twice", graph::Binary{graph::BinaryKind::kMul}, {lengths, two});
  sizes.output(sizes.add("rows", graph::Binary{graph::BinaryKind::kAdd}, {twice, second}), "rows");

  Builder b("main");
  const auto inputs = inputs_of(b);
  b.output(b.add("y", graph::Expand{{Dim::symbol("rows"), 4}}, {inputs[0]}), "y");
  graph::Graph graph = b.take();
  graph.computed = {{"rows"}, std::make_shared<const graph::Graph>(sizes.finish())};
  graph.profile["rows"] = {1, 1, 100};
  graph::verify(graph);
  graph::Module module;
  module.programs.push_back(std::move(graph));
  return module;
}

TEST(ComputedSizes, EngineFilesHoldThem) {
  const test::TempDir folder;
  const std::string path = folder / "m.lasso";
  write_engine_file(path, *compile(repeated(), options_of(backend::test_features())), kModel);
  const LoadedEngine engine = read_engine_file(path, read_options(true));
  const CompiledProgram& program = engine.module->programs[0];
  EXPECT_EQ(program.symbols, (std::vector<std::string>{"n", "rows"}));
  const std::array<std::int32_t, 2> size{100, 3};
  const std::vector<const void*> inputs{nullptr, size.data(), nullptr};
  EXPECT_EQ(compute_sizes(program.graph, {{"n", 5}}, inputs), (std::vector<std::int64_t>{13}));
  EXPECT_EQ(graph::reads_values(*program.graph.computed.graph),
            (std::vector<bool>{false, true, false}));
}

struct Lie {
  const char* from;
  const char* to;
  const char* message;
};

TEST(ComputedSizes, LiesAreRefused) {
  const test::TempDir folder;
  const std::string path = folder / "m.lasso";
  write_engine_file(path, *compile(repeated(), options_of(backend::test_features())), kModel);
  const EngineBytes parts = test::split_engine(test::read_bytes(path));
  const std::vector<Lie> lies{
      {R"("symbols":["rows"])", R"("symbols":[])", "no results"},
      {R"("symbols":["rows"])", R"("symbols":["rows","more"])", ""},
      {R"("symbols":["rows"])", R"("symbols":["n"])", "gives a symbol that has its value"},
      {R"("symbols":["rows"])", R"("symbols":["columns"])", ""},
      {R"("data":[2])", R"("data":[2,2])", "1 elements"},
      {R"("data":[2])", R"("data":[4294967296])", "an integer from"},
      {R"("data":[2])", R"("data":2)", "an array"},
      {R"("data":[2],"dtype":"int32")", R"("data":[2],"dtype":"int8")", "no data of this type"},
      {R"("data":[2],"dtype":"int32")", R"("data":[2],"dtype":"float32")", ""},
      {R"("begin":1,"end":2)", R"("begin":1,"end":3)", "nothing behind the input's end"},
      {R"("sizes":[[[1,"n"]]])", R"("sizes":[[[1,"m"]]])", "m is not bound"},
      {R"("computed":{"inputs":[0,1,2])", R"("computed":{"inputs":[0,1])", ""},
      {R"("computed":{"inputs":[0,1,2])", R"("computed":{"inputs":[1,0,2])", "has other inputs"},
      {R"("computed":{"inputs":[0,1,2])", R"("computed":{"inputs":[0,1,99])", "an integer from"},
      {R"("name":"main.sizes")", R"("name":7)", "printable"},
      {R"("computed":{)", R"("computed":{"more":1,)", "fields"},
  };
  for (const Lie& lie : lies) {
    EngineBytes changed = parts;
    ASSERT_TRUE(test::replace_once(changed.programs, lie.from, lie.to))
        << lie.from << " in " << changed.programs;
    test::write_bytes(path, test::join_engine(changed));
    EXPECT_ERROR(read_engine_file(path, read_options(true)), ErrorCode::kCorruptFile, lie.message);
  }
}

// Who asks for much work is refused, whatever asks.
TEST(ComputedSizes, OnlySmallGraphsComputeThem) {
  graph::Module module = repeated();
  graph::Graph& program = module.programs[0];
  const auto with = [&](const std::function<ValueId(Builder&, ValueId)>& add) {
    Builder b("main.sizes");
    b.input("x", DType::kF32, {1, 4});
    const ValueId size = b.input("size", DType::kI32, {2});
    b.input("z", DType::kF32, {Dim::symbol("n")});
    b.output(add(b, size), "rows");
    program.computed.graph = std::make_shared<const graph::Graph>(b.finish());
    graph::verify(program);
  };
  const auto first = [](Builder& b, ValueId x) {
    return b.add("first", graph::Slice{0, 0, 1}, {x});
  };
  with(first);
  EXPECT_ERROR(with([&](Builder& b, ValueId size) {
                 const ValueId large = b.add("large", graph::Expand{{5000, 2}}, {size});
                 return first(b, b.add("flat", graph::Reshape{{10000}}, {large}));
               }),
               ErrorCode::kInternal, "has a large value");
  EXPECT_ERROR(with([&](Builder& b, ValueId size) {
                 for (int i = 0; i < 600; ++i) {
                   size = b.add("more", graph::Binary{graph::BinaryKind::kAdd}, {size, size});
                 }
                 return first(b, size);
               }),
               ErrorCode::kInternal, "has too many nodes");
  EXPECT_ERROR(
      with([](Builder& b, ValueId size) { return b.add("both", graph::Concat{0}, {size}); }),
      ErrorCode::kInternal, "has another output than an int32 for each symbol");
}

}  // namespace
}  // namespace lasso::engine
