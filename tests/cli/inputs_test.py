"""Images: hostile, odd and missing ones, and several at once."""

import os
import resource
import unittest

import harness
import pictures
from harness import MEMORY, SOME_FAILED


class HostileTest(harness.CliTest):
    def check_fails(self, name, data, needle):
        if data is not None:
            (self.folder / name).write_bytes(data)
        before = self.names()
        line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, name, "--point", "0,0")
        self.assertIn(name, line)
        self.assertIn(needle, line.replace(name, ""))
        self.assertEqual(self.names(), before)

    def test_files_that_are_no_images(self):
        self.check_fails("none.png", None, "")
        self.check_fails("empty.png", b"", "")
        self.check_fails("text.png", b"hello, world\n" * 50, "")
        self.check_fails("cut.png", pictures.png(60, 40)[:-200], "")
        self.check_fails("header.png", pictures.png(60, 40)[:20], "")
        self.check_fails("jpeg.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "")

    def test_a_folder(self):
        (self.folder / "d.png").mkdir()
        self.check_fails("d.png", None, "")

    def test_a_small_file_that_claims_to_be_huge(self):
        self.check_fails("huge.png", pictures.claim(60000, 60000, 50000), "60000")

    def test_max_pixels(self):
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        self.segment("a.png", "--point", "1,1", "--max-pixels", "2400")
        line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "a.png", "--point",
                          "1,1", "--max-pixels", "2399")
        self.assertIn("2399", line)

    def test_control_characters_in_names_stay_out_of_the_terminal(self):
        line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "a\n\x1b[31m.png",
                          "--point", "1,1")
        self.assertIn("a\\n\\x1b[31m.png", line)

    def test_too_little_memory(self):
        if os.environ.get("LASSO_SANITIZED"):
            self.skipTest("a sanitizer reserves more address space than the limit")
        (self.folder / "huge.png").write_bytes(pictures.claim(40000, 40000, 50000))
        result = self.run_lasso(
            "segment", "--model", harness.MODEL, "huge.png", "--point", "1,1", "--max-pixels",
            "2000000000", "--threads", "1",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31)))
        self.assertIn(result.status, (MEMORY, SOME_FAILED), result.err)
        self.assertEqual(len(result.err.splitlines()), 1)


class OddTest(harness.CliTest):
    def check_works(self, name, width, height, **kind):
        (self.folder / name).write_bytes(pictures.png(width, height, **kind))
        report = self.segment_json(name, "--point", f"{width / 2},{height / 2}")
        self.assertEqual((report["width"], report["height"]), (width, height))
        self.assertEqual(len(report["masks"]), 1)

    def test_sizes(self):
        self.check_works("tiny.png", 1, 1)
        self.check_works("line.png", 300, 1)
        self.check_works("long.png", 20000, 10, color=pictures.GRAY)

    def test_kinds(self):
        self.check_works("gray.png", 60, 40, color=pictures.GRAY)
        self.check_works("gray16.png", 60, 40, color=pictures.GRAY, depth=16)
        self.check_works("rgb16.png", 60, 40, depth=16)
        self.check_works("palette.png", 60, 40, color=pictures.PALETTE)
        self.check_works("alpha.png", 60, 40, color=pictures.RGBA)
        self.check_works("gray_alpha.png", 60, 40, color=pictures.GRAY_ALPHA)

    def test_a_name_without_the_usual_ending(self):
        self.check_works("picture", 60, 40)


class SeveralTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        (self.folder / "b.png").write_bytes(pictures.png(40, 60))
        (self.folder / "empty.png").write_bytes(b"")

    def test_failures_are_named_and_the_others_done(self):
        result = self.segment("a.png", "empty.png", "none.png", "b.png", "--point", "20,20",
                              "--json", status=SOME_FAILED)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("empty.png", lines[0])
        self.assertIn("none.png", lines[1])
        objects = result.objects()
        self.assertEqual([o["image"] for o in objects],
                         ["a.png", "empty.png", "none.png", "b.png"])
        self.assertEqual([o.get("error", {}).get("code") for o in objects],
                         [None, "corrupt_file", "not_found", None])
        self.assertIn("b_overlay.png", self.names())

    def test_a_point_outside_one_image_is_that_images_failure(self):
        result = self.segment("a.png", "b.png", "--point", "50,20", "--json", status=SOME_FAILED)
        (line,) = result.err.splitlines()
        for needle in ("b.png", "50,20", "40x60"):
            self.assertIn(needle, line)
        self.assertEqual(["error" in o for o in result.objects()], [False, True])

    def test_points_on_the_border_are_inside(self):
        self.segment("a.png", "--point", "0,0", "--point", "60,40")
        for point in ("60.5,1", "1,40.5", "-1,1"):
            self.assertIn("outside", self.error(SOME_FAILED, "segment", "--model", harness.MODEL,
                                                "a.png", "--point", point))

    def test_boxes_may_leave_the_image(self):
        self.segment("a.png", "--box", "-100,-50,30,20", "--box", "50,30,1000,2000")

    def test_a_result_that_cannot_be_written_is_that_images_failure(self):
        cases = [(["--save-logits", "/proc/l.npy", "--format", "none"], "/proc/l.npy"),
                 (["--save-embedding", "/proc/e.safetensors"], "/proc/e.safetensors")]
        cases += [(["-o", "/proc", "--format", kind], f"/proc/a_{kind}")
                  for kind in ("overlay", "mask", "labelmap", "rle", "polygon")]
        for options, name in cases:
            with self.subTest(name):
                result = self.segment("a.png", "--point", "1,1", "--json", *options,
                                      status=SOME_FAILED)
                self.assertIn(name, result.err)
                (report,) = result.objects()
                self.assertEqual(report["error"]["code"], "output")


if __name__ == "__main__":
    unittest.main()
