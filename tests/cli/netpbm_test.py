"""Netpbm files as inputs, which every build reads; and what a build without JPEG and PNG says about those."""

import os
import unittest

import harness
from harness import SOME_FAILED

CODECS = os.environ["LASSO_IMAGE_CODECS"] == "ON"
NO_CODECS = "this build has no JPEG and PNG codecs (LASSO_IMAGE_CODECS=OFF)"
PIXELS = harness.SOURCE / "tests/data/sam_micro/image0_resized.npy"  # uint8 [179, 256, 3]


def ppm(most=255):
    """A PPM file of a photograph, with values from 0 to `most`, one byte or two each."""
    size = 2 if most > 255 else 1
    pixels = PIXELS.read_bytes()[128:]
    assert len(pixels) == 179 * 256 * 3
    return (f"P6\n# a photograph\n256 179\n{most}\n".encode() +
            b"".join((value * most // 255).to_bytes(size, "big") for value in pixels))


class NetpbmTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.ppm").write_bytes(ppm())

    def masks(self, *arguments):
        result = self.segment_json(*arguments, "--point", "128,90", "--format", "rle")
        return [mask["rle"] for mask in result["masks"]]

    def test_segments_from_raw_pixels(self):
        masks = self.masks("a.ppm")
        self.assertEqual(masks[0]["size"], [179, 256])
        self.assertGreater(sum(map(sum, harness.decode_rle(masks[0]))), 0)
        # Values of 16 bits are the same pixels.
        (self.folder / "b.ppm").write_bytes(ppm(65535))
        self.assertEqual(self.masks("b.ppm"), masks)

    def test_gray(self):
        (self.folder / "gray.pgm").write_bytes(b"P5 256 179 255\n" + PIXELS.read_bytes()[-179 * 256:])
        self.assertEqual(self.masks("gray.pgm")[0]["size"], [179, 256])

    def test_broken_files(self):
        for name, data, needle in (("cut.ppm", ppm()[:-1], "truncated"),
                                   ("head.ppm", b"P6 256", "truncated"),
                                   ("huge.ppm", b"P6 60000 60000 255\nabc", "60000x60000")):
            (self.folder / name).write_bytes(data)
            line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, name, "--point", "0,0")
            self.assertIn(name, line)
            self.assertIn(needle, line)

    @unittest.skipIf(CODECS, "this build has them")
    def test_without_codecs_png_is_named(self):
        (self.folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "a.png", "--point", "0,0")
        self.assertIn(f"a.png: {NO_CODECS}", line)
        line = self.error(SOME_FAILED, "segment", "--model", harness.MODEL, "a.ppm", "--point", "0,0")
        self.assertIn(f"a_overlay.png: {NO_CODECS}", line)
        self.assertEqual(self.names(), ["a.png", "a.ppm"])


if __name__ == "__main__":
    unittest.main()
