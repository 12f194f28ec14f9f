"""Pictures as people have them: from pipes, in folders, with values of many bits, cut off at the end."""

import json
import os
import struct
import subprocess
import unittest
import zlib

import harness
import pictures
from harness import DONE, SOME_FAILED, USAGE

POINT = ("--point", "30,20")


def png16(low, high, width=60, height=40):
    """A gray ramp of 16 bits with values from `low` to `high`, as PNG."""
    rows = bytearray()
    for _ in range(height):
        rows.append(0)
        for x in range(width):
            rows += struct.pack(">H", low + (high - low) * x // (width - 1))
    return pictures.encode_png(width, height, pictures.GRAY, 16, zlib.compress(bytes(rows)))


def png8(low, high, width=60, height=40):
    """The same ramp in 8 bits, scaled to 0..255 by hand."""
    rows = bytearray()
    for _ in range(height):
        rows.append(0)
        for x in range(width):
            value = (high - low) * x // (width - 1)
            rows.append((value * 510 + high - low) // (2 * (high - low)))
    return pictures.encode_png(width, height, pictures.GRAY, 8, zlib.compress(bytes(rows)))


def pgm16(low, high, most=65535, width=60, height=40):
    row = b"".join(struct.pack(">H", low + (high - low) * x // (width - 1)) for x in range(width))
    return f"P5 {width} {height} {most}\n".encode() + row * height


class PipeTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        self.data = pictures.png(60, 40)
        (self.folder / "a.png").write_bytes(self.data)
        self.expected = self.segment_json("a.png", *POINT, "--format", "none")["masks"]

    def test_standard_input(self):
        report = self.segment_json("-", *POINT, "--format", "overlay,mask", stdin=self.data)
        self.assertEqual(report["image"], "-")
        self.assertEqual(report["masks"], self.expected)
        self.assertEqual(report["files"], {"overlay": ["stdin_overlay.png"], "mask": ["stdin_mask.png"]})
        self.assertEqual(self.names(), ["a.png", "stdin_mask.png", "stdin_overlay.png"])
        report = self.segment_json("/dev/stdin", *POINT, stdin=self.data)
        self.assertEqual(report["masks"], self.expected)
        self.assertEqual(report["files"], {"overlay": ["stdin_overlay-2.png"]})

    def test_among_other_images(self):
        objects = self.segment("a.png", "-", "a.png", *POINT, "--json", "--jobs", "2", "--format", "none",
                               stdin=self.data).objects()
        self.assertEqual([o["image"] for o in objects], ["a.png", "-", "a.png"])
        self.assertEqual([o["masks"] for o in objects], [self.expected] * 3)

    def test_prompts_may_name_it(self):
        (self.folder / "p.jsonl").write_text('{"image": "-", "points": [[30, 20]], "id": 1}\n')
        report = self.segment_json("--prompts", "p.jsonl", "--format", "none", stdin=self.data)
        self.assertEqual(report["masks"][0]["rle"], self.expected[0]["rle"])

    def test_a_named_pipe_and_process_substitution(self):
        os.mkfifo(self.folder / "pipe")
        result = self.run_shell('cat a.png > pipe & "$LASSO_CLI" segment --model "$MODEL" pipe <(cat a.png) '
                                '--point 30,20 --json --format none')
        self.assertEqual([json.loads(line)["masks"] for line in result.out.splitlines()],
                         [self.expected] * 2, result.err)

    def run_shell(self, command):
        environment = {**os.environ, "MODEL": str(harness.MODEL)}
        return harness.Result(subprocess.run(["bash", "-c", command], cwd=self.folder, env=environment,
                                             capture_output=True, timeout=300))

    def test_broken_input_is_named(self):
        for data in (b"", b"hello", self.data[:60]):
            line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "-", *POINT, stdin=data)
            self.assertIn("error: stdin: ", line)

    def test_one_content_for_two_uses_is_wrong_usage(self):
        self.assertIn("--prompts -", self.error(
            USAGE, "segment", "--model", harness.MODEL, "-", "--prompts", "-",
            stdin=b'{"points": [[30, 20]]}\n'))
        self.assertIn("--prompts -", self.error(
            USAGE, "segment", "--model", harness.MODEL, "--prompts", "-",
            stdin=b'{"image": "-", "points": [[30, 20]]}\n'))
        self.assertIn("2 times", self.error(
            USAGE, "segment", "--model", harness.MODEL, "-", "-", *POINT, stdin=self.data))

    def test_a_file_with_that_name(self):
        (self.folder / "-").write_bytes(self.data)
        report = self.segment_json("./-", *POINT, stdin=b"")
        self.assertEqual(report["masks"], self.expected)

    def test_without_end(self):
        line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "/dev/zero", *POINT,
                          "--max-pixels", "1000")
        self.assertIn("/dev/zero: has more than", line)


class RangeTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(png16(0, 4095))

    def masks(self, *arguments):
        result = self.segment(*arguments, *POINT, "--json", "--format", "none")
        return [o["masks"] for o in result.objects()], result

    def test_a_small_range_is_a_warning_that_names_it(self):
        for name, data in (("a.png", png16(0, 4095)), ("b.pgm", pgm16(0, 4095)), ("c.png", png16(9, 1023))):
            (self.folder / name).write_bytes(data)
            (line,) = self.masks(name)[1].err.splitlines()
            self.assertIn(f"lasso: warning: {name}: ", line)
            self.assertIn("--range 9:1023" if name == "c.png" else "--range 0:4095", line)
        self.assertEqual(self.masks("a.png", "-q")[1].err, "")
        (self.folder / "d.pgm").write_bytes(pgm16(0, 4095, most=4095))
        (self.folder / "e.png").write_bytes(png16(0, 65535))
        self.assertEqual(self.masks("d.pgm", "e.png")[1].err, "")

    def test_a_given_range_is_that_of_the_same_picture_in_8_bits(self):
        (self.folder / "same.png").write_bytes(png8(0, 4095))
        (expected,), _ = self.masks("same.png")
        for name, data in (("a.png", png16(0, 4095)), ("b.pgm", pgm16(0, 4095)),
                           ("c.pgm", pgm16(0, 4095, most=4095))):
            (self.folder / name).write_bytes(data)
            for choice in ("0:4095", "auto"):
                (found,), result = self.masks(name, "--range", choice)
                self.assertEqual(found, expected, (name, choice))
                self.assertEqual(result.objects()[0]["range"], [0, 4095])
                self.assertEqual(result.err, "")
        (found,), result = self.masks("a.png", "--range", "full")
        self.assertNotEqual(found, expected)
        self.assertNotIn("range", result.objects()[0])
        # 8 bits are scaled likewise.
        (self.folder / "dark.png").write_bytes(pictures.encode_png(
            60, 40, pictures.GRAY, 8, zlib.compress(b"".join(b"\0" + bytes(x // 4 for x in range(60))
                                                            for _ in range(40)))))
        result = self.masks("dark.png", "--range", "auto")[1]
        self.assertEqual(result.objects()[0]["range"], [0, 14])

    def test_auto_is_one_range_for_all_images_of_a_run(self):
        (self.folder / "b.png").write_bytes(png16(100, 3000))
        (self.folder / "c.png").write_bytes(png16(2000, 5000))
        (self.folder / "bad.png").write_bytes(b"hello")
        result = self.segment("b.png", "bad.png", "c.png", "--range", "auto", *POINT, "--json", "--format",
                              "none", "--jobs", "2", status=SOME_FAILED)
        self.assertEqual(len(result.err.splitlines()), 1)  # the one file's failure, once
        reports = result.objects()
        self.assertEqual([r.get("range") for r in reports], [[100, 5000], None, [100, 5000]])
        self.assertEqual(reports[1]["error"]["code"], "corrupt_file")
        (first,), _ = self.masks("b.png", "--range", "100:5000")
        self.assertEqual(reports[0]["masks"], first)
        self.assertNotEqual(self.masks("b.png", "--range", "auto")[0][0], first)

    def test_auto_from_a_pipe(self):
        (expected,), _ = self.masks("a.png", "--range", "auto")
        report = self.segment_json("-", *POINT, "--range", "auto", "--format", "none",
                                   stdin=png16(0, 4095))
        self.assertEqual(report["masks"], expected)
        self.assertEqual(report["range"], [0, 4095])

    def test_auto_of_one_value_is_the_whole_range(self):
        (self.folder / "flat.png").write_bytes(png16(77, 77))
        result = self.masks("flat.png", "--range", "auto")[1]
        self.assertNotIn("range", result.objects()[0])

    def test_an_embedding_keeps_the_range(self):
        (expected,), _ = self.masks("a.png", "--range", "0:4095", "--save-embedding", "e.safetensors")
        self.assertIn(b'"range":"0:4095"', (self.folder / "e.safetensors").read_bytes())
        for arguments in ((), ("a.png",), ("--range", "0:4095"), ("--range", "auto")):
            (found,), result = self.masks(*arguments, "--load-embedding", "e.safetensors")
            self.assertEqual(found, expected, arguments)
            self.assertEqual(result.objects()[0]["range"], [0, 4095])
            self.assertEqual(result.err, "")
        for other in ("full", "0:4094"):
            line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "--load-embedding",
                              "e.safetensors", *POINT, "--format", "none", "--range", other)
            self.assertIn("0:4095", line)
            self.assertIn(other, line)
        self.masks("a.png", "-q", "--save-embedding", "full.safetensors")
        self.assertIn(b'"range":"full"', (self.folder / "full.safetensors").read_bytes())

    def test_wrong_values_are_wrong_usage(self):
        for value in ("", "all", "1", "5:5", "9:3", "0:65536", "-1:5", "0:4095:1", "a:b", "0: 5", "1.5:9"):
            line = self.error(USAGE, "segment", "--model", harness.MODEL, "a.png", *POINT,
                              f"--range={value}")
            self.assertIn("--range", line)

    def test_bench_accuracy_has_it(self):
        (self.folder / "set").mkdir()
        (self.folder / "set/a.png").write_bytes(png16(0, 4095))
        (self.folder / "set/b.png").write_bytes(png8(0, 255))
        run = ("bench", "accuracy", "--images", "set", "--model", harness.MODEL, "--prompts-per-image", "1",
               "--json")
        result = self.expect(DONE, *run)
        self.assertEqual(sum("--range 0:4095" in line for line in result.err.splitlines()), 1, result.err)
        self.assertNotIn("range", result.objects()[0])
        result = self.expect(DONE, *run, "--range", "auto")
        (line,) = result.err.splitlines()
        self.assertIn("1 of 2 images use a quarter or less of the run's range 0:4095", line)
        self.assertEqual(result.objects()[0]["range"], [0, 4095])
        self.assertIn("--range", self.error(USAGE, *run, "--range", "5:1"))


class FolderTest(harness.CliTest):
    NAMES = ["a.jfif", "b.JPE", "c.JPG", "d.Jpeg", "e.PNG", "f.PPM", "g.pGm", "h.jpe", "i.JFIF", "j.pnm"]

    def setUp(self):
        super().setUp()
        (self.folder / "set").mkdir()
        for i, name in enumerate(self.NAMES):
            (self.folder / "set" / name).write_bytes(pictures.png(60 + i, 40))

    def bench(self, *arguments):
        return self.expect(DONE, "bench", "accuracy", "--images", "set", "--model", harness.MODEL,
                           "--save-prompts", "p.jsonl", "--prompts-per-image", "1", *arguments)

    def found(self):
        lines = (self.folder / "p.jsonl").read_text().splitlines()
        return [os.path.basename(json.loads(line)["image"]) for line in lines]

    def test_every_usual_ending_counts_in_upper_and_lower_case(self):
        result = self.bench()
        self.assertEqual(self.found(), sorted(self.NAMES))
        self.assertEqual(result.err, "")

    def test_what_is_skipped_is_counted_and_named_if_verbose(self):
        (self.folder / "set/notes.txt").write_text("hello")
        (self.folder / "set/x.tiff").write_bytes(b"II*\0")
        (self.folder / "set/more.png").mkdir()
        (line,) = self.bench().err.splitlines()
        self.assertIn("warning: set: 3 of 13 ", line)
        result = self.bench("-v")
        for name in ("notes.txt", "x.tiff", "more.png"):
            self.assertIn(f"skipped: {name}\n", result.err)
        self.assertEqual(self.bench("-q").err, "")
        self.assertEqual(self.found(), sorted(self.NAMES))

    def test_random_pictures_have_no_range(self):
        self.assertIn("--range 0:9: ", self.error(
            USAGE, "build", harness.MODEL, "-o", "m.lasso", "--precision", "int8", "--calibrate", "--range", "0:9"))

    def test_calibration_takes_the_same(self):
        (self.folder / "set/notes.txt").write_text("hello")
        result = self.expect(DONE, "build", harness.MODEL, "-o", "m.lasso", "--precision", "int8", "--min-iou",
                             "0.01", "--calibrate", "set", "--range", "auto", "--json", "-v")
        self.assertIn("warning: set: 1 of 11 ", result.err)
        self.assertIn("skipped: notes.txt\n", result.err)
        calibration = result.objects()[0]["calibration"]
        used = calibration["choosing_images"] + calibration["accepting_images"]
        self.assertEqual(sorted(map(os.path.basename, used)), sorted(self.NAMES))


class EndTest(harness.CliTest):
    def test_a_missing_end_is_a_warning(self):
        data = pictures.png(60, 40)
        (self.folder / "a.png").write_bytes(data)
        expected = self.segment_json("a.png", *POINT)["masks"]
        broken = data[:-1] + bytes([data[-1] ^ 1])
        for name, part in (("no_end.png", data[:-12]), ("cut.png", data[:-3]), ("crc.png", broken)):
            (self.folder / name).write_bytes(part)
            result = self.segment(name, *POINT, "--json", "--format", "none")
            self.assertEqual(result.objects()[0]["masks"], expected)
            (line,) = result.err.splitlines()
            self.assertIn(f"warning: {name}: ", line)


if __name__ == "__main__":
    unittest.main()
