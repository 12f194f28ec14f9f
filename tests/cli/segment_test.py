"""What lasso segment writes: numbers, files, JSON."""

import json
import shutil
import unittest

import harness
import pictures
from harness import DONE, SIDE, SOME_FAILED, SOURCE, USAGE, decode_rle, read_samples_png, read_npy

GOLDEN = SOURCE / "tests/data/sam_micro"


def joined(values):
    return ",".join(map(repr, values))


class GoldenTest(harness.CliTest):
    """The program against the results of Meta's PyTorch code."""

    # Logits are of the order of 1; fp32 rounding through all layers stays far below this.
    TOLERANCE = 1e-4

    @classmethod
    def setUpClass(cls):
        cls.scene = json.loads((GOLDEN / "cases.json").read_text())["images"][0]

    def check_logits(self, path, key):
        shape, values = read_npy(path)
        expected_shape, expected = read_npy(GOLDEN / f"{key}_low_res.npy")
        self.assertEqual(shape, expected_shape)
        largest = max(abs(a - b) for a, b in zip(values, expected))
        self.assertLess(largest, self.TOLERANCE * max(map(abs, expected)))

    def check_masks(self, report, key, shape):
        """The masks of the JSON against packed bits, up to pixels whose logit is all but zero."""
        data = (GOLDEN / f"{key}_masks_packed.npy").read_bytes()
        packed = data[10 + int.from_bytes(data[8:10], "little"):]
        height, width = shape[-2:]
        stride = (width + 7) // 8
        count = len(packed) // (stride * height)
        self.assertEqual(len(report["masks"]), count)
        for index, mask in enumerate(report["masks"]):
            rows = decode_rle(mask["rle"])
            differing = 0
            for y in range(height):
                line = packed[(index * height + y) * stride:][:stride]
                bits = "".join(f"{byte:08b}" for byte in line)[:width]
                differing += sum(a != (b == "1") for a, b in zip(rows[y], bits))
            self.assertLessEqual(differing, width * height // 100000)
            self.assertEqual(mask["area"], sum(map(sum, rows)))

    def test_cases(self):
        for case in self.scene["cases"]:
            with self.subTest(case["key"]):
                options = ["--multimask"] if case["multimask"] else []
                for (x, y), label in zip(case["points"] or [], case["labels"] or []):
                    options += ["--point", f"{x!r},{y!r},{label}"]
                if case["box"]:
                    options += ["--box", joined(case["box"])]
                if case["mask_input"]:
                    _, values = read_npy(GOLDEN / "image0_case0_low_res.npy")
                    mask = harness.npy_bytes((1, SIDE, SIDE), values[:SIDE * SIDE])
                    (self.folder / "mask.npy").write_bytes(mask)
                    options += ["--mask-input", "mask.npy"]
                report = self.segment_json(GOLDEN / "image0.png", "--format", "none",
                                           "--save-logits", "logits.npy", *options)
                self.check_logits(self.folder / "logits.npy", case["key"])
                self.check_masks(report, case["key"], case["mask_shape"])
                _, expected = read_npy(GOLDEN / f"{case['key']}_iou.npy")
                for mask, iou in zip(report["masks"], expected):
                    self.assertAlmostEqual(mask["iou_prediction"], iou, delta=1e-4)

    def test_several_boxes(self):
        batch = self.scene["box_batch"]
        options = []
        for box in batch["boxes"]:
            options += ["--box", joined(box)]
        report = self.segment_json(GOLDEN / "image0.png", "--format", "none", "--save-logits",
                                   "logits.npy", *options)
        self.check_logits(self.folder / "logits.npy", "image0_boxes")
        self.check_masks(report, "image0_boxes", batch["mask_shape"])
        self.assertEqual([mask["prompt"] for mask in report["masks"]], [0, 1, 2])


class JsonTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        (self.folder / "b.png").write_bytes(pictures.png(40, 60))

    def test_an_object_for_each_image(self):
        result = self.segment("a.png", "b.png", "--point", "20,20", "--json")
        objects = result.objects()
        self.assertEqual([o["image"] for o in objects], ["a.png", "b.png"])
        self.assertEqual([(o["width"], o["height"]) for o in objects], [(60, 40), (40, 60)])
        for report in objects:
            self.assertEqual(set(report), {"image", "width", "height", "masks", "timings", "files"})
            self.assertEqual(set(report["timings"]), {"model_load_ms", "load_ms", "preprocess_ms",
                                                      "encode_ms", "decode_ms", "postprocess_ms"})
            self.assertTrue(all(ms >= 0 for ms in report["timings"].values()))
            self.assertGreater(report["timings"]["encode_ms"], 0)
            (mask,) = report["masks"]
            self.assertEqual(set(mask), {"prompt", "candidate", "iou_prediction", "area",
                                         "bbox_xyxy", "bbox_xywh", "rle"})
            rows = decode_rle(mask["rle"])
            self.assertEqual(mask["rle"]["size"], [report["height"], report["width"]])
            self.assertEqual(mask["area"], sum(map(sum, rows)))
            inside_y = [y for y, row in enumerate(rows) if any(row)]
            inside_x = [x for x, column in enumerate(zip(*rows)) if any(column)]
            box = [inside_x[0], inside_y[0], inside_x[-1] + 1, inside_y[-1] + 1]
            self.assertEqual(mask["bbox_xyxy"], box)
            self.assertEqual(mask["bbox_xywh"], [box[0], box[1], box[2] - box[0], box[3] - box[1]])

    def test_multimask_gives_candidates(self):
        report = self.segment_json("a.png", "--point", "20,20", "--multimask")
        self.assertEqual([m["candidate"] for m in report["masks"]], [0, 1, 2])
        self.assertEqual(report["files"]["overlay"],
                         [f"a_overlay_{k}.png" for k in range(3)])

    def test_labels_matter_and_default_to_this(self):
        def rle(point):
            report = self.segment_json("a.png", "--point", point, "--format", "none")
            return report["masks"][0]["rle"]["counts"], report["masks"][0]["iou_prediction"]
        self.assertEqual(rle("20,20"), rle("20,20,1"))
        self.assertNotEqual(rle("20,20,1"), rle("20,20,0"))

    def test_text_for_a_person(self):
        result = self.segment("a.png", "--point", "20,20")
        self.assertRegex(result.out, r"^a\.png +60x40  1 mask  IoU .* area \d+ px  .*encode .* "
                                     r"decode .*a_overlay\.png\n$")
        self.assertEqual(result.err, "")
        self.assertEqual(self.segment("a.png", "--point", "20,20", "-q").out, "")
        self.assertIn("lasso: note: ", self.segment("a.png", "--point", "20,20", "-v").err)


class FilesTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))

    def test_formats(self):
        report = self.segment_json("a.png", "--box", "5,5,30,30", "--box", "-10,-10,80,70",
                                   "--format", "overlay,mask,labelmap,rle,polygon", "-o",
                                   "deep/out")
        self.assertEqual(report["files"], {
            "overlay": ["deep/out/a_overlay.png"],
            "mask": ["deep/out/a_mask_0.png", "deep/out/a_mask_1.png"],
            "labelmap": ["deep/out/a_labelmap.png"],
            "rle": ["deep/out/a_rle.json"],
            "polygon": ["deep/out/a_polygon.json"]})
        written = sorted(str(p.relative_to(self.folder)) for p in self.folder.glob("deep/out/*"))
        self.assertEqual(written, sorted(p for paths in report["files"].values() for p in paths))
        masks = [decode_rle(mask["rle"]) for mask in report["masks"]]
        for path, rows in zip(report["files"]["mask"], masks):
            depth, pixels = read_samples_png(self.folder / path)
            self.assertEqual(depth, 8)
            self.assertEqual(pixels, [[255 * inside for inside in row] for row in rows])

        # Where masks overlap, the smaller one is on top.
        depth, labels = read_samples_png(self.folder / "deep/out/a_labelmap.png")
        self.assertEqual(depth, 8)
        order = sorted((0, 1), key=lambda i: -report["masks"][i]["area"])
        expected = [[0] * 60 for _ in range(40)]
        for i in order:
            for y in range(40):
                for x in range(60):
                    if masks[i][y][x]:
                        expected[y][x] = i + 1
        self.assertEqual(labels, expected)

        for kind in ("rle", "polygon"):
            coco = json.loads((self.folder / f"deep/out/a_{kind}.json").read_text())
            self.assertEqual(coco["images"], [{"id": 1, "file_name": "a.png", "width": 60,
                                               "height": 40}])
            self.assertEqual(coco["categories"], [{"id": 1, "name": "object"}])
            self.assertEqual([a["id"] for a in coco["annotations"]], [1, 2])
            for annotation, mask in zip(coco["annotations"], report["masks"]):
                self.assertEqual(annotation["bbox"], mask["bbox_xywh"])
                self.assertEqual(annotation["area"], mask["area"])
                if kind == "rle":
                    self.assertEqual(annotation["segmentation"], mask["rle"])
                else:
                    self.assertEqual(self.polygon_area(annotation["segmentation"]), mask["area"])

    @staticmethod
    def polygon_area(polygons):
        """Outlines run clockwise and holes the other way round, so signed areas add up."""
        total = 0
        for flat in polygons:
            points = list(zip(flat[0::2], flat[1::2]))
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1]):
                total += (x0 * y1 - x1 * y0) / 2
        return abs(total)

    def test_label_maps_of_many_prompts_have_16_bits(self):
        lines = [json.dumps({"box": [i % 50, i % 30, i % 50 + 9, i % 30 + 9]}) for i in range(300)]
        (self.folder / "p.jsonl").write_text("\n".join(lines))
        report = self.segment_json("a.png", "--prompts", "p.jsonl", "--format", "labelmap")
        self.assertEqual(len(report["masks"]), 300)
        depth, labels = read_samples_png(self.folder / "a_labelmap.png")
        self.assertEqual(depth, 16)
        areas = [mask["area"] for mask in report["masks"]]
        masks = [decode_rle(mask["rle"]) for mask in report["masks"]]
        for y in range(0, 40, 7):
            for x in range(0, 60, 7):
                here = [i for i in range(300) if masks[i][y][x]]
                smallest = min((areas[i] for i in here), default=0)
                label = labels[y][x]
                self.assertEqual(label > 0, bool(here))
                if label:
                    self.assertIn(label - 1, here)
                    self.assertEqual(areas[label - 1], smallest)

    def test_nothing_is_overwritten(self):
        for name in ("a_overlay.png", "a_overlay-2.png", "a_overlay-3.png"):
            report = self.segment_json("a.png", "--point", "20,20")
            self.assertEqual(report["files"], {"overlay": [name]})

    def test_files_of_one_image_share_their_number(self):
        (self.folder / "a_mask.png").write_bytes(b"mine")
        report = self.segment_json("a.png", "--point", "20,20", "--format", "overlay,mask")
        self.assertEqual(report["files"], {"overlay": ["a_overlay-2.png"],
                                           "mask": ["a_mask-2.png"]})
        self.assertEqual((self.folder / "a_mask.png").read_bytes(), b"mine")

    def test_several_images_at_a_time_change_nothing_but_the_time(self):
        names = ["a.png", "c.png", "missing.png", "d.png", "other/a.png"]
        (self.folder / "other").mkdir()
        for name in ("c.png", "d.png", "other/a.png"):
            shutil.copy(self.folder / "a.png", self.folder / name)
        results = []
        for jobs in ("1", "3"):
            out = self.folder / f"jobs{jobs}"
            result = self.expect(SOME_FAILED, "segment", *names, "--model", harness.MODEL,
                                 "--point", "30,30", "--format", "mask,rle", "--json", "-o", out,
                                 "--threads", "1", "--jobs", jobs)
            reports = result.objects()
            self.assertEqual([report["image"] for report in reports], names)
            for report in reports:
                report.pop("timings", None)
            results.append((json.dumps(reports).replace(out.name, "out"),
                            {path.name: path.read_bytes() for path in out.iterdir()}))
        self.assertIn("a_mask-2.png", results[0][1])
        self.assertEqual(results[0], results[1])

    def test_equal_stems(self):
        (self.folder / "other").mkdir()
        shutil.copy(self.folder / "a.png", self.folder / "other/a.png")
        reports = self.segment("a.png", "other/a.png", "--point", "20,20", "--json").objects()
        self.assertEqual([r["files"]["overlay"][0] for r in reports],
                         ["a_overlay.png", "a_overlay-2.png"])

    def test_the_users_own_names_are_overwritten(self):
        (self.folder / "l.npy").write_bytes(b"old")
        (self.folder / "e.safetensors").write_bytes(b"old")
        self.segment("a.png", "--point", "20,20", "--format", "none", "--save-logits", "l.npy",
                     "--save-embedding", "e.safetensors")
        self.assertEqual(read_npy(self.folder / "l.npy")[0], (1, SIDE, SIDE))
        self.assertEqual(self.names(), ["a.png", "e.safetensors", "l.npy"])

    def test_links_are_followed(self):
        (self.folder / "out").mkdir()
        (self.folder / "out/there.npy").write_bytes(b"old")
        options = ["a.png", "--point", "20,20", "--format", "none"]
        for name in ("there.npy", "new.npy"):
            link = self.folder / "link.npy"
            link.unlink(missing_ok=True)
            link.symlink_to(f"out/{name}")
            self.segment(*options, "--save-logits", "link.npy")
            self.assertTrue(link.is_symlink())
            self.assertEqual(read_npy(self.folder / "out" / name)[0], (1, SIDE, SIDE))
        self.assertEqual(sorted(p.name for p in (self.folder / "out").iterdir()),
                         ["new.npy", "there.npy"])

    def test_a_named_output_is_not_a_generated_one(self):
        report = self.segment_json("a.png", "--point", "20,20", "--save-logits", "a_overlay.png")
        self.assertEqual(report["files"]["overlay"], ["a_overlay-2.png"])
        self.assertEqual(read_npy(self.folder / "a_overlay.png")[0], (1, SIDE, SIDE))

    def test_logits_may_replace_those_that_they_refine(self):
        options = ["a.png", "--point", "20,20", "--format", "none", "--save-logits", "l.npy"]
        self.segment(*options)
        self.segment(*options, "--mask-input", "l.npy")

    def test_shapes_of_logits(self):
        cases = [(["--point", "9,9"], (1,)), (["--point", "9,9", "--multimask"], (3,)),
                 (["--box", "1,1,9,9", "--box", "2,2,30,30"], (2, 1)),
                 (["--box", "1,1,9,9", "--box", "2,2,30,30", "--multimask"], (2, 3))]
        for options, leading in cases:
            self.segment("a.png", *options, "--format", "none", "--save-logits", "l.npy")
            self.assertEqual(read_npy(self.folder / "l.npy")[0], leading + (SIDE, SIDE))

    def test_a_mask_refines(self):
        self.segment("a.png", "--point", "9,9", "--format", "none", "--save-logits", "l.npy")
        plain = self.segment_json("a.png", "--point", "9,9", "--format", "none")
        refined = self.segment_json("a.png", "--point", "9,9", "--format", "none", "--mask-input",
                                    "l.npy")
        self.assertNotEqual(plain["masks"], refined["masks"])
        self.segment_json("a.png", "--format", "none", "--mask-input", "l.npy")
        # The same array, column by column.
        _, values = read_npy(self.folder / "l.npy")
        columns = [values[row * SIDE + column] for column in range(SIDE) for row in range(SIDE)]
        array = harness.npy_bytes((1, SIDE, SIDE), columns, order="True")
        (self.folder / "fortran.npy").write_bytes(array)
        columns = self.segment_json("a.png", "--point", "9,9", "--format", "none", "--mask-input",
                                    "fortran.npy")
        self.assertEqual(columns["masks"], refined["masks"])

    def test_embeddings(self):
        (self.folder / "b.png").write_bytes(pictures.png(40, 60))
        self.segment("a.png", "--save-embedding", "e.safetensors")  # needs no prompt
        self.assertEqual(self.names(), ["a.png", "b.png", "e.safetensors"])
        options = ["--point", "9,9", "--format", "none", "--save-logits", "l.npy"]
        direct = self.segment_json("a.png", *options)
        direct_logits = (self.folder / "l.npy").read_bytes()
        for image in (["a.png"], []):
            loaded = self.segment_json(*image, "--load-embedding", "e.safetensors", *options)
            self.assertEqual(loaded["masks"], direct["masks"])
            self.assertEqual(loaded["timings"]["encode_ms"], 0)
            self.assertEqual((self.folder / "l.npy").read_bytes(), direct_logits)
        self.segment("a.png", "--load-embedding", "e.safetensors", "--point", "9,9")
        self.assertIn("a_overlay.png", self.names())

        line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "b.png", "--point",
                          "9,9", "--load-embedding", "e.safetensors")
        self.assertIn("40x60", line)
        self.assertIn("60x40", line)
        for name, data in (("none.safetensors", None), ("bad.safetensors", b"bad")):
            if data:
                (self.folder / name).write_bytes(data)
            self.assertIn(name, self.error(SOME_FAILED, "segment", "--model", harness.MODEL,
                                           "a.png", "--point", "9,9", "--load-embedding", name))

    def test_folders_for_embeddings_and_logits_of_several_images(self):
        shutil.copy(self.folder / "a.png", self.folder / "b.png")
        (self.folder / "out").mkdir()
        self.segment("a.png", "b.png", "--point", "9,9", "--format", "none", "--save-embedding",
                     "out", "--save-logits", "out")
        self.assertEqual(sorted(p.name for p in (self.folder / "out").iterdir()),
                         ["a_embedding.safetensors", "a_logits.npy", "b_embedding.safetensors",
                          "b_logits.npy"])

    def test_kernels_and_instruction_sets_agree(self):
        variants = [[], ["--kernels", "reference"], ["--isa", "avx2"], ["--threads", "1"]]
        logits = []
        for options in variants:
            self.segment("a.png", "--point", "9,9", "--format", "none", "--save-logits", "l.npy",
                         *options)
            logits.append(read_npy(self.folder / "l.npy")[1])
        for other in logits[1:]:
            self.assertLess(max(abs(a - b) for a, b in zip(logits[0], other)), 1e-4)

    def test_medsam_prepares_otherwise(self):
        sam = self.segment_json("a.png", "--point", "9,9", "--format", "none")
        medsam = self.segment_json("a.png", "--point", "9,9", "--format", "none", "--preprocess",
                                   "medsam")
        self.assertNotEqual(sam["masks"], medsam["masks"])


class PromptsTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        (self.folder / "b.png").write_bytes(pictures.png(40, 60))

    def write(self, *lines):
        (self.folder / "p.jsonl").write_text("\n".join(lines) + "\n")

    def test_lines_are_grouped_by_image(self):
        self.write('{"image": "a.png", "points": [[20, 20]], "id": "first"}',
                   '{"image": "b.png", "box": [1, 1, 30, 30], "id": 7}', "",
                   '{"image": "a.png", "points": [[20, 20], [30, 5]], "labels": [1, 0], '
                   '"box": [10, 10, 30, 30]}')
        first, second = self.segment("--prompts", "p.jsonl", "--json").objects()
        self.assertEqual((first["image"], second["image"]), ("a.png", "b.png"))
        self.assertEqual([m.get("id") for m in first["masks"]], ["first", None])
        self.assertEqual([m["source"] for m in first["masks"]], ["p.jsonl:1", "p.jsonl:4"])
        self.assertEqual(second["masks"][0]["id"], 7)
        alone = self.segment_json("a.png", "--point", "20,20", "--point", "30,5,0", "--box",
                                  "10,10,30,30")
        self.assertEqual(alone["masks"][0]["rle"], first["masks"][1]["rle"])

    def test_standard_input_and_one_image_for_all_lines(self):
        report = self.segment_json("a.png", "--prompts", "-", "--format", "none",
                                   stdin=b'{"box": [1, 1, 30, 30]}\n{"points": [[2, 3]]}')
        self.assertEqual([m["source"] for m in report["masks"]], ["stdin:1", "stdin:2"])

    def test_every_failure_is_named_and_the_others_are_done(self):
        bad = {
            '{"image": "a.png", "points": [[20, 20]], "labels": [7]}': "labels",
            '{"image": "a.png", "points": [[20, 20], [1, 1]], "labels": [1]}': "2 points",
            '{"image": "a.png", "points": [20, 20]}': "pairs",
            '{"image": "a.png", "points": [[20, "x"]]}': "finite numbers",
            '{"image": "a.png", "points": [[20, 1e99]]}': "finite numbers",
            '{"image": "a.png", "points": 3}': "[[x, y], ...]",
            '{"image": "a.png", "box": [5, 5, 5, 9]}': "no area",
            '{"image": "a.png", "box": [5, 5, 9]}': "[x0, y0, x1, y1]",
            '{"image": "a.png"}': "no prompt",
            '{"image": "a.png", "lables": [1], "box": [1, 1, 9, 9]}': "lables",
            '{"image": "a.png", "box": [1, 1, 9, 9], "id": []}': "id",
            '{"image": "a.png", "points": [[500, 20]]}': "outside",
            '{"image": 3, "box": [1, 1, 9, 9]}': "image",
            '{"box": [1, 1, 9, 9]}': "image",
            '[1, 2]': "JSON object",
            'hello': "not JSON",
            '[' * 300000 + ']' * 300000: "8 levels",
            '[' * 300000: "8 levels",
            '{"image": "a.png", "id": ' + '[' * 20000 + ']' * 20000 + '}': "8 levels",
            '{"image": "a.png", "box": "[[[[[[[[[\\"[[["}': "[x0, y0, x1, y1]",
        }
        lines = list(bad)
        self.write(*lines, '{"image": "a.png", "box": [1, 1, 30, 30], "id": "good"}')
        result = self.segment("--prompts", "p.jsonl", "--json", status=SOME_FAILED)
        for number, (line, reason) in enumerate(bad.items(), 1):
            told = [e for e in result.err.splitlines() if f"p.jsonl:{number}: " in e]
            self.assertEqual(len(told), 1, line)
            self.assertIn(reason, told[0])
        report, homeless = result.objects()
        self.assertEqual([m["id"] for m in report["masks"]], ["good"])
        self.assertEqual(len(report["prompt_errors"]), 13)
        self.assertEqual(set(homeless), {"image", "prompt_errors"})
        self.assertIsNone(homeless["image"])
        self.assertEqual([e["source"] for e in homeless["prompt_errors"]],
                         [f"p.jsonl:{n}" for n in (13, 14, 15, 16, 17, 18, 19)])
        self.assertIn({"source": "p.jsonl:9", "message": report["prompt_errors"][8]["message"]},
                      report["prompt_errors"])

    def test_a_missing_image_fails_once(self):
        self.write('{"image": "none.png", "box": [1, 1, 9, 9]}',
                   '{"image": "none.png", "box": [1, 1, 5, 5]}',
                   '{"image": "b.png", "box": [1, 1, 9, 9]}')
        result = self.segment("--prompts", "p.jsonl", "--json", status=SOME_FAILED)
        self.assertEqual(len(result.err.splitlines()), 1)
        self.assertIn("none.png", result.err)
        self.assertEqual([("error" in o) for o in result.objects()], [True, False])

    def test_only_bad_lines(self):
        self.write("{")
        result = self.segment("--prompts", "p.jsonl", status=SOME_FAILED)
        self.assertIn("p.jsonl:1", result.err)
        (report,) = self.segment("--prompts", "p.jsonl", "--json", status=SOME_FAILED).objects()
        self.assertEqual(report, {"image": None, "prompt_errors": [
            {"source": "p.jsonl:1", "message": "is not JSON: it ends too early"}]})

    def test_an_image_that_no_line_uses_gets_a_warning(self):
        self.write('{"image": "a.png", "box": [1, 1, 9, 9]}')
        result = self.segment("b.png", "--prompts", "p.jsonl", "--format", "none")
        self.assertIn("lasso: warning: b.png: is not used", result.err)
        self.write('{"image": "a.png", "box": [1, 1, 9, 9]}', '{"box": [1, 1, 9, 9]}')
        result = self.segment("b.png", "--prompts", "p.jsonl", "--format", "none")
        self.assertEqual(result.err, "")

    def test_names_and_ids_cannot_command_the_terminal(self):
        image = "a\x1b[31m\u009b31m.png"
        (self.folder / image).write_bytes(pictures.png(60, 40))
        self.write(*(json.dumps({"image": image, "box": [1, 1, 30, n], "id": f"\x07\u009d\u00e9{n}"})
                     for n in (20, 30)))
        text = self.segment("--prompts", "p.jsonl").out
        self.assertFalse([c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)])
        self.assertEqual(text.count("a\\x1b[31m\\xc2\\x9b31m"), 2)  # the image and its overlay
        self.assertIn("\\x07\\xc2\\x9d\u00e930", text)


if __name__ == "__main__":
    unittest.main()
