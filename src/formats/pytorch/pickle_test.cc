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
  EXPECT_EQ(t.dtype, DType::kF16);
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

TEST(Pickle, RefusesDangerousNamesAnywhere) {
  const auto run = [](const std::string& module, const std::string& name) {
    return read(program(call(global(module, name), {text("touch /tmp/lasso_was_here")})));
  };
  EXPECT_ERROR(run("os", "system"), kCorrupt, "would run os.system");
  EXPECT_ERROR(run("os.path", "join"), kCorrupt, "would run os.path.join");
  EXPECT_ERROR(run("posix", "system"), kCorrupt, "would run posix.system");
  EXPECT_ERROR(run("nt", "system"), kCorrupt, "would run nt.system");
  EXPECT_ERROR(run("subprocess", "Popen"), kCorrupt, "would run subprocess.Popen");
  EXPECT_ERROR(run("importlib.util", "x\x01y"), kCorrupt, "would run importlib.util.x\\x01y");
  EXPECT_ERROR(run("runpy", "run_path"), kCorrupt, "would run runpy.run_path");
  for (const char* name : {"eval", "exec", "compile", "open", "__import__", "eval.__call__"}) {
    EXPECT_ERROR(run("builtins", name), kCorrupt, std::string("would run builtins.") + name);
    EXPECT_ERROR(run("__builtin__", name), kCorrupt, std::string("would run __builtin__.") + name);
  }
  // Mentioning is enough: no call is needed for the refusal.
  EXPECT_ERROR(read(program(global("os", "system"))), kCorrupt, "would run os.system");
  // Protocol 4 names globals by strings, protocol 0 with the arguments before them.
  EXPECT_ERROR(read(program(text("os") + text("system") + "\x93")), kCorrupt, "os.system");
  EXPECT_ERROR(read("(ios\nsystem\n."), kCorrupt, "os.system");
  // As protocol 2 writes subprocess.Popen and open; and through another module.
  EXPECT_ERROR(run("commands", "Popen"), kCorrupt, "would run commands.Popen");
  EXPECT_ERROR(run("io", "open"), kCorrupt, "would run io.open");
  EXPECT_ERROR(run("_io", "open_code"), kCorrupt, "would run _io.open_code");
  EXPECT_ERROR(run("torch", "os.system"), kCorrupt, "would run torch.os.system");
  // Other names that begin alike are data.
  EXPECT_NO_THROW(run("io", "BytesIO"));
  EXPECT_NO_THROW(run("project.commands", "Train"));
  EXPECT_NO_THROW(run("ossaudio", "open"));
  EXPECT_NO_THROW(run("builtins", "getattr"));
  EXPECT_NO_THROW(run("builtins", "setattr"));
}

TEST(Pickle, RecordsObjects) {
  // a Namespace with attributes, an enumeration's member, an EasyDict with entries, a list's
  // subclass
  const std::string space = global("argparse", "Namespace") + ")\x81" +
                            dict({{"lr", std::string("G\x3f\xb9\x99\x99\x99\x99\x99\x9a", 9)}}) +
                            "b";
  const std::string member =
      call(global("builtins", "getattr"), {global("project.modes", "Mode"), text("TRAIN")});
  const std::string entries =
      global("easydict", "EasyDict") + ")\x81(" + text("k") + integer(5) + "u";
  const std::string items = global("project", "History") + ")\x81(" + integer(1) + integer(2) + "e";
  const Pickle pickle = read(program(tuple({space, member, entries, items})));
  const auto& all = pickle.items_of(pickle.value(pickle.root));
  const auto object = [&](std::size_t i) {
    EXPECT_EQ(pickle.value(all[i]).type, PickleType::kObject);
    return pickle.objects[pickle.value(all[i]).index];
  };
  const auto& attributes = pickle.items_of(pickle.value(object(0).state));
  EXPECT_EQ(pickle.value(attributes[0]).text, "lr");
  EXPECT_EQ(pickle.value(attributes[1]).number(), 0.1);
  EXPECT_EQ(class_of(pickle, pickle.value(all[0])).full(), "argparse.Namespace");
  const auto& arguments = pickle.items_of(pickle.value(object(1).arguments));
  EXPECT_EQ(pickle.names[pickle.value(arguments[0]).index].full(), "project.modes.Mode");
  EXPECT_EQ(pickle.value(arguments[1]).text, "TRAIN");
  EXPECT_EQ(pickle.items[object(2).entries].size(), 2U);
  EXPECT_EQ(pickle.value(pickle.items[object(2).entries][1]).integer, 5);
  EXPECT_EQ(pickle.items[object(3).elements].size(), 2U);
  EXPECT_EQ(object(3).entries, kNoPickleValue);
}

TEST(Pickle, RecordsCallsOfObjectsAndKeywords) {
  // getattr(x, "y")(1), C.__new__(C, 2, z=3), and copyreg's way to make a C
  const std::string made =
      call(call(global("builtins", "getattr"), {text("x"), text("y")}), {integer(1)});
  const std::string keywords =
      global("m", "C") + tuple({integer(2)}) + dict({{"z", integer(3)}}) + "\x92";
  const std::string rebuilt = call(global("copyreg", "_reconstructor"),
                                   {global("m", "D"), global("builtins", "object"), "N"});
  const Pickle pickle = read(program(tuple({made, keywords, rebuilt})));
  const auto& all = pickle.items_of(pickle.value(pickle.root));
  const PickleObject& outer = pickle.objects[pickle.value(all[0]).index];
  EXPECT_EQ(pickle.value(outer.callable).type, PickleType::kObject);
  EXPECT_EQ(class_of(pickle, pickle.value(all[0])).full(), "builtins.getattr");
  const PickleObject& named = pickle.objects[pickle.value(all[1]).index];
  EXPECT_EQ(pickle.items_of(pickle.value(named.keywords)).size(), 2U);
  EXPECT_EQ(class_of(pickle, pickle.value(all[2])).full(), "m.D");
}

TEST(Pickle, TakesClassesAsKeysAndValues) {
  const std::string classes =
      "}(" + global("project", "Head") + global("torch.optim", "Adam") + "u";
  const Pickle pickle = read(program(classes));
  const auto& items = pickle.items_of(pickle.value(pickle.root));
  EXPECT_EQ(pickle.names[pickle.value(items[0]).index].full(), "project.Head");
  EXPECT_EQ(pickle.names[pickle.value(items[1]).index].full(), "torch.optim.Adam");
}

TEST(Pickle, ReadsSets) {
  const std::string old = call(global("__builtin__", "set"), {list({integer(1), integer(2)})});
  const std::string added = "\x8f(" + integer(3) + "\x90";
  const std::string frozen = "(" + integer(4) + integer(5) + integer(6) + "\x91";
  const Pickle pickle = read(program(tuple({old, added, frozen})));
  const auto& all = pickle.items_of(pickle.value(pickle.root));
  std::vector<std::size_t> sizes;
  for (const PickleId id : all) {
    EXPECT_EQ(pickle.value(id).type, PickleType::kSet);
    sizes.push_back(pickle.items_of(pickle.value(id)).size());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 1, 3}));
}

// What Python 3.11's pickle.dumps(..., protocol=0) writes.
TEST(Pickle, ReadsProtocol0) {
  const Pickle pickle = read(
      "(lp0\nI01\naI-12\naL123456789012345678901234567890L\naL7L\naF0.5\naVna\xefve "
      "\\u20ac\np1\naS'it\\'s "
      "\\x41\\n'\np2\nag1\na(dp3\nVk\nNsa.");
  const auto& items = pickle.items_of(pickle.value(pickle.root));
  ASSERT_EQ(items.size(), 9U);
  EXPECT_EQ(pickle.value(items[0]).type, PickleType::kBool);
  EXPECT_EQ(pickle.value(items[1]).integer, -12);
  EXPECT_EQ(pickle.value(items[2]).type, PickleType::kBigInt);
  EXPECT_EQ(pickle.value(items[3]).integer, 7);
  EXPECT_EQ(pickle.value(items[4]).number(), 0.5);
  EXPECT_EQ(pickle.value(items[5]).text, "na\xc3\xafve \xe2\x82\xac");
  EXPECT_EQ(pickle.value(items[6]).text, "it's A\n");
  EXPECT_EQ(items[7], items[5]);
  EXPECT_EQ(pickle.value(items[8]).type, PickleType::kDict);
  for (const char* broken : {"Ix\n.", "Lx\n.", "Fx\n.", "Sabc\n.", "S'\n.", "V\\u12\n.", "gx\n."}) {
    EXPECT_EQ(code_of([&] { read(broken); }, "pickle, before byte"), kCorrupt) << broken;
  }
}

TEST(Pickle, ReadsProtocol5) {
  const Pickle pickle = read(std::string("\x80\x05\x96\x03\0\0\0\0\0\0\0abc\x8b\x09\0\0\0", 19) +
                             std::string(9, '\x7f') + std::string("\x8b\x02\0\0\0\0\x01\x87.", 9));
  const auto& items = pickle.items_of(pickle.value(pickle.root));
  EXPECT_EQ(pickle.value(items[0]).type, PickleType::kBytes);
  EXPECT_EQ(pickle.value(items[0]).text, "abc");
  EXPECT_EQ(pickle.value(items[1]).type, PickleType::kBigInt);
  EXPECT_EQ(pickle.value(items[2]).integer, 256);
  EXPECT_ERROR(read("\x80\x05\x97."), ErrorCode::kUnsupported, "out of band");
  EXPECT_ERROR(read("\x80\x05\x98."), ErrorCode::kUnsupported, "out of band");
  EXPECT_ERROR(read("\x8b\xff\xff\xff\x7f."), kCorrupt, "an integer of 2147483647 bytes");
}

TEST(Pickle, SaysHowFarItGoes) {
  const std::string first = program(integer(1));
  EXPECT_EQ(read(first + "more").bytes, first.size());
}

// A tensor with an attribute that a script gave it is a tensor; one of a subclass, or with a
// negative sign that waits, is an object.
TEST(Pickle, RebuildsTensorsOfPytorchsOwnClasses) {
  const auto rebuilt = [](const std::string& type, const std::string& more) {
    const std::string arguments =
        tuple({storage("0", 4), integer(0), integers({4}), integers({1}), "\x89", "N" + more});
    return call(global("torch._tensor", "_rebuild_from_type_v2"),
                {global("torch._utils", "_rebuild_tensor_v2"), type, arguments, dict({})});
  };
  const auto type_of = [](const std::string& value) {
    const Pickle pickle = read(program(value));
    return pickle.value(pickle.root).type;
  };
  EXPECT_EQ(type_of(rebuilt(global("torch", "Tensor"), "")), PickleType::kTensor);
  EXPECT_EQ(type_of(rebuilt(global("torch.nn.parameter", "Parameter"), "")), PickleType::kTensor);
  EXPECT_EQ(type_of(rebuilt(global("project", "Subclass"), "")), PickleType::kObject);
  EXPECT_EQ(type_of(rebuilt(global("torch", "Tensor"), dict({{"neg", "\x88"}}))),
            PickleType::kObject);
}

// _rebuild_tensor_v3: a storage of bytes, and the type as a name.
TEST(Pickle, ReadsTensorsInUntypedStorages) {
  const std::string bytes = tuple({text("storage"), global("torch.storage", "UntypedStorage"),
                                   text("0"), text("cpu"), integer(24)}) +
                            "Q";
  const auto typed = [&](const std::string& type, std::int64_t count) {
    return program(call(
        global("torch._utils", "_rebuild_tensor_v3"),
        {bytes, integer(1), integers({count}), integers({1}), "\x89", "N", global("torch", type)}));
  };
  const Pickle floats = read(typed("float32", 5));
  EXPECT_EQ(floats.tensors.front().dtype, DType::kF32);
  EXPECT_ERROR(read(typed("float32", 6)), kCorrupt, "leaves its storage");
  const Pickle foreign = read(typed("float8_e4m3fn", 23));
  EXPECT_EQ(foreign.tensors.front().dtype, std::nullopt);
  EXPECT_EQ(foreign.tensors.front().type_name, "float8_e4m3fn");
}

TEST(Pickle, RefusesBrokenPrograms) {
  EXPECT_ERROR(read(""), kCorrupt, "bytes are needed");
  EXPECT_ERROR(read("\x80\x02"), kCorrupt, "bytes are needed");
  EXPECT_ERROR(read("\x80\x06N."), kCorrupt, "protocol 6");
  EXPECT_ERROR(read("."), kCorrupt, "a value is needed");
  EXPECT_ERROR(read("t."), kCorrupt, "a mark is needed");
  EXPECT_ERROR(read("N(a."), kCorrupt, "a value is needed");
  EXPECT_ERROR(read("h\x05."), kCorrupt, "memo slot 5 is empty");
  EXPECT_ERROR(read("Nr\xff\xff\xff\xff."), kCorrupt, "memo slot 4294967295");
  EXPECT_ERROR(read("X\xff\xff\xff\xff."), kCorrupt, "a string of 4294967295 bytes");
  EXPECT_ERROR(read("}(Nu."), kCorrupt, "a key without a value");
  EXPECT_ERROR(read("N(NNu."), kCorrupt, "something else than a list, set or dictionary");
  EXPECT_ERROR(read("NNb."), kCorrupt, "BUILD");
  EXPECT_ERROR(read("N)R."), kCorrupt, "can't be called");
  EXPECT_ERROR(read("NQ."), kCorrupt, "persistent id");
  EXPECT_ERROR(read("cabc"), kCorrupt, "a name or number without an end");
  EXPECT_ERROR(read("\x80\x02\xff."), kCorrupt, "opcode 0xff");
  EXPECT_ERROR(read("P0\n."), kCorrupt, "persistent id");
  EXPECT_ERROR(read(std::string("\x82\0.", 3)), kCorrupt, "extension code 0");
  EXPECT_ERROR(read("(o."), kCorrupt, "an object without a class");
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

// Names are copied and compared for every value that refers to them.
TEST(Pickle, BoundsNames) {
  const std::string longest(1000, 'x');
  EXPECT_NO_THROW(read(program(text(longest) + text(longest) + "\x93")));
  EXPECT_ERROR(read(program(text("m") + text(longest + "x") + "\x93")), kCorrupt,
               "a name of more than 1000 bytes");
  EXPECT_ERROR(read(program(storage(longest + "x", 1))), kCorrupt,
               "a storage whose key has more than 1000 bytes");
  std::string tensors = tuple({storage("0", 1), integer(0), integers({1}), integers({1})}) +
                        std::string("q\x00", 2) + global("torch._utils", "_rebuild_tensor_v2") +
                        "q\x01";
  for (int i = 0; i <= 1 << 18; ++i) tensors += std::string("h\x01h\x00R0", 6);
  EXPECT_ERROR(read(program(tensors)), kCorrupt, "more than 262144 tensors");
}

TEST(Pickle, SurvivesCycles) {
  // d = {}; d["self"] = d
  const Pickle pickle =
      read(std::string("\x80\x02}q\x00", 5) + text("self") + std::string("h\x00s.", 4));
  EXPECT_EQ(pickle.value(pickle.root).type, PickleType::kDict);
}

}  // namespace
}  // namespace lasso
