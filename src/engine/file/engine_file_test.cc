#include "engine/file/engine_file.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "engine/file/engine_file_fixture.h"
#include "engine/file/program_json.h"
#include "support/errors.h"

namespace lasso::engine {
namespace {

TEST_F(EngineFile, HoldsTheWholeModule) {
  const LoadedEngine engine = read(true);
  EXPECT_EQ(engine.model.family, "test");
  EXPECT_EQ(engine.model.hash, kHash);
  EXPECT_EQ(engine.model.precision, "fp32");
  EXPECT_EQ(engine.model.description, R"({"size":7})");
  const CompiledModule& module = *engine.module;
  EXPECT_EQ(module.weights.size(), module_->weights.size());
  EXPECT_EQ(module.build.lasso_version, module_->build.lasso_version);
  EXPECT_EQ(module.build.libraries, module_->build.libraries);
  EXPECT_EQ(module.build.processor, cpu_model());
  EXPECT_EQ(module.build.target.features, backend::test_features());
  EXPECT_EQ(module.build.target.rates, module_->build.target.rates);
  EXPECT_EQ(module.build.needed, CpuFeature::kAvx2);
  ASSERT_EQ(module.programs.size(), 2U);
  for (std::size_t p = 0; p < 2; ++p) {
    const CompiledProgram& before = module_->programs[p];
    const CompiledProgram& after = module.programs[p];
    EXPECT_EQ(graph::to_string(after.graph), graph::to_string(before.graph));
    EXPECT_EQ(after.graph.typical, before.graph.typical);
    EXPECT_EQ(after.symbols, before.symbols);
    for (std::size_t i = 0; i < after.nodes.size(); ++i) {
      EXPECT_EQ(after.nodes[i].kernel, before.nodes[i].kernel);
      EXPECT_EQ(after.nodes[i].implementation, before.nodes[i].implementation);
      EXPECT_EQ(after.nodes[i].packed_inputs, before.nodes[i].packed_inputs);
    }
    EXPECT_EQ(run(engine.module, p), run(module_, p));
  }
  EXPECT_EQ(write_programs(module.programs), write_programs(module_->programs));
}

TEST_F(EngineFile, HoldsBfloat16Layers) {
  if (!backend::test_features().has(CpuFeature::kAvx512Bf16)) GTEST_SKIP() << "needs AVX-512 BF16";
  CompileOptions options = options_of(backend::test_features());
  for (const char* weights : {"conv.w", "up.w", "w"}) {
    options.precision.layers[weights].weights = DType::kBF16;
  }
  const auto before = compile(every_op(), options);
  write_engine_file(path_, *before, kModel);
  const auto after = read(true).module;
  for (std::size_t p = 0; p < 2; ++p) EXPECT_EQ(run(after, p), run(before, p));
  // Other CPUs read these weights, too, and compute in float32.
  EXPECT_EQ(after->build.needed, CpuFeature::kAvx2);
  std::set<std::string> layouts;
  for (const CompiledNode& node : after->programs[0].nodes) layouts.insert(node.packed_layout);
  const std::string panels = "bf16 W [n/64, k/32, 16, 64, 2], b f32 [n/64, 64]";
  EXPECT_EQ(layouts, (std::set<std::string>{"", panels, "k = (kh, kw, c): " + panels,
                                            "kernel rows of [kw*n, c]: " + panels,
                                            "f32 transposed [kh, kw, C, N], b [N]"}));
}

TEST_F(EngineFile, IsMappedAndAligned) {
  const LoadedEngine engine = read();
  const Weights& weights = engine.module->weights;
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(weights.data()) % kAlignment, 0U);
  EXPECT_EQ(std::memcmp(weights.data(), parts_.weights.data(), parts_.weights.size()), 0);
  for (const CompiledNode& node : engine.module->programs[0].nodes) {
    EXPECT_LE(node.packed.offset + node.packed.bytes, weights.size());
    EXPECT_EQ(node.packed.offset % kAlignment, 0U);
  }
}

// One layer at a time, or all from memory, or from another file: the same bytes.
TEST_F(EngineFile, TheSameModuleGivesTheSameBytes) {
  build_engine_file(folder_ / "streamed.lasso", kModel, [](WeightSink& sink) {
    return compile(every_op(), options_of(backend::test_features()), sink);
  });
  EXPECT_EQ(test::read_bytes(folder_ / "streamed.lasso"), bytes_);
  write_engine_file(folder_ / "again.lasso", *read().module, kModel);
  EXPECT_EQ(test::read_bytes(folder_ / "again.lasso"), bytes_);
}

TEST_F(EngineFile, RunsWithLessThanItWasBuiltWith) {
  const LoadedEngine engine = read_engine_file(path_, read_options(false, CpuFeature::kAvx2));
  const std::vector<float> expected = run(compile(every_op(), options_of(CpuFeature::kAvx2)), 0);
  EXPECT_EQ(run(engine.module, 0), expected);
}

TEST_F(EngineFile, ReferenceKernelsStayReferenceKernels) {
  const auto reference = compile(every_op(), options_of(backend::test_features(), true));
  write_engine_file(path_, *reference, kModel);
  const LoadedEngine engine = read();
  EXPECT_TRUE(engine.module->options.reference);
  EXPECT_EQ(run(engine.module, 1), run(reference, 1));
}

TEST_F(EngineFile, EveryTruncationIsNamed) {
  for (std::size_t size = 1; size < bytes_.size(); size += size < 600 ? 1 : 997) {
    write(bytes_.substr(0, size));
    const char* expected = size < 8 ? "not an engine file" : "truncated";
    EXPECT_ERROR(read(), ErrorCode::kCorruptFile, expected);
  }
  write(bytes_ + "x");
  EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "and its header says");
}

TEST_F(EngineFile, DamageIsFoundWhereItIsChecked) {
  const std::size_t weights = bytes_.find(parts_.weights);
  const auto flip = [&](std::size_t at) {
    std::string changed = bytes_;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    write(changed);
  };
  for (const std::size_t at : {20U, 30U, 60U, 100U, 150U, 300U, 511U}) {
    flip(at);
    EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "header's checksum");
  }
  flip(bytes_.find(parts_.programs) + 1000);
  EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "\"programs\" does not match");
  flip(bytes_.find(parts_.meta) + 10);
  EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "\"meta\" does not match");
  // The weights are read when they are used, or if asked for.
  flip(weights + parts_.weights.size() / 2);
  EXPECT_NO_THROW(read(false));
  EXPECT_ERROR(read(true), ErrorCode::kCorruptFile, "\"weights\" does not match");
  write(bytes_.substr(0, 5) + "\n" + bytes_.substr(7));  // as a transfer of text does
  EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "transfer as text");
}

TEST_F(EngineFile, OtherVersionsDevicesAndMachinesHaveTheirOwnErrors) {
  const auto header = [&](std::size_t at, const std::string& text) {
    std::string changed = bytes_;
    changed.replace(at, text.size(), text);
    test::reseal_header(changed);
    write(changed);
  };
  header(8, std::string("\1\0\0\0", 4));
  EXPECT_ERROR(read(), ErrorCode::kUnsupported, "in format 1");
  header(24, "cuda");
  EXPECT_ERROR(read(), ErrorCode::kUnsupported, "device \"cuda\"");
  header(88, "avx512_vnni+avx512_bf16");
  EXPECT_ERROR(read_engine_file(path_, read_options(false, CpuFeature::kAvx2)),
               ErrorCode::kUnsupported, "need avx512_vnni+avx512_bf16, and avx2 is the best");
  header(88, "avx10");
  EXPECT_ERROR(read(), ErrorCode::kUnsupported, "\"avx10");
  write(bytes_);
  ReadOptions other = read_options();
  other.families = {"yolov7"};
  EXPECT_ERROR(read_engine_file(path_, other), ErrorCode::kUnsupported, "family \"test\"");
}

// The checksums match: whoever made the file wanted it so.
TEST_F(EngineFile, LyingTablesAreRefused) {
  const auto lie = [&](std::size_t at, std::uint64_t number) {
    std::string changed = bytes_;
    std::memcpy(changed.data() + at, &number, sizeof(number));
    test::reseal_header(changed);
    write(changed);
  };
  for (std::size_t section = 0; section < 3; ++section) {
    const std::size_t entry = 192 + section * 48;
    for (const std::uint64_t number :
         {std::uint64_t{0}, std::uint64_t{4097}, std::uint64_t{1} << 40, ~std::uint64_t{0},
          ~std::uint64_t{4095}, std::uint64_t{8192}}) {
      lie(entry + 16, number);
      EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "damaged");
      lie(entry + 24, number);
      EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "damaged");
    }
    lie(entry, 0x657461646174656d);
    EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "lies where it can't");
  }
}

struct Lie {
  const char* from;
  const char* to;
  const char* message;
};

TEST_F(EngineFile, LyingProgramsAreRefused) {
  const Lie lies[] = {
      {R"("activation":"gelu")", R"("activation":"swish")", "one of none, gelu, relu, sigmoid"},
      {R"("op":"conv2d")", R"("op":"conv3d")", "not \"conv3d\""},
      {R"("op":"conv2d")", R"("op":"matmul")", "fields"},
      {R"("padding":1)", R"("padding":1.5)", "an integer"},
      {R"("padding":1)", R"("padding":-1)", "no negative padding"},
      {R"("padding":1)", R"("padding":99999999)", "up to 16777216"},
      {R"("padding":1)", R"("padding":99999999999)", "an integer"},
      {R"("stride":1)", R"("stride":0)", "a positive window, stride"},
      {R"("stride":1)", R"("stride":[1,0])", "a positive window, stride"},
      {R"("stride":1)", R"("stride":[1,1,1])", "an array of 2 elements"},
      {R"("padding":1)", R"("padding":[1,1,1,-1])", "no negative padding"},
      {R"("dilation":1)", R"("dilation":0)", "dilation"},
      {R"("dilation":1)", R"("dilation":2147483647)", "window"},
      {R"("groups":1)", R"("groups":5)", "groups divide"},
      {R"("groups":1)", R"("groups":-1)", "groups divide"},
      {R"("stride":2)", R"("stride":3)", "shape"},
      {R"("kernel_h":3)", R"("kernel_h":-3)", "shape"},
      {R"("heads":2)", R"("heads":0)", "3 * heads"},
      {R"("heads":2)", R"("heads":-2)", "3 * heads"},
      {R"("window":4)", R"("window":1000000)", "shape"},
      {R"("mode":"linear")", R"("mode":"lanczos")", "one of nearest, linear, cubic"},
      {R"("scale_h":0.0)", R"("scale_h":-1.5)", "positive scales"},
      {R"("exclude_outside":false)", R"("exclude_outside":true)", "cubic weights"},
      {R"("ceil":false)", R"("ceil":1)", "true or false"},
      {R"("kernel_w":2)", R"("kernel_w":99999999)", "a positive window"},
      {R"("output_padding":0)", R"("output_padding":-1)", "no negative padding"},
      {R"("axes":[2])", R"("axes":[2,2])", "different axes"},
      {R"("axes":[2])", R"("axes":[3])", "different axes"},
      {R"("keep":true)", R"("keep":1)", "true or false"},
      {R"("before":[0,0,1])", R"("before":[0,0,-1])", "no negative sizes"},
      {R"("before":[0,0,1])", R"("before":[0,0])", "for each dimension"},
      {R"("epsilon")", R"("delta")", "a field \"epsilon\""},
      {R"("scale":0.25)", R"("scale":1e60)", "a finite number"},
      {R"("axis":1)", R"("axis":9)", "an axis"},
      {R"("axis":1)", R"("axis":-1)", "an axis"},
      {R"("begin":3)", R"("begin":-3)", "begin before end"},
      {R"("end":19)", R"("end":1900)", "nothing behind the input's end"},
      {R"("permutation":[0,2,1])", R"("permutation":[0,2,2])", "a permutation"},
      {R"("dtype":"int32")", R"("dtype":"int3")", "one of float32"},
      {R"("dtype":"int32")", R"("dtype":"float32")", "int32 indices"},
      {R"("name":"first")", R"("name":"second")", "two programs"},
      {R"("name":"first")", "\"name\":\"\\u001b[2J\"", "printable"},
      {R"("name":"first")", R"("name":17)", "printable"},
      {R"("inputs":[0,)", R"("inputs":[99,)", "an integer from 0 to"},
      {R"("inputs":[0,)", R"("inputs":[20,)", ""},
      {R"("outputs":[4])", R"("outputs":[])", "at least one"},
      {R"("outputs":[4])", R"("outputs":[0])", ""},
      {R"("points":3)", R"("points":0)", "an integer from 1"},
      {R"("typical")", R"("profile":{"points":[1,2]},"typical")", "[min, opt, max]"},
      {R"("typical")", R"("profile":{"points":[4,5,6]},"typical")", "points is 3"},
      {R"("typical")", R"("profile":{"points":[3,2,1]},"typical")", "the profile of points"},
      {R"("typical")", R"("profile":{"points":[[4,5,6],[1,1,2]]},"typical")",
       "4 to 6 or 1 to 2 is expected"},
      {R"("typical")", R"("profile":{"points":[[1,3,4],[3,2,1]]},"typical")",
       "the profile of points"},
      {R"("typical")", R"("profile":{"points":[[1,3,4],5]},"typical")", "[min, opt, max]"},
      {R"("typical")", R"("profile":{"points":[]},"typical")", "[min, opt, max]"},
      {R"("typical")", R"("profile":{"dots":[1,2,3]},"typical")", "no symbol"},
      {R"("dtype":"int32")", R"("count":0,"dtype":"int32")", "counted by"},
      {R"("dtype":"int32")", R"("count":30000,"dtype":"int32")", "does not exist"},
      {R"("dtype":"int32")", R"("count":-1,"dtype":"int32")", "an integer from 0"},
      {R"("points":3)", R"("dots":3)", "typical sizes"},
      {R"([1,"points"])", R"([-1,"points"])", ""},
      {R"([1,"points"])", R"([1,"points","points","points","points"])", "an array"},
      {R"([1,"points"])", R"([])", "terms"},
      {R"([1,"points"])", R"([1,[[[1,"points"]],0]])", "an integer from 1"},
      {R"([1,"points"])", R"([1,[[[1,[[[1,[[[1,"points"]],2]]],2]]],2]])", "a symbol"},
      {R"([[1,"batch"]],8)", R"([[1,"batch"]],0)", ""},
      {R"([[1,"batch"]],8)", R"([[1,"batch"]],1099511627776)", ""},
      {R"("layout":"f32 W)", R"("layout":"f99 W)", "no linear kernel of this release reads"},
      {R"("layout":"f32 W)", R"("layout":"k = (kh, kw, c): f32 W)", "no linear kernel"},
      {R"("packed":{"bytes":)", R"("packed":{"bytes":1)", "kernel of this release reads"},
      {R"("offset":0})", R"("offset":1})", "outside the section"},
      {R"("offset":0})", R"("offset":64})", "weights"},
      {R"("offset":0})", R"("offset":1099511627776})", "outside the section"},
      {R"("offset":0})", R"("offset":-64})", "an integer from 0"},
      {R"("constant":{"offset":)", R"("constant":{"place":)", "fields"},
      {"[{", "[[[[[[[[[[[[[[[[[[[[{", "depth"},
      {"[{", "{", "JSON"},
  };
  for (const Lie& lie : lies) {
    EngineBytes changed = parts_;
    ASSERT_TRUE(test::replace_once(changed.programs, lie.from, lie.to)) << lie.from;
    write(changed);
    const auto error = test::error_of([&] { read(true); });
    ASSERT_TRUE(error) << lie.from << " -> " << lie.to;
    const std::string message = error->what();
    EXPECT_TRUE(error->code() == ErrorCode::kCorruptFile ||
                error->code() == ErrorCode::kUnsupported)
        << message;
    EXPECT_NE(message.find(lie.message), std::string::npos) << lie.to << ": " << message;
    EXPECT_EQ(message.find(path_), 0U) << message;
  }
}

// Names that this release does not have, and tunings that their kernels do not know, change
// nothing.
TEST_F(EngineFile, HoldsWhatTimesChose) {
  EngineBytes changed = parts_;
  Json programs = Json::parse(changed.programs);
  const auto label = [&](std::size_t node) {
    const CompiledNode& compiled = module_->programs[0].nodes[node];
    return compiled.family->label(compiled.kernel);
  };
  const Preference preferred[] = {{label(0), "66.5.20.1.0.0.0.0.2"}, {"other.sm_90", "1"}};
  for (std::size_t node = 0; node < 2; ++node) {
    programs[0]["nodes"][node]["timed"] = {{"kernels", {{{"kernel", label(node)}, {"ms", 1.5}}}},
                                           {"preferred", preferred[node].kernel},
                                           {"tuning", preferred[node].tuning}};
  }
  changed.programs = programs.dump();
  write(changed);
  const LoadedEngine engine = read(true);
  const CompiledProgram& first = engine.module->programs[0];
  for (std::size_t node = 0; node < 2; ++node) {
    EXPECT_EQ(first.nodes[node].preferred, preferred[node]);
  }
  EXPECT_EQ(write_programs(engine.module->programs), programs);
  EXPECT_EQ(run(engine.module, 0), run(module_, 0));
}

TEST_F(EngineFile, TuningsAreNumbersAndDots) {
  const Json programs = Json::parse(parts_.programs);
  const Json tunings[] = {"", "66,5", "-1", "66.5 ", "%n", std::string(129, '1'), 7, nullptr};
  const auto refused = [&](const Json& timed, const char* message) {
    Json lying = programs;
    lying[0]["nodes"][0]["timed"] = timed;
    EngineBytes changed = parts_;
    changed.programs = lying.dump();
    write(changed);
    EXPECT_ERROR(read(), ErrorCode::kCorruptFile, message);
  };
  for (const Json& tuning : tunings) {
    refused({{"kernels", Json::array()}, {"preferred", "a"}, {"tuning", tuning}}, "tuning");
  }
  refused({{"kernels", Json::array()}, {"tuning", "66.5"}}, "of a preferred kernel");
}

TEST_F(EngineFile, LyingDescriptionsAreRefused) {
  const Lie lies[] = {
      {R"("accuracy":null)", R"("accuracy":1)", "null or an object"},
      {R"("features":")", R"("features":"x)", "instruction set"},
      {R"("libraries":{)", R"("libraries":{"a":{},)", "printable"},
      {R"("vfmadd231ps.avx2":0)", R"("vfmadd231ps.avx2":9)", "an integer from -8 to 8"},
      {R"("precision":"fp32")", R"("precision":4)", "printable"},
      {R"("reference_kernels":false)", R"("reference_kernels":0)", "true or false"},
      {R"("reference_kernels":false)", R"("reference_kernels":true)", "kernel of this release"},
      {R"({"size":7})", "7", "an object"},
      {R"("family":"test")", R"("species":"test")", "a field \"family\""},
  };
  for (const Lie& lie : lies) {
    EngineBytes changed = parts_;
    ASSERT_TRUE(test::replace_once(changed.meta, lie.from, lie.to)) << lie.from;
    write(changed);
    const auto error = test::error_of([&] { read(true); });
    ASSERT_TRUE(error) << lie.to;
    EXPECT_NE(std::string(error->what()).find(lie.message), std::string::npos) << error->what();
  }
}

// An output that is another name of an input or a constant would never be written.
TEST_F(EngineFile, OutputsMustBeWritten) {
  EngineBytes changed = parts_;
  const Json programs = Json::parse(changed.programs);
  for (const int output : {0, 4}) {  // the image; the convolution's result, which has another shape
    Json lying = programs;
    lying[0]["outputs"] = {output, output};
    changed.programs = lying.dump();
    write(changed);
    EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "also something else");
  }
}

// Weights that nothing uses would be a place to hide things, and ones that overlap, to save space.
TEST_F(EngineFile, WeightsFillTheirSection) {
  EngineBytes changed = parts_;
  changed.weights += std::string(64, 'x');
  write(changed);
  EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "weights end at");
  changed = parts_;
  changed.weights.resize(changed.weights.size() - 4);
  write(changed);
  EXPECT_ERROR(read(), ErrorCode::kCorruptFile, "outside the section");
}

TEST_F(EngineFile, AFailedBuildLeavesTheOldFile) {
  const auto interrupted = [](WeightSink& sink) -> CompiledModule {
    sink.begin(2000);
    sink.store({0, 1000}, [](std::byte* out) { std::memset(out, 1, 1000); });
    throw Error(ErrorCode::kDevice, "interrupted");
  };
  EXPECT_ERROR(build_engine_file(path_, kModel, interrupted), ErrorCode::kDevice, "interrupted");
  EXPECT_EQ(test::read_bytes(path_), bytes_);
  EXPECT_ERROR(write_engine_file(folder_ / "no/such/folder.lasso", *module_, kModel),
               ErrorCode::kInvalidArgument, "can't be written");
}

}  // namespace
}  // namespace lasso::engine
