"""lasso build by calibration: what it prints, refuses and records."""

import unittest

import harness
import pictures
from harness import DONE, MEMORY, MODEL, THRESHOLD, USAGE

FEW = ("--calibration-images", "4")


class CalibrationTest(harness.CliTest):
    def build(self, status, *arguments):
        return self.expect(status, "build", MODEL, "-o", "a.lasso", *arguments)

    def test_table_and_record(self):
        result = self.build(DONE, "--precision", "auto", "--min-iou", "0.3", "--sensitivity", *FEW)
        for needle in ("IoU lost in int8", "layers in int8 / bf16 / fp32", "chosen", "accepted",
                       "on 2 random pictures", "  blocks.0.attn.qkv ", "auto"):
            self.assertIn(needle, result.out)
        self.assertIn("random pictures", result.err)
        (info,) = self.expect(DONE, "inspect", "a.lasso", "--json").objects()
        self.assertEqual(info["precision"], "auto")
        self.assertEqual(info["accuracy"]["min_iou"], 0.3)
        self.assertGreaterEqual(info["accuracy"]["mean_iou"], 0.3)
        self.assertIn("mean IoU", self.expect(DONE, "inspect", "a.lasso").out)

    def test_refused(self):
        arguments = ("--precision", "int8", "--min-iou", "1", "--seed", "3", *FEW)
        result = self.build(THRESHOLD, *arguments)
        self.assertIn("refused", result.out)
        self.assertIn("a.lasso: not written: mean IoU", result.err)
        self.assertEqual(self.names(), [])
        (report,) = self.build(THRESHOLD, "--json", *arguments).objects()
        self.assertIsNone(report["file"])
        self.assertFalse(report["calibration"]["accepted"])

    def test_folder(self):
        for i in range(4):
            size = 50 + i
            (self.folder / f"{i}.png").write_bytes(pictures.png(size, 40))
        (self.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        result = self.build(DONE, "--precision", "int8", "--calibrate", ".", "--min-iou", "0.01",
                            "--json")
        (report,) = result.objects()
        calibration = report["calibration"]
        names = calibration["choosing_images"] + calibration["accepting_images"]
        self.assertEqual(sorted(name[-5:] for name in names), ["0.png", "1.png", "2.png", "3.png"])
        self.assertEqual(len(calibration["skipped"]), 1)
        self.assertIn("broken.png", result.err)
        self.assertRegex(result.err, r"--calibrate \S+: 1 of 5 images were not used")
        (row,) = calibration["trials"]
        self.assertTrue(row["chosen"])
        self.assertEqual(row["int8_layers"], len(calibration["layers"]))

    def test_usage(self):
        for arguments, needle in (
                (("--min-iou", "0"), "--min-iou 0: expected a number above 0"),
                (("--min-iou", "1.5"), "at most 1"),
                (("--calibrate", "nowhere"), "--calibrate nowhere: there is no such folder"),
                (("--calibrate", "."), "has no JPEG, PNG, PPM or PGM file"),
                (("--sensitivity",), "--sensitivity: layers are ranked with --precision auto only"),
                (("--calibration-images", "3"), "--calibration-images")):
            self.assertIn(needle, self.error(USAGE, "build", MODEL, "-o", "a.lasso", "--precision",
                                             "int8", *arguments))
        for arguments in (("--seed", "1"), ("--calibrate",), ("--min-iou", "0.9"),
                          ("--sensitivity",), ("--calibration-images", "32")):
            self.assertIn(f"{arguments[0]}: calibration is for --precision fp16, bf16, int8 or auto",
                          self.error(USAGE, "build", MODEL, "-o", "a.lasso", *arguments))
        self.assertIn("int8 or auto", self.error(USAGE, "build", MODEL, "-o", "a.lasso",
                                                 "--precision", "foo"))
        pictures_folder = self.folder / "one"
        pictures_folder.mkdir()
        (pictures_folder / "0.png").write_bytes(pictures.png(50, 40))
        self.assertIn("1 of 1 image can be used",
                      self.error(USAGE, "build", MODEL, "-o", "a.lasso", "--precision", "auto",
                                 "--calibrate", "one"))
        self.assertIn("random weights", self.error(USAGE, "build", "random:vit_b", "-o", "a.lasso",
                                                   "--precision", "auto"))
        self.assertIn("fp32, fp16, bf16 or int8", self.error(USAGE, "segment", "--model", MODEL, "a.png",
                                                       "--point", "1,1", "--precision", "auto"))
        self.assertEqual(self.names(), ["one"])

    def test_what_can_not_be_written_is_found_out_first(self):
        name = "a" * 250 + ".lasso"  # 256 bytes
        message = self.error(USAGE, "build", MODEL, "-o", name, "--precision", "auto")
        self.assertIn("can't be written", message)

    def test_memory_limit(self):
        arguments = ("--precision", "int8", "--min-iou", "0.1", *FEW)
        self.assertIn("calibration needs about",
                      self.error(MEMORY, "build", MODEL, "-o", "a.lasso", "-q", "--memory-limit",
                                 "1M", *arguments))
        self.build(DONE, "--memory-limit", "1G", *arguments)


if __name__ == "__main__":
    unittest.main()
