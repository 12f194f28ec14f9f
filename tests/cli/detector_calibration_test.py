"""lasso build by calibration, of detectors: what they keep in int8, and what is refused."""

import shutil
import unittest

import detectors
import harness
import pictures
from harness import BAD_MODEL, DONE, MODEL, SOURCE, THRESHOLD, USAGE

DETECTOR = SOURCE / "models/lasso-tiny-detector.pt"
IMAGES = 12


class DetectorCalibrationTest(harness.CliTest):
    def scenes(self):
        folder = self.folder / "photos"
        folder.mkdir()
        for i in range(IMAGES):
            shutil.copy(SOURCE / f"models/eval/scene_{i:03}.jpg", folder)
        return "photos"

    def blank(self):
        folder = self.folder / "blank"
        folder.mkdir()
        for i in range(4):
            (folder / f"{i}.png").write_bytes(pictures.png(50 + i, 40))
        return "blank"

    def build(self, status, *arguments, model=DETECTOR):
        return self.expect(status, "build", model, "-o", "a.lasso", *arguments)

    def test_int8_keeps_boxes(self):
        (report,) = self.build(DONE, "--precision", "int8", "--calibrate", self.scenes(),
                               "--no-timing", "--json").objects()
        self.assertEqual(report["needed_isa"], "avx2")
        calibration = report["calibration"]
        accuracy = calibration["accuracy"]
        self.assertTrue(calibration["accepted"])
        self.assertIsNone(accuracy["min_map"])
        self.assertGreaterEqual(accuracy["map"], 0.85)
        self.assertGreaterEqual(accuracy["map_50"], 0.95)
        self.assertEqual(accuracy["images"] + accuracy["empty_images"], IMAGES // 2)
        self.assertGreater(accuracy["boxes"], 20)
        (trial,) = calibration["trials"]
        self.assertTrue(trial["chosen"])
        self.assertGreater(trial["int8_work"], 0.9)
        for layer in calibration["layers"]:
            self.assertEqual(layer["precision"], "int8")
            self.assertLess(layer["input_low"], layer["input_high"])
            self.assertLessEqual(layer["error"], layer["plain_error"])
        (info,) = self.expect(DONE, "inspect", "a.lasso", "--json", "--layers").objects()
        self.assertEqual(info["accuracy"], accuracy)
        layers = [layer for program in info["programs"] for layer in program["layers"]]
        work = {}
        for layer in layers:
            if layer["op"] in ("conv2d", "linear"):
                work[layer["precision"]] = work.get(layer["precision"], 0) + layer["gflop"]
        self.assertGreater(work["int8"], 0.9 * sum(work.values()))
        moves = [layer["precision"] for layer in layers if layer["op"] in ("pool2d", "resize")]
        self.assertEqual(moves, ["int8"] * 8)
        self.assertIn("mAP@0.5", self.expect(DONE, "inspect", "a.lasso").out)
        # The engine's file finds what fp32 does in a picture that had no part.
        (found,) = self.expect(DONE, "detect", SOURCE / "models/eval/scene_040.jpg", "--model",
                               "a.lasso", "--json").objects()
        (fp32,) = self.expect(DONE, "detect", SOURCE / "models/eval/scene_040.jpg", "--model",
                              DETECTOR, "--json").objects()
        self.assertGreater(len(fp32["detections"]), 0)
        self.assertAlmostEqual(len(found["detections"]), len(fp32["detections"]), delta=1)

    def test_auto_chooses_by_boxes(self):
        result = self.build(DONE, "--precision", "auto", "--calibrate", self.scenes(), "--min-map",
                            "0.5", "--no-timing", "--calibration-images", "6")
        for needle in ("layers in int8 / bf16 / fp32", "mAP", "no boxes", "network", "chosen", "accepted",
                       "on 3 images that did not choose", "asked for 0.5", "auto"):
            self.assertIn(needle, result.out)
        (info,) = self.expect(DONE, "inspect", "a.lasso", "--json").objects()
        self.assertEqual(info["precision"], "auto")
        self.assertEqual(info["accuracy"]["min_map"], 0.5)
        self.assertGreaterEqual(info["accuracy"]["map"], 0.5)

    def test_refused(self):
        result = self.build(THRESHOLD, "--precision", "int8", "--calibrate", self.scenes(), "--min-map", "1",
                            "--no-timing", "--calibration-images", "6")
        self.assertIn("refused: mAP", result.out)
        self.assertIn("a.lasso: not written: mAP 0.", result.err)
        self.assertNotIn("a.lasso", self.names())

    def test_images_without_objects_are_no_evidence(self):
        blank = ("--precision", "int8", "--calibrate", self.blank(), "--no-timing")
        nothing = "fp32 finds nothing in the 2 images that are to accept the engine"
        self.assertIn(f"a.lasso: not written: {nothing}",
                      self.build(THRESHOLD, *blank, "--min-map", "0.1").err)
        self.assertNotIn("a.lasso", self.names())
        # Nothing is asked for: the engine is there, and says so.
        result = self.build(DONE, *blank)
        self.assertIn(f"warning: {nothing}", result.err)
        self.assertIn(f"measured: {nothing}, which says nothing about accuracy; images with objects of the model's "
                      "classes are needed\n", result.out)
        self.assertIn("a.lasso", self.names())
        (info,) = self.expect(DONE, "inspect", "a.lasso", "--json").objects()
        self.assertEqual((info["accuracy"]["boxes"], info["accuracy"]["empty_images"]), (0, 2))

    def test_usage(self):
        build = ("build", DETECTOR, "-o", "a.lasso", "--precision")
        self.assertIn("lasso build --precision int8 --calibrate DIR", self.error(USAGE, *build, "int8"))
        self.assertIn("--min-map 0: expected a number above 0",
                      self.error(USAGE, *build, "int8", "--min-map", "0"))
        self.assertIn("min_iou is asked for, which SAM's masks have",
                      self.build(USAGE, "--precision", "int8", "--min-iou", "0.9").err)
        self.assertIn("min_map is asked for, which boxes of detectors have",
                      self.build(USAGE, "--precision", "int8", "--min-map", "0.9", model=MODEL).err)
        self.assertEqual(self.names(), [])

    def test_models_without_layers_to_lower(self):
        (self.folder / "fixed.onnx").write_bytes(detectors.raw(detectors.ROWS))
        self.assertIn("calibration lowers convolutions between the first and the last ones",
                      self.error(BAD_MODEL, "build", "fixed.onnx", "-o", "a.lasso", "--precision", "auto",
                                 "--calibrate", self.blank()))


if __name__ == "__main__":
    unittest.main()
