#include "formats/pytorch/pickle.h"

#include <gtest/gtest.h>

#include <deque>

#include "support/errors.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

// The bytes, into which a pickle's texts point, are kept to the end.
Pickle read(std::string text) {
  static std::deque<std::string> kept;
  const std::string& bytes = kept.emplace_back(std::move(text));
  return read_pickle(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "test");
}

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

TEST(Pickle, ReadsPlainValues) {
  const std::string bytes = program(dict({{"a", integer(-5)}, {"b", list({text("x"), "N"})}}));
  const Pickle pickle = read(bytes);
  const PickleValue& root = pickle.value(pickle.root);
  ASSERT_EQ(root.type, PickleType::kDict);
  const auto& items = pickle.items_of(root);
  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(pickle.value(items[0]).text, "a");
  EXPECT_EQ(pickle.value(items[1]).integer, -5);
  EXPECT_EQ(pickle.value(items[3]).type, PickleType::kList);
}

TEST(Pickle, ReadsIntegersOfEveryWidth) {
  const std::string bytes = program(
      tuple({"J\xff\xff\xff\xff", "K\xff", std::string("M\x00\x01", 3), std::string("\x8a\x00", 2),
             "\x8a\x01\x80", std::string("\x8a\x02\x80\x00", 4)}));
  const Pickle pickle = read(bytes);
  std::vector<std::int64_t> seen;
  for (const PickleId id : pickle.items_of(pickle.value(pickle.root))) {
    seen.push_back(pickle.value(id).integer);
  }
  EXPECT_EQ(seen, (std::vector<std::int64_t>{-1, 255, 256, 0, -128, 128}));
}

TEST(Pickle, ReadsProtocol4) {
  // FRAME, SHORT_BINUNICODE, MEMOIZE, STACK_GLOBAL, BINGET
  const std::string body = std::string("\x8c\x0b") + "collections" + "\x94" + "\x8c\x0b" +
                           "OrderedDict" + "\x94\x93)R" + std::string("h\x00", 2) + "\x86.";
  const Pickle pickle =
      read("\x80\x04\x95" + little_endian(static_cast<std::uint64_t>(body.size())) + body);
  const auto& items = pickle.items_of(pickle.value(pickle.root));
  EXPECT_EQ(pickle.value(items[0]).type, PickleType::kDict);
  EXPECT_EQ(pickle.value(items[1]).type, PickleType::kString);
}

TEST(Pickle, ReadsTensorsAndParameters) {
  const std::string view = tensor(storage("7", 10, "HalfStorage"), 1, {3, 2}, {1, 4});
  const std::string parameter =
      call(global("torch._utils", "_rebuild_parameter"),
           {view, "\x88", call(global("collections", "OrderedDict"), {})});
  const Pickle pickle = read(program(parameter));
  ASSERT_EQ(pickle.value(pickle.root).type, PickleType::kTensor);
  const PickleTensor& t = pickle.tensors[pickle.value(pickle.root).index];
  EXPECT_EQ(t.dims, (Dims{3, 2}));
  EXPECT_EQ(t.strides, (Dims{1, 4}));
  EXPECT_EQ(t.offset, 1);
  EXPECT_EQ(pickle.storages[t.storage].key, "7");
  EXPECT_EQ(pickle.storages[t.storage].dtype, DType::kF16);
}

TEST(Pickle, RefusesTensorsThatLeaveTheirStorage) {
  const std::string ten = storage("0", 10);
  constexpr std::int64_t kHuge = std::int64_t{1} << 62U;
  EXPECT_NO_THROW(read(program(tensor(ten, 4, {3, 2}, {2, 1}))));
  EXPECT_ERROR(read(program(tensor(ten, 5, {3, 2}, {2, 1}))), kCorrupt, "leaves its storage");
  EXPECT_ERROR(read(program(tensor(ten, 10, {1}, {1}))), kCorrupt, "leaves its storage");
  EXPECT_ERROR(read(program(tensor(ten, -1, {1}, {1}))), kCorrupt, "leaves its storage");
  EXPECT_ERROR(read(program(tensor(ten, 0, {2}, {kHuge}))), kCorrupt, "leaves its storage");
  EXPECT_ERROR(read(program(tensor(ten, 0, {kHuge, kHuge}, {0, 0}))), kCorrupt, "leaves");
  EXPECT_ERROR(read(program(tensor(ten, 0, {4, 4}, {kHuge, kHuge}))), kCorrupt, "leaves");
  EXPECT_ERROR(read(program(tensor(ten, kHuge, {0}, {1}))), kCorrupt, "leaves its storage");
  EXPECT_ERROR(read(program(tensor(ten, 9, {3}, {-1}))), kCorrupt, "a stride of -1");
  EXPECT_ERROR(read(program(tensor(ten, 0, {-3}, {1}))), kCorrupt, "a size of -3");
  EXPECT_ERROR(read(program(tensor(ten, 0, {3}, {1, 1}))), kCorrupt, "1 sizes and 2 strides");
  EXPECT_ERROR(read(program(storage("0", -1))), kCorrupt, "-1 elements");
  EXPECT_ERROR(read(program(storage("0", kHuge))), kCorrupt, "elements");
}

TEST(Pickle, RefusesCallsByName) {
  const auto run = [](const std::string& module, const std::string& name) {
    return read(program(call(global(module, name), {text("touch /tmp/lasso_was_here")})));
  };
  EXPECT_ERROR(run("os", "system"), kCorrupt, "would run os.system");
  EXPECT_ERROR(run("posix", "system"), kCorrupt, "would run posix.system");
  EXPECT_ERROR(run("builtins", "eval"), kCorrupt, "would run builtins.eval");
  EXPECT_ERROR(run("builtins", "getattr"), kCorrupt, "would run builtins.getattr");
  EXPECT_ERROR(run("torch._utils", "_rebuild_tensor_v2\\"), kCorrupt, "would run");
  EXPECT_ERROR(run("o\x01s", "system"), kCorrupt, "would run o\\x01s.system");
  // Mentioning is enough: no call is needed for the refusal.
  EXPECT_ERROR(read(program(global("os", "system"))), kCorrupt, "would run os.system");
  // Protocol 4 names globals by strings.
  EXPECT_ERROR(read(program(text("os") + text("system") + "\x93")), kCorrupt, "os.system");
}

TEST(Pickle, NamesWholeModels) {
  EXPECT_ERROR(read(program(global("models.yolo", "Model"))), ErrorCode::kUnsupported, "YOLO");
  EXPECT_ERROR(read(program(global("ultralytics.nn.tasks", "SegmentationModel"))),
               ErrorCode::kUnsupported, "YOLO");
  EXPECT_ERROR(read(program(global("segment_anything.modeling.sam", "Sam"))),
               ErrorCode::kUnsupported, "state_dict()");
  EXPECT_ERROR(read(program(global("torch", "ComplexFloatStorage"))), ErrorCode::kUnsupported,
               "torch.ComplexFloatStorage");
}

TEST(Pickle, SkipsDataOfTrainingScripts) {
  const std::string scalar = call(global("numpy.core.multiarray", "scalar"),
                                  {call(global("numpy", "dtype"), {text("f8")}), text("bytes")});
  const std::string namespace_object = global("argparse", "Namespace") + ")\x81" +
                                       dict({{"lr", std::string("G\0\0\0\0\0\0\0\0", 9)}}) + "b";
  const std::string sizes = call(global("torch", "Size"), {integers({1, 2})});
  const std::string set = call(global("__builtin__", "set"), {list({integer(1)})});
  const Pickle pickle =
      read(program(dict({{"a", scalar}, {"b", namespace_object}, {"c", sizes}, {"d", set}})));
  const auto& items = pickle.items_of(pickle.value(pickle.root));
  for (std::size_t i = 1; i < items.size(); i += 2) {
    EXPECT_EQ(pickle.value(items[i]).type, PickleType::kOpaque);
  }
}

TEST(Pickle, RefusesOtherOpcodes) {
  // INST, OBJ, EXT1, PERSID, NEXT_BUFFER, LONG4, BYTEARRAY8, NEWOBJ_EX, INT as text
  for (const char* opcode : {"i", "o", "\x82", "P", "\x97", "\x8b", "\x96", "\x92", "I"}) {
    EXPECT_ERROR(read(std::string("\x80\x02") + opcode + "os\nsystem\n."), kCorrupt, "opcode 0x");
  }
}

TEST(Pickle, RefusesBrokenPrograms) {
  EXPECT_ERROR(read(""), kCorrupt, "bytes are needed");
  EXPECT_ERROR(read("\x80\x02"), kCorrupt, "bytes are needed");
  EXPECT_ERROR(read("\x80\x01N."), kCorrupt, "protocol 1");
  EXPECT_ERROR(read("\x80\x06N."), kCorrupt, "protocol 6");
  EXPECT_ERROR(read("."), kCorrupt, "a value is needed");
  EXPECT_ERROR(read("t."), kCorrupt, "a mark is needed");
  EXPECT_ERROR(read("N(a."), kCorrupt, "a value is needed");
  EXPECT_ERROR(read("h\x05."), kCorrupt, "memo slot 5 is empty");
  EXPECT_ERROR(read("Nr\xff\xff\xff\xff."), kCorrupt, "memo slot 4294967295");
  EXPECT_ERROR(read("X\xff\xff\xff\xff."), kCorrupt, "a string of 4294967295 bytes");
  EXPECT_ERROR(read("}(Nu."), kCorrupt, "a key without a value");
  EXPECT_ERROR(read("N(NNu."), kCorrupt, "something else than a list or dictionary");
  EXPECT_ERROR(read("NNb."), kCorrupt, "BUILD");
  EXPECT_ERROR(read("N)R."), kCorrupt, "can't be called");
  EXPECT_ERROR(read("NQ."), kCorrupt, "persistent id");
  EXPECT_ERROR(read("cabc"), kCorrupt, "a name without an end");
  EXPECT_ERROR(read(call(global("torch", "FloatStorage"), {})), kCorrupt, "storage outside");
  EXPECT_ERROR(read(call(global("torch._utils", "_rebuild_parameter"), {"N"})), kCorrupt,
               "a parameter without a tensor");
}

TEST(Pickle, BoundsItsMemory) {
  EXPECT_ERROR(read(std::string(2000, '(')), kCorrupt, "more than 1000 levels");
  EXPECT_ERROR(read(std::string(std::size_t{3} << 20U, 'N')), kCorrupt, "stack");
  std::string pops;
  for (int i = 0; i < 3 << 20; ++i) pops += "N0";
  EXPECT_ERROR(read(pops), kCorrupt, "more than 2097152 values");
}

// A call copies the pairs of a list: a few bytes for every copy of a million items.
TEST(Pickle, BoundsItemsThatCallsCopy) {
  std::string program = std::string("\x80\x02](") + integers({1, 2});
  program += std::string(1'000'000, '2') + "e";  // the same pair a million times
  program += std::string("q\x00", 2);
  for (int i = 0; i < 2000; ++i) {
    program += global("collections", "OrderedDict") + std::string("h\x00\x85R0", 5);
  }
  EXPECT_ERROR(read(program + "N."), kCorrupt, "items in collections");
}

TEST(Pickle, SurvivesCycles) {
  // d = {}; d["self"] = d
  const Pickle pickle =
      read(std::string("\x80\x02}q\x00", 5) + text("self") + std::string("h\x00s.", 4));
  EXPECT_EQ(pickle.value(pickle.root).type, PickleType::kDict);
}

}  // namespace
}  // namespace lasso
