"""lasso run: named tensors through the programs of a model."""

import io
import struct
import unittest
import zipfile

import harness
from harness import BAD_MODEL, DONE, MODEL, SOME_FAILED, USAGE

IMAGE = (1, 256, 256, 3)
VALUES = [(i * 37 % 101) / 50 - 1 for i in range(256 * 256 * 3)]


class RunTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        self.engine = self.folder / "micro.lasso"
        self.expect(DONE, "build", MODEL, "-o", self.engine)

    def write_npz(self, name, **arrays):
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for key, data in arrays.items():
                archive.writestr(key + ".npy", data)

    def read_npz(self, name):
        """Shapes and values of float32 arrays; zipfile checks their checksums."""
        arrays = {}
        with zipfile.ZipFile(self.folder / name) as archive:
            self.assertIsNone(archive.testzip())
            for entry in archive.infolist():
                self.assertEqual(entry.compress_type, zipfile.ZIP_STORED)
                path = self.folder / "entry.npy"
                path.write_bytes(archive.read(entry))
                arrays[entry.filename.removesuffix(".npy")] = harness.read_npy(path)
                path.unlink()
        return arrays

    def encode(self, *arguments, status=DONE):
        self.write_npz("in.npz", image=harness.npy_bytes(IMAGE, VALUES))
        return self.expect(status, "run", self.engine, "--program", "image_encoder", "--inputs",
                           "in.npz", "-o", "out.npz", *arguments)

    def test_programs_chain_by_names(self):
        text = self.encode().out
        self.assertIn("image_embeddings: float32 [1, 16, 16, 64]", text)
        shape, values = self.read_npz("out.npz")["image_embeddings"]
        self.assertEqual(shape, (1, 16, 16, 64))
        self.assertTrue(any(abs(value) > 0.01 for value in values))
        (result,) = self.expect(DONE, "run", self.engine, "--program", "image_tokens", "--inputs",
                                "out.npz", "-o", "tokens.npz", "--json").objects()
        self.assertEqual(result["inputs"],
                         {"image_embeddings": {"type": "float32", "shape": [1, 16, 16, 64]}})
        self.assertEqual(result["files"], {"outputs": "tokens.npz"})
        self.assertGreater(result["timings"]["run_ms"], 0)
        self.assertEqual(set(self.read_npz("tokens.npz")), set(result["outputs"]))

    def test_a_checkpoint_is_built_and_gives_the_same(self):
        self.encode("--threads", "1")
        expected = self.read_npz("out.npz")
        self.expect(DONE, "run", MODEL, "--program", "image_encoder", "--inputs", "in.npz", "-o",
                    "again.npz", "--threads", "1")
        self.assertEqual(self.read_npz("again.npz"), expected)

    def test_compressed_inputs_are_read(self):
        self.encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("image.npy", harness.npy_bytes(IMAGE, VALUES))
        (self.folder / "packed.npz").write_bytes(packed.getvalue())
        self.expect(DONE, "run", self.engine, "--program", "image_encoder", "--inputs",
                    "packed.npz", "-o", "again.npz")
        self.assertEqual(self.read_npz("again.npz"), self.read_npz("out.npz"))

    def test_quiet(self):
        self.assertEqual(self.encode("-q").out, "")
        self.assertIn("image_embeddings", self.read_npz("out.npz"))

    def test_wrong_usage(self):
        self.write_npz("in.npz", image=harness.npy_bytes(IMAGE, VALUES))
        self.write_npz("planes.npz", image=harness.npy_bytes((1, 3, 256, 256), VALUES))
        self.write_npz("named.npz", picture=harness.npy_bytes(IMAGE, VALUES))
        self.write_npz("labels.npz", image=b"\x93NUMPY\x01\x00" + struct.pack("<H", 70) +
                       b"{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }".ljust(69) +
                       b"\n" + struct.pack("<i", 1))
        run = ("run", self.engine, "-o", "out.npz")
        encode = (*run, "--program", "image_encoder", "--inputs")
        for arguments, needle in [
                ((*run, "--inputs", "in.npz"), "has 4 programs; choose with --program among image_"),
                ((*run, "--inputs", "in.npz", "--program", "encoder"), "--program encoder"),
                (("run", self.engine, "--inputs", "in.npz"), "-o"),
                ((*encode, "planes.npz"), "[1, 3, 256, 256], and [batch, 256, 256, 3] is expected"),
                ((*encode, "named.npz"), "no input \"picture\": expected image"),
                ((*encode, "labels.npz"), "int32, and float32 is expected"),
                ((*run, "--inputs", "out.npz", "--program", "image_encoder"), "same file"),
                ((*encode, "in.npz", "--kernels", "reference"), "reference kernels")]:
            self.assertIn(needle, self.error(USAGE, *arguments))
        for descr in ("<c8", "|O", ">f4", "<U3"):
            self.write_npz("odd.npz", image=harness.npy_bytes((1,), [0.0], descr=descr))
            self.assertIn("odd.npz:image", self.error(USAGE, *encode, "odd.npz"))
        self.assertNotIn("out.npz", self.names())

    def test_bad_files(self):
        (self.folder / "in.npz").write_bytes(b"no archive")
        run = ("run", self.engine, "--program", "image_encoder", "-o", "out.npz", "--inputs")
        self.assertIn("in.npz", self.error(SOME_FAILED, *run, "in.npz"))
        self.assertIn("not a .npz file", self.error(SOME_FAILED, *run, "in.npz"))
        (self.folder / "in.npy").write_bytes(harness.npy_bytes((1,), [0.0]))
        self.assertIn("numpy.savez", self.error(SOME_FAILED, *run, "in.npy"))
        self.assertIn("absent.npz", self.error(SOME_FAILED, *run, "absent.npz"))
        self.assertIn("absent.lasso", self.error(BAD_MODEL, "run", "absent.lasso", "-o", "out.npz",
                                                 "--inputs", "in.npz"))
        line = self.error(USAGE, *run, "in.npz", "--device", "cuda")
        self.assertIn('built for the device "cpu", and "cuda" is asked for', line)
        self.assertNotIn("out.npz", self.names())


if __name__ == "__main__":
    unittest.main()
