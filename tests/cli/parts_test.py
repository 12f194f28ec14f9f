"""lasso segment with ONNX encoders and decoders, chains of engines, and embeddings from arrays."""

import math
import unittest

from harness import BAD_MODEL, DONE, MODEL, SOME_FAILED, SOURCE, USAGE, CliTest, npy_bytes, read_npy

GOLDEN = SOURCE / "../shared/golden/sam_micro"
IMAGE = SOURCE / "tests/data/sam_micro/image0.png"
ENCODER = GOLDEN / "encoder.onnx"
DECODER = GOLDEN / "decoder.onnx"
POINT = ("--point", "250.2,302.5")


@unittest.skipUnless(DECODER.exists(), "no reference data")
class PartsTest(CliTest):
    def logits(self, *arguments):
        self.expect(DONE, "segment", *arguments, *POINT, "--format", "none", "--save-logits", "logits.npy", "-q")
        return read_npy(self.folder / "logits.npy")

    def check(self, *arguments):
        """The mask is the checkpoint's."""
        (shape, values), (_, expected) = self.logits(IMAGE, *arguments), self.logits(IMAGE, "--model", MODEL)
        self.assertEqual(shape, (1, 64, 64))
        error = math.dist(values, expected) / math.hypot(*expected)
        self.assertLess(error, 1e-5, arguments)

    def test_pair(self):
        self.check("--encoder", ENCODER, "--decoder", DECODER)
        self.check("--encoder", ENCODER, "--model", MODEL)
        self.expect(DONE, "build", "--encoder", ENCODER, "--decoder", DECODER, "-o", "pair.lasso", "-q")
        self.check("--model", "pair.lasso")
        (info,) = self.expect(DONE, "inspect", "pair.lasso", "--json").objects()
        self.assertEqual((info["family"], info["model"]), ("sam", "SAM of encoder.onnx + decoder.onnx"))

    def test_engines(self):
        self.expect(DONE, "build", ENCODER, "-o", "e.lasso", "-q")
        self.check("--encoder", "e.lasso", "--decoder", DECODER)
        self.expect(DONE, "build", MODEL, "-o", "m.lasso", "-q")
        self.check("--encoder", "e.lasso", "--model", "m.lasso")
        self.check("--encoder", ENCODER, "--decoder", "m.lasso")
        line = self.error(BAD_MODEL, "segment", IMAGE, "--decoder", "e.lasso", *POINT)
        self.assertIn("give the decoder's ONNX model itself", line)
        line = self.error(USAGE, "segment", IMAGE, "--encoder", "m.lasso", "--encoder", "e.lasso",
                          "--decoder", DECODER, *POINT)
        self.assertIn("engine 1 of 2 of the image encoder is of the family \"sam\"", line)

    def test_saved_embeddings(self):
        """The decoder alone takes what was made for it."""
        self.expect(DONE, "build", "--encoder", ENCODER, "--decoder", DECODER, "-o", "pair.lasso", "-q")
        self.expect(DONE, "build", ENCODER, "-o", "e.lasso", "-q")
        for name, model in {"files": ("--encoder", ENCODER, "--decoder", DECODER), "engine": ("--model", "pair.lasso"),
                            "chain": ("--encoder", "e.lasso", "--decoder", DECODER),
                            "checkpoint": ("--encoder", ENCODER, "--model", MODEL)}.items():
            expected = self.logits(IMAGE, *model, "--save-embedding", name + ".safetensors")
            own = ("--model", MODEL) if name == "checkpoint" else ("--decoder", DECODER)
            seen = self.logits("--load-embedding", name + ".safetensors", *own)
            self.assertEqual(seen, expected, name)
        line = self.error(SOME_FAILED, "segment", "--load-embedding", "checkpoint.safetensors", "--decoder", DECODER, *POINT,
                          "--format", "none")
        self.assertIn("expected the same encoder and decoder, or its decoder alone", line)

    def test_arrays(self):
        array = GOLDEN / "image0_embedding.npy"
        self.check("--decoder", DECODER, "--load-embedding", array)
        shape, values = self.logits("--decoder", DECODER, "--load-embedding", array, "--image-size", "600,420")
        self.assertEqual(self.logits(IMAGE, "--decoder", DECODER, "--load-embedding", array), (shape, values))
        segment = ("segment", "--decoder", DECODER, *POINT, "--format", "none", "--load-embedding")
        line = self.error(SOME_FAILED, *segment, array)
        self.assertIn("--image-size", line)
        (self.folder / "small.npy").write_bytes(npy_bytes((64, 2, 2), [0] * 256))
        line = self.error(SOME_FAILED, *segment, "small.npy", "--image-size", "600,420")
        self.assertIn("float [64, 16, 16] or [1, 64, 16, 16] is expected", line)
        line = self.error(SOME_FAILED, *segment, array, IMAGE, "--image-size", "600,421")
        self.assertIn("is of an image of 600x421", line)
        # Lasso's own files say it themselves.
        self.run_lasso("segment", IMAGE, "--model", MODEL, *POINT, "--format", "none", "--save-embedding", "e.safetensors")
        line = self.error(SOME_FAILED, "segment", "--model", MODEL, *POINT, "--format", "none", "--load-embedding",
                          "e.safetensors", "--image-size", "100,100")
        self.assertIn("e.safetensors: the embedding says what size its image has", line)
        for size in ("600", "600,0", "a,b"):
            self.assertIn("--image-size ", self.error(USAGE, *segment, array, "--image-size", size))

    def test_usage(self):
        segment = ("segment", IMAGE, *POINT)
        for arguments, part in (
                (("--decoder", DECODER), "there is no image encoder"),
                (("--decoder", DECODER, "--model", MODEL), "both have a decoder"),
                (("--role", "image=x"), "is for the models of --encoder and --decoder"),
                (("--decoder", DECODER, "--encoder", ENCODER, "--role", "image"), "expected ROLE=NAME"),
                (("--decoder", DECODER, "--encoder", ENCODER, "--role", "picture=x"), "is no role"),
                (("--decoder", DECODER, "--encoder", ENCODER, "--role", "image=x"), "encoder.onnx takes image"),
                (("--decoder", DECODER, "--encoder", ENCODER, "--role", "mask_input=point_coords"),
                 "can't be mask_input"),
                (("--decoder", ENCODER, "--encoder", ENCODER), "no mask decoder"),
                (("--decoder", DECODER, "--encoder", DECODER), "given as an image encoder"),
                (("--decoder", DECODER, "--encoder", ENCODER, "--precision", "int8", "--image-size", "1,1"),
                 "--image-size 1,1")):
            self.assertIn(part, self.error(USAGE, *segment, *arguments))
        (self.folder / "a.plan").write_bytes(b"ftrt" + bytes(64))
        line = self.error(BAD_MODEL, *segment, "--decoder", "a.plan", "--encoder", ENCODER)
        self.assertIn("a TensorRT plan", line)
        self.error(BAD_MODEL, *segment, "--decoder", DECODER, "--encoder", "missing.onnx")
        text = self.expect(DONE, "inspect", DECODER).out
        self.assertIn("mask decoder: image_embeddings, point_coords", text)


if __name__ == "__main__":
    unittest.main()
