"""lasso detect: what is found, how it is written, and which options mean what."""

import json
import struct
import unittest

import detectors
import harness
import pictures
from harness import BAD_MODEL, DONE, MODEL, SOME_FAILED, SOURCE, USAGE

GOLDEN = SOURCE / "../shared/golden"


class DetectTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "d.onnx").write_bytes(detectors.raw(detectors.ROWS))
        # Half the size in the network's pixels, with 8 grey rows above and below.
        (self.folder / "a.png").write_bytes(pictures.png(128, 96))

    def detect(self, *arguments, status=DONE, **options):
        return self.expect(status, "detect", "--model", "d.onnx", *arguments, **options)

    def found(self, *arguments, **options):
        """Class, score and corners of what is found in a.png."""
        (report,) = self.detect("a.png", "--format", "none", "--json", *arguments,
                                **options).objects()
        return [(d["class"], d["score"], *d["bbox_xyxy"]) for d in report["detections"]]


DOG = (16, 0.75, 16, 16, 80, 80)
SECOND_DOG = (16, 0.625, 16, 32, 80, 96)
PERSON = (0, 0.5, 20, 16, 80, 80)
HORSE = (17, 0.5, 16, 32, 80, 96)


class WhatIsFoundTest(DetectTest):
    def test_boxes_are_in_pixels_of_the_image(self):
        (report,) = self.detect("a.png", "--format", "none", "--json").objects()
        self.assertEqual((report["image"], report["width"], report["height"]), ("a.png", 128, 96))
        first, second = report["detections"]
        self.assertEqual(first, {"class": 16, "name": "dog", "score": 0.75,
                                 "bbox_xyxy": [16, 16, 80, 80], "bbox_xywh": [16, 16, 64, 64]})
        self.assertEqual((second["name"], second["bbox_xyxy"]), ("person", [20, 16, 80, 80]))
        self.assertEqual(set(report["timings"]), {"model_load_ms", "load_ms", "preprocess_ms",
                                                  "network_ms", "suppress_ms", "postprocess_ms"})
        self.assertEqual(report["files"], {})

    def test_thresholds(self):
        self.assertEqual(self.found(), [DOG, PERSON])
        # The score is above the threshold, not at it.
        self.assertEqual(self.found("--conf-thres", "0.5"), [DOG])
        self.assertEqual(self.found("--conf-thres", "0.49"), [DOG, PERSON])
        self.assertEqual(self.found("--iou-thres", "0.7"), [DOG, SECOND_DOG, PERSON])
        self.assertEqual(len(self.found("--conf-thres", "0.1")), 3)
        self.assertEqual(self.found("--topk", "1"), [DOG])

    def test_classes(self):
        for classes in ("0", "person", "2,person", "car,0"):
            self.assertEqual(self.found("--classes", classes), [PERSON])
        self.assertEqual(self.found("--classes", "16,person"), [DOG, PERSON])
        self.assertEqual(self.found("--classes", "tv"), [])

    def test_suppression(self):
        self.assertEqual(self.found("--agnostic"), [DOG])
        # Of equal scores the lower row comes first.
        self.assertEqual(self.found("--multi-label"), [DOG, HORSE, PERSON])

    def test_text(self):
        result = self.detect("a.png", "--format", "none")
        self.assertRegex(result.out, r"^a\.png +128x96  2 objects: 1 person, 1 dog  detect [0-9.]+ ms")
        self.assertEqual(self.detect("a.png", "--format", "none", "-q").out, "")
        self.assertIn("0 objects  detect", self.detect("a.png", "--format", "none", "--conf-thres",
                                                       "1").out)


class RandomWeightsTest(harness.CliTest):
    def test_a_published_model_without_a_file(self):
        (self.folder / "a.png").write_bytes(pictures.png(128, 96))
        options = ("--size", "64", "--conf-thres", "0", "--topk", "20", "--format", "none", "--json")
        (report,) = self.expect(DONE, "detect", "a.png", "--model", "random:yolov7-tiny",
                                *options).objects()
        self.assertEqual(len(report["detections"]), 20)
        self.expect(DONE, "build", "random:yolov7-tiny", "-o", "a.lasso", "--no-timing")
        (again,) = self.expect(DONE, "detect", "a.png", "--model", "a.lasso", *options).objects()
        self.assertEqual(again["detections"], report["detections"])
        self.assertIn("random:yolov7-tiny-silu", self.expect(
            USAGE, "detect", "a.png", "--model", "random:yolov8").err)
        self.assertIn("one of \"sam\" is needed", self.expect(
            BAD_MODEL, "segment", "a.png", "--box", "1,1,9,9", "--model", "random:yolov7-tiny").err)


class ImagesTest(DetectTest):
    def setUp(self):
        super().setUp()
        (self.folder / "photos").mkdir()
        for name in ("c.png", "b.png", "d.txt"):
            (self.folder / "photos" / name).write_bytes(pictures.png(40, 30))

    def images(self, *arguments, status=DONE, **options):
        objects = self.detect("--format", "none", "--json", "-q", *arguments, status=status,
                              **options).objects()
        return [o["image"] for o in objects]

    def test_folders_patterns_and_lists(self):
        self.assertEqual(self.images("photos", "a.png"), ["photos/b.png", "photos/c.png", "a.png"])
        self.assertEqual(self.images("photos/[bd].p*"), ["photos/b.png"])
        (self.folder / "list.txt").write_text("a.png\n\nphotos\n")
        expected = ["a.png", "a.png", "photos/b.png", "photos/c.png"]
        self.assertEqual(self.images("a.png", "--image-list", "list.txt"), expected)
        self.assertEqual(self.images("--image-list", "-", stdin=b"a.png\nphotos/c.png"),
                         ["a.png", "photos/c.png"])
        self.assertEqual(self.images("-", stdin=pictures.png(9, 9)), ["-"])
        warning = self.detect("photos", "--format", "none").err
        self.assertIn("photos: 1 of 3 files and folders in it skipped", warning)

    def test_an_image_that_fails_is_named_and_the_others_are_done(self):
        (self.folder / "e.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        (self.folder / "empty").mkdir()
        result = self.detect("e.png", "a.png", "nothing.png", "*.gif", "empty", "--format", "none",
                             "--json", status=SOME_FAILED)
        reports = result.objects()
        self.assertEqual([r.get("error", {}).get("code") for r in reports],
                         ["corrupt_file", None, "not_found", "not_found", "not_found"])
        self.assertEqual(len(reports[1]["detections"]), 2)
        for word in ("e.png", "nothing.png", "*.gif: no file fits", "empty: has no JPEG"):
            self.assertIn(word, result.err)

    def test_jobs_and_batches_change_nothing(self):
        names = [f"{i}.png" for i in range(12)]
        for i, name in enumerate(names):
            (self.folder / name).write_bytes(pictures.png(20 + 3 * i, 50 - i))
        runs = []
        for i, options in enumerate(((), ("--jobs", "3"), ("--batch", "5"),
                                     ("--batch", "2", "--jobs", "2"))):
            reports = self.detect(*names, *options, "--json", "--format", "coco", "-o",
                                  f"o{i}").objects()
            self.assertEqual([r["image"] for r in reports], names)
            runs.append(([r["detections"] for r in reports],
                         (self.folder / f"o{i}/coco_results.json").read_bytes()))
        for run in runs[1:]:
            self.assertEqual(run, runs[0])

    def test_an_image_that_fails_costs_only_itself_in_a_batch(self):
        (self.folder / "e.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        reports = self.detect("a.png", "e.png", "photos", "nothing.png", "a.png", "--batch", "3",
                              "--format", "none", "--json", status=SOME_FAILED).objects()
        self.assertEqual([r["image"] for r in reports],
                         ["a.png", "e.png", "photos/b.png", "photos/c.png", "nothing.png", "a.png"])
        self.assertEqual([r.get("error", {}).get("code") for r in reports],
                         [None, "corrupt_file", None, None, "not_found", None])
        self.assertEqual([r.get("batch") for r in reports], [2, None, 2, 2, None, 2])
        self.assertEqual(reports[0]["detections"], reports[5]["detections"])


class FilesTest(DetectTest):
    def test_yolo(self):
        (report,) = self.detect("a.png", "--format", "yolo", "--json").objects()
        self.assertEqual(report["files"], {"yolo": ["a.txt"]})
        self.assertEqual((self.folder / "a.txt").read_text(),
                         "16 0.375 0.5 0.5 0.666667\n0 0.390625 0.5 0.46875 0.666667\n")
        self.detect("a.png", "--format", "yolo", "--save-conf", "-o", "out")
        self.assertEqual((self.folder / "out/a.txt").read_text(),
                         "16 0.375 0.5 0.5 0.666667 0.75\n0 0.390625 0.5 0.46875 0.666667 0.5\n")
        self.detect("a.png", "--format", "yolo", "--conf-thres", "1")
        self.assertEqual((self.folder / "a-2.txt").read_text(), "")

    def test_coco(self):
        (self.folder / "000139.png").write_bytes(pictures.png(64, 64))
        reports = self.detect("a.png", "000139.png", "--format", "coco", "--json").objects()
        self.assertEqual([r["files"] for r in reports], 2 * [{"coco": ["coco_results.json"]}])
        results = json.loads((self.folder / "coco_results.json").read_text())
        self.assertEqual(results[:2], [
            {"image_id": "a", "category_id": 16, "bbox": [16, 16, 64, 64], "score": 0.75},
            {"image_id": "a", "category_id": 0, "bbox": [20, 16, 60, 64], "score": 0.5}])
        self.assertEqual(results[2], {"image_id": 139, "category_id": 16, "bbox": [8, 16, 32, 32],
                                      "score": 0.75})
        self.detect("a.png", "--format", "coco", "--coco91")
        results = json.loads((self.folder / "coco_results-2.json").read_text())
        self.assertEqual([r["category_id"] for r in results], [18, 1])
        self.detect("a.png", "--format", "coco", "--conf-thres", "1")
        self.assertEqual(json.loads((self.folder / "coco_results-3.json").read_text()), [])

    def test_a_run_that_fails_leaves_no_results(self):
        (self.folder / "list.txt").write_text("")
        self.error(USAGE, "detect", "--model", "d.onnx", "--image-list", "list.txt", "--format",
                   "coco")
        self.assertEqual(self.names(), ["a.png", "d.onnx", "list.txt"])

    def test_overlay(self):
        (report,) = self.detect("a.png", "--json").objects()
        self.assertEqual(report["files"], {"overlay": ["a_overlay.png"]})
        self.detect("a.png", "--conf-thres", "1")
        self.assertEqual(self.names(), ["a.png", "a_overlay-2.png", "a_overlay.png", "d.onnx"])
        data = (self.folder / "a_overlay.png").read_bytes()
        self.assertEqual(struct.unpack(">II", data[16:24]), (128, 96))
        self.assertNotEqual(data, (self.folder / "a_overlay-2.png").read_bytes())

    def test_names(self):
        (self.folder / "names.txt").write_text("".join(f"kind {i}\n" for i in range(80)))
        (report,) = self.detect("a.png", "--format", "none", "--json", "--names", "names.txt",
                                "--classes", "kind 16").objects()
        self.assertEqual([d["name"] for d in report["detections"]], ["kind 16"])
        (self.folder / "d.onnx").write_bytes(
            detectors.raw([detectors.box(8, 16, 40, 48, 1.0, {2: 0.75}, classes=3)]))
        (report,) = self.detect("a.png", "--format", "none", "--json").objects()
        self.assertEqual([(d["class"], d["name"]) for d in report["detections"]], [(2, None)])
        self.assertIn("1 class 2", self.detect("a.png", "--format", "none").out)


class SegmentWithTest(DetectTest):
    def test_masks_are_those_of_the_boxes(self):
        (report,) = self.detect("a.png", "--segment-with", MODEL, "--iou-thres", "0.7", "--json",
                                "--format", "overlay,mask,rle,polygon,labelmap,coco").objects()
        boxes = [arg for d in report["detections"]
                 for arg in ("--box", ",".join(str(v) for v in d["bbox_xyxy"]))]
        expected = self.segment_json("a.png", *boxes, "--format", "none")["masks"]
        self.assertEqual(len(report["detections"]), 3)
        for found, mask in zip(report["detections"], expected):
            self.assertEqual(found["rle"], mask["rle"])
            self.assertEqual(found["mask_bbox_xyxy"], mask["bbox_xyxy"])
            self.assertEqual((found["area"], found["iou_prediction"]),
                             (mask["area"], mask["iou_prediction"]))
        for key in ("segment_model_load_ms", "segment_preprocess_ms", "encode_ms", "decode_ms",
                    "segment_postprocess_ms"):
            self.assertGreaterEqual(report["timings"][key], 0)
        self.assertEqual(report["files"], {
            "overlay": ["a_overlay.png"], "mask": [f"a_mask_{i}.png" for i in range(3)],
            "labelmap": ["a_labelmap.png"], "rle": ["a_rle.json"], "polygon": ["a_polygon.json"],
            "coco": ["coco_results.json"]})
        coco = json.loads((self.folder / "a_rle.json").read_text())
        self.assertEqual(coco["categories"][16], {"id": 16, "name": "dog"})
        self.assertEqual([(a["category_id"], a["score"], a["segmentation"])
                          for a in coco["annotations"]],
                         [(d["class"], d["score"], d["rle"]) for d in report["detections"]])
        results = json.loads((self.folder / "coco_results.json").read_text())
        self.assertEqual([r["segmentation"] for r in results],
                         [d["rle"] for d in report["detections"]])

    def test_no_boxes(self):
        (report,) = self.detect("a.png", "--segment-with", MODEL, "--conf-thres", "1", "--json",
                                "--format", "overlay,mask,rle,labelmap").objects()
        self.assertEqual(report["detections"], [])
        self.assertEqual(report["files"], {"overlay": ["a_overlay.png"], "rle": ["a_rle.json"],
                                           "labelmap": ["a_labelmap.png"]})
        self.assertEqual(json.loads((self.folder / "a_rle.json").read_text())["annotations"], [])

    def test_a_box_outside_of_the_image_has_a_mask(self):
        # All of it lies in the grey rows above the picture.
        (self.folder / "d.onnx").write_bytes(
            detectors.raw([detectors.box(8, 0, 40, 4, 1.0, {16: 0.75})]))
        (report,) = self.detect("a.png", "--segment-with", MODEL, "--json").objects()
        (found,) = report["detections"]
        self.assertEqual(found["bbox_xyxy"], [16, 0, 80, 0])
        self.assertEqual(found["rle"]["size"], [96, 128])


class UsageTest(DetectTest):
    def test_wrong_usage(self):
        (self.folder / "names.txt").write_text("a\nb\n")
        for needle, *arguments in (
                ("no image", ),
                ("--conf-thres 1.5: expected a number from 0 to 1", "a.png", "--conf-thres", "1.5"),
                ("--iou-thres x", "a.png", "--iou-thres", "x"),
                ("--topk 0", "a.png", "--topk", "0"),
                ("--classes 80: the classes of d.onnx are 0 to 79", "a.png", "--classes", "80"),
                ("has no class \"unicorn\"", "a.png", "--classes", "unicorn"),
                ("has no class \"\"", "a.png", "--classes", "dog,"),
                ("has 2 names, and d.onnx has 80 classes", "a.png", "--names", "names.txt"),
                ("--names nothing.txt", "a.png", "--names", "nothing.txt"),
                ("--format jpeg", "a.png", "--format", "jpeg"),
                ("need --segment-with", "a.png", "--format", "rle"),
                ("\"none\" excludes", "a.png", "--format", "none,yolo"),
                ("--save-conf", "a.png", "--save-conf"),
                ("--coco91", "a.png", "--coco91", "--format", "yolo"),
                ("--anchors 1,2,3: has 3 numbers", "a.png", "--anchors", "1,2,3"),
                ("--image-list nothing.txt", "--image-list", "nothing.txt"),
                ("standard input", "-", "-"),
                ("--image-list -: the image is standard input", "-", "--image-list", "-"),
                ("-o a.png", "a.png", "-o", "a.png")):
            with self.subTest(needle):
                self.assertIn(needle, self.error(USAGE, "detect", "--model", "d.onnx", *arguments))
        self.assertEqual(self.names(), ["a.png", "d.onnx", "names.txt"])

    def test_models_of_another_kind(self):
        line = self.error(BAD_MODEL, "detect", "--model", MODEL, "a.png")
        self.assertIn("checkpoint.pth", line)
        line = self.error(BAD_MODEL, "detect", "--model", "d.onnx", "a.png", "--segment-with",
                          "d.onnx")
        self.assertIn("d.onnx", line)
        line = self.error(BAD_MODEL, "detect", "--model", "nothing.onnx", "a.png")
        self.assertIn("nothing.onnx", line)

    def test_without_a_model_the_demo_is_used(self):
        scene = SOURCE / "models/eval/scene_003.jpg"
        result = self.expect(DONE, "detect", scene, "--json", "--format", "none")
        self.assertIn("lasso: warning: no model given", result.err)
        (line,) = result.objects()
        found = {found["name"] for found in line["detections"]}
        self.assertLessEqual(found, {"blob", "box", "polygon", "stroke", "text", "figure", "ring", "vase"})
        self.assertGreaterEqual(len(line["detections"]), 3)

    def test_the_environment_names_the_model(self):
        self.expect(DONE, "detect", "a.png", "--format", "none", env={"LASSO_MODEL": "d.onnx"})


class BenchTest(DetectTest):
    SPEED = ("bench", "speed", "--detect", "--warmup", "1", "--iterations", "2", "--threads", "1",
             "--image", "a.png")

    def test_speed(self):
        (report,) = self.expect(DONE, *self.SPEED, "--candidate", "d.onnx", "--candidate",
                                "d.onnx@avx2", "--json").objects()
        self.assertEqual((report["warm_up"], report["iterations"]), (1, 2))
        parts = ["preprocess", "network", "suppress", "postprocess"]
        for candidate in report["candidates"]:
            stages = candidate["stages"]
            self.assertEqual(list(stages), ["network", "detect", "end_to_end"])
            self.assertEqual(list(stages["detect"]["parts_mean_ms"]), parts)
            self.assertEqual(list(stages["end_to_end"]["parts_mean_ms"]), ["read"] + parts)
            self.assertTrue(all(stage["runs"] == 2 for stage in stages.values()))
        self.assertIn("--program", self.error(USAGE, *self.SPEED, "--candidate", "d.onnx",
                                              "--program", "main"))
        self.assertIn("checkpoint.pth", self.error(BAD_MODEL, *self.SPEED, "--candidate", MODEL))

    def test_without_a_model_the_demo_detector_is_measured(self):
        (report,) = self.expect(DONE, *self.SPEED, "--json").objects()
        (candidate,) = report["candidates"]
        self.assertTrue(candidate["file"].endswith("lasso-tiny-detector.pt"))
        (report,) = self.expect(DONE, "bench", "accuracy", "--detect", "--images", SOURCE / "models/eval",
                                "--limit", "1", "--json").objects()
        self.assertEqual([side["file"].endswith("lasso-tiny-detector.pt") for side in report["sides"]], [True, True])
        self.assertEqual(report["sides"][1]["agreement"]["same_percent"], 100)

    def test_accuracy(self):
        (self.folder / "photos").mkdir()
        for name in ("1.png", "2.png"):
            (self.folder / "photos" / name).write_bytes(pictures.png(64, 64))
        # A candidate that finds the dog a little lower, an IoU of 0.75, the person, and a horse.
        (self.folder / "e.onnx").write_bytes(detectors.raw([
            detectors.box(8, 16, 40, 40, 0.625, {16: 1.0}),
            detectors.box(10, 16, 40, 48, 1.0, {0: 0.5}),
            detectors.box(48, 48, 60, 60, 1.0, {17: 0.5})]))
        accuracy = ("bench", "accuracy", "--detect", "--images", "photos", "--reference", "d.onnx",
                    "--candidate", "e.onnx", "--json")
        # With the thresholds of test.py, the reference has the second dog and a horse in its place, too.
        (report,) = self.expect(DONE, *accuracy).objects()
        reference, candidate = report["sides"]
        self.assertTrue(reference["is_reference"])
        self.assertNotIn("agreement", reference)
        self.assertEqual(candidate["agreement"], {
            "images": 2, "empty_images": 0, "same": 4, "only_reference": 4, "only_candidate": 2,
            "same_percent": 40, "mean_iou": 0.875, "lowest_iou": 0.75,
            "largest_score_difference": 0.125})

        # In the truth, the dog of the first picture is where the reference finds it, and the person where both do.
        truth = {"categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
                 "images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}],
                 "annotations": [
                     {"image_id": 1, "category_id": 18, "bbox": [8, 16, 32, 32]},
                     {"image_id": 1, "category_id": 1, "bbox": [10, 16, 30, 32]},
                     {"image_id": 2, "category_id": 1, "bbox": [10, 16, 30, 32]}]}
        (self.folder / "truth.json").write_text(json.dumps(truth))
        (report,) = self.expect(DONE, *accuracy, "--annotations", "truth.json").objects()
        self.assertEqual(report["categories"], ["person", "dog"])
        reference, candidate = (side["precision_of_boxes"] for side in report["sides"])
        # The reference's dog of the second picture is wrong, and has the score of the right one, which comes before it.
        self.assertAlmostEqual(reference["map"], 1)
        self.assertAlmostEqual(candidate["categories"][0], 1)
        self.assertAlmostEqual(candidate["categories"][1], 0.6)  # IoU 0.75: at 6 of 10 thresholds
        self.assertAlmostEqual(candidate["map"], 0.8)
        self.assertAlmostEqual(candidate["map_75"], 1)
        self.assertIn("--min-iou", self.error(USAGE, *accuracy, "--min-iou", "0.5"))
        (self.folder / "truth.json").write_text("{}")
        self.assertIn("truth.json", self.error(USAGE, *accuracy, "--annotations", "truth.json"))


@unittest.skipUnless((GOLDEN / "yolov7_micro").exists(), "no reference data")
class GoldenTest(harness.CliTest):
    """What YOLOv7's own code finds in the network's pixels, brought back to the picture's."""

    def check(self, name, *arguments):
        folder = GOLDEN / name
        case = json.loads((folder / "cases.json").read_text())
        (rows, columns), values = harness.read_npy(folder / "nms_python.npy")
        expected = [values[columns * i:columns * (i + 1)] for i in range(rows)]
        (report,) = self.expect(
            DONE, "detect", "--model", folder / "raw.onnx", folder / "image.png", "--conf-thres",
            case["conf"], "--iou-thres", case["iou"], "--format", "none", "--json",
            *arguments).objects()
        self.assertEqual((report["width"], report["height"]), (case["width"], case["height"]))
        self.assertEqual(len(report["detections"]), len(expected))
        width, height, size = case["width"], case["height"], case["size"]
        gain = min(size / width, size / height)
        pad = ((size - width * gain) / 2, (size - height * gain) / 2)  # as scale_coords has it
        left = list(report["detections"])
        for row in expected:
            corners = [min(max((row[i] - pad[i % 2]) / gain, 0), (width, height)[i % 2])
                       for i in range(4)]
            same = [d for d in left if d["class"] == row[5] and abs(d["score"] - row[4]) < 1e-4 and
                    all(abs(x - y) < 0.02 for x, y in zip(d["bbox_xyxy"], corners))]
            self.assertTrue(same, row)
            left.remove(same[0])

    def test_yolov7(self):
        self.check("yolov7_micro")

    def test_yolov7_tiny(self):
        self.check("yolov7_tiny_micro", "--threads", "1")

    def test_checkpoints_and_engine_files(self):
        (self.folder / "a.png").write_bytes(pictures.png(120, 90))
        checkpoint = GOLDEN / "yolov7_tiny_pt/checkpoint.pt"  # of 20 classes, for images of any size
        self.expect(DONE, "build", checkpoint, "-o", "m.lasso", "--no-timing")
        found = []
        for model in (checkpoint, "m.lasso"):
            (report,) = self.expect(DONE, "detect", "--model", model, "a.png", "--size", "128", "--conf-thres", "0",
                                    "--iou-thres", "1", "--topk", "50", "--threads", "1", "--format", "none",
                                    "--json").objects()
            found.append(report["detections"])
            self.assertEqual(len(report["detections"]), 50)
            for detection in report["detections"]:
                self.assertLess(detection["class"], 20)
                self.assertIsInstance(detection["name"], str)
        self.assertEqual(found[0], found[1])


if __name__ == "__main__":
    unittest.main()
