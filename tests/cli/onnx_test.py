"""lasso inspect of ONNX models; what other commands say of them."""

import struct
import unittest

from harness import BAD_MODEL, DONE, MODEL, SOURCE, USAGE, CliTest

GOLDEN = SOURCE / "../shared/golden"


def varint(value):
    value &= (1 << 64) - 1
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def field(number, value):
    """A field of a message: a number, or a text or message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def node(op_type, inputs, outputs, name, domain=""):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) +
            field(3, name) + field(4, op_type) + field(7, domain))


def value(name, *dims):
    """Of float32; a size that is None is unknown."""
    shape = b"".join(field(1, b"" if d is None else field(1 if isinstance(d, int) else 2, d))
                     for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def external(location, offset):
    entry = [field(1, key) + field(2, text)
             for key, text in (("location", location), ("offset", str(offset)))]
    return field(14, 1) + b"".join(field(13, e) for e in entry)


def tensor(name, count, data=None):
    """Of float32; data: fields in place of zeros in raw_data."""
    zeros = field(9, struct.pack(f"<{count}f", *[0] * count))
    return field(1, count) + field(2, 1) + field(8, name) + (zeros if data is None else data)


def model(nodes, initializers=(), inputs=(), outputs=()):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "main")
    graph += b"".join(field(5, t) for t in initializers)
    graph += b"".join(field(11, v) for v in inputs) + b"".join(field(12, v) for v in outputs)
    return (field(1, 8) + field(2, "pytorch") + field(3, "2.0") + field(7, graph) +
            field(8, field(2, 17)) + field(8, field(1, "my.ops") + field(2, 1)) +
            field(14, field(1, "author") + field(2, "some\nbody")))


SMALL = model([node("Mul", ["s", "s"], ["m"], "last"), node("Add", ["x", "w"], ["s"], "first"),
               node("Mul", ["m", "w"], ["n"], "more"), node("Blur", ["n"], ["y"], "blur", "my.ops")],
              [tensor("w", 3)], [value("x", "batch", 3), value("w", 3)],
              [value("y", "batch", None, 3)])


class OnnxTest(CliTest):
    def write(self, name, data):
        (self.folder / name).write_bytes(data)
        return name

    def test_summary(self):
        text = self.expect(DONE, "inspect", self.write("m.onnx", SMALL)).out
        for line in ("ONNX model  m.onnx", "  producer      pytorch 2.0", "  opset         17, my.ops 1",
                     "  graph         main: 4 nodes, 1 initialisers", "  weights       12 B: 1 float32",
                     "  metadata      author: some\\nbody", "  in   x: float32 [batch, 3]",
                     "  out  y: float32 [batch, ?, 3]", "  nodes  operator  domain",
                     "      2  Mul", "      1  Add", "      1  Blur      my.ops"):
            self.assertIn(line, [line.rstrip() for line in text.splitlines()], text)
        self.assertNotIn("  in   w", text)  # it has a default
        self.assertLess(text.index("Mul"), text.index("Add"))
        self.assertEqual(self.expect(DONE, "inspect", "m.onnx", "-q").out, "")

    def test_json(self):
        (info,) = self.expect(DONE, "inspect", self.write("m.bin", SMALL), "--json").objects()
        self.assertEqual((info["file"], info["family"], info["ir_version"]), ("m.bin", "onnx", 8))
        self.assertEqual(info["opset_imports"], [{"domain": "", "version": 17},
                                                 {"domain": "my.ops", "version": 1}])
        self.assertEqual(info["inputs"], [{"name": "x", "kind": "tensor", "type": "float32",
                                           "shape": ["batch", 3]}])
        self.assertEqual(info["outputs"][0]["shape"], ["batch", None, 3])
        self.assertEqual(info["operators"][0], {"op_type": "Mul", "domain": "", "node_count": 2})
        self.assertEqual((info["node_count"], info["initializer_count"], info["parameters"],
                          info["weight_bytes"]), (4, 1, 3, 12))
        self.assertEqual(info["metadata"], {"author": "some\nbody"})
        self.assertEqual(info["external_files"], [])

    def test_external_data(self):
        self.write("w.bin", bytes(32))
        self.write("m.onnx", model([], [tensor("a", 3, external("w.bin", 4)),
                                        tensor("b", 4, external("w.bin", 16))]))
        (info,) = self.expect(DONE, "inspect", "m.onnx", "--json").objects()
        (file,) = info["external_files"]
        self.assertTrue(file["file"].endswith("/w.bin"))
        self.assertEqual((file["weight_bytes"], file["tensor_count"]), (28, 2))
        self.assertIn("w.bin: 28 B in 2 tensors", self.expect(DONE, "inspect", "m.onnx").out)
        (self.folder / "w.bin").write_bytes(bytes(31))
        self.assertIn("m.onnx: graph, initialiser 1 (b), external_data: 16 bytes at 16 lie outside",
                      self.error(BAD_MODEL, "inspect", "m.onnx"))
        for location in ("../w.bin", str(MODEL), "none.bin"):
            self.write("m.onnx", model([], [tensor("a", 3, external(location, 0))]))
            self.assertIn(location, self.error(BAD_MODEL, "inspect", "m.onnx"))

    def test_what_is_wrong_is_named(self):
        cases = {
            "node 0 (a): needs its own result by way of node 1 (b)":
                model([node("X", ["2"], ["1"], "a"), node("X", ["1"], ["2"], "b")]),
            "node 0 (a): input 0: nothing gives the value u": model([node("X", ["u"], [], "a")]),
            "initialiser 0 (w): raw_data: 1 bytes": model([], [tensor("w", 3, field(9, b"1"))]),
            "a length reaches beyond the end": SMALL[:60],
        }
        for message, data in cases.items():
            line = self.error(BAD_MODEL, "inspect", self.write("m.onnx", data))
            self.assertIn("m.onnx: ", line)
            self.assertIn(message, line)

    def test_options_of_runs_are_refused(self):
        self.write("m.onnx", SMALL)
        for option in ("--layers", "--why", "--time", "--graph"):
            self.assertIn(option, self.error(USAGE, "inspect", "m.onnx", option))

    def test_other_commands_say_what_it_is(self):
        self.write("m.onnx", SMALL)
        self.write("m.plan", b"ftrt" + bytes(100))
        for arguments in (("build", "{}", "-o", "a.lasso"), ("compare", "{}"),
                          ("run", "{}", "--program", "p", "--inputs", "i.npz", "-o", "o.npz")):
            def line(name, arguments=arguments):
                return self.error(BAD_MODEL, *(a.format(name) for a in arguments))
            self.assertIn("m.onnx: an ONNX model, which \"lasso inspect\" shows", line("m.onnx"))
            self.assertIn("m.plan: a TensorRT plan", line("m.plan"))
            self.assertIn("with lasso build from the ONNX file", line("m.plan"))
        self.assertIn("TensorRT plan", self.error(BAD_MODEL, "inspect", "m.plan"))

    @unittest.skipUnless(GOLDEN.is_dir(), f"{GOLDEN} is not there")
    def test_exported_models(self):
        models = [path for path in GOLDEN.glob("*/*.onnx")]
        self.assertTrue(models)
        for path in models:
            (info,) = self.expect(DONE, "inspect", path, "--json").objects()
            self.assertEqual(info["producer_name"], "pytorch")
            self.assertEqual(sum(op["node_count"] for op in info["operators"]), info["node_count"])
            self.assertIn("in   images: float32 [" if "decoder" not in path.name else
                          "in   point_coords: float32 [", self.expect(DONE, "inspect", path).out)


if __name__ == "__main__":
    unittest.main()
