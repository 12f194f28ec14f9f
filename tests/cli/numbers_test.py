"""Weights and results that are not finite, masks that are all empty, models that are cut short."""

import csv
import fcntl
import json
import math
import os
import struct
import subprocess
import unittest

import checkpoints
import harness
import pictures
from harness import (BAD_MODEL, DONE, LASSO, MODEL, SOME_FAILED, THRESHOLD, UNSUPPORTED)


class NumbersTest(harness.CliTest):
    def picture(self, name="a.png", size=(64, 48)):
        (self.folder / name).write_bytes(pictures.png(*size))
        return name

    def photos(self):
        (self.folder / "photos").mkdir()
        for i in range(4):
            self.picture(f"photos/{i}.png", (60 + i, 40))
        return "photos"


class NotFiniteTest(NumbersTest):
    def test_weights(self):
        def spoil(values):
            values[3] = math.nan
            values[4] = -math.inf
        checkpoints.write(self.folder / "nan.safetensors", {checkpoints.PATCH_BIAS: spoil})
        image = self.picture()
        expected = ("nan.safetensors: 1 of its 202 tensors have values that are not finite: "
                    "image_encoder.patch_embed.proj.bias (2 of 64)")
        for command in (("segment", "--model", "nan.safetensors", image, "--point", "1,1"),
                        ("inspect", "nan.safetensors"),
                        ("build", "nan.safetensors", "-o", "nan.lasso"),
                        ("build", "nan.safetensors", "-o", "nan.lasso", "-q", "--precision", "auto")):
            self.assertIn(expected, self.error(BAD_MODEL, *command))
        self.assertEqual(self.names(), ["a.png", "nan.safetensors"])

    def test_results(self):
        checkpoints.write_overflowing(self.folder / "huge.safetensors")
        images = [self.picture("a.png"), self.picture("b.png")]
        result = self.expect(SOME_FAILED, "segment", "--model", "huge.safetensors", *images,
                             "--point", "1,1", "--json", "--save-embedding", ".")
        for image, answer in zip(images, result.objects()):
            self.assertEqual(answer["error"]["code"], "unsupported")
            self.assertIn(f"{image}: the embedding has 16384 of 16384 values that are not finite: "
                          "in fp32", answer["error"]["message"])
        self.assertEqual(self.names(), ["a.png", "b.png", "huge.safetensors"])

    def test_calibration(self):
        checkpoints.write_overflowing(self.folder / "huge.safetensors")
        message = self.error(BAD_MODEL, "build", "huge.safetensors", "-o", "huge.lasso",
                             "--precision", "auto", "--calibrate", self.photos())
        self.assertRegex(message, r"photos/\d\.png: the embedding has 16384 of 16384 values")
        self.assertFalse((self.folder / "huge.lasso").exists())

    def test_accuracy(self):
        checkpoints.write_overflowing(self.folder / "huge.safetensors")
        result = self.expect(SOME_FAILED, "bench", "accuracy", "--images", self.photos(),
                             "--reference", MODEL, "--candidate", "huge.safetensors")
        self.assertIn("photos/0.png: the embedding has 16384 of 16384 values", result.err)
        self.assertIn("no image could be measured; there is no report", result.err)

    def test_compare_shows_where_it_begins(self):
        checkpoints.write_overflowing(self.folder / "huge.safetensors")
        arguments = ("compare", MODEL, "huge.safetensors", "--json")
        result = self.expect(THRESHOLD, *arguments)
        (comparison,) = result.objects()
        self.assertEqual(comparison["first_divergence"]["layer"].split("/")[0], "image_encoder")
        self.assertFalse(comparison["equal_within_tolerance"])
        self.assertEqual(comparison["results"], [])
        (failure,) = comparison["failures"]
        self.assertIn("huge.safetensors@fast: the embedding has 16384 of 16384", failure)
        # Both sides are alike, and nothing is equal.
        result = self.expect(UNSUPPORTED, "compare", "huge.safetensors", "huge.safetensors@avx2")
        self.assertNotIn("all within", result.out)


class EmptyMasksTest(NumbersTest):
    def setUp(self):
        super().setUp()
        checkpoints.write_blind(self.folder / "blind.safetensors")

    def test_calibration_is_refused(self):
        for precision in ("auto", "int8"):
            arguments = ("build", "blind.safetensors", "-o", "blind.lasso", "--precision",
                         precision, "--min-iou", "0.01", "--calibration-images", "4")
            result = self.expect(THRESHOLD, *arguments)
            self.assertIn("blind.lasso: not written: for every prompt (2), the masks of the engine "
                          "and of fp32 are empty", result.err)
            (report,) = self.expect(THRESHOLD, *arguments, "--json").objects()
            self.assertIsNone(report["file"])
            calibration = report["calibration"]
            self.assertFalse(calibration["accepted"])
            accuracy = calibration["accuracy"]
            self.assertEqual((accuracy["images"], accuracy["masks"], accuracy["empty_pairs"],
                              accuracy["mean_iou"]), (0, 0, 2, 0))
            (trial,) = calibration["trials"]
            self.assertEqual((trial["empty_pairs"], trial["mean_iou"]), (2, 0))
        self.assertEqual(self.names(), ["blind.safetensors"])

    def test_accuracy_is_refused(self):
        arguments = ("bench", "accuracy", "--images", self.photos(), "--reference",
                     "blind.safetensors", "--candidate", "blind.safetensors@int8")
        message = self.error(THRESHOLD, *arguments)
        self.assertIn("for every prompt (16), the masks of the reference and of every candidate are "
                      "empty", message)
        self.assertEqual(list((self.folder / "lasso-reports").iterdir()), [])

    def dump(self, masks):
        """Reference masks for one picture, a prompt each."""
        folder = self.folder / "dump"
        folder.mkdir()
        width, height = 8, 6
        (self.folder / "photos").mkdir()
        self.picture("photos/a.png", (width, height))
        shape = (len(masks), height, width)
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape!r}, }}"
        header += " " * (63 - (10 + len(header)) % 64) + "\n"
        (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
                                       header.encode() +
                                       b"".join(bytes([m]) * (width * height) for m in masks))
        index = {"images": [{"image": "a.png", "width": width, "height": height, "masks": "a.npy",
                             "prompts": [{"points": [[2, 3]]} for _ in masks]}]}
        (folder / "index.json").write_text(json.dumps(index))
        return ("bench", "accuracy", "--images", "photos", "--reference-masks", "dump",
                "--candidate", "blind.safetensors")

    def test_pairs_are_counted_apart(self):
        arguments = self.dump((0, 1, 0))
        (report,) = self.expect(DONE, *arguments, "--json").objects()
        (candidate,) = report["candidates"]
        agreement = candidate["with_reference"]
        self.assertEqual((agreement["prompts"], agreement["empty_pairs"], agreement["minimum"],
                          agreement["percentile_1"], agreement["mean"]), (1, 2, 0, 0, 0))
        self.assertEqual((agreement["worst_image"], agreement["worst_prompt"]), ("a.png", 1))
        first, second, _ = [p["results"][1] for p in report["images"][0]["prompts"]]
        self.assertTrue(first["both_empty"])
        self.assertNotIn("iou_with_reference", first)
        self.assertEqual(second["iou_with_reference"], 0)
        folder = self.folder / report["report"]
        with open(folder / "results.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(r["role"], r["iou_with_reference"], r["both_empty"]) for r in rows],
                         [("reference", "", ""), ("candidate", "", "1"),
                          ("reference", "", ""), ("candidate", "0", "0"),
                          ("reference", "", ""), ("candidate", "", "1")])
        page = (folder / "report.html").read_text(encoding="utf-8")
        self.assertIn("both empty", page)
        self.assertIn("lowest IoU 0.000000", page)
        text = self.expect(DONE, *arguments).out
        self.assertIn("both empty", text)
        result = self.expect(THRESHOLD, *arguments, "--min-iou", "0.1")
        self.assertIn("mean IoU of 0.000000, below --min-iou 0.1", result.err)

    def test_no_pair_with_an_iou(self):
        message = self.error(THRESHOLD, *self.dump((0, 0)), "--min-iou", "0.1")
        self.assertIn("for every prompt (2)", message)

    def test_a_candidate_without_any_iou_misses_limits(self):
        checkpoints.write_full(self.folder / "full.safetensors")
        arguments = self.dump((0,))
        result = self.expect(THRESHOLD, *arguments, "--candidate", "full.safetensors", "--min-iou",
                             "0.1", "--json")
        self.assertIn("blind.safetensors@fast has no IoU: all masks are empty", result.err)
        self.assertIn("full.safetensors@fast has a mean IoU of 0.000000", result.err)
        blind, full = [c["with_reference"] for c in result.objects()[0]["candidates"]]
        self.assertEqual((blind["prompts"], blind["empty_pairs"], blind["mean"]), (0, 1, None))
        self.assertEqual((full["prompts"], full["empty_pairs"], full["mean"]), (1, 0, 0))

    def test_compare(self):
        (comparison,) = self.expect(DONE, "compare", "blind.safetensors", "blind.safetensors@avx2",
                                    "--json").objects()
        (mask,) = comparison["masks"]
        self.assertEqual((mask["iou"], mask["both_empty"], mask["differing_pixels"]),
                         (None, True, 0))
        text = self.expect(DONE, "compare", "blind.safetensors", "blind.safetensors@avx2").out
        self.assertIn("both masks are empty, and have no IoU", text)


class CutShortTest(NumbersTest):
    SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ

    def test_model_while_it_runs(self):
        self.expect(DONE, "build", MODEL, "-o", "a.lasso")
        image = self.picture()
        command = [LASSO, "segment", "--model", "a.lasso", *[image] * 300, "--point", "9,9",
                   "--format", "none", "--json"]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            # It waits when the pipe is full, long before the last image.
            fcntl.fcntl(process.stdout, self.SET_PIPE_SIZE, 4096)
            first = process.stdout.readline()
            os.truncate(self.folder / "a.lasso", 4096)
            rest, err = process.communicate(timeout=300)
        self.assertEqual(json.loads(first)["image"], image)
        self.assertLess(len(rest.splitlines()), 299)
        for line in rest.splitlines():
            self.assertNotIn("error", json.loads(line))
        self.assertEqual(process.returncode, BAD_MODEL, err)
        (message,) = err.decode().splitlines()
        self.assertRegex(message, r"^lasso: error: .*a\.lasso: .*was cut short while in use$")


if __name__ == "__main__":
    unittest.main()
