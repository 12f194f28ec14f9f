"""lasso compare on models of tensors, and ONNX Runtime where the build has it."""

import os
import struct
import unittest
import zipfile

from harness import (BAD_MODEL, DONE, MODEL, SOURCE, THRESHOLD, UNSUPPORTED, USAGE, CliTest, npy_bytes)
from onnx_test import field, model, node, tensor, value

GOLDEN = SOURCE / "../shared/golden"
HAS_ONNXRUNTIME = bool(os.environ.get("LASSO_HAS_ONNXRUNTIME"))


def weights(name, rows, columns, values):
    return (field(1, rows) + field(1, columns) + field(2, 1) + field(8, name) +
            field(9, struct.pack(f"<{rows * columns}f", *values)))


IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1]


def network(second, names=("x", "y"), batch="batch"):
    """y = relu(x) W with W = second, by way of x I."""
    x, y = names
    return model([node("MatMul", [x, "one"], ["h"], "first"), node("Relu", ["h"], ["r"], "gate"),
                  node("MatMul", ["r", "two"], [y], "last")],
                 [weights("one", 3, 3, IDENTITY), weights("two", 3, 3, second)],
                 [value(x, batch, 3)], [value(y, batch, 3)])


class CompareFiles(CliTest):
    def setUp(self):
        super().setUp()
        changed = [1.5] + IDENTITY[1:]
        for name, data in (("m.onnx", network(IDENTITY)), ("changed.onnx", network(changed)),
                           ("renamed.onnx", network(IDENTITY, ("a", "b"), "n"))):
            (self.folder / name).write_bytes(data)
        self.write_npz("i.npz", x=((2, 3), [1, 2, -3, 0, 5, 6]))

    def write_npz(self, name, **arrays):
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for key, (shape, values) in arrays.items():
                archive.writestr(key + ".npy", npy_bytes(shape, values))
        return name

    def compare(self, status, *arguments):
        (report,) = self.expect(status, "compare", *arguments, "--json").objects()
        return report


class CompareTest(CompareFiles):
    def test_the_same_file(self):
        report = self.compare(DONE, "m.onnx", "m.onnx", "--tolerance", "1e-30", "--layers")
        (output,) = report["outputs"]
        self.assertEqual((output["output"], output["max_abs_difference"], output["relative_error"],
                          output["cosine"]), ("y", 0, 0, 1))
        self.assertEqual((report["aligned_by"], report["layers_only_a"], report["layers_only_b"]),
                         ("name", 0, 0))
        self.assertGreaterEqual(report["layer_count"], 2)
        self.assertEqual(report["inputs"], [{"name": "x", "name_b": "x", "type": "float32",
                                             "shape": [1, 3], "source": "random"}])
        self.assertTrue(report["equal_within_tolerance"] and report["within_limits"])
        self.assertGreater(report["a"]["timings"]["run_ms"], 0)
        # A model alone is compared with its reference kernels.
        self.assertEqual(self.compare(DONE, "m.onnx")["b"]["variant"], "reference")

    def test_figures_of_a_known_difference(self):
        # y is [1, 2, 0], [0, 5, 6] in A, and its first element 1.5 in B.
        arguments = ("m.onnx", "changed.onnx", "--inputs", "i.npz", "--layers")
        report = self.compare(THRESHOLD, *arguments)
        (output,) = report["outputs"]
        self.assertEqual(output["max_abs_difference"], 0.5)
        self.assertEqual((output["index"], output["a"], output["b"]), ("[0, 0]", 1, 1.5))
        self.assertAlmostEqual(output["mean_abs_difference"], 0.5 / 6)
        self.assertAlmostEqual(output["max_relative_difference"], 1 / 3)
        self.assertAlmostEqual(output["mean_relative_difference"], 1 / 12)  # of four that are not 0
        self.assertAlmostEqual(output["relative_error"], 0.5 / (2.25 + 4 + 25 + 36) ** 0.5)
        self.assertAlmostEqual(output["cosine"], (1.5 + 65) / (66 * 67.25) ** 0.5)
        self.assertEqual(report["first_divergence"]["layer"], "y")
        self.assertEqual(report["inputs"][0]["source"], "given")
        self.assertEqual(report["layers"][0]["relative_error"], 0)  # before the changed weights
        self.compare(DONE, *arguments, "--atol", "0.5")
        self.compare(DONE, *arguments, "--rtol", "0.34")
        for limits in (("--atol", "0.49"), ("--rtol", "0.33"), ("--atol", "1", "--tolerance", "1e-3")):
            self.compare(THRESHOLD, *arguments, *limits)
        error = self.error(THRESHOLD, "compare", *arguments[:4], "--atol", "0.1", "-q")
        self.assertIn("differ by more than 0.1 + 0 |B| in 1 elements of y", error)
        text = self.expect(THRESHOLD, "compare", *arguments).out
        self.assertIn("first divergence: y (relative error 6.10e-02), most at [0, 0]: A 1, B 1.5", text)

    def test_precisions(self):
        arguments = ("m.onnx@int8", "m.onnx", "--inputs", "i.npz")
        self.compare(DONE, *arguments, "--atol", "0.1")
        self.expect(DONE, "build", "m.onnx", "-o", "m.lasso", "--no-timing")
        self.assertEqual(self.compare(DONE, "m.lasso", "m.onnx@fp32", "--tolerance", "1e-30")["outputs"][0]
                         ["max_abs_difference"], 0)

    def test_other_names(self):
        report = self.compare(DONE, "m.onnx", "renamed.onnx", "--inputs", "i.npz")
        self.assertEqual(report["inputs"][0]["name_b"], "a")
        self.assertEqual((report["outputs"][0]["output"], report["outputs"][0]["output_b"]), ("y", "b"))
        for name, inputs in (("two.onnx", ("p", "q")), ("other.onnx", ("r", "s"))):
            (self.folder / name).write_bytes(model([node("Sub", inputs, ["y"], "sub")], [],
                                                   [value(i, 3) for i in inputs], [value("y", 3)]))
        self.assertIn('input "p" (float32 [3]) may be each of "r" (float32 [3]), "s" (float32 [3]) of B',
                      self.error(USAGE, "compare", "two.onnx", "other.onnx"))
        self.assertIn('has no counterpart', self.error(USAGE, "compare", "m.onnx", "two.onnx"))

    def test_sizes_and_seeds(self):
        report = self.compare(DONE, "m.onnx", "renamed.onnx", "--size", "n=4")
        self.assertEqual(report["inputs"][0]["shape"], [4, 3])
        self.assertIn("--size k=4: the inputs' symbols are batch, n",
                      self.error(USAGE, "compare", "m.onnx", "renamed.onnx", "--size", "k=4"))
        values = [self.compare(THRESHOLD, "m.onnx", "changed.onnx", "--seed", seed)["outputs"][0]["a"]
                  for seed in ("1", "1", "2")]
        self.assertEqual(values[0], values[1])
        self.assertNotEqual(values[0], values[2])
        self.assertIn('there is no input "z"', self.error(
            USAGE, "compare", "m.onnx", "m.onnx", "--inputs", self.write_npz("z.npz", z=((1, 3), [1, 2, 3]))))
        self.assertIn('input "x" is [2, 4]', self.error(
            USAGE, "compare", "m.onnx", "m.onnx", "--inputs", self.write_npz("w.npz", x=((2, 4), [0] * 8))))

    def test_masks(self):
        def masks(offset):
            return model([node("Add", ["x", "o"], ["masks"], "add")],
                         [field(1, 1) + field(2, 1) + field(8, "o") + field(9, struct.pack("<f", offset))],
                         [value("x", 1, 2, 2)], [value("masks", 1, 2, 2)])
        (self.folder / "a.onnx").write_bytes(masks(0))
        (self.folder / "b.onnx").write_bytes(masks(-2))
        inputs = self.write_npz("x.npz", x=((1, 2, 2), [1, 3, 4, -1]))  # 3 above 0, and 2
        report = self.compare(DONE, "a.onnx", "b.onnx", "--inputs", inputs, "--min-iou", "0.66")
        self.assertAlmostEqual(report["outputs"][0]["iou"], 2 / 3)
        self.assertIn("masks of a.onnx@fast and b.onnx@fast have the IoU 0.666667, and 0.67 is asked for",
                      self.error(THRESHOLD, "compare", "a.onnx", "b.onnx", "--inputs", inputs, "-q",
                                 "--min-iou", "0.67"))

    def test_programs_of_sam(self):
        report = self.compare(DONE, MODEL, f"{MODEL}@avx2", "--program", "mask_decoder", "--seed", "3")
        self.assertEqual(report["a"]["program"], "mask_decoder")
        self.assertEqual(len(report["inputs"]), 6)
        self.assertIn("has 4 programs; choose with --program", self.error(USAGE, "compare", MODEL, "m.onnx"))
        self.assertIn("--program is for tensors", self.error(
            USAGE, "compare", MODEL, "--program", "mask_decoder", "--point", "1,1"))
        self.assertIn("m.onnx@fast is none", self.error(USAGE, "compare", MODEL, "m.onnx", "--point", "1,1"))

    def test_limits_of_pictures(self):
        report = self.compare(DONE, MODEL, f"{MODEL}@avx2", "--min-iou", "0.9", "--atol", "0.1")
        self.assertIn("encode_ms", report["a"]["timings"])
        differs = any(result["max_abs_difference"] > 0 for result in report["results"])
        self.compare(THRESHOLD if differs else DONE, MODEL, f"{MODEL}@avx2", "--atol", "1e-30")

    def test_wrong_usage(self):
        for words, *arguments in (("--min-iou 2", "--min-iou", "2"), ("--atol -1", "--atol", "-1"),
                                  ("--size batch", "--size", "batch"),
                                  ("given twice", "--size", "a=1", "--size", "a=2")):
            self.assertIn(words, self.error(USAGE, "compare", "m.onnx", "m.onnx", *arguments))
        self.assertIn("onnxruntime and avx2", self.error(USAGE, "compare", "m.onnx@onnxruntime+avx2"))


class RuntimeTest(CompareFiles):
    def test_runtimes_have_names(self):
        run = ("run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz")
        self.assertIn("--runtime tvm: expected lasso or onnxruntime",
                      self.error(USAGE, *run, "--runtime", "tvm"))
        self.assertIn("--provider cuda: is for another runtime", self.error(USAGE, *run, "--provider", "cuda"))

    @unittest.skipIf(HAS_ONNXRUNTIME, "the build has ONNX Runtime")
    def test_a_build_without_it_says_how_to_get_it(self):
        for command in (("run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz", "--runtime", "onnxruntime"),
                        ("compare", "m.onnx@onnxruntime")):
            self.assertIn("script/setup-onnxruntime", self.error(UNSUPPORTED, *command))


@unittest.skipUnless(HAS_ONNXRUNTIME, "not run: this build has no ONNX Runtime (script/setup-onnxruntime)")
class OnnxRuntimeTest(CompareFiles):
    def test_run(self):
        run = ("run", "m.onnx", "--inputs", "i.npz", "-o", "o.npz", "--runtime", "onnxruntime")
        (done,) = self.expect(DONE, *run, "--threads", "1", "--json").objects()
        self.assertEqual(done["outputs"], {"y": {"type": "float32", "shape": [2, 3]}})
        self.assertTrue(done["settings"]["runtime"].startswith("onnxruntime 1."))
        self.assertEqual((done["settings"]["provider"], done["settings"]["threads"]), ("cpu", "1"))
        self.assertIn("provider cpu, threads", self.expect(DONE, *run).out)
        error = self.error(UNSUPPORTED, *run, "--provider", "abacus")
        self.assertIn('provider "abacus": ', error)
        self.assertIn("cpu", error.split("offers")[1])
        self.assertIn("--precision", self.error(USAGE, *run, "--precision", "fp32"))
        self.assertIn("is no ONNX model", self.error(
            BAD_MODEL, "run", MODEL, "--inputs", "i.npz", "-o", "o.npz", "--runtime", "onnxruntime"))
        self.assertIn('input "x" is [2, 4], and [batch, 3] is expected', self.error(
            USAGE, "run", "m.onnx", "--inputs", self.write_npz("w.npz", x=((2, 4), [0] * 8)), "-o", "o.npz",
            "--runtime", "onnxruntime"))

    def test_compare(self):
        report = self.compare(DONE, "m.onnx", "m.onnx@onnxruntime", "--inputs", "i.npz", "--layers",
                              "--tolerance", "1e-6")
        self.assertGreaterEqual(report["layer_count"], 2)
        self.assertEqual(report["b"]["settings"]["provider"], "cpu")
        # What is said of Lasso's kernels is not said of the other side.
        self.compare(DONE, "m.onnx@onnxruntime", "m.onnx", "--precision", "fp32")
        # On its own the other runtime is compared with Lasso, and two sessions of it with each other.
        self.assertEqual(self.compare(DONE, "m.onnx@onnxruntime")["b"]["variant"], "fast")
        for sides in (("m.onnx@onnxruntime", "changed.onnx"), ("m.onnx", "changed.onnx@onnxruntime"),
                      ("m.onnx@onnxruntime", "changed.onnx@onnxruntime")):
            report = self.compare(THRESHOLD, *sides, "--inputs", "i.npz", "--layers")
            self.assertEqual(report["first_divergence"]["layer"], "y", sides)
            self.assertEqual(report["outputs"][0]["max_abs_difference"], 0.5)
            self.assertTrue(all(layer["relative_error"] == 0 for layer in report["layers"]
                                if layer["layer"] != "y"))

    def test_fixed_inputs(self):
        sizes = field(1, "s") + field(2, field(1, field(1, 7) + field(2, field(1, field(1, 2)))))
        (self.folder / "view.onnx").write_bytes(model(
            [node("Reshape", ["x", "s"], ["y"], "view")], [], [value("x", "n", 4), sizes],
            [value("y", None, None)]))
        with zipfile.ZipFile(self.folder / "s.npz", "w") as archive:
            header = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }"
            header += " " * (63 - (10 + len(header)) % 64) + "\n"
            archive.writestr("s.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() +
                             struct.pack("<2q", 2, -1))
        report = self.compare(DONE, "view.onnx", "view.onnx@onnxruntime", "--fixed-inputs", "s.npz",
                              "--size", "n=3")
        self.assertEqual(report["outputs"][0]["shape"], [2, 6])

    def test_speed(self):
        (report,) = self.expect(DONE, "bench", "speed", "--candidate", "m.onnx", "--candidate",
                                "m.onnx@onnxruntime", "--size", "batch=2", "--iterations", "2",
                                "--warmup", "0", "--layers", "--json").objects()
        own, other = report["candidates"]
        self.assertEqual([sorted(c["stages"]) for c in (own, other)], [["run"], ["run"]])
        self.assertEqual(other["inputs"], [{"name": "x", "type": "float32", "shape": [2, 3]}])
        self.assertTrue(other["settings"]["runtime"].startswith("onnxruntime"))
        self.assertTrue(own["layers"])
        self.assertNotIn("layers", other)
        text = self.expect(DONE, "bench", "speed", "--candidate", "m.onnx@onnxruntime", "--iterations", "1",
                           "--warmup", "0").out
        self.assertIn("provider cpu, graph optimisation all", text)
        self.assertIn("random tensors: x float32 [1,3]", text)
        self.assertIn("--size k=2: the symbols of m.onnx@fast are batch", self.error(
            USAGE, "bench", "speed", "--candidate", "m.onnx", "--size", "k=2"))
        self.assertIn("an encoder and a decoder alone", self.error(
            UNSUPPORTED, "bench", "accuracy", "--candidate", f"{MODEL}@onnxruntime", "--reference", MODEL))

    @unittest.skipUnless(GOLDEN.is_dir(), f"{GOLDEN} is not there")
    def test_an_encoder_and_its_checkpoint(self):
        encoder = GOLDEN / "sam_micro/encoder.onnx"
        report = self.compare(DONE, GOLDEN / "sam_micro/checkpoint.pth", f"{encoder}@onnxruntime",
                              "--program", "image_encoder")
        self.assertEqual(report["inputs"][0]["shape"], [1, 256, 256, 3])  # channels last, and first in B
        self.assertLess(report["outputs"][0]["relative_error"], 1e-5)


if __name__ == "__main__":
    unittest.main()
