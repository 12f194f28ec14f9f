"""SAM models in parts in lasso bench, compare and inspect, and on another runtime."""

import json
import math
import os
import unittest

import pictures
from harness import DONE, MODEL, SOURCE, UNSUPPORTED, USAGE, CliTest, read_npy

GOLDEN = SOURCE / "../shared/golden/sam_micro"
IMAGE = SOURCE / "tests/data/sam_micro/image0.png"
ENCODER = GOLDEN / "encoder.onnx"
DECODER = GOLDEN / "decoder.onnx"
PAIR = f"{ENCODER},{DECODER}"
POINT = ("--point", "250.2,302.5")
ACCURACY = ("bench", "accuracy", "--images", "photos", "--prompts-per-image", "2", "--json")
SPEED = ("bench", "speed", "--json", "--warmup", "0", "--iterations", "1", "--prompts-per-call", "1", "--threads", "1")

HAS_ONNXRUNTIME = bool(os.environ.get("LASSO_HAS_ONNXRUNTIME"))
needs_onnxruntime = unittest.skipUnless(HAS_ONNXRUNTIME,
                                        "not run: this build has no ONNX Runtime (script/setup-onnxruntime)")


class PartsTest(CliTest):
    def photos(self):
        (self.folder / "photos").mkdir()
        (self.folder / "photos/a.png").write_bytes(IMAGE.read_bytes())
        (self.folder / "photos/b.png").write_bytes(pictures.png(60, 50))

    def object(self, *arguments):
        (report,) = self.expect(DONE, *arguments).objects()
        return report

    def build_parts(self):
        """Engines of the two halves of the encoder, and the decoder's ONNX model."""
        self.expect(DONE, "export", MODEL, "-o", "onnx", "--split", "2", "-q")
        for i in "12":
            self.expect(DONE, "build", f"onnx/encoder_{i}.onnx", "-o", f"e{i}.lasso", "-q")
        return "e1.lasso,e2.lasso,onnx/decoder.onnx"


@unittest.skipUnless(DECODER.exists(), "no reference data")
class BenchTest(PartsTest):
    def test_accuracy(self):
        self.photos()
        parts = self.build_parts()
        report = self.object(*ACCURACY, "--candidate", PAIR, "--candidate", f"{ENCODER},{MODEL}", "--candidate", parts,
                             "--reference", MODEL)
        names = [side["name"] for side in report["candidates"]]
        self.assertEqual(names, ["encoder.onnx,decoder.onnx@fast", "encoder.onnx,checkpoint.pth@fast",
                                 "e1.lasso,e2.lasso,decoder.onnx@fast"])
        for side in report["candidates"]:
            self.assertEqual(side["with_reference"]["prompts"], 4)
            self.assertGreater(side["with_reference"]["minimum"], 0.999, side["name"])
        self.assertEqual(report["candidates"][0]["file"], PAIR)
        report = self.object(*ACCURACY, "--encoder", ENCODER, "--decoder", DECODER, "--reference", f"{PAIR}@reference")
        self.assertEqual(report["candidates"][0]["name"], "encoder.onnx,decoder.onnx@fast")
        self.assertGreater(report["candidates"][0]["with_reference"]["minimum"], 0.999)

    def test_usage(self):
        self.photos()
        for arguments, part in (
                (("--candidate", f"{ENCODER},"), "expected ENCODER,DECODER"),
                (("--candidate", f"{ENCODER},{ENCODER}", "--reference", MODEL), "no mask decoder"),
                (("--candidate", MODEL, "--reference", MODEL, "--role", "image=x"), "is for the models of"),
                (("--candidate", PAIR, "--reference", MODEL, "--role", "image=x"), "no model has"),
                (("--candidate", f"{PAIR}@onnxruntime+int8", "--reference", MODEL), "onnxruntime and int8")):
            self.assertIn(part, self.error(USAGE, *ACCURACY, *arguments))
        line = self.error(USAGE, *SPEED, "--candidate", PAIR, "--candidate", DECODER)
        self.assertIn(f"{PAIR}@fast: is timed on pictures", line)

    def test_speed_of_a_chain(self):
        parts = self.build_parts()
        report = self.object(*SPEED, "--candidate", MODEL, "--candidate", parts)
        whole, chain = report["candidates"]
        self.assertEqual(chain["name"], "e1.lasso,e2.lasso,decoder.onnx@fast")
        self.assertEqual(list(chain["stages"]), ["encode", "decode_1", "end_to_end"])
        of_whole, of_chain = (side["stages"]["encode"]["gflop"] for side in (whole, chain))
        self.assertAlmostEqual(of_chain / of_whole, 1, delta=0.02)
        report = self.object(*SPEED, "--encoder", "e1.lasso", "--encoder", "e2.lasso", "--decoder", "onnx/decoder.onnx")
        self.assertEqual([side["name"] for side in report["candidates"]], [chain["name"]])

    def test_compare_and_inspect(self):
        self.expect(DONE, "build", "--encoder", ENCODER, "--decoder", DECODER, "-o", "pair.lasso", "-q")
        for sides in ((MODEL, "pair.lasso"), (MODEL, PAIR), (PAIR, MODEL)):
            report = self.object("compare", *sides, "--json")
            self.assertEqual(report["masks"][0]["iou"], 1, sides)
            self.assertGreater(report["layer_count"], 0)
            self.assertLess(report["results"][0]["relative_error"], 1e-5)
        info = self.object("inspect", "pair.lasso", "--json")
        self.assertEqual((info["image_size"], info["patch_size"], info["prompt_dim"]), (256, 16, 64))
        self.assertNotIn("depth", info)
        text = self.expect(DONE, "inspect", "pair.lasso").out
        self.assertNotIn("0 blocks", text)
        self.assertNotIn("global blocks", text)
        self.assertIn("4 blocks", self.expect(DONE, "inspect", MODEL).out)
        self.expect(DONE, "build", "--decoder", DECODER, "-o", "decoder.lasso", "-q")
        self.assertRegex(self.expect(DONE, "inspect", "decoder.lasso").out, r"encoder +none: it takes embeddings")
        text = self.expect(DONE, "inspect", DECODER).out
        self.assertIn("mask decoder: image_embeddings, point_coords, point_labels, mask_input, has_mask_input", text)

    def test_sizes_are_no_random_numbers(self):
        report = self.object("bench", "speed", "--json", "--warmup", "0", "--iterations", "1", "--candidate", DECODER)
        self.assertEqual(report["candidates"][0]["stages"]["run"]["runs"], 1)
        report = self.object("compare", DECODER, f"{DECODER}@reference", "--json")
        shapes = {output["output"]: output["shape"] for output in report["outputs"]}
        self.assertEqual(shapes["masks"], [1, 4, 64, 64])
        self.assertTrue(report["within_limits"])


@unittest.skipIf(HAS_ONNXRUNTIME, "the build has ONNX Runtime")
@unittest.skipUnless(DECODER.exists(), "no reference data")
class WithoutRuntimeTest(PartsTest):
    def test_it_says_how_to_get_it(self):
        line = self.error(UNSUPPORTED, "segment", IMAGE, *POINT, "--encoder", ENCODER, "--decoder", DECODER,
                          "--runtime", "onnxruntime")
        self.assertIn("script/setup-onnxruntime", line)


@needs_onnxruntime
@unittest.skipUnless(DECODER.exists(), "no reference data")
class RuntimeTest(PartsTest):
    def logits(self, *arguments):
        self.expect(DONE, "segment", IMAGE, *arguments, "--format", "none", "--save-logits", "logits.npy", "-q")
        return read_npy(self.folder / "logits.npy")

    def check(self, *arguments, encoder=ENCODER, prompt=POINT):
        """ONNX Runtime gives what Lasso does."""
        parts = ("--encoder", encoder, *arguments, *prompt)
        (shape, values), (expected_shape, expected) = self.logits(*parts, "--runtime", "onnxruntime"), self.logits(*parts)
        self.assertEqual(shape, expected_shape)
        error = math.dist(values, expected) / math.hypot(*expected)
        self.assertLess(error, 1e-5, arguments)

    def test_segment(self):
        self.check("--decoder", DECODER)
        self.check("--model", MODEL)
        self.check("--decoder", GOLDEN / "decoder_single.onnx")
        self.check("--decoder", DECODER, prompt=("--box", "100,100,400,380", "--point", "250,300", "--multimask"))
        self.logits("--model", MODEL, *POINT)
        (self.folder / "mask.npy").write_bytes((self.folder / "logits.npy").read_bytes())
        self.check("--decoder", DECODER, prompt=("--box", "100,100,400,380", "--mask-input", "mask.npy"))
        note = self.expect(DONE, "segment", IMAGE, "--encoder", ENCODER, "--decoder", DECODER, *POINT, "--runtime",
                           "onnxruntime", "-v", "--format", "none").err
        self.assertIn("provider cpu", note)

    def test_exports(self):
        """Several encoders, several prompts of one run, and masks at the picture's size alone."""
        self.expect(DONE, "export", MODEL, "-o", "onnx", "--split", "2", "-q")
        parts = ("--encoder", "onnx/encoder_2.onnx", "--decoder", "onnx/decoder.onnx")
        boxes = ("--box", "100,100,400,380", "--box", "10,10,200,200")
        self.check(*parts, encoder="onnx/encoder_1.onnx", prompt=boxes)

    def test_usage(self):
        segment = ("segment", IMAGE, *POINT, "--runtime", "onnxruntime")
        pair = ("--encoder", ENCODER, "--decoder", DECODER)
        self.expect(DONE, "build", ENCODER, "-o", "e.lasso", "-q")
        for status, arguments, part in (
                (UNSUPPORTED, ("--model", MODEL), "alone; give both"),
                (UNSUPPORTED, (*pair, "--provider", "tpu"), "cpu"),
                (USAGE, (*pair, "--precision", "int8"), "--precision: is for Lasso's own runtime"),
                (USAGE, ("--encoder", "e.lasso", "--decoder", DECODER), "e.lasso: is an engine file")):
            self.assertIn(part, self.error(status, *segment, *arguments))
        self.assertIn("--provider cpu: is for another runtime",
                      self.error(USAGE, "segment", IMAGE, *POINT, *pair, "--provider", "cpu"))

    def test_bench(self):
        self.photos()
        report = self.object(*ACCURACY, "--candidate", f"{PAIR}@onnxruntime", "--candidate", PAIR, "--reference", MODEL)
        other, own = report["candidates"]
        self.assertEqual((other["runtime"], own["runtime"]), ("onnxruntime", "lasso"))
        self.assertTrue(other["settings"]["runtime"].startswith("onnxruntime 1."))
        self.assertNotIn("isa", other)
        for side in (other, own):
            self.assertGreater(side["with_reference"]["minimum"], 0.999, side["name"])
        folder = self.folder / report["report"]
        self.assertIn("provider cpu", (folder / "report.html").read_text())
        self.assertEqual(json.loads((folder / "results.json").read_text())["candidates"][0], other)
        # The masks of another program, with the pair as the candidate.
        report = self.object(*ACCURACY, "--candidate", f"{PAIR}@onnxruntime", "--reference", PAIR)
        self.assertGreater(report["candidates"][0]["with_reference"]["minimum"], 0.999)
        report = self.object(*SPEED, "--candidate", f"{PAIR}@onnxruntime", "--candidate", PAIR)
        other, own = report["candidates"]
        self.assertEqual((other["runtime"], list(other["stages"])), ("onnxruntime", list(own["stages"])))
        self.assertEqual(other["settings"]["provider"], "cpu")

    def test_compare(self):
        report = self.object("compare", PAIR, f"{PAIR}@onnxruntime", "--json")
        self.assertEqual(report["masks"][0]["iou"], 1)
        self.assertLess(report["results"][0]["relative_error"], 1e-5)
        # The size of the image is one, on both.
        report = self.object("compare", DECODER, f"{DECODER}@onnxruntime", "--json")
        self.assertTrue(report["within_limits"])
        self.object("bench", "speed", "--json", "--warmup", "0", "--iterations", "1", "--candidate",
                    f"{DECODER}@onnxruntime")


if __name__ == "__main__":
    unittest.main()
