"""lasso export: ONNX models of a checkpoint, and cleaned ones."""

import struct
import unittest

from harness import BAD_MODEL, DONE, MODEL, USAGE, CliTest
from onnx_test import field, model, node, tensor, value

# y = (x + w) * 6, and what no run needs.
WASTEFUL = model([node("Add", ["two", "two"], ["four"], "sum"), node("Add", ["four", "two"], ["six"], "more"),
                  node("Identity", ["x"], ["same"], "same"), node("Add", ["same", "w"], ["s"], "shift"),
                  node("Blur", ["s"], ["b"], "blur", "my.ops"), node("Mul", ["b", "six"], ["y"], "scale"),
                  node("Exp", ["s"], ["unused"], "unused")],
                 [tensor("two", 1, field(9, struct.pack("<f", 2))),
                  tensor("w", 3, field(9, struct.pack("<3f", 1, 2, 3)))],
                 [value("x", "batch", 3)], [value("y", "batch", 3)])


class ExportTest(CliTest):
    def operators(self, path):
        (info,) = self.expect(DONE, "inspect", path, "--json").objects()
        return {op["op_type"]: op["node_count"] for op in info["operators"]}, info

    def test_checkpoint(self):
        (done,) = self.expect(DONE, "export", MODEL, "-o", "out", "--json").objects()
        self.assertEqual(done["files"], {"encoders": ["out/encoder.onnx"], "decoder": "out/decoder.onnx",
                                         "readme": "out/README.md"})
        self.assertEqual((done["opset"], done["quantised"]), (16, False))
        operators, info = self.operators("out/encoder.onnx")
        self.assertEqual(info["producer_name"], "lasso")
        self.assertEqual(info["opset_imports"], [{"domain": "", "version": 16}])
        self.assertEqual(info["inputs"], [{"name": "image", "kind": "tensor", "type": "float32",
                                           "shape": [1, 3, 256, 256]}])
        self.assertEqual(info["outputs"], [{"name": "image_embeddings", "kind": "tensor", "type": "float32",
                                            "shape": [1, 64, 16, 16]}])
        self.assertEqual((operators["Softmax"], operators["Einsum"], operators["Pad"]), (4, 8, 2))
        self.assertNotIn("LayerNormalization", operators)
        operators, info = self.operators("out/decoder.onnx")
        self.assertEqual([(i["name"], i["shape"]) for i in info["inputs"]],
                         [("image_embeddings", [1, 64, 16, 16]), ("point_coords", ["prompts", "points", 2]),
                          ("point_labels", ["prompts", "points"]), ("mask_input", [1, 1, 64, 64]),
                          ("has_mask_input", [1])])
        self.assertEqual([(o["name"], o["shape"]) for o in info["outputs"]],
                         [("iou_predictions", ["prompts", 4]), ("low_res_masks", ["prompts", 4, 64, 64])])
        for refused in ("OneHot", "If", "Resize"):
            self.assertNotIn(refused, operators)
        readme = (self.folder / "out/README.md").read_text()
        self.assertIn("trtexec --onnx=encoder.onnx --saveEngine=encoder.plan --fp16\n", readme)
        self.assertIn("--maxShapes=image_embeddings:1x64x16x16,point_coords:64x16x2,point_labels:64x16,"
                      "mask_input:1x1x64x64,has_mask_input:1\n", readme)
        self.assertIn("ort.InferenceSession(\"decoder.onnx\")", readme)

    def test_preparation(self):
        for preset, text in {"sam": "(RGB - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375], and padded",
                             "medsam": "stretched to 256x256 (bicubic) and scaled from its least and greatest value",
                             "efficientsam": "stretched to 256x256 and divided by 255."}.items():
            self.expect(DONE, "export", MODEL, "-o", preset, "--preprocess", preset)
            self.assertIn(text, (self.folder / preset / "README.md").read_text())
        self.assertIn("\"medsam\" stretches them", self.error(USAGE, "export", MODEL, "-o", "new", "--preprocess",
                                                              "medsam", "--postprocess"))

    def test_options(self):
        text = self.expect(DONE, "export", MODEL, "-o", "out", "--split", "2", "--opset", "17", "--single-mask",
                           "--postprocess", "--extra-metrics", "--max-file-size", "500K").out
        self.assertEqual([line.split()[0] for line in text.splitlines()],
                         ["out/encoder_1.onnx", "out/encoder_2.onnx", "out/decoder.onnx", "out/README.md"])
        self.assertTrue((self.folder / "out/encoder_1.onnx.data").exists())
        operators, info = self.operators("out/encoder_2.onnx")
        self.assertEqual(info["inputs"][0]["name"], "hidden_1")
        self.assertEqual(operators["LayerNormalization"], 4)
        (external,) = info["external_files"]
        self.assertTrue(external["file"].endswith("encoder_2.onnx.data"))
        _, info = self.operators("out/decoder.onnx")
        self.assertEqual([(o["name"], o["shape"][:2]) for o in info["outputs"]],
                         [(name, ["prompts", 1]) for name in
                          ("masks", "iou_predictions", "stability_scores", "areas", "low_res_masks")])

    def test_quantised(self):
        result = self.expect(DONE, "export", MODEL, "-o", "out", "--qdq", "--calibration-images", "4")
        self.assertIn("random pictures", result.err)
        operators, info = self.operators("out/encoder.onnx")
        # Four layers of four blocks: what they read, and their weights.
        self.assertEqual((operators["QuantizeLinear"], operators["DequantizeLinear"]), (16, 32))
        self.assertLess(info["weight_bytes"], 1_100_000)
        self.assertIn("--int8 --fp16", (self.folder / "out/README.md").read_text())

    def test_cleans(self):
        (self.folder / "m.onnx").write_bytes(WASTEFUL)
        text = self.expect(DONE, "export", "m.onnx", "-o", "clean.onnx").out
        self.assertIn("clean.onnx  3 nodes, of 7", text)
        self.assertIn("my.ops.Blur: an operator that Lasso does not have, kept as it is", text)
        operators, info = self.operators("clean.onnx")
        self.assertEqual(operators, {"Add": 1, "Blur": 1, "Mul": 1})
        self.assertEqual(info["opset_imports"], [{"domain": "", "version": 17}, {"domain": "my.ops", "version": 1}])
        (done,) = self.expect(DONE, "export", "m.onnx", "-o", "folder/", "--json").objects()
        self.assertEqual((done["file"], done["nodes_before"], done["nodes"], done["unknown_operators"]),
                         ("folder/m.onnx", 7, 3, ["my.ops.Blur"]))
        # A name of the user's own is overwritten, a generated one is not.
        self.expect(DONE, "export", "m.onnx", "-o", "clean.onnx", "-q")
        self.assertIn("there is a file m.onnx already", self.error(USAGE, "export", "m.onnx", "-o", "folder"))

    def test_usage(self):
        (self.folder / "m.onnx").write_bytes(WASTEFUL)
        (self.folder / "out").mkdir()
        (self.folder / "out/README.md").write_text("mine")
        (self.folder / "d.onnx.data").write_text("mine")
        (self.folder / "bad.onnx").write_bytes(WASTEFUL[:70])
        (self.folder / "plan").write_bytes(b"ftrt" + bytes(100))
        for message, arguments in {
                "--opset": (MODEL, "-o", "new", "--opset", "12"),
                "--split": (MODEL, "-o", "new", "--split", "0"),
                "5 parts: the encoder has 4 blocks": (MODEL, "-o", "new", "--split", "5"),
                "--extra-metrics: areas are of masks": (MODEL, "-o", "new", "--extra-metrics"),
                "--calibrate: calibration is for --qdq": (MODEL, "-o", "new", "--calibrate"),
                "there is a file README.md already": (MODEL, "-o", "out"),
                "-o m.onnx": (MODEL, "-o", "m.onnx"),
                "--opset: m.onnx is an ONNX model": ("m.onnx", "-o", "c.onnx", "--opset", "16"),
                "--qdq: m.onnx is an ONNX model": ("m.onnx", "-o", "c.onnx", "--qdq"),
                "there is a file d.onnx.data already": ("m.onnx", "-o", "d.onnx"),
                "--fixed-inputs": ("m.onnx", "-o", "c.onnx", "--fixed-inputs", "f.npz"),
                "--fixed-size": ("m.onnx", "-o", "c.onnx", "--fixed-size", "batch=1"),
                "--profile": ("m.onnx", "-o", "c.onnx", "--profile", "batch=1:4:8"),
                "is the model itself": ("m.onnx", "-o", "m.onnx"),
                "is the model's own folder": ("m.onnx", "-o", "."),
                "--max-file-size": ("m.onnx", "-o", "c.onnx", "--max-file-size", "0")}.items():
            self.assertIn(message, self.error(USAGE, "export", *arguments))
        self.assertEqual((self.folder / "out/README.md").read_text(), "mine")
        for message, file in {"none.pth": "none.pth", "bad.onnx: ": "bad.onnx", "TensorRT plan": "plan"}.items():
            self.assertIn(message, self.error(BAD_MODEL, "export", file, "-o", "new"))
        self.assertEqual((self.folder / "d.onnx.data").read_text(), "mine")
        self.assertEqual(self.names(), ["bad.onnx", "d.onnx.data", "m.onnx", "out", "plan"])


if __name__ == "__main__":
    unittest.main()
