"""Prompts that ask for candidates beside prompts that ask for one mask."""

import json
import unittest

import harness
import pictures
from harness import DONE, SIDE, SOME_FAILED, SOURCE, USAGE, decode_rle, read_npy, read_samples_png

CLICK = {"points": [[20, 20]], "multimask": True}
BOX = {"box": [5, 5, 50, 35]}


class MultimaskTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))

    def prompts(self, *lines):
        (self.folder / "p.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
        return "a.png", "--prompts", "p.jsonl"

    def candidates(self, report):
        return [(mask["prompt"], mask["candidate"]) for mask in report["masks"]]

    def test_a_line_asks_for_candidates(self):
        report = self.segment_json(*self.prompts(BOX, CLICK, BOX), "--format", "none")
        self.assertEqual(self.candidates(report), [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)])
        click = self.segment_json("a.png", "--point", "20,20", "--multimask", "--format", "none")
        box = self.segment_json("a.png", "--box", "5,5,50,35", "--format", "none")
        expected = box["masks"] + click["masks"] + box["masks"]
        self.assertEqual([mask["rle"] for mask in report["masks"]],
                         [mask["rle"] for mask in expected])

    def test_the_option_holds_for_lines_that_do_not_say(self):
        prompts = self.prompts(BOX, {**BOX, "multimask": False}, CLICK)
        report = self.segment_json(*prompts, "--format", "none", "--multimask")
        self.assertEqual(self.candidates(report),
                         [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (2, 2)])

    def test_files_of_a_mix(self):
        report = self.segment_json(*self.prompts(BOX, CLICK), "--format",
                                   "overlay,mask,labelmap,rle,polygon")
        self.assertEqual(report["files"], {
            "overlay": ["a_overlay.png"],
            "mask": [f"a_mask_{i}.png" for i in range(4)],
            "labelmap": ["a_labelmap.png"],
            "rle": ["a_rle.json"],
            "polygon": ["a_polygon.json"]})
        masks = [decode_rle(mask["rle"]) for mask in report["masks"]]
        for path, rows in zip(report["files"]["mask"], masks):
            _, pixels = read_samples_png(self.folder / path)
            self.assertEqual(pixels, [[255 * inside for inside in row] for row in rows])
        for kind in ("rle", "polygon"):
            coco = json.loads((self.folder / f"a_{kind}.json").read_text())
            self.assertEqual([a["prompt"] for a in coco["annotations"]], [0, 1, 1, 1])

        # The label map has the best candidate alone, and the smaller mask on top.
        best = max((1, 2, 3), key=lambda i: report["masks"][i]["iou_prediction"])
        expected = [[0] * 60 for _ in range(40)]
        for i in sorted((0, best), key=lambda i: -report["masks"][i]["area"]):
            for y in range(40):
                for x in range(60):
                    if masks[i][y][x]:
                        expected[y][x] = 1 if i == 0 else 2
        self.assertEqual(read_samples_png(self.folder / "a_labelmap.png")[1], expected)

    def test_the_overlay_of_a_mix_shows_all_candidates(self):
        self.segment(*self.prompts(BOX, CLICK))
        self.segment(*self.prompts(BOX, {**CLICK, "multimask": False}))
        self.assertNotEqual((self.folder / "a_overlay.png").read_bytes(),
                            (self.folder / "a_overlay-2.png").read_bytes())

    def test_all_lines_are_as_the_option(self):
        lines = [CLICK, {**BOX, "multimask": True}]
        said = self.segment_json(*self.prompts(*lines), "--format", "overlay,mask", "-o", "said")
        lines = [{key: line[key] for key in line if key != "multimask"} for line in lines]
        option = self.segment_json(*self.prompts(*lines), "--format", "overlay,mask", "-o",
                                   "option", "--multimask")
        self.assertEqual(len(said["files"]["overlay"]), 3)
        self.assertEqual(said["masks"], option["masks"])
        for kind in ("overlay", "mask"):
            for a, b in zip(said["files"][kind], option["files"][kind], strict=True):
                self.assertEqual((self.folder / a).read_bytes(), (self.folder / b).read_bytes())

    def test_text_numbers_candidates_only(self):
        text = self.segment(*self.prompts({**BOX, "id": "box"}, {**CLICK, "id": "click"})).out
        names = [line.split()[0] for line in text.splitlines()[1:]]
        self.assertEqual(names, ["box", "click.0", "click.1", "click.2"])

    def test_logits_are_one_array(self):
        save = ["--format", "none", "--save-logits", "l.npy"]
        prompts = self.prompts(BOX, CLICK)
        line = self.error(USAGE, "segment", "--model", harness.MODEL, *prompts, *save)
        for needle in ("--save-logits l.npy", "p.jsonl:1", "p.jsonl:2", "multimask"):
            self.assertIn(needle, line)
        self.assertNotIn("l.npy", self.names())
        self.segment(*prompts, *save, "--multimask")
        self.assertEqual(read_npy(self.folder / "l.npy")[0], (2, 3, SIDE, SIDE))

    def test_values_that_are_not_true_or_false(self):
        values = [3, 1, "yes", {}, [True]]
        prompts = self.prompts(BOX, *({**BOX, "multimask": value} for value in values))
        result = self.segment(*prompts, "--json", "--format", "none", status=SOME_FAILED)
        told = result.err.splitlines()
        for number, (line, value) in enumerate(zip(told, values, strict=True), 2):
            self.assertIn(f"p.jsonl:{number}: \"multimask\": expected true or false, got "
                          f"{json.dumps(value, separators=(',', ':'))}", line)
        (report,) = result.objects()
        self.assertEqual(len(report["masks"]), 1)

    def test_the_demo_shows_a_part_and_its_whole(self):
        result = self.expect(DONE, "segment", SOURCE / "models/demo/demo_1.jpg", "--json", "--model",
                             SOURCE / "models/lasso-tiny.pth", "--prompts",
                             SOURCE / "models/demo/demo_1.jsonl")
        report = result.objects()[0]
        self.assertEqual(report["files"]["overlay"], ["demo_1_overlay.png"])
        areas = sorted(mask["area"] for mask in report["masks"] if mask["id"] == "patch or block")
        self.assertEqual(len(areas), 3)
        self.assertGreater(areas[2], 5 * areas[0])


if __name__ == "__main__":
    unittest.main()
