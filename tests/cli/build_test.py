"""lasso build, and engine files in place of checkpoints."""

import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

import harness
import pictures
from harness import BAD_MODEL, DONE, MEMORY, MODEL, UNSUPPORTED, USAGE

TINY = MODEL.parents[3] / "models" / "lasso-tiny.pth"


class BuildTest(harness.CliTest):
    def build(self, *arguments, model=MODEL, output="a.lasso"):
        return self.expect(DONE, "build", model, "-o", output, *arguments)

    def masks(self, *arguments):
        (image,) = self.expect(DONE, "segment", "a.png", "--point", "20,20", "--format", "none",
                               "--json", *arguments).objects()
        return image["masks"]

    def test_summary(self):
        text = self.build().out
        for needle in ("SAM (width 64, depth 4)", "a.lasso", "fp32", "cpu, avx2", "MB", " s",
                       "MiB at most"):
            self.assertIn(needle, text)
        self.assertEqual(self.build("-q").out, "")
        self.assertEqual(self.names(), ["a.lasso"])

    def test_json(self):
        (report,) = self.build("--json", "--verify").objects()
        size = (self.folder / "a.lasso").stat().st_size
        self.assertEqual((report["file"], report["file_bytes"], report["verified"]),
                         ("a.lasso", size, True))
        self.assertEqual((report["precision"], report["device"], report["needed_isa"]),
                         ("fp32", "cpu", "avx2"))
        self.assertLess(report["weight_bytes"], size)
        self.assertGreater(report["peak_rss_bytes"], 1 << 20)

    def test_the_same_model_makes_the_same_file(self):
        self.build("--no-timing")
        self.build("--no-timing", output="b.lasso")
        self.assertEqual((self.folder / "a.lasso").read_bytes(),
                         (self.folder / "b.lasso").read_bytes())

    def times(self):
        """The times of kernels, by layer, that the engine file has."""
        report = self.expect(DONE, "inspect", "a.lasso", "--layers", "--why", "--json").objects()[0]
        layers = [layer for program in report["programs"] for layer in program["layers"]]
        return {layer["name"]: layer["times"] for layer in layers}

    def test_kernels_that_compute_the_same_layer_are_timed(self):
        self.build()
        timed = {name: times for name, times in self.times().items() if times}
        self.assertTrue(timed)
        for name, times in timed.items():
            self.assertGreaterEqual(len(times), 2, name)  # against one another
            for time in times:
                self.assertRegex(time, r"^[a-z0-9_]+\.[a-z0-9_]+: [0-9.e+-]+ ms$")
        self.assertIn("timed ", self.expect(DONE, "inspect", "a.lasso", "--layers", "--why").out)
        self.build("--no-timing")
        self.assertFalse(any(self.times().values()))

    def test_every_command_takes_an_engine_file(self):
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        for model in (MODEL, TINY):
            # The same kernels as without a file, and so the same bits.
            self.build("--no-timing", model=model)
            self.assertEqual(self.masks("--model", "a.lasso", "--verify"),
                             self.masks("--model", model))
            (report,) = self.expect(DONE, "compare", "a.lasso", model, "--tolerance", "1e-30",
                                    "--json").objects()
            self.assertEqual(report["worst"]["relative_error"], 0)
        (info,) = self.expect(DONE, "inspect", "a.lasso", "--json").objects()
        (source,) = self.expect(DONE, "inspect", TINY, "--json").objects()
        del info["load_ms"], source["load_ms"], info["file"], source["file"]
        self.assertEqual(info, source)
        (speed,) = self.expect(DONE, "bench", "speed", "--model", "a.lasso", "--iterations", "1",
                               "--warmup", "0", "--prompts-per-call", "1", "--json").objects()
        self.assertEqual(speed["candidates"][0]["file"], "a.lasso")

    def test_inspect_shows_layers_with_times_and_reasons(self):
        self.build()
        (info,) = self.expect(DONE, "inspect", "a.lasso", "--time", "--why", "--json").objects()
        self.assertEqual([p["name"] for p in info["programs"]],
                         ["image_encoder", "image_tokens", "mask_decoder", "mask_decoder_with_mask_input"])
        for program in info["programs"]:
            self.assertGreater(program["arena_bytes"], 1000)
            for layer in program["layers"]:
                self.assertEqual("ms" in layer, layer["kernel"] != "alias", layer)
                self.assertEqual(layer["precision"], "fp32")
                self.assertGreaterEqual(len(layer["inputs"]), 1)
        self.assertIn("rejected", info["programs"][0]["layers"][0])
        text = self.expect(DONE, "inspect", "a.lasso", "--time").out
        for needle in ("arena", "packed by", "needs avx2", " ms\n", "[batch, 16, 16, 192]"):
            self.assertIn(needle, text)

    def test_an_embedding_of_the_checkpoint_serves_the_engine(self):
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        self.build()
        expected = self.masks("--model", MODEL, "--save-embedding", "a.safetensors")
        self.assertEqual(self.masks("--model", "a.lasso", "--load-embedding", "a.safetensors"),
                         expected)

    def test_twenty_runs_give_the_same_bits(self):
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        self.build()
        first = None
        for _ in range(20):
            self.masks("--model", "a.lasso", "--threads", "2", "--save-logits", "a.npy",
                       "--save-embedding", "a.safetensors")
            bits = [(self.folder / name).read_bytes() for name in ("a.npy", "a.safetensors")]
            first = first or bits
            self.assertEqual(bits, first)

    def test_options_that_contradict_the_engine(self):
        (self.folder / "c.json").write_text('{"num_heads": 2}')
        self.build("--preprocess", "medsam")
        (info,) = self.expect(DONE, "inspect", "a.lasso", "--json").objects()
        self.assertEqual(info["preprocess"], "medsam")
        inspect = ("inspect", "a.lasso")
        self.expect(DONE, *inspect, "--preprocess", "medsam")
        self.assertIn("\"medsam\"", self.error(USAGE, *inspect, "--preprocess", "sam"))
        self.assertIn("reference kernels", self.error(USAGE, *inspect, "--kernels", "reference"))
        self.assertIn("c.json", self.error(USAGE, *inspect, "--config", "c.json"))
        self.build("--kernels", "reference")
        (info,) = self.expect(DONE, *inspect, "--kernels", "reference", "--json").objects()
        self.assertEqual(info["isa"], "reference")
        self.assertEqual(info["needed_isa"], "avx2")

    def test_names_of_outputs(self):
        for name, needle in (("a.engine", "TensorRT"), ("a.plan", "TensorRT"),
                             ("a.bin", "ends in .lasso"), ("no/a.lasso", "no folder")):
            self.assertIn(needle, self.error(USAGE, "build", MODEL, "-o", name))
        shutil.copy(MODEL, self.folder / "m.lasso")
        self.assertIn("checkpoint itself", self.error(USAGE, "build", "m.lasso", "-o", "m.lasso"))
        self.assertIn("-o", self.error(USAGE, "build", MODEL))
        self.build()
        self.assertIn("engines are not built from engines",
                      self.error(BAD_MODEL, "build", "a.lasso", "-o", "b.lasso"))
        self.assertEqual(self.names(), ["a.lasso", "m.lasso"])

    def test_files_that_are_not_engines(self):
        self.build()
        good = (self.folder / "a.lasso").read_bytes()
        cases = ((good[:1000], BAD_MODEL, "truncated"),
                 (good[:8] + b"\x09" + good[9:], UNSUPPORTED, "format 9"),
                 (good[:100] + b"x" + good[101:], BAD_MODEL, "checksum"),
                 (good[:5] + b"\n" + good[7:], BAD_MODEL, "transfer as text"),
                 (b"ftrt" + good[4:], BAD_MODEL, "TensorRT"),
                 (b"", BAD_MODEL, "empty"),
                 (b"nothing in particular", BAD_MODEL, "not an engine file"))
        for data, status, needle in cases:
            (self.folder / "b.lasso").write_bytes(data)
            line = self.error(status, "inspect", "b.lasso")
            self.assertIn(needle, line)
            self.assertIn("b.lasso", line)
        flipped = good[:9000] + bytes([good[9000] ^ 1]) + good[9001:]
        (self.folder / "b.lasso").write_bytes(flipped)
        self.expect(DONE, "inspect", "b.lasso")
        self.assertIn("\"weights\" does not match",
                      self.error(BAD_MODEL, "inspect", "b.lasso", "--verify"))

    def test_memory_limit(self):
        for text in ("12X", "0", "-1", "1.5G", "", "9999999999999G"):
            self.error(USAGE, "build", MODEL, "-o", "a.lasso", "--memory-limit", text)
        line = self.error(MEMORY, "build", TINY, "-o", "a.lasso", "--memory-limit", "1M")
        self.assertRegex(line, r"needs about \d+ MiB of memory, and the limit is 1 MiB")
        line = self.error(MEMORY, "build", TINY, "-o", "a.lasso", "--memory-limit", "64k")
        self.assertIn("the limit is 65536 bytes", line)
        self.assertEqual(self.names(), [])
        needed = int(line.split("needs about ")[1].split()[0]) << 20
        (report,) = self.build("--memory-limit", str(needed + (4 << 20)), "--json",
                               model=TINY).objects()
        if not os.environ.get("LASSO_SANITIZED"):
            self.assertLessEqual(report["peak_rss_bytes"], needed)

    def test_random_weights(self):
        build = ("build", "-o", "a.lasso")
        self.assertIn("random:vit_h", self.error(USAGE, *build, "random:vit_x"))
        self.assertIn("--memory-limit", self.error(USAGE, *build, "random:vit_b",
                                                   "--memory-limit", "1G"))

    def test_a_killed_build_leaves_the_old_file_or_none(self):
        for old in (None, b"old"):
            for delay in (0.001, 0.004, 0.008, 0.012, 0.016, 0.02, 0.03):
                path = self.folder / "a.lasso"
                path.unlink(missing_ok=True)
                if old is not None:
                    path.write_bytes(old)
                with subprocess.Popen([harness.LASSO, "build", TINY, "-o", path, "-q"]) as process:
                    time.sleep(delay)
                    process.send_signal(signal.SIGKILL)
                if path.exists() and path.read_bytes() != old:
                    self.expect(DONE, "inspect", path, "--verify")  # it was quicker
        self.assertLessEqual(len(self.names()), 1)

    def test_a_full_disk_leaves_nothing(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        result = self.run_lasso("build", MODEL, "-o", "a.lasso", preexec_fn=small_files)
        self.assertEqual(result.status, MEMORY)
        self.assertIn("a.lasso: can't be written", result.err)
        self.assertEqual(self.names(), [])


if __name__ == "__main__":
    unittest.main()
