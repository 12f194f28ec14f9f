"""YOLOv7 checkpoints: inspect, run, build and compare, and what is said of those that can't be read."""

import struct
import unittest
import zipfile

from harness import BAD_MODEL, DONE, SOURCE, USAGE, CliTest

FOLDER = SOURCE / "tests/data/yolov7_blocks"
MODEL = FOLDER / "checkpoint.pt"


def npy_floats(data):
    """Shape and values of a float32 array in NumPy's format."""
    (length,) = struct.unpack_from("<H", data, 8)
    header = data[10:10 + length].decode()
    shape = [int(n) for n in header.split("(")[1].split(")")[0].split(",") if n.strip()]
    values = data[10 + length:]
    return shape, struct.unpack(f"<{len(values) // 4}f", values)


class DetectorTest(CliTest):
    def write_images(self):
        with zipfile.ZipFile(self.folder / "in.npz", "w") as archive:
            archive.write(FOLDER / "input.npy", "images.npy")
        return self.folder / "in.npz"

    def check_output(self, path):
        shape, seen = npy_floats(zipfile.ZipFile(path).read("output.npy"))
        expected_shape, expected = npy_floats((FOLDER / "raw_output.npy").read_bytes())
        self.assertEqual(shape, expected_shape)
        difference = sum((a - b)**2 for a, b in zip(seen, expected))**0.5
        self.assertLessEqual(difference, 1e-5 * sum(b * b for b in expected)**0.5)

    def changed(self, old, new):
        """The model with other bytes of the same length in its pickle."""
        source = zipfile.ZipFile(MODEL)
        path = self.folder / "changed.pt"
        with zipfile.ZipFile(path, "w") as archive:
            for entry in source.infolist():
                data = source.read(entry)
                if entry.filename.endswith("/data.pkl"):
                    self.assertIn(old, data)
                    data = data.replace(old, new)
                archive.writestr(entry.filename, data)
        return path

    def test_runs_as_pytorch(self):
        images = self.write_images()
        self.expect(DONE, "run", MODEL, "--inputs", images, "-o", "out.npz")
        self.check_output(self.folder / "out.npz")
        self.expect(DONE, "build", MODEL, "-o", "a.lasso", "--no-timing", "--fixed-size", "batch=2", "--fixed-size",
                    "height=64", "--fixed-size", "columns=2")
        self.expect(DONE, "run", "a.lasso", "--inputs", images, "-o", "again.npz")
        self.check_output(self.folder / "again.npz")
        self.expect(DONE, "compare", MODEL, "a.lasso", "--inputs", images, "--atol", "0.01", "--rtol", "1e-4")

    def test_sizes_are_chosen_without_inputs(self):
        self.expect(DONE, "compare", MODEL, f"{MODEL}@reference", "--size", "rows=1", "--size", "columns=2")

    def test_inspect(self):
        (info,) = self.expect(DONE, "inspect", MODEL, "--json").objects()
        self.assertEqual(info["family"], "yolov7")
        self.assertEqual(info["model"], "YOLOv7 of 22 blocks, 3 classes")
        (program,) = info["programs"]
        self.assertEqual(program["name"], "detector")
        self.assertIn("64*rows", self.expect(DONE, "inspect", MODEL).out)

    def test_what_is_wrong_is_named(self):
        for old, new, message in (
                (b"cmodels.common\nSP\n", b"cmodels.common\nXY\n", "ema.model.19: a block of class models.common.XY"),
                (b"cmodels.common\nSP\n", b"cmodels.common\nC3\n", "a YOLOv5 model, told by its class"),
                (b"X\x04\x00\x00\x00conv", b"X\x04\x00\x00\x00cow_", "ema.model.1.cow_: models.common.Conv has no such"),
                (b"X\x0b\x00\x00\x00anchor_grid", b"X\x0b\x00\x00\x00anchor_girt", "ema.model.21.anchor_girt")):
            error = self.error(BAD_MODEL, "run", self.changed(old, new), "--inputs", self.write_images(), "-o", "x.npz")
            self.assertIn(message, error)

    def test_wrong_sizes_and_uses(self):
        images = self.write_images()
        error = self.error(USAGE, "run", MODEL, "--fixed-size", "height=100", "--inputs", images, "-o", "x.npz")
        self.assertIn("height=100: a multiple of 64", error)
        error = self.error(USAGE, "run", MODEL, "--fixed-size", "height=128", "--inputs", images, "-o", "x.npz")
        self.assertIn("[2, 3, 64, 128]", error)
        error = self.error(BAD_MODEL, "export", MODEL, "-o", "x")
        self.assertTrue(error.endswith("a model of the family \"yolov7\", and exporting needs one of \"sam\""), error)


if __name__ == "__main__":
    unittest.main()
