"""lasso inspect and compare; progress and interruption."""

import os
import pty
import select
import signal
import subprocess
import time
import unittest

import harness
import pictures
from harness import DONE, INTERRUPTED, MODEL, SOME_FAILED, THRESHOLD, UNSUPPORTED, USAGE


def has_avx512():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        return "avx512f" in file.read()


class InspectTest(harness.CliTest):
    def test_summary(self):
        text = self.expect(DONE, "inspect", MODEL).out
        for needle in ("256 x 256 pixels", "4 blocks, width 64, 2 heads", "image_encoder",
                       "mask_decoder", "GFLOP"):
            self.assertIn(needle, text)

    def test_quiet(self):
        for option in ((), ("--graph",), ("--layers",)):
            self.assertEqual(self.expect(DONE, "inspect", MODEL, "-q", *option).out, "")

    def test_json(self):
        (info,) = self.expect(DONE, "inspect", MODEL, "--json").objects()
        self.assertEqual((info["image_size"], info["patch_size"], info["embed_dim"], info["depth"],
                          info["num_heads"], info["window_size"], info["global_blocks"]),
                         (256, 16, 64, 4, 2, 14, [1, 3]))
        self.assertRegex(info["model_hash"], "^[0-9a-f]{32}$")
        self.assertNotIn("layers", info["programs"][0])

    def test_layers_and_reasons(self):
        (info,) = self.expect(DONE, "inspect", MODEL, "--why", "--json").objects()
        layers = info["programs"][0]["layers"]
        self.assertEqual(len(layers), info["programs"][0]["layer_count"])
        for layer in layers:
            self.assertTrue(layer["name"] and layer["op"] and layer["shape"])
        text = self.expect(DONE, "inspect", MODEL, "--layers").out
        for layer in layers:
            self.assertIn(layer["name"], text)
        self.expect(DONE, "inspect", MODEL, "--why")

    def test_reference_kernels_are_shown_as_such(self):
        (info,) = self.expect(DONE, "inspect", MODEL, "--layers", "--json", "--kernels",
                              "reference").objects()
        isas = {layer["isa"] for program in info["programs"] for layer in program["layers"]}
        self.assertEqual(isas - {""}, {"reference"})

    def test_the_instruction_set_can_be_capped(self):
        (info,) = self.expect(DONE, "inspect", MODEL, "--layers", "--json", "--isa",
                              "avx2").objects()
        self.assertEqual(info["isa"], "avx2")
        isas = {layer["isa"] for program in info["programs"] for layer in program["layers"]}
        self.assertLessEqual(isas - {""}, {"reference", "avx2"})

    def test_graph(self):
        self.assertIn("window_attention", self.expect(DONE, "inspect", MODEL, "--graph").out)


class CompareTest(harness.CliTest):
    def test_fast_against_reference(self):
        result = self.expect(DONE, "compare", MODEL, "--layers")
        self.assertIn("@reference", result.out)
        self.assertIn("all within the tolerance", result.out)
        self.assertIn("image_encoder/", result.out)

    def test_json(self):
        (report,) = self.expect(DONE, "compare", MODEL, "--json", "--layers", "--point", "99,77",
                                "--point", "200,200,0").objects()
        self.assertTrue(report["equal_within_tolerance"])
        self.assertIsNone(report["first_divergence"])
        self.assertEqual(len(report["layers"]), report["layer_count"])
        self.assertEqual([r["layer"] for r in report["results"]],
                         ["results/image_embedding", "results/low_res_logits",
                          "results/iou_predictions"])
        self.assertEqual((report["a"]["variant"], report["b"]["variant"]), ("fast", "reference"))
        self.assertGreater(report["masks"][0]["iou"], 0.999)
        worst = max(layer["relative_error"] for layer in report["layers"])
        self.assertEqual(report["worst"]["relative_error"], worst)
        self.assertLess(worst, 1e-4)

    def test_instruction_sets(self):
        if not has_avx512():
            self.assertIn("AVX-512", self.error(UNSUPPORTED, "compare", f"{MODEL}@avx512"))
            return
        (report,) = self.expect(DONE, "compare", f"{MODEL}@avx512", f"{MODEL}@avx2",
                                "--json").objects()
        self.assertEqual((report["a"]["isa"], report["b"]["isa"]), ("avx512", "avx2"))

    def test_equal_sides_do_not_differ_at_all(self):
        (report,) = self.expect(DONE, "compare", MODEL, MODEL, "--tolerance", "1e-30",
                                "--json").objects()
        self.assertEqual(report["worst"]["relative_error"], 0)

    def test_the_first_divergence_is_named(self):
        result = self.expect(THRESHOLD, "compare", MODEL, "--tolerance", "1e-30", "--json",
                             "--layers")
        (report,) = result.objects()
        first = report["first_divergence"]
        above = [layer for layer in report["layers"] if layer["relative_error"] > 1e-30]
        self.assertEqual(first, above[0])
        self.assertNotEqual(first["a"], first["b"])
        self.assertIn(first["layer"], result.err)
        self.assertIn("first divergence", self.expect(THRESHOLD, "compare", MODEL, "--tolerance",
                                                      "1e-30").out)

    def test_another_file_diverges(self):
        self.write_changed_model("changed.pth")
        result = self.expect(THRESHOLD, "compare", MODEL, "changed.pth", "--layers")
        self.assertIn("<- first divergence", result.out)
        self.assertIn("changed.pth@fast", result.err)

    def test_wrong_usage(self):
        self.assertIn("sse2", self.error(USAGE, "compare", f"{MODEL}@sse2"))
        self.assertIn("--tolerance 0", self.error(USAGE, "compare", MODEL, "--tolerance", "0"))
        self.assertIn("outside", self.error(USAGE, "compare", MODEL, "--point", "9999,1"))
        self.assertIn("none.png", self.error(SOME_FAILED, "compare", MODEL, "--image", "none.png"))
        self.error(USAGE, "compare")
        self.error(USAGE, "compare", MODEL, MODEL, MODEL)

    def test_an_image(self):
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        self.expect(DONE, "compare", MODEL, "--image", "a.png", "--box", "5,5,50,30")


class TerminalTest(harness.CliTest):
    LONG = ("bench", "speed", "--model", str(MODEL), "--iterations", "1000000",
            "--prompts-per-call", "1", "--limit")

    def test_progress_is_shown_on_a_terminal_and_cleared(self):
        try:
            leader, follower = pty.openpty()
        except OSError as error:  # a container without /dev/pts
            self.skipTest(str(error))
        process = subprocess.Popen([harness.LASSO, *self.LONG, "2"], stderr=follower,
                                   stdout=subprocess.PIPE, cwd=self.folder)
        os.close(follower)
        shown = b""
        while process.poll() is None or select.select([leader], [], [], 0)[0]:
            if not select.select([leader], [], [], 0.2)[0]:
                continue
            try:
                shown += os.read(leader, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
        process.communicate()
        os.close(leader)
        self.assertEqual(process.returncode, DONE)
        self.assertRegex(shown.decode(), r"Image encoder, round \d+\.\.\. \d\.\d s")
        self.assertTrue(shown.endswith(b"\r\x1b[K"), shown[-40:])

    def test_nothing_is_shown_elsewhere(self):
        self.assertEqual(self.expect(DONE, *self.LONG, "1.2").err, "")

    def test_interruption(self):
        with subprocess.Popen([harness.LASSO, *self.LONG, "60"], stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE, cwd=self.folder) as process:
            time.sleep(1.5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, INTERRUPTED)
        self.assertEqual(err, b"lasso: interrupted\n")
        self.assertEqual([path for path in self.folder.rglob("*") if path.is_file()], [])

    def test_interruption_leaves_whole_files_only(self):
        (self.folder / "a.png").write_bytes(pictures.png(300, 200))
        images = ["a.png"] * 2000
        with subprocess.Popen([harness.LASSO, "segment", *images, "--model", str(MODEL), "--point",
                               "9,9", "-o", "out"], stderr=subprocess.PIPE, cwd=self.folder,
                              stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED)
        for path in (self.folder / "out").iterdir():
            self.assertEqual(path.suffix, ".png")
            self.assertTrue(path.read_bytes().endswith(b"IEND\xaeB`\x82"), path.name)


if __name__ == "__main__":
    unittest.main()
