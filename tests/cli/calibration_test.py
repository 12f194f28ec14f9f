"""lasso build by calibration: what it prints, refuses and records."""

import unittest

import harness
import pictures
from harness import DONE, MODEL, THRESHOLD, USAGE

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
        for i in range(3):
            size = 50 + i
            (self.folder / f"{i}.png").write_bytes(pictures.png(size, 40))
        (self.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        result = self.build(DONE, "--precision", "int8", "--calibrate", ".", "--min-iou", "0.01",
                            "--json")
        (report,) = result.objects()
        calibration = report["calibration"]
        names = calibration["choosing_images"] + calibration["accepting_images"]
        self.assertEqual(sorted(name[-5:] for name in names), ["0.png", "1.png", "2.png"])
        self.assertEqual(len(calibration["skipped"]), 1)
        self.assertIn("broken.png", result.err)
        self.assertIn("1 of 4 images were not used", result.err)
        (row,) = calibration["trials"]
        self.assertTrue(row["chosen"])
        self.assertEqual(row["int8_layers"], len(calibration["layers"]))

    def test_usage(self):
        for arguments, needle in (
                (("--min-iou", "0"), "--min-iou 0: expected a number above 0"),
                (("--min-iou", "1.5"), "at most 1"),
                (("--calibrate", "nowhere"), "--calibrate nowhere: there is no such folder"),
                (("--calibrate", "."), "has no JPEG or PNG file"),
                (("--precision", "auto", "--memory-limit", "1G"), "--memory-limit"),
                (("--calibration-images", "1"), "--calibration-images")):
            self.assertIn(needle, self.error(USAGE, "build", MODEL, "-o", "a.lasso", *arguments))
        self.assertIn("random weights", self.error(USAGE, "build", "random:vit_b", "-o", "a.lasso",
                                                   "--precision", "auto"))
        self.assertIn("fp32, bf16 or int8", self.error(USAGE, "segment", "--model", MODEL, "a.png",
                                                       "--point", "1,1", "--precision", "auto"))
        self.assertEqual(self.names(), [])


if __name__ == "__main__":
    unittest.main()
