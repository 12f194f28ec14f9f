"""What is written: names, full disks, COCO files; and how it is shown."""

import json
import os
import pathlib
import resource
import struct
import time
import unittest
import zipfile

import harness
import pictures
from harness import MEMORY, MODEL, SIDE, SOME_FAILED, UNSUPPORTED, USAGE, npy_bytes


class OutputsTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))


class NamesTest(OutputsTest):
    def test_names_of_many_bytes(self):
        # 79 characters of three bytes: with "_overlay-2.png" 251 bytes.
        stem = "\u5716" * 79
        (self.folder / f"{stem}.png").write_bytes(pictures.png(60, 40))
        for number in ("", "-2"):
            report = self.segment_json(f"{stem}.png", "--point", "9,9")
            self.assertEqual(report["files"], {"overlay": [f"{stem}_overlay{number}.png"]})

    def test_names_that_are_too_long_are_an_error_before_the_encoder_runs(self):
        stem = "\u5716" * 83
        (self.folder / f"{stem}.png").write_bytes(pictures.png(60, 40))
        (self.folder / "out").mkdir()
        limit = "takes 255"
        for options in (["--format", "overlay"], ["--format", "mask,rle"],
                        ["--format", "none", "--save-embedding", "out"],
                        ["--format", "none", "--save-logits", "out"]):
            with self.subTest(options):
                result = self.segment(f"{stem}.png", "a.png", "--point", "9,9", "-o", "out",
                                      "--json", *options, status=SOME_FAILED)
                failed, done = result.objects()
                self.assertEqual(failed["error"]["code"], "output")
                self.assertIn(limit, failed["error"]["message"])
                self.assertNotIn("files", failed)
                self.assertNotIn("error", done)
        long = "a" * 250 + ".lasso"
        for options in (["segment", "a.png", "--model", MODEL, "--point", "9,9", "--save-logits"],
                        ["segment", "a.png", "--model", MODEL, "--save-embedding"],
                        ["build", MODEL, "-o"],
                        ["run", MODEL, "--program", "image_encoder", "--inputs", "i.npz", "-o"],
                        ["bench", "accuracy", "--model", MODEL, "--save-prompts"]):
            with self.subTest(options):
                self.assertIn(limit, self.error(USAGE, *options, long))

    def test_names_of_reports_are_made_of_the_models(self):
        speed = ["bench", "speed", "--iterations", "1", "--warmup", "0", "--prompts-per-call", "1",
                 "--image", "a.png", "--threads", "1"]
        # "-20261129-230000" follows, and ".json" for records.
        for name, history, option in (("m" * 240, [], "-o"),
                                      ("m" * 235, ["--history", "h", "--commit", "c"], "--history")):
            model = self.folder / f"{name}.pth"
            model.write_bytes(MODEL.read_bytes())
            line = self.error(USAGE, *speed, "--model", model, *history)
            self.assertIn(f"error: {option} ", line)
            self.assertIn("has 256 bytes, and the file system takes 255", line)
            model.unlink()
        self.assertEqual(self.names(), ["a.png"])

    def test_names_that_are_not_utf8_come_back_as_prompts(self):
        folder = os.fsencode(self.folder)
        names = [b"\xff.png", b"\xc3\xa4.png", b"half \xc3.png", b"\xed\xa0\x80.png",
                 b"\xf4\x8f\xba\x80.png", b"\xf4\x8f\xbb\xbf\xff.png"]
        for name in names:
            pathlib.Path(os.fsdecode(folder + b"/" + name)).write_bytes(pictures.png(60, 40))
        result = self.segment(*map(os.fsdecode, names), "--point", "9,9", "--json", "--format",
                              "mask,rle")
        lines = result.out.splitlines()
        self.assertEqual(len(lines), len(names))
        # Python lets lone surrogates pass where UTF-8 does not.
        result.out.encode("utf-8")
        prompts = b""
        for name, report in zip(names, map(json.loads, lines)):
            self.assertEqual(self.decode(report["image"]), name)
            stem = name[:-len(b".png")]
            for kind, ending in (("mask", b"_mask.png"), ("rle", b"_rle.json")):
                (path,) = report["files"][kind]
                self.assertEqual(self.decode(path), stem + ending)
                self.assertTrue(os.path.exists(folder + b"/" + stem + ending))
            coco = json.loads(pathlib.Path(os.fsdecode(folder + b"/" + stem + b"_rle.json"))
                              .read_text("utf-8"))
            self.assertEqual(coco["images"][0]["file_name"], report["image"])
            prompts += json.dumps({"image": report["image"], "points": [[9, 9]]},
                                  ensure_ascii=len(prompts) % 2 == 0).encode() + b"\n"
        (self.folder / "p.jsonl").write_bytes(prompts)
        again = self.segment("--prompts", "p.jsonl", "--json", "--format", "none").objects()
        first = [json.loads(line) for line in lines]
        self.assertEqual([o["image"] for o in again], [o["image"] for o in first])
        self.assertEqual([o["masks"][0]["rle"] for o in again],
                         [o["masks"][0]["rle"] for o in first])

    @staticmethod
    def decode(text):
        """The bytes of a name: U+10FE80 to U+10FEFF stand for the bytes 0x80 to 0xff."""
        return b"".join(bytes([ord(c) - 0x10FE00]) if 0x10FE80 <= ord(c) <= 0x10FEFF
                        else c.encode() for c in text)


class PromptsTest(OutputsTest):
    def test_several_images_whose_lines_name_them(self):
        (self.folder / "b.png").write_bytes(pictures.png(40, 60))
        (self.folder / "c.png").write_bytes(pictures.png(40, 60))
        (self.folder / "p.jsonl").write_text('{"image": "b.png", "points": [[1, 2]]}\n'
                                             '{"image": "a.png", "points": [[1, 2]]}\n')
        result = self.segment("a.png", "b.png", "c.png", "--prompts", "p.jsonl", "--json",
                              "--format", "none")
        self.assertEqual([o["image"] for o in result.objects()], ["b.png", "a.png"])
        (line,) = result.err.splitlines()
        self.assertIn("c.png: is not used", line)

    def test_mask_inputs_as_numpy_users_have_them(self):
        values = [((7 * i) % 64 - 32) / 4 for i in range(SIDE * SIDE)]  # exact in float16
        options = ["a.png", "--point", "9,9", "--format", "none", "--mask-input", "m.npy"]

        def masks(data):
            (self.folder / "m.npy").write_bytes(data)
            return self.segment_json(*options)["masks"]

        def npy(shape, codes, descr, order="False", version=1):
            header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape!r}, }}"
            length = struct.pack("<H" if version == 1 else "<I", len(header))
            return (b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() +
                    struct.pack(f"<{len(codes)}{ {'<f2': 'e', '<f4': 'f', '<f8': 'd'}[descr]}",
                                *codes))

        square = (SIDE, SIDE)
        right = masks(npy(square, values, "<f4"))
        self.assertNotEqual(right, self.segment_json(*options[:-2])["masks"])
        columns = [values[y * SIDE + x] for x in range(SIDE) for y in range(SIDE)]
        for version in (1, 2, 3):
            for descr in ("<f2", "<f4", "<f8"):
                for ones in ((), (1,), (1, 1)):
                    with self.subTest(version=version, descr=descr, ones=ones):
                        shape = ones + square
                        self.assertEqual(masks(npy(shape, values, descr, version=version)), right)
                        self.assertEqual(masks(npy(shape, columns, descr, "True", version)), right)
        for data, needles in (
                (npy((1, 3) + square, values * 3, "<f4"), ["[1, 3, 64, 64]", "[side, side]"]),
                (npy((1, 1, 1) + square, values, "<f4"), ["[1, 1, 1, 64, 64]"]),
                (npy((8, 8), values[:64], "<f8"), ["[8, 8]", "a side of 8", "[64, 64]"]),
                (npy(square, values[1:] + [1e300], "<f8"), ["not finite"]),
                (npy_bytes((8, 8), [0.0] * 16, descr="|u1"), ["uint8", "float32"]),
                (npy_bytes((8, 8), [0.0] * 64, descr=">f4"), ["big-endian"])):
            with self.subTest(needles):
                (self.folder / "m.npy").write_bytes(data)
                line = self.error(USAGE, "segment", "--model", MODEL, *options)
                for needle in needles:
                    self.assertIn(needle, line)


class CocoTest(OutputsTest):
    def test_empty_masks_are_left_out_of_polygons_and_named(self):
        # Of masks of one pixel, some are empty.
        (self.folder / "b.png").write_bytes(pictures.png(1, 1))
        boxes = [arg for x in range(8) for arg in ("--box", f"{-20 * x},{-3 * x},{x + 1},1")]
        report = self.segment_json("b.png", *boxes, "--multimask", "--format", "rle,polygon")
        areas = [mask["area"] for mask in report["masks"]]
        self.assertEqual(set(areas), {0, 1})
        empty = [i for i, area in enumerate(areas) if area == 0]
        self.assertEqual(report["left_out"], {"polygon": empty})
        ids = {}
        for kind in ("rle", "polygon"):
            coco = json.loads((self.folder / f"b_{kind}.json").read_text())
            ids[kind] = [a["id"] for a in coco["annotations"]]
            if kind == "polygon":
                for annotation in coco["annotations"]:
                    self.assertEqual(annotation["segmentation"], [[1, 0, 1, 1, 0, 1, 0, 0]])
        self.assertEqual(ids["rle"], [i + 1 for i in range(len(areas))])
        self.assertEqual(ids["polygon"], [i + 1 for i in range(len(areas)) if i not in empty])
        self.assertNotIn("left_out", self.segment_json("a.png", "--point", "9,9", "--format",
                                                       "polygon"))


class FullDiskTest(OutputsTest):
    """A limit on the size of files stands for a full disk; a signal that comes with it must not kill."""

    def limited(self, status, size, *arguments):
        return self.expect(status, *arguments, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (size, size)))

    def test_files_of_an_image_that_are_written_before_are_named(self):
        (self.folder / "b.png").write_bytes(pictures.png(8, 8))
        result = self.limited(SOME_FAILED, 800, "segment", "--model", MODEL, "a.png", "b.png",
                              "--point", "4,4", "--format", "overlay,mask", "--json")
        failed, done = result.objects()
        self.assertEqual(failed["error"]["code"], "output")
        self.assertIn("a_overlay.png: can't be written: File too large",
                      failed["error"]["message"])
        self.assertEqual(failed["files"], {"mask": ["a_mask.png"]})
        self.assertIn("a_mask.png", result.err)
        self.assertEqual(done["files"], {"overlay": ["b_overlay.png"], "mask": ["b_mask.png"]})
        self.assertEqual(self.names(),
                         ["a.png", "a_mask.png", "b.png", "b_mask.png", "b_overlay.png"])

    def test_every_writer_says_the_reason(self):
        segment = ["segment", "--model", MODEL, "a.png", "--point", "9,9", "--format"]
        kind = [["mask"], ["labelmap"], ["overlay"], ["rle"], ["polygon"]]
        for options in kind + [["none", "--save-logits", "l.npy"],
                               ["none", "--save-embedding", "e.safetensors"]]:
            with self.subTest(options):
                result = self.limited(SOME_FAILED, 10, *segment, *options)
                self.assertIn("can't be written: File too large", result.err)
        self.assertEqual(self.names(), ["a.png"])

    def test_engines_and_tensors(self):
        line = self.limited(MEMORY, 5000, "build", MODEL, "-o", "m.lasso", "--no-timing").err
        self.assertIn("m.lasso: can't be written: File too large", line)
        image = (1, 256, 256, 3)
        with zipfile.ZipFile(self.folder / "i.npz", "w") as archive:
            archive.writestr("image.npy", npy_bytes(image, [0.0] * (256 * 256 * 3)))
        line = self.limited(SOME_FAILED, 5000, "run", MODEL, "--program", "image_encoder",
                            "--inputs", "i.npz", "-o", "o.npz").err
        self.assertIn("o.npz: can't be written: File too large", line)
        self.assertEqual(self.names(), ["a.png", "i.npz"])

    def test_reports(self):
        line = self.limited(SOME_FAILED, 100, "bench", "speed", "--model", MODEL, "--iterations",
                            "1", "--warmup", "0", "--prompts-per-call", "1", "--image", "a.png",
                            "--threads", "1").err
        self.assertRegex(line, r"results\.json: can't be written: File too large")


class EnvironmentTest(OutputsTest):
    def threads(self, value, *options):
        result = self.segment("a.png", "--point", "9,9", "--format", "none", "-v", *options,
                              env={"OMP_NUM_THREADS": value})
        (line,) = [line for line in result.err.splitlines() if " threads, " in line]
        return int(line.split(" threads, ")[0].split()[-1])

    def test_openmps_variable_bounds_the_default_number_of_threads(self):
        self.assertEqual(self.threads("1"), 1)
        self.assertEqual(self.threads("1,4"), 1)
        self.assertEqual(self.threads("1", "--threads", "3"), 3)
        self.assertLessEqual(self.threads("1000"), os.cpu_count())


class ShowTest(OutputsTest):
    def setUp(self):
        super().setUp()
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        opener = self.bin / "xdg-open"
        opener.write_text('#!/bin/sh\necho to nobody\necho "$1" > shown.part\n'
                          'mv shown.part shown.txt\n')
        opener.chmod(0o755)
        self.env = {"PATH": f"{self.bin}:{os.environ['PATH']}", "DISPLAY": ":0",
                    "WAYLAND_DISPLAY": ""}

    def shown(self):
        """What xdg-open was called with, which nobody waits for."""
        for _ in range(600):
            if (self.folder / "shown.txt").exists():
                return (self.folder / "shown.txt").read_text().rstrip("\n")
            time.sleep(0.1)
        return None

    def test_the_first_overlay(self):
        (self.folder / "-b.png").write_bytes(pictures.png(60, 40))
        result = self.segment("--point", "9,9", "--show", "--json", "--", "-b.png", "a.png",
                              env=self.env)
        self.assertEqual(len(result.objects()), 2)
        self.assertEqual(self.shown(), str((self.folder / "-b_overlay.png").resolve()))

    def test_reports(self):
        result = self.expect(0, "bench", "speed", "--model", MODEL, "--iterations", "1",
                             "--warmup", "0", "--prompts-per-call", "1", "--show", "--json",
                             "--image", "a.png", env=self.env)
        (report,) = result.objects()
        self.assertEqual(self.shown(),
                         str((self.folder / report["report"] / "report.html").resolve()))

    def test_where_nothing_can_be_shown(self):
        show = ["segment", "--model", MODEL, "a.png", "--point", "9,9", "--show"]
        line = self.error(UNSUPPORTED, *show, env={**self.env, "DISPLAY": ""})
        self.assertIn("no display", line)
        line = self.error(UNSUPPORTED, *show, env={**self.env, "PATH": "/nowhere"})
        self.assertIn("xdg-open", line)
        self.assertIn("--format rle", self.error(USAGE, *show, "--format", "rle", env=self.env))
        for report in (["speed"], ["accuracy"]):
            self.error(UNSUPPORTED, "bench", *report, "--model", MODEL, "--show",
                       env={**self.env, "DISPLAY": ""})
        self.assertEqual(self.names(), ["a.png", "bin"])


if __name__ == "__main__":
    unittest.main()
