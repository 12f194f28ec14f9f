"""lasso bench speed: candidates in turn, imported times, reports, history. No test looks at how long anything took."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

import harness
import pictures
from harness import BAD_MODEL, DONE, INTERRUPTED, MODEL, SOME_FAILED, USAGE
from page import Page

SPEED = ("bench", "speed")
# One thread, since others may use the machine: a team waits for its slowest.
FEW = ("--warmup", "1", "--iterations", "3", "--prompts-per-call", "1,4", "--threads", "1")
STAGES = ["encode", "decode_1", "decode_4", "end_to_end"]
PARTS = {"encode": ["preprocess"], "decode_1": ["postprocess"], "decode_4": ["postprocess"],
         "end_to_end": ["read", "preprocess", "encode", "decode", "postprocess"]}


class SpeedTest(harness.CliTest):
    def speed(self, *arguments, status=DONE, **options):
        return self.expect(status, *SPEED, *FEW, *arguments, **options)

    def speed_json(self, *arguments, **options):
        (report,) = self.speed("--json", *arguments, **options).objects()
        return report

    def write(self, name, value):
        text = value if isinstance(value, str) else json.dumps(value)
        (self.folder / name).write_text(text)
        return name


class FiguresTest(SpeedTest):
    def test_two_candidates(self):
        report = self.speed_json("--candidate", MODEL, "--candidate", f"{MODEL}@avx2")
        self.assertEqual(report["order"], "interleaved")
        self.assertIsNone(report["baseline"])
        self.assertEqual(report["image"], {"file": None, "width": 1920, "height": 1080})
        first, second = report["candidates"]
        self.assertEqual((first["name"], second["name"]),
                         ("checkpoint.pth@fast", "checkpoint.pth@avx2"))
        self.assertEqual((first["runtime"], first["precision"], second["isa"]),
                         ("lasso", "fp32", "avx2"))
        for candidate in (first, second):
            self.assertEqual(list(candidate["stages"]), STAGES)
            self.assertGreater(candidate["peak_rss_bytes"], 1 << 20)
            for name, stage in candidate["stages"].items():
                self.check_stage(name, stage, first["stages"][name])
            encode = candidate["stages"]["encode"]["gflop"]
            decode = candidate["stages"]["decode_1"]["gflop"]
            self.assertAlmostEqual(candidate["stages"]["decode_4"]["gflop"], 4 * decode)
            self.assertAlmostEqual(candidate["stages"]["end_to_end"]["gflop"], encode + decode)

    def check_stage(self, name, stage, first):
        self.assertEqual((stage["warm_up_runs"], stage["runs"], stage["complete"]), (1, 3, True))
        samples = stage["samples_ms"]
        self.assertEqual(len(samples), 3)
        self.assertEqual(stage["median_ms"], sorted(samples)[1])
        self.assertEqual((stage["min_ms"], stage["p95_ms"]), (min(samples), max(samples)))
        self.assertAlmostEqual(stage["mean_ms"], sum(samples) / 3, places=3)
        # To what the rounded times say.
        self.assertAlmostEqual(stage["fps"] * stage["mean_ms"] / 1000, 1, places=3)
        self.assertAlmostEqual(stage["relative_time_percent"] / 100,
                               stage["mean_ms"] / first["mean_ms"], delta=1e-3 *
                               stage["mean_ms"] / first["mean_ms"])
        self.assertAlmostEqual(stage["relative_time_percent"] * stage["relative_fps_percent"] / 1e4,
                               1)
        self.assertAlmostEqual(stage["gflop_per_s"] * stage["median_ms"] / 1000 / stage["gflop"], 1,
                               places=2)
        self.assertEqual(list(stage["parts_mean_ms"]), PARTS[name])

    def test_the_machine(self):
        machine = self.speed_json("--model", MODEL)["machine"]
        self.assertTrue(machine["cpu"])
        self.assertGreaterEqual(machine["cores"], 1)
        self.assertGreater(machine["memory_bytes"], 1 << 28)
        self.assertEqual((machine["peaks"][0]["precision"], machine["peaks"][0]["isa"]),
                         ("fp32", "avx2"))
        self.assertEqual(machine["gpus"], [])  # no candidate runs on one

    def test_rates_are_of_the_peak_for_the_instructions(self):
        report = self.speed_json("--model", MODEL, env={"LASSO_MAX_ISA": "avx2"})
        (peak,) = report["machine"]["peaks"]
        self.assertEqual(peak["threads"], 1)
        stage = report["candidates"][0]["stages"]["encode"]
        self.assertAlmostEqual(stage["peak_percent"],
                               100 * stage["gflop_per_s"] / peak["gflop_per_s"])

    def test_a_variant_says_more_than_the_options(self):
        report = self.speed_json("--candidate", f"{MODEL}@avx2", "--candidate", f"{MODEL}@fp32",
                                 "--kernels", "reference")
        self.assertEqual([row["isa"] for row in report["candidates"]], ["avx2", "reference"])

    def test_equal_candidates_are_told_apart(self):
        (self.folder / "a").mkdir()
        (self.folder / "a/checkpoint.pth").write_bytes(MODEL.read_bytes())
        report = self.speed_json("--candidate", MODEL, "--candidate", MODEL, "--candidate",
                                 "a/checkpoint.pth")
        self.assertEqual([c["name"] for c in report["candidates"]],
                         [f"{MODEL}@fast", f"{MODEL}@fast (2)", "a/checkpoint.pth@fast"])

    def test_candidates_in_sequence(self):
        options = ("--candidate", MODEL, "--candidate", f"{MODEL}@reference", "--sequential")
        report = self.speed_json(*options)
        self.assertEqual((report["order"], report["order_reason"]), ("sequential", "as asked for"))
        self.assertEqual([len(c["stages"]) for c in report["candidates"]], [4, 4])
        self.assertIn("in sequence", self.speed(*options).out)

    def test_an_image(self):
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        report = self.speed_json("--model", MODEL, "--image", "a.png")
        self.assertEqual(report["image"], {"file": "a.png", "width": 60, "height": 40})

    def test_the_time_limit_is_said(self):
        limit = (*SPEED, "--model", MODEL, "--iterations", "100000", "--limit", "0.2",
                 "--prompts-per-call", "1", "--threads", "1")
        self.assertIn("* fewer than 100000 runs: 0.2 s were over", self.expect(DONE, *limit).out)
        (report,) = self.expect(DONE, *limit, "--json").objects()
        for stage in report["candidates"][0]["stages"].values():
            self.assertFalse(stage["complete"])
            self.assertEqual(stage["runs"], len(stage["samples_ms"]))

    def test_text_fits_the_terminal(self):
        (self.folder / ("long" * 20 + ".pth")).write_bytes(MODEL.read_bytes())
        text = self.speed("--candidate", "long" * 20 + ".pth", "--candidate", f"{MODEL}@avx2").out
        for needle in ("Image encoder", "Decoder, 4 prompts", "End to end", "median", "p95",
                       "FPS, %", "time, %", "peak, %", "peak memory", "1 thread\n", "in turn",
                       "...", "checkpoint.pth@avx2"):
            self.assertIn(needle, text)
        self.assertLessEqual(max(len(line) for line in text.splitlines()
                                 if not line.startswith("report: ")), 100)


class LayersTest(SpeedTest):
    def layers_json(self, *arguments):
        return self.speed_json("--layers", *arguments)["candidates"]

    def test_every_layer_of_encoder_and_decoder(self):
        first, second = self.layers_json("--candidate", MODEL, "--candidate", f"{MODEL}@avx2")
        for candidate, options in ((first, ()), (second, ("--isa", "avx2"))):
            self.assertEqual(candidate["layer_runs"], 3)
            programs = self.expect(DONE, "inspect", MODEL, "--layers", "--json", *options)
            programs = {p["name"]: p["layers"] for p in programs.objects()[0]["programs"]}
            for stage, program in (("encode", "image_encoder"), ("decode_1", "mask_decoder")):
                layers = [x for x in candidate["layers"] if x["stage"] == stage]
                # All that is work.
                expected = [x for x in programs[program] if x["kernel"] != "alias"]
                for key in ("name", "op", "shape", "inputs", "precision", "kernel", "isa", "gflop",
                            "window"):
                    self.assertEqual([x.get(key) for x in layers], [x.get(key) for x in expected])
                self.check_figures(layers)
                kinds = [x for x in candidate["layer_kinds"] if x["stage"] == stage]
                self.check_kinds(kinds, layers)
            self.assertIn("global attention", {x["kind"] for x in candidate["layers"]})

    def check_figures(self, layers):
        self.assertAlmostEqual(sum(x["share_percent"] for x in layers), 100)
        for layer in layers:
            self.assertTrue(layer["kernel"], layer)
            self.assertGreaterEqual(layer["median_ms"], 0)
            if layer["op"] == "linear":
                self.assertGreater(layer["gflop_per_s"], 0)
                self.assertGreater(layer["peak_percent"], 0)

    def check_kinds(self, kinds, layers):
        self.assertAlmostEqual(sum(x["share_percent"] for x in kinds), 100)
        self.assertEqual([x["median_ms"] for x in kinds],
                         sorted((x["median_ms"] for x in kinds), reverse=True))
        for kind in kinds:
            same = [x for x in layers
                    if (x["kind"], x["precision"]) == (kind["kind"], kind["precision"])]
            self.assertEqual(kind["layer_count"], len(same))
            self.assertAlmostEqual(kind["gflop"], sum(x["gflop"] for x in same))
            self.assertAlmostEqual(kind["share_percent"], sum(x["share_percent"] for x in same))

    def test_they_are_asked_for(self):
        (candidate,) = self.speed_json("--model", MODEL)["candidates"]
        self.assertFalse({"layers", "layer_kinds", "layer_runs"} & candidate.keys())
        (traced,) = self.layers_json("--model", MODEL)
        self.assertEqual(list(traced["stages"]), STAGES)

    def test_text_and_page(self):
        result = self.speed("--layers", "--model", MODEL)
        text = result.out
        for needle in ("image encoder by kind of layer", "decoder with 1 prompt: every layer",
                       "blocks.*.attn.qkv", "blocks.0.attn.qkv", "layers.0.token_to_image.sum",
                       "linear", "LayerNorm", "1 warm-up run, 3 to count",
                       "when they are not timed"):
            self.assertIn(needle, text)
        self.assertLessEqual(max(len(line) for line in text.splitlines()
                                 if not line.startswith("report: ")), 120)
        (path,) = re.findall(r"^report: (.*)$", text, re.MULTILINE)
        page = (self.folder / path).read_text()
        self.assertEqual(page.count("<details>"), 1)
        for needle in ("blocks.0.attn.qkv", "every layer", "each, ms"):
            self.assertIn(needle, page)
        Page(page)
        # Without it the page has none.
        report = self.speed_json("--model", MODEL)["report"]
        self.assertNotIn("<details>", (self.folder / report / "report.html").read_text())

    def test_a_record_of_the_history_has_the_kinds(self):
        self.speed("--layers", "--model", MODEL, "--history", "history", "--commit", "1")
        (path,) = (self.folder / "history").iterdir()
        (candidate,) = json.loads(path.read_text())["candidates"]
        self.assertTrue(candidate["layer_kinds"])
        self.assertNotIn("layers", candidate)
        self.speed("--model", MODEL, "--baseline", path)


class BaselineTest(SpeedTest):
    OTHER = {"name": "Other <system>", "peak_rss_bytes": 12345678,
             "timings": {"encode_ms": 1000, "decode_4_ms": [10, 30, 20], "decode_99_ms": 5}}

    def test_the_first_row(self):
        report = self.speed_json("--model", MODEL, "--baseline", self.write("b.json", self.OTHER))
        baseline = report["baseline"]
        self.assertEqual((baseline["name"], baseline["peak_rss_bytes"]),
                         ("Other <system>", 12345678))
        self.assertEqual(list(baseline["stages"]), ["encode", "decode_4"])
        self.assertEqual(baseline["stages"]["encode"]["relative_fps_percent"], 100)
        self.assertNotIn("median_ms", baseline["stages"]["encode"])
        self.assertEqual(baseline["stages"]["decode_4"]["median_ms"], 20)
        stages = report["candidates"][0]["stages"]
        self.assertAlmostEqual(stages["encode"]["relative_time_percent"],
                               stages["encode"]["mean_ms"] / 10, places=3)
        # Where the other system has no times, candidates are compared with each other.
        self.assertEqual(stages["decode_1"]["relative_time_percent"], 100)
        page = (self.folder / report["report"] / "report.html").read_text()
        self.assertIn("Other &lt;system&gt;", page)
        Page(page)

    def test_stages_that_are_not_measured_are_named(self):
        result = self.speed("--model", MODEL, "--baseline", self.write("b.json", self.OTHER))
        self.assertIn("decode_99", result.err)

    def test_its_own_report(self):
        report = self.speed_json("--model", MODEL)
        again = self.speed_json("--model", MODEL, "--baseline", report["report"] + "/results.json")
        self.assertEqual(again["baseline"]["name"], "checkpoint.pth@fast")
        self.assertEqual(list(again["baseline"]["stages"]), STAGES)
        for name in STAGES:
            self.assertEqual(again["baseline"]["stages"][name]["mean_ms"],
                             report["candidates"][0]["stages"][name]["mean_ms"])

    def test_a_report_of_several_images_of_a_call(self):
        images = ("--images-per-call", "1,2", "--model", MODEL)
        stages = ["encode", "encode_2", *STAGES[1:]]
        report = self.speed_json(*images)
        measured = report["candidates"][0]["stages"]
        self.assertEqual(list(measured), stages)
        for name, frames in (("encode", 1), ("encode_2", 2), ("decode_4", 1)):
            self.assertAlmostEqual(measured[name]["fps"] * measured[name]["mean_ms"] / 1000, frames,
                                   delta=1e-3 * frames)
        self.assertAlmostEqual(measured["encode_2"]["gflop"], 2 * measured["encode"]["gflop"])
        again = self.speed_json(*images, "--baseline", report["report"] + "/results.json")
        self.assertEqual(list(again["baseline"]["stages"]), stages)
        for key in ("mean_ms", "fps"):
            self.assertAlmostEqual(again["baseline"]["stages"]["encode_2"][key],
                                   measured["encode_2"][key], delta=1e-3 * measured["encode_2"][key])

    def test_what_is_wrong_is_said(self):
        os.mkfifo(self.folder / "pipe")
        (self.folder / "large.json").write_bytes(b" " * (1 << 25))
        for name, needle in (("none.json", "none.json"), (".", "is a folder"),
                             ("pipe", "not a regular file"), ("large.json", "33554432 bytes"),
                             (self.write("a.json", "{"), "is not JSON"),
                             (self.write("b.json", {"name": "x", "timings": {"load_ms": 1}}),
                              "\"load_ms\""),
                             (self.write("c.json", "[" * 100000), "nested")):
            line = self.error(USAGE, *SPEED, "--model", MODEL, "--baseline", name)
            self.assertIn("--baseline", line)
            self.assertIn(needle, line)


class ReportTest(SpeedTest):
    def test_reports_are_not_overwritten(self):
        reports = [self.speed_json("--model", MODEL, "-o", "out") for _ in range(2)]
        self.assertNotEqual(reports[0]["report"], reports[1]["report"])
        for report in reports:
            folder = report["report"]
            self.assertRegex(folder, r"^out/checkpoint-\d{8}-\d{6}(-\d)?$")
            self.assertEqual(sorted(p.name for p in (self.folder / folder).iterdir()),
                             ["report.html", "results.json"])
            self.assertEqual(json.loads((self.folder / folder / "results.json").read_text()),
                             report)
            page = (self.folder / folder / "report.html").read_text()
            for needle in ("checkpoint.pth@fast", "Image encoder", "Decoder, 4 prompts", "GFLOP/s",
                           "postprocess"):
                self.assertIn(needle, page)
            self.assertEqual(Page(page).links, [])
            self.assertEqual(Page(page).articles, 4)

    def test_history(self):
        history = ("--history", "history", "--commit", "abc123", "--model", MODEL)
        records = [self.speed_json(*history) for _ in range(2)]
        paths = sorted((self.folder / "history").iterdir(), key=lambda p: p.stat().st_mtime_ns)
        self.assertEqual(len(paths), 2)
        for path, report in zip(paths, records):
            self.assertRegex(path.name, r"^checkpoint-\d{8}-\d{6}(-\d)?\.json$")
            record = json.loads(path.read_text())
            self.assertRegex(record["date"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertEqual(record["commit"], "abc123")
            self.assertIn("--commit abc123", record["command"])
            self.assertEqual(record["machine"], report["machine"])
            self.assertRegex(record["libraries"], r"oneDNN \d")
            self.assertRegex(record["built_with"], "GCC|Clang")
            self.assertNotIn("samples_ms", path.read_text())
            self.assertNotIn(str(self.folder), re.sub(r'"command": .*', "", path.read_text()))
        # A record is a baseline, too.
        self.speed("--model", MODEL, "--baseline", paths[0])
        self.assertIn("record: ", self.speed(*history).out)

    def test_interruption_leaves_no_file(self):
        with subprocess.Popen([harness.LASSO, *SPEED, "--model", MODEL, "--iterations", "1000000"],
                              cwd=self.folder, stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out, err), (INTERRUPTED, b"", b"lasso: interrupted\n"))
        self.assertEqual([path for path in self.folder.rglob("*") if path.is_file()], [])


class UsageTest(SpeedTest):
    def test_wrong_usage(self):
        self.write("file", "x")
        random = ("--random", "--arch", "vit_b")
        for needle, arguments in (
                ("--random", ("--arch", "vit_b")),
                ("--arch", ("--random",)),
                ("vit_h", ("--random", "--arch", "vit_x")),
                ("--model", random + ("--model", MODEL)),
                ("takes the place of", random + ("--candidate", MODEL)),
                ("takes the place of", ("--model", MODEL, "--candidate", MODEL)),
                ("random:vit_b, random:vit_h, random:vit_l, random:yolov7, ", ("--candidate", "random:vit_x")),
                ("sse2", ("--candidate", f"{MODEL}@sse2")),
                ("--iterations 0", ("--model", MODEL, "--iterations", "0")),
                ("--limit 0", ("--model", MODEL, "--limit", "0")),
                ("--prompts-per-call 1,x", ("--prompts-per-call", "1,x")),
                ("is not a folder", ("--model", MODEL, "-o", "file")),
                ("needs --commit", ("--model", MODEL, "--history", "h")),
                ("--commit 1", ("--model", MODEL, "--commit", "1")),
                ("is not a folder", ("--model", MODEL, "--history", "file", "--commit", "1"))):
            self.assertIn(needle, self.error(USAGE, *SPEED, *arguments), arguments)
        if not harness.has_gpu():
            self.error(harness.NO_GPU, *SPEED, "--model", MODEL, "--device", "cuda")
        for candidates in (("--model", MODEL), ("--candidate", f"{MODEL}@fp32"),
                           ("--arch", "vit_b", "--random"),
                           ("--candidate", MODEL, "--candidate", f"{MODEL}@avx2")):
            self.assertIn("--isa sm_80: is for GPUs",
                          self.error(USAGE, *SPEED, *candidates, "--isa", "sm_80"))
        self.assertIn("none.png", self.error(SOME_FAILED, *SPEED, "--image", "none.png"))
        self.assertEqual(self.names(), ["file"])

    def test_a_model_that_does_not_open(self):
        self.assertIn("none.pth", self.error(BAD_MODEL, *SPEED, "--candidate", MODEL,
                                             "--candidate", "none.pth"))
        self.assertEqual(self.names(), [])

    def test_others_are_reported_when_a_later_one_does_not_open(self):
        options = ("--sequential", "--candidate", MODEL, "--candidate", "none.pth", "--candidate",
                   f"{MODEL}@avx2")
        result = self.speed(*options, "--json", status=SOME_FAILED)
        (report,) = result.objects()
        self.assertEqual([c["name"] for c in report["candidates"]],
                         ["checkpoint.pth@fast", "checkpoint.pth@avx2"])
        for candidate in report["candidates"]:
            self.assertEqual(list(candidate["stages"]), STAGES)
        (failure,) = report["failures"]
        self.assertEqual(failure["name"], "none.pth@fast")
        self.assertIn("none.pth", failure["message"])
        self.assertIn("none.pth", result.err)
        page = (self.folder / report["report"] / "report.html").read_text()
        self.assertIn(failure["message"], page)
        Page(page)
        text = self.speed(*options, status=SOME_FAILED)
        self.assertIn("checkpoint.pth@avx2", text.out)
        self.assertIn("none.pth", text.err)

    def test_nothing_is_reported_when_the_first_does_not_open(self):
        self.assertIn("none.pth", self.error(BAD_MODEL, *SPEED, "--sequential", "--candidate",
                                             "none.pth", "--candidate", MODEL))
        self.assertEqual(self.names(), [])


if __name__ == "__main__":
    unittest.main()
