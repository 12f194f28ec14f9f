"""lasso bench accuracy: agreement with a reference, figures by the truth, reports."""

import csv
import json
import os
import re
import struct
import unittest

import evaluation_set
import harness
import pictures
from harness import DONE, MODEL, SOME_FAILED, THRESHOLD, USAGE
from page import Page


def without_times(report):
    """A report but for what differs from run to run."""
    report = {k: v for k, v in report.items() if k not in ("started", "elapsed_s", "report")}
    for side in [report["reference"]] + report["candidates"]:
        if side:
            side.pop("load_ms", None)
    return report


class AccuracyTest(harness.CliTest):
    def accuracy(self, *arguments, status=DONE, **options):
        return self.expect(status, "bench", "accuracy", *arguments, **options)

    def accuracy_json(self, *arguments, **options):
        (report,) = self.accuracy("--json", *arguments, **options).objects()
        return report

    def photos(self, *names):
        (self.folder / "photos").mkdir()
        for i, name in enumerate(names):
            (self.folder / "photos" / name).write_bytes(pictures.png(60 + 20 * i, 50))
        return "photos"


class FolderTest(AccuracyTest):
    def test_fast_against_reference_kernels(self):
        report = self.accuracy_json("--images", self.photos("b.png", "a.PNG"), "--model", MODEL,
                                    "--min-iou", "0.99")
        self.assertEqual([image["image"] for image in report["images"]], ["a.PNG", "b.png"])
        (candidate,) = report["candidates"]
        self.assertEqual((report["reference"]["variant"], candidate["variant"]),
                         ("reference", "fast"))
        self.assertEqual(report["prompt_count"], 8)
        agreement = candidate["with_reference"]
        self.assertEqual(agreement["prompts"], 8)
        ious = [p["results"][1]["iou_with_reference"] for i in report["images"]
                for p in i["prompts"]]
        self.assertEqual(agreement["minimum"], min(ious))
        self.assertEqual(agreement["percentile_1"], min(ious))
        self.assertAlmostEqual(agreement["mean"], sum(ious) / 8, places=12)
        self.assertFalse(report["min_iou"]["missed"])
        self.assertNotIn("with_truth", candidate)

    def test_points_lie_strictly_inside(self):
        report = self.accuracy_json("--images", self.photos("a.png"), "--candidate", MODEL,
                                    "--reference", MODEL, "--prompts-per-image", "40")
        counts = set()
        for prompt in report["images"][0]["prompts"]:
            counts.add(len(prompt["points"]))
            self.assertEqual(set(prompt["labels"]), {1})
            for x, y in prompt["points"]:
                self.assertTrue(0 < x < 59 and 0 < y < 49, (x, y))
        self.assertEqual(counts, {1, 2, 3, 4, 5})

    def test_a_seed_gives_the_same_report(self):
        options = ("--images", self.photos("a.png", "b.png"), "--candidate", f"{MODEL}@avx2",
                   "--points", "2")
        one = self.accuracy_json(*options, "--seed", "7")
        two = self.accuracy_json(*options, "--seed", "7")
        other = self.accuracy_json(*options, "--seed", "8")
        self.assertEqual(without_times(one), without_times(two))
        self.assertNotEqual(without_times(one)["images"], without_times(other)["images"])
        self.assertEqual(one["reference"]["variant"], "fast")
        # An image's prompts depend on its name, not on the others.
        (self.folder / "photos/a.png").unlink()
        (image,) = self.accuracy_json(*options, "--seed", "7")["images"]
        self.assertEqual(image, one["images"][1])

    def test_reports_are_not_overwritten(self):
        options = ("--images", self.photos("a.png"), "--candidate", MODEL, "--reference", MODEL)
        folders = {self.accuracy_json(*options, "-o", "out")["report"] for _ in range(3)}
        self.assertEqual(len(folders), 3)
        for folder in folders:
            self.assertRegex(folder, r"^out/checkpoint-\d{8}-\d{6}(-\d)?$")
            self.assertEqual(sorted(p.name for p in (self.folder / folder).iterdir()),
                             ["report.html", "results.csv", "results.json"])

    def test_a_candidate_below_the_limit(self):
        self.write_changed_model("changed.pth")
        result = self.accuracy("--images", self.photos("a.png"), "--model", MODEL, "--candidate",
                               "changed.pth", "--candidate", f"{MODEL}@avx2", "--min-lowest-iou", "0.999",
                               "--min-iou", "0.001",
                               "--json", status=THRESHOLD)
        (report,) = result.objects()
        self.assertTrue(report["min_lowest_iou"]["missed"])
        self.assertFalse(report["min_iou"]["missed"])
        self.assertEqual(len(report["candidates"]), 2)
        self.assertIn("changed.pth@fast", result.err)
        self.assertNotIn("avx2", result.err)
        self.assertIn("below --min-lowest-iou 0.999", (self.folder / report["report"] / "report.html").read_text())

    def test_a_broken_image_is_named_and_the_others_are_done(self):
        folder = self.photos("a.png", "c.png")
        (self.folder / "photos/b.png").write_bytes(b"no picture")
        (self.folder / "photos/notes.txt").write_text("not looked at")
        result = self.accuracy("--images", folder, "--model", MODEL, "--json", status=SOME_FAILED)
        (report,) = result.objects()
        self.assertEqual([image["image"] for image in report["images"]], ["a.png", "c.png"])
        self.assertEqual(len(report["failures"]), 1)
        self.assertIn("b.png", result.err)

    def test_no_usable_image(self):
        (self.folder / "photos").mkdir()
        (self.folder / "photos/b.png").write_bytes(b"no picture")
        self.assertIn("no report", self.accuracy("--images", "photos", "--model", MODEL,
                                                 status=SOME_FAILED).err)
        self.assertEqual(list((self.folder / "lasso-reports").iterdir()), [])

    def test_file_names_need_not_be_utf8(self):
        (self.folder / "photos").mkdir()
        with open(bytes(self.folder) + b"/photos/\xff.png", "wb") as file:
            file.write(pictures.png(40, 30))
        report = self.accuracy_json("--images", "photos", "--model", MODEL)
        self.assertEqual(len(report["images"]), 1)

    def test_wrong_usage(self):
        accuracy = ("bench", "accuracy")
        images = ("--images", self.photos("a.png"), "--model", MODEL)
        (self.folder / "empty").mkdir()
        for expected, arguments in (
                ("no such folder", ("--images", "nowhere")),
                ("no JPEG, PNG, PPM or PGM", ("--images", "empty")),
                ("annotations.json", ("--evaluation-set", "empty")),
                ("one of them", ("--images", "a", "--evaluation-set", "b")),
                ("one of them", images + ("--reference", MODEL, "--reference-masks", "empty")),
                ("index.json", images + ("--reference-masks", "empty")),
                ("--points 6", images + ("--points", "6")),
                ("--points 4-2", images + ("--points", "4-2")),
                ("--min-iou 1.5", images + ("--min-iou", "1.5")),
                ("--min-iou x", images + ("--min-iou", "x")),
                ("needs the truth", images + ("--baseline", "flood-fill")),
                ("needs an evaluation set", images + ("--stored-clicks",)),
                ("is not a folder", ("--images", "photos/a.png")),
                ("sse2", images + ("--candidate", f"{MODEL}@sse2")),
                ("several models", images[:2] + ("--candidate", MODEL, "--candidate", "b.pth"))):
            self.assertIn(expected, self.error(USAGE, *accuracy, *arguments), arguments)
        self.assertIn("none.pth", self.error(harness.BAD_MODEL, *accuracy, *images[:2], "--model",
                                             "none.pth", "-o", "reports"))
        self.assertFalse((self.folder / "reports").exists())
        self.assertIn("is not a folder", self.error(USAGE, *accuracy, *images, "-o",
                                                    "photos/a.png"))
        self.assertIn("one of the images", self.error(USAGE, *accuracy, *images, "--save-prompts",
                                                      "photos/a.png"))
        if not harness.has_gpu():
            self.error(harness.NO_GPU, *accuracy, *images, "--device", "cuda")


class TruthTest(AccuracyTest):
    FIGURES = ("click_1_best_of_3", "click_1_predicted_best", "click_1_single", "clicks_3",
               "clicks_5", "box")

    def setUp(self):
        super().setUp()
        self.annotations = evaluation_set.write(self.folder / "set")

    def test_figures(self):
        report = self.accuracy_json("--evaluation-set", "set", "--model", MODEL)
        self.assertIsNone(report["reference"])
        (candidate,) = report["candidates"]
        truth = candidate["with_truth"]
        self.assertEqual(truth["objects"], 6)
        records = [p["results"][0] for i in report["images"] for p in i["prompts"]]
        for figure in self.FIGURES:
            mean = sum(r["truth"][figure] for r in records) / 6
            self.assertAlmostEqual(truth[figure], mean, places=12)
        for record in records:
            self.assertGreaterEqual(record["truth"]["click_1_best_of_3"],
                                    record["truth"]["click_1_predicted_best"])
        for image, annotated in zip(report["images"], self.annotations["images"]):
            for prompt, item in zip(image["prompts"], annotated["objects"]):
                self.assertEqual(prompt["id"], item["id"])
                rows = harness.decode_rle({"size": [72, 96], "counts": item["rle"]})
                for x, y in prompt["points"]:
                    self.assertEqual(rows[int(y)][int(x)], 1)

    def test_one_click_as_lasso_segment_answers_it(self):
        report = self.accuracy_json("--evaluation-set", "set", "--model", MODEL, "--limit", "1",
                                    "--stored-clicks", "--points", "1")
        for prompt, item in zip(report["images"][0]["prompts"],
                                self.annotations["images"][0]["objects"]):
            self.assertEqual(prompt["points"], [item["click"]])
            x, y = item["click"]
            answer = self.segment_json("set/scene_0.png", "--point", f"{x},{y}", "--multimask",
                                       "--format", "none")
            truth = harness.decode_rle({"size": [72, 96], "counts": item["rle"]})
            ious = []
            for mask in answer["masks"]:
                pairs = [(a, b) for rows in zip(truth, harness.decode_rle(mask["rle"]))
                         for a, b in zip(*rows)]
                ious.append(sum(a & b for a, b in pairs) / sum(a | b for a, b in pairs))
            self.assertAlmostEqual(prompt["results"][0]["truth"]["click_1_best_of_3"], max(ious))

    def test_flood_fill(self):
        result = self.accuracy("--evaluation-set", "set", "--model", MODEL, "--baseline",
                               "flood-fill")
        self.assertRegex(result.out, r"flood fill, tolerance 2 +6 +1\.0000")
        report = self.accuracy_json("--evaluation-set", "set", "--model", MODEL, "--baseline",
                                    "flood-fill")
        self.assertEqual(report["baselines"],
                         [{"name": "flood-fill",
                           "with_truth": {"objects": 6, "tolerance": 2, "click_1_single": 1.0}}])

    def test_core(self):
        for image in self.annotations["images"]:
            image["objects"][1]["core"] = False
        (self.folder / "set/annotations.json").write_text(json.dumps(self.annotations))
        result = self.accuracy("--evaluation-set", "set", "--model", MODEL)
        self.assertIn("all objects", result.out)
        self.assertIn("objects of the core", result.out)
        report = self.accuracy_json("--evaluation-set", "set", "--model", MODEL)
        (candidate,) = report["candidates"]
        self.assertEqual((candidate["with_truth"]["objects"],
                          candidate["with_truth_core"]["objects"]), (6, 3))
        boxes = [p["results"][0]["truth"]["box"] for i in report["images"] for p in i["prompts"]
                 if p.get("core", True)]
        self.assertAlmostEqual(candidate["with_truth_core"]["box"], sum(boxes) / 3, places=12)

    def test_truth_and_reference_together(self):
        report = self.accuracy_json("--evaluation-set", "set", "--candidate", f"{MODEL}@avx2",
                                    "--min-iou", "0.9", "--prompts-per-image", "1")
        self.assertEqual(report["prompt_count"], 3)
        self.assertIn("with_truth", report["reference"])
        self.assertEqual(set(report["candidates"][0]) & {"with_reference", "with_truth"},
                         {"with_reference", "with_truth"})

    def test_a_limit_needs_a_reference(self):
        self.assertIn("--reference", self.error(USAGE, "bench", "accuracy", "--evaluation-set",
                                                "set", "--model", MODEL, "--min-iou", "0.5"))

    def test_hostile_annotations(self):
        path = self.folder / "set/annotations.json"
        good = path.read_text()
        for bad in ("", "[]", "{}", "[" * 100000, good.replace('"id": 0', '"id": [[0]]'),
                    '{"images": 3}', '{"images": []}', good[:-9],
                    good.replace("scene_0.png", "../scene_0.png"),
                    good.replace("scene_0.png", "/etc/passwd"),
                    good.replace('"width": 96', '"width": "x"', 1)):
            path.write_text(bad)
            self.assertIn("annotations.json", self.error(
                USAGE, "bench", "accuracy", "--evaluation-set", "set", "--model", MODEL))
        item = self.annotations["images"][0]["objects"][0]
        for bad in (good.replace('"width": 96', '"width": 97', 1),
                    good.replace('"width": 96', '"width": -96', 1),
                    good.replace(item["rle"], "zzz"), good.replace(item["rle"], ""),
                    good.replace("scene_0.png", "scene_9.png")):
            path.write_text(bad)
            report = self.accuracy_json("--evaluation-set", "set", "--model", MODEL,
                                        status=SOME_FAILED)
            self.assertEqual((len(report["images"]), len(report["failures"])), (2, 1))


class ModelCardTest(AccuracyTest):
    """The figures of the model that ships with Lasso, which stand in its card alone."""

    ROWS = {"1 click, best of three masks": "click_1_best_of_3",
            "1 click, the mask that the model thinks best": "click_1_predicted_best",
            "1 click, single mask": "click_1_single", "3 clicks": "clicks_3", "box": "box"}
    ROUNDING = 0.0015  # of the card's three digits, and a pixel here and there

    @unittest.skipIf(os.environ.get("LASSO_SANITIZED"), "slow with sanitizers")
    def test_the_card_tells_what_is_measured(self):
        models = harness.SOURCE / "models"
        # One thread: several that share a core with other tests wait for each other ten times as long.
        report = self.accuracy_json("--model", models / "lasso-tiny.pth", "--stored-clicks",
                                    "--points", "1", "--pictures", "0", "--baseline",
                                    "flood-fill", "--threads", "1")
        (candidate,) = report["candidates"]
        (baseline,) = report["baselines"]
        card = (models / "README.md").read_text(encoding="utf-8")
        for row, figure in self.ROWS.items():
            for column, key in enumerate(("with_truth_core", "with_truth")):
                with self.subTest(row, column=key):
                    stated = re.search(rf"^\| {row} \| ([0-9.]+) \| ([0-9.]+) \|", card, re.M)
                    self.assertIsNotNone(stated, "models/README.md has no such row")
                    self.assertAlmostEqual(candidate[key][figure], float(stated[1 + column]),
                                           delta=self.ROUNDING)
        for key in ("with_truth_core", "with_truth"):
            self.assertEqual(baseline[key]["objects"], candidate[key]["objects"])
            self.assertLess(baseline[key]["click_1_single"], candidate[key]["click_1_single"])


class ReportTest(AccuracyTest):
    def test_files(self):
        evaluation_set.write(self.folder / "set")
        report = self.accuracy_json("--evaluation-set", "set", "--candidate", f"{MODEL}@avx2",
                                    "--candidate", MODEL, "--save-pictures", "panels",
                                    "--pictures", "2")
        folder = self.folder / report["report"]
        self.assertEqual(json.loads((folder / "results.json").read_text()), report)

        with open(folder / "results.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 6 * 3)
        self.assertEqual({row["role"] for row in rows}, {"reference", "candidate"})
        record = report["images"][0]["prompts"][0]["results"][1]
        self.assertEqual(rows[1]["name"], record["name"])
        self.assertEqual(float(rows[1]["iou_with_reference"]), record["iou_with_reference"])
        self.assertEqual(float(rows[1]["box"]), record["truth"]["box"])

        text = (folder / "report.html").read_text()
        page = Page(text)
        self.assertEqual((page.articles, page.figures), (2, 2 * 5))
        for link in page.links:
            self.assertTrue(link.startswith(("data:image/png;base64,", "#")), link[:40])
        self.assertNotIn("http", re.sub(r"base64,[^\"]*", "", text))

        names = sorted(path.name for path in (self.folder / "panels").iterdir())
        self.assertEqual(len(names), 3 * 5)
        self.assertIn("candidate2", " ".join(names))
        for name in names:
            header = (self.folder / "panels" / name).read_bytes()[:24]
            self.assertEqual(struct.unpack(">II", header[16:]), (96, 72))

    def test_worst_first(self):
        evaluation_set.write(self.folder / "set", count=4)
        report = self.accuracy_json("--evaluation-set", "set", "--model", MODEL)
        worst = {image["image"]: min(p["results"][0]["iou_with_truth"] for p in image["prompts"])
                 for image in report["images"]}
        text = (self.folder / report["report"] / "report.html").read_text()
        shown = re.findall(r'class="name">([^<]*)<', text)
        self.assertEqual(shown, sorted(worst, key=worst.get))
        self.assertEqual(Page(text).figures, 4 * 4)

    def test_names_are_escaped(self):
        (self.folder / "photos").mkdir()
        (self.folder / 'photos/<b>"x", y & z.png').write_bytes(pictures.png(40, 30))
        report = self.accuracy_json("--images", "photos", "--model", MODEL)
        text = (self.folder / report["report"] / "report.html").read_text()
        self.assertIn("&lt;b&gt;&quot;x&quot;, y &amp; z.png", text)
        self.assertNotIn("<b>\"x", text)
        Page(text)
        with open(self.folder / report["report"] / "results.csv", newline="",
                  encoding="utf-8") as file:
            self.assertEqual(next(csv.DictReader(file))["image"], '<b>"x", y & z.png')


class DumpTest(AccuracyTest):
    """References from another program."""

    def make_dump(self, descr="|u1", change=None):
        """A dump as tools/dump_reference.py writes it, of what `lasso segment` answers."""
        self.accuracy("--images", "photos", "--save-prompts", "prompts.jsonl", "--seed", "3")
        lines = [json.loads(line) for line in
                 (self.folder / "prompts.jsonl").read_text().splitlines()]
        answers = self.segment("--prompts", "prompts.jsonl", "--json", "--format",
                               "none").objects()
        (self.folder / "dump").mkdir()
        index = {"images": []}
        for number, answer in enumerate(answers):
            prompts = [line for line in lines if line["image"] == answer["image"]]
            masks = [harness.decode_rle(mask["rle"]) for mask in answer["masks"]]
            values = [value for mask in masks for row in mask for value in row]
            if change:
                values = change(values)
            header = harness.npy_bytes((len(masks), answer["height"], answer["width"]), [], descr)
            if descr == "<f4":
                data = struct.pack(f"<{len(values)}f", *(8.0 * v - 4.0 for v in values))
            else:
                data = bytes(values)
            (self.folder / f"dump/{number}.npy").write_bytes(header + data)
            index["images"].append({
                "image": answer["image"].split("/")[-1], "width": answer["width"],
                "height": answer["height"], "masks": f"{number}.npy",
                "prompts": [{k: p[k] for k in ("id", "points", "labels")} for p in prompts]})
        (self.folder / "dump/index.json").write_text(json.dumps(index))

    def compare(self, status=DONE):
        return self.accuracy_json("--images", "photos", "--model", MODEL, "--reference-masks",
                                  "dump", "--min-lowest-iou", "0.999", status=status)

    def test_masks_and_logits(self):
        self.photos("a.png", "b.png")
        for descr in ("|u1", "|b1", "<f4"):
            with self.subTest(descr):
                self.make_dump(descr)
                report = self.compare()
                self.assertEqual(report["prompt_source"], "reference masks")
                self.assertEqual(report["candidates"][0]["with_reference"]["minimum"], 1)
                for path in (self.folder / "dump").iterdir():
                    path.unlink()
                (self.folder / "dump").rmdir()

    def test_other_masks(self):
        self.photos("a.png")
        self.make_dump(change=lambda values: [1 - v for v in values])
        report = self.compare(status=THRESHOLD)
        self.assertEqual(report["candidates"][0]["with_reference"]["mean"], 0)

    def test_two_empty_masks_agree(self):
        self.photos("a.png")
        self.make_dump(change=lambda values: [0] * len(values))
        report = self.compare(status=THRESHOLD)
        for prompt in report["images"][0]["prompts"]:
            self.assertIn(prompt["results"][1]["iou_with_reference"], (0, 1))

    def test_a_dump_that_does_not_fit(self):
        self.photos("a.png", "b.png")
        self.make_dump()
        (self.folder / "dump/0.npy").write_bytes(harness.npy_bytes((1, 2, 2), [0.0] * 4))
        report = self.compare(status=SOME_FAILED)
        self.assertIn("has shape [1, 2, 2], expected [4, 50, 60]", report["failures"][0])
        index = (self.folder / "dump/index.json").read_text()
        (self.folder / "dump/index.json").write_text(index.replace("1.npy", "../1.npy"))
        self.assertIn("../1.npy", self.error(USAGE, "bench", "accuracy", "--images", "photos",
                                             "--model", MODEL, "--reference-masks", "dump"))


if __name__ == "__main__":
    unittest.main()
