"""ONNX models: lasso inspect, and run, build and compare on small ones."""

import io
import struct
import unittest
import zipfile

from harness import BAD_MODEL, DONE, MODEL, SOURCE, USAGE, CliTest
from onnx_file import external, field, model, node, tensor, value

GOLDEN = SOURCE / "../shared/golden"


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

    def write_inputs(self, name, **arrays):
        """Vectors and matrices as lists, of float32, or of int64 where they are integers."""
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for key, rows in arrays.items():
                shape = (len(rows), len(rows[0])) if isinstance(rows[0], list) else (len(rows),)
                flat = [v for row in rows for v in row] if isinstance(rows[0], list) else rows
                kind, code = ("<i8", "q") if all(isinstance(v, int) for v in flat) else ("<f4", "f")
                header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
                header += " " * (63 - (10 + len(header)) % 64) + "\n"
                archive.writestr(key + ".npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) +
                                 header.encode() + struct.pack(f"<{len(flat)}{code}", *flat))
        return name

    def read_outputs(self, name):
        """Arrays of float32, flat."""
        arrays = {}
        with zipfile.ZipFile(self.folder / name) as archive:
            for member in archive.namelist():
                data = io.BytesIO(archive.read(member))
                data.read(8)
                data.read(struct.unpack("<H", data.read(2))[0])
                values = data.read()
                arrays[member[:-4]] = struct.unpack(f"<{len(values) // 4}f", values)
        return arrays

    def test_runs_and_engines(self):
        # y = (x + w) (x + w)
        runs = model([node("Mul", ["s", "s"], ["y"], "last"), node("Add", ["x", "w"], ["s"], "first")],
                     [tensor("w", 3, field(9, struct.pack("<3f", 1, 2, 3)))],
                     [value("x", "batch", 3)], [value("y", "batch", 3)])
        self.write("m.onnx", runs)
        self.write_inputs("i.npz", x=[[0.5, 1.0, -3.0], [1.0, 0.0, 0.0]])
        expected = (2.25, 9.0, 0.0, 4.0, 4.0, 9.0)
        (done,) = self.expect(DONE, "run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz", "--json").objects()
        self.assertEqual(done["outputs"], {"y": {"type": "float32", "shape": [2, 3]}})
        self.assertEqual(self.read_outputs("o.npz")["y"], expected)
        self.expect(DONE, "build", "m.onnx", "-o", "m.lasso", "--no-timing")
        self.expect(DONE, "run", "m.lasso", "--inputs", "i.npz", "-o", "o2.npz")
        self.assertEqual(self.read_outputs("o2.npz")["y"], expected)
        text = self.expect(DONE, "inspect", "m.onnx", "--layers").out
        self.assertRegex(text, r"input +x +float32 +\[batch, 3\]")
        self.assertIn("mul", text)
        self.assertIn("input \"x\" is [3], and [batch, 3] is expected",
                      self.error(USAGE, "run", "m.onnx", "--inputs",
                                 self.write_inputs("bad.npz", x=[0.5, 1.0, 2.0]), "-o", "o3.npz"))

    def test_engines_of_constants_without_names(self):
        constant = (field(2, "c") + field(4, "Constant") +
                    field(5, field(1, "value") + field(5, field(1, 3) + field(2, 1) +
                                                       field(9, struct.pack("<3f", 1, 2, 3))) + field(20, 4)))
        self.write("m.onnx", model([constant, node("Add", ["x", "c"], ["y"], "add")], [],
                                   [value("x", 3)], [value("y", 3)]))
        self.write_inputs("i.npz", x=[0.5, 1.0, -3.0])
        self.expect(DONE, "build", "m.onnx", "-o", "m.lasso", "--no-timing")
        self.expect(DONE, "run", "m.lasso", "--inputs", "i.npz", "-o", "o.npz")
        self.assertEqual(self.read_outputs("o.npz")["y"], (1.5, 3.0, 0.0))

    def test_names_may_be_missing(self):
        graph = field(1, node("Relu", ["x"], ["y"], "")) + field(11, value("x", 3)) + field(12, value("y", 3))
        self.write("m.onnx", field(1, 8) + field(7, graph) + field(8, field(2, 17)))
        self.write_inputs("i.npz", x=[0.5, -1.0, 0.0])
        self.expect(DONE, "run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz")
        self.assertEqual(self.read_outputs("o.npz")["y"], (0.5, 0.0, 0.0))

    def test_inputs_that_shapes_need_are_fixed(self):
        sizes = field(1, "s") + field(2, field(1, field(1, 7) + field(2, field(1, field(1, 2)))))
        self.write("m.onnx", model([node("Reshape", ["x", "s"], ["y"], "view")], [],
                                   [value("x", "n", 4), sizes], [value("y", None, None)]))
        self.write_inputs("i.npz", x=[[0.5] * 4, [1.5] * 4])
        self.write_inputs("s.npz", s=[4, -1])
        self.assertIn("node 0 (view, Reshape): the shape is computed from data (s)",
                      self.error(BAD_MODEL, "run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz"))
        (done,) = self.expect(DONE, "run", "m.onnx", "--inputs", "i.npz", "--fixed-inputs", "s.npz",
                              "-o", "o.npz", "--json").objects()
        self.assertEqual(done["outputs"]["y"]["shape"], [4, 2])
        self.assertIn("--fixed-inputs none.npz", self.error(
            USAGE, "run", "m.onnx", "--inputs", "i.npz", "--fixed-inputs", "none.npz", "-o", "o.npz"))

    def test_open_sizes_are_fixed(self):
        self.write("m.onnx", model([node("Add", ["a", "b"], ["y"], "sum")], [],
                                   [value("a", "n"), value("b", "m")], [value("y", None)]))
        self.write_inputs("i.npz", a=[1.0, 2.0, 3.0], b=[0.5, 0.5, 0.5])
        run = ("run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz")
        error = self.error(BAD_MODEL, *run)
        self.assertIn("node 0 (sum, Add)", error)
        self.assertIn("once open sizes are fixed (--fixed-size, EngineOptions::fixed_sizes), which are m, n", error)
        self.expect(DONE, *run, "--fixed-size", "n=3", "--fixed-size", "m=3")
        self.assertEqual(self.read_outputs("o.npz")["y"], (1.5, 2.5, 3.5))
        self.expect(DONE, "build", "m.onnx", "-o", "m.lasso", "--fixed-size", "n=2", "--fixed-size", "m=2")
        self.assertIn("a", self.error(USAGE, "run", "m.lasso", "--inputs", "i.npz", "-o", "o.npz"))
        for text in ("n", "=3", "n=0", "n=x"):
            self.assertIn("--fixed-size", self.error(USAGE, *run, "--fixed-size", text))
        self.assertIn('no input has an open size "k", which is to be 2; open are m, n',
                      self.error(USAGE, *run, "--fixed-size", "k=2"))

    def decider(self):
        """y [s0, s1] is x [1, 1] repeated, whose sizes are the values of s."""
        sizes = field(1, "s") + field(2, field(1, field(1, 7) + field(2, field(1, field(1, 2)))))
        self.write("m.onnx", model([node("Expand", ["x", "s"], ["y"], "expand")], [],
                                   [value("x", 1, 1), sizes], [value("y", None, None)]))

    def test_inputs_decide_sizes(self):
        self.decider()
        self.expect(DONE, "build", "m.onnx", "-o", "m.lasso", "--no-timing", "--profile", "s_0=1:2:4",
                    "--profile", "s_1=1:3:5")
        for sizes in ([2, 3], [4, 1]):
            self.write_inputs("i.npz", x=[[0.5]], s=sizes)
            (done,) = self.expect(DONE, "run", "m.lasso", "--inputs", "i.npz", "-o", "o.npz",
                                  "--json").objects()
            self.assertEqual(done["outputs"]["y"]["shape"], sizes)
            self.assertEqual(self.read_outputs("o.npz")["y"], (0.5,) * (sizes[0] * sizes[1]))
        self.write_inputs("i.npz", x=[[0.5]], s=[5, 1])
        self.assertIn("input \"s\": s_0 is 5, as it is computed before the run, and 1 to 4 is expected",
                      self.error(USAGE, "run", "m.lasso", "--inputs", "i.npz", "-o", "o2.npz"))
        (info,) = self.expect(DONE, "inspect", "m.lasso", "--json").objects()
        (program,) = info["programs"]
        self.assertEqual(program["sizes"], {"s_0": {"min": 1, "opt": 2, "max": 4},
                                            "s_1": {"min": 1, "opt": 3, "max": 5}})
        roles = {a["name"]: (a["role"], a["bytes"]) for a in program["arguments"]}
        self.assertEqual(roles, {"x": ("input", 4), "s": ("sizes", 16), "y": ("output", 24)})

    def test_profiles(self):
        self.decider()
        self.write_inputs("i.npz", x=[[0.5]], s=[2, 2])
        run = ("run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz")
        self.expect(DONE, *run, "--profile", "s_0=1:1:2")
        for wrong in ("s_0", "s_0=1:2", "s_0=2:1:3", "s_0=0:1:2", "=1:1:1", "s_0=1:1:99999999"):
            self.assertIn(f"--profile {wrong}: expected NAME=MIN:OPT:MAX",
                          self.error(USAGE, *run, "--profile", wrong))
        self.assertIn("profile batch=1:1:2: the model has no such size: expected one of s_0, s_1",
                      self.error(USAGE, *run, "--profile", "batch=1:1:2"))
        self.expect(DONE, *run, "--profile", "s_0=1:1:1", "--profile", "s_0=2:2:3")
        self.assertIn("s_0 is 2, as it is computed before the run, and 1 to 1 or 3 to 5 is expected",
                      self.error(USAGE, *run, "--profile", "s_0=1:1:1", "--profile", "s_0=3:4:5"))
        (info,) = self.expect(DONE, "inspect", "m.onnx", "--json", "--profile", "s_0=3:4:5",
                              "--profile", "s_0=1:1:2").objects()
        self.assertEqual(info["programs"][0]["sizes"]["s_0"],
                         {"min": 1, "opt": 4, "max": 5,
                          "ranges": [{"min": 3, "opt": 4, "max": 5},
                                     {"min": 1, "opt": 1, "max": 2}]})
        self.expect(DONE, "build", "m.onnx", "-o", "m.lasso", "--no-timing")
        self.assertIn("an engine file holds its profiles",
                      self.error(USAGE, "inspect", "m.lasso", "--profile", "s_0=1:1:2"))

    def test_inspect_tells_how_it_would_run(self):
        self.decider()
        text = self.expect(DONE, "inspect", "m.onnx", "--profile", "s_1=1:7:9").out
        self.assertRegex(text, r"sizes +s +int64 +\[2\] +16")
        self.assertRegex(text, r"output +y +float32 +\[s_0, s_1\] +s_0 1:1:, s_1 1:7:9 +28")
        (info,) = self.expect(DONE, "inspect", "m.onnx", "--json", "--time").objects()
        self.assertGreaterEqual(info["programs"][0]["layers"][0]["ms"], 0)
        many = [node("Blur", ["x"], [f"b{i}"], f"blur{i}", "my.ops") for i in range(25)]
        self.write("many.onnx", model(many + [node("Relu", ["x"], ["y"], "relu")], [],
                                      [value("x", 3)], [value("y", 3)]))
        (info,) = self.expect(DONE, "inspect", "many.onnx", "--json").objects()
        self.assertEqual((len(info["not_supported"]), info["programs"]), (25, []))
        self.assertIn("node 24 (blur24, my.ops.Blur)", self.expect(DONE, "inspect", "many.onnx").out)

    def test_inspect_names_detectors(self):
        rows = (field(1, 1) + field(1, 63) + field(1, 7) + field(2, 1) + field(8, "rows") +
                field(9, bytes(4 * 63 * 7)))
        shape = field(1, 3) + field(2, 7) + field(8, "shape") + field(9, struct.pack("<3q", 1, 1, 1))
        self.write("d.onnx", model([node("ReduceMean", ["images"], ["mean"], "mean"),
                                    node("Reshape", ["mean", "shape"], ["flat"], "flat"),
                                    node("Add", ["flat", "rows"], ["output"], "add")], [rows, shape],
                                   [value("images", 1, 3, 32, 32)], [value("output", 1, 63, 7)]))
        self.assertRegex(self.expect(DONE, "inspect", "d.onnx").out,
                         r"detector +2 classes, 32 x 32 pixels, boxes before suppression")
        (info,) = self.expect(DONE, "inspect", "d.onnx", "--json").objects()
        self.assertEqual(info["detector"]["form"], "boxes")
        self.expect(DONE, "build", "d.onnx", "-o", "d.lasso", "--no-timing")
        (info,) = self.expect(DONE, "inspect", "d.lasso", "--json").objects()
        self.assertEqual((info["detector"]["classes"], info["preprocess"]), (2, "yolov7"))
        self.decider()
        (info,) = self.expect(DONE, "inspect", "m.onnx", "--json").objects()
        self.assertIsNone(info["detector"])

    def test_what_does_not_run_is_named(self):
        self.write("m.onnx", SMALL)
        self.write("m.plan", b"ftrt" + bytes(100))
        for arguments in (("build", "{}", "-o", "a.lasso"), ("compare", "{}"),
                          ("run", "{}", "--program", "p", "--inputs", "i.npz", "-o", "o.npz"),
                          ("inspect", "{}", "--layers")):
            def line(name, arguments=arguments):
                return self.error(BAD_MODEL, *(a.format(name) for a in arguments))
            self.assertIn("m.onnx: not supported: node 3 (blur, my.ops.Blur): there is no such operator",
                          line("m.onnx"))
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
