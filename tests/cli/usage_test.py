"""Options: help, wrong values (each named, with what is allowed), and what this release does not have."""

import json
import os
import shutil
import unittest

import harness
import pictures
from harness import BAD_MODEL, CUDA, DONE, MEMORY, MODEL, SOME_FAILED, UNSUPPORTED, USAGE, npy_bytes


class HelpTest(harness.CliTest):
    def test_version_names_the_version(self):
        self.assertRegex(self.expect(DONE, "--version").out, r"^lasso \d+\.\d+\.\d+\n")

    def test_help_lists_only_what_exists(self):
        text = self.expect(DONE, "--help").out
        for command in ("segment", "detect", "build", "export", "run", "inspect", "compare",
                        "bench"):
            self.assertIn(f"\n  {command} ", text)
        self.assertNotIn("\n  everything ", text)

    def test_every_command_has_help_with_examples(self):
        for command in (["segment"], ["detect"], ["build"], ["export"], ["run"], ["inspect"], ["compare"],
                        ["bench", "speed"], ["bench", "accuracy"]):
            result = self.expect(DONE, *command, "--help")
            self.assertIn("Usage: lasso " + " ".join(command), result.out)
            self.assertIn("Examples:", result.out)
            self.assertEqual(result.err, "")
            self.assertLessEqual(max(map(len, result.out.splitlines())), 101)


class UsageTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))
        (self.folder / "b.png").write_bytes(pictures.png(40, 60))

    def check(self, needles, *arguments, status=USAGE):
        line = self.error(status, *arguments)
        for needle in needles:
            self.assertIn(needle, line)

    def check_segment(self, needles, *arguments, status=USAGE):
        self.check(needles, "segment", "--model", MODEL, *arguments, status=status)
        self.assertEqual(self.names(), ["a.png", "b.png"], "a wrong option leaves files behind")

    def test_commands(self):
        self.check(["no command", "segment, detect, build, export, run, inspect, compare or bench"])
        self.check(["frobnicate"], "frobnicate")
        self.check(["everything"], "everything", "a.png")
        self.check(["no command", "speed"], "bench")
        self.check(["extra.pth", "not expected"], "inspect", MODEL, "extra.pth")

    def test_unknown_options_get_a_suggestion(self):
        self.check_segment(["--points", "did you mean --point?", "lasso segment --help"], "a.png",
                           "--points", "1,2")
        self.check_segment(["--nonsense"], "a.png", "--nonsense")

    def test_prompts_are_needed(self):
        self.check_segment(["no prompt", "--point", "--box", "--prompts"], "a.png")
        self.check_segment(["no image"], "--point", "1,2")

    def test_points(self):
        self.check_segment(["--point 10,20,7", "label \"7\"", "1", "0"], "a.png", "--point",
                           "10,20,7")
        self.check_segment(["--point 10", "X,Y"], "a.png", "--point", "10")
        self.check_segment(["--point 1,2,1,1", "X,Y"], "a.png", "--point", "1,2,1,1")
        self.check_segment(["--point nan,3", "nan", "finite"], "a.png", "--point", "nan,3")
        self.check_segment(["--point 1,inf", "inf", "finite"], "a.png", "--point", "1,inf")
        self.check_segment(["--point 1,1e99", "1e99", "finite"], "a.png", "--point", "1,1e99")
        self.check_segment(["--point 1,2x"], "a.png", "--point", "1,2x")

    def test_boxes(self):
        self.check_segment(["--box 10,10,10,30", "no area", "x0 = 10"], "a.png", "--box",
                           "10,10,10,30")
        self.check_segment(["--box 10,30,20,10", "no area", "y0 = 30"], "a.png", "--box",
                           "10,30,20,10")
        self.check_segment(["--box 1,2,3", "X0,Y0,X1,Y1"], "a.png", "--box", "1,2,3")
        self.check_segment(["--box 1,2,3,nan", "finite"], "a.png", "--box", "1,2,3,nan")

    def test_several_boxes_with_points_point_to_prompts(self):
        self.check_segment(["--point", "2 times --box", "--prompts"], "a.png", "--point", "1,2",
                           "--box", "1,1,9,9", "--box", "2,2,9,9")

    def test_formats(self):
        allowed = ["overlay", "mask", "labelmap", "rle", "polygon"]
        self.check_segment(["--format mask,gif", "\"gif\"", *allowed], "a.png", "--point", "1,2",
                           "--format", "mask,gif")
        self.check_segment(["--format mask,none", "none"], "a.png", "--point", "1,2", "--format",
                           "mask,none")

    def test_numbers(self):
        for option in ("--threads", "--max-pixels"):
            for value in ("0", "-3", "many", "1.5"):
                self.check_segment([f"{option} {value}", "whole number from 1"], "a.png", "--point",
                                   "1,2", option, value)

    def test_options_given_twice(self):
        self.check_segment(["--format", "given twice"], "a.png", "--point", "1,2", "--format",
                           "mask", "--format", "rle")

    def test_missing_values(self):
        for option in ("--point", "--box", "--prompts", "--format", "--model"):
            self.check_segment([option, "needs a value"], "a.png", option)

    def test_empty_values(self):
        prompt = ["--box", "3,3,50,30"]
        self.check_segment(["IMAGE", "empty"], "a.png", "", *prompt, "--format", "none")
        self.check_segment(["IMAGE", "empty"], "", *prompt)
        for option in ("--prompts", "--save-embedding", "--save-logits", "--load-embedding",
                       "--mask-input", "--config", "-o", "--isa"):
            self.check_segment([option, "empty"], "a.png", *prompt, option, "")
        self.check(["--model", "empty"], "segment", "a.png", *prompt, "--model", "")
        self.check(["FILE", "empty"], "inspect", "")
        self.check(["FILE", "empty"], "compare", MODEL, "")

    def test_outputs_that_would_destroy_a_file(self):
        call = ["a.png", "--point", "1,2", "--format", "none"]
        same = "is the same file as"
        self.check_segment(["--save-logits ./x", same, "--save-embedding x"], *call,
                           "--save-embedding", "x", "--save-logits", "./x")
        for option in ("--save-embedding", "--save-logits"):
            self.check_segment([f"{option} ../{self.folder.name}/a.png", same, "image a.png"],
                               *call, option, f"../{self.folder.name}/a.png")
        model = self.folder / "m.pth"
        model.write_bytes(MODEL.read_bytes())
        for given, env in ((["--model", "m.pth"], {}), ([], {"LASSO_MODEL": "m.pth"})):
            line = self.error(USAGE, "segment", *call, *given, "--save-logits", "m.pth", env=env)
            self.assertIn(same, line)
        self.assertEqual(model.read_bytes(), MODEL.read_bytes())
        self.assertEqual(self.names(), ["a.png", "b.png", "m.pth"])

    def test_outputs_that_are_no_files(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        (self.folder / "link").symlink_to("pipe")
        (self.folder / "circle").symlink_to("circle")
        for option in ("--save-embedding", "--save-logits"):
            for name in ("pipe", "link", "circle"):
                line = self.error(USAGE, "segment", "--model", MODEL, "a.png", "--point", "1,2",
                                  "--format", "none", option, name)
                self.assertIn(f"{option} {name}: can't be written: not a regular file", line)
        self.assertTrue(pipe.is_fifo())
        self.assertEqual(self.names(), ["a.png", "b.png", "circle", "link", "pipe"])

    def test_a_bad_model_leaves_no_folder(self):
        self.check("", "segment", "--model", "none.pth", "a.png", "--point", "1,2", "-o", "out",
                   status=BAD_MODEL)
        self.assertEqual(self.names(), ["a.png", "b.png"])

    def test_quiet_and_verbose(self):
        self.check_segment(["--quiet", "--verbose"], "a.png", "--point", "1,2", "-q", "-v")

    def test_the_lower_cap_on_instructions_holds(self):
        def isa(given, **env):
            result = self.expect(DONE, "segment", "--model", MODEL, "a.png", "--point", "1,2",
                                 "--format", "none", "-v", *given, env=env)
            return result.err.split(" threads, ")[1].split(",")[0]
        self.assertEqual(isa(["--isa", "avx512"], LASSO_MAX_ISA="avx2"), "avx2")
        self.assertEqual(isa(["--isa", "avx2"], LASSO_MAX_ISA="avx512_bf16"), "avx2")
        for name in ("avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"):
            isa(["--isa", name])
        line = self.error(USAGE, "segment", "--model", MODEL, "a.png", "--point", "1,2", "--isa",
                          "avx2", env={"LASSO_MAX_ISA": "sse2"})
        self.assertIn("LASSO_MAX_ISA=sse2: expected avx2", line)

    def test_names_and_kinds(self):
        self.check_segment(["--isa sse2", "avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_bf16",
                            "amx_int8", "amx_bf16"], "a.png", "--point", "1,2", "--isa", "sse2")
        self.check_segment(["--kernels slow", "fast", "reference"], "a.png", "--point", "1,2",
                           "--kernels", "slow")
        self.check_segment(["--preprocess vit", "sam", "medsam"], "a.png", "--point", "1,2",
                           "--preprocess", "vit")
        self.check_segment(["--config none.json", "no such file"], "a.png", "--point", "1,2",
                           "--config", "none.json")
        self.check(["FILE[@VARIANT]: given more than 2 times"], "compare", "a", "b", "c")
        self.check_segment(["--device tpu", "cpu"], "a.png", "--point", "1,2", "--device", "tpu")
        self.check_segment(["--precision fp64", "fp32"], "a.png", "--point", "1,2", "--precision",
                           "fp64")

    def test_configurations(self):
        os.mkfifo(self.folder / "fifo")
        (self.folder / "folder").mkdir()
        (self.folder / "bad.json").write_text('{"depth": }')
        (self.folder / "unknown.json").write_text('{"foo": 1}')
        for name, reason in (("fifo", "is not a regular file"), ("folder", "is a folder"),
                             ("bad.json", "not JSON: byte 11 is not expected"),
                             ("unknown.json", "unknown key foo")):
            for command in (("segment", "a.png", "--point", "1,2", "--model", MODEL),
                            ("build", MODEL, "-o", "a.lasso")):
                self.check([f"--config {name}: {reason}"], *command, "--config", name)

    def test_what_this_release_lacks(self):
        self.check_segment(["--precision fp8", "fp32"], "a.png", "--point", "1,2", "--precision",
                           "fp8", status=UNSUPPORTED)
        for arguments in (("--precision", "fp16"), ("--precision", "fp16", "--device", "cpu")):
            self.check_segment(["fp16 runs on GPUs", "int8"], "a.png", "--point", "1,2", *arguments,
                               status=UNSUPPORTED)
        self.check(["fp16 runs on GPUs"], "compare", f"{MODEL}@fp16", MODEL, status=UNSUPPORTED)
        self.check(["fp16 runs on GPUs"], "build", MODEL, "-o", "a.lasso", "--precision", "fp16",
                   status=UNSUPPORTED)
        self.check(["bf16", "avx2", "int8"], "compare", f"{MODEL}@bf16+avx2", MODEL,
                   status=UNSUPPORTED)
        self.check_segment(["bf16", "avx2", "int8"], "a.png", "--point", "1,2", "--precision", "bf16",
                           "--isa", "avx2", status=UNSUPPORTED)

    def test_devices(self):
        prompt = ["a.png", "--point", "1,2"]
        for device in ("tpu", "cuda:", "cuda:x", "cuda:0,", "cuda:-1", "cuda0", "gpu"):
            self.check_segment([f"--device {device}: expected cpu, cuda, or"], *prompt, "--device", device)
        self.check_segment(["--isa avx2", "sm_80"], *prompt, "--device", "cuda", "--isa", "avx2")
        self.check_segment(["--isa sm_61", "sm_75"], *prompt, "--device", "cuda", "--isa", "sm_61")
        self.check_segment(["--isa sm_80", "avx2"], *prompt, "--device", "cpu", "--isa", "sm_80")
        self.check_segment(["--isa sm_80", "for GPUs"], *prompt, "--isa", "sm_80")
        for device in ((), ("--device", "cuda")):
            self.check_segment(["--isa sm_90a: expected sm_90;"], *prompt, *device, "--isa", "sm_90a")
        self.check_segment(["--kernels reference", "CPU"], *prompt, "--device", "cuda", "--kernels",
                           "reference")
        for value in ("0", "1.5", "2G"):
            self.check_segment(["--device-memory-limit", "whole number"], *prompt, "--device-memory-limit",
                               value)
        self.check(["@cuda", "--device is given twice"], "compare", f"{MODEL}@cuda", MODEL, "--device",
                   "cpu", "--device", "cuda")
        self.check(["--device: given more than 2 times"], "compare", MODEL,
                   *["--device", "cpu"] * 3)
        self.check(["--device: given twice"], "inspect", MODEL, *["--device", "cpu"] * 2)

    def test_gpus_that_are_not_there(self):
        """What a machine without a GPU says, and a build without CUDA."""
        commands = (["segment", "a.png", "--point", "1,2", "--format", "none", "--model", MODEL],
                    ["inspect", MODEL], ["compare", MODEL], ["build", MODEL, "-o", "x.lasso"],
                    ["bench", "speed", "--model", MODEL, "-o", "reports"])
        if not CUDA:
            for command in commands:
                self.check(['device "cuda"', "liblasso_cuda.so"], *command, "--device", "cuda",
                           status=UNSUPPORTED)
            self.check(["liblasso_cuda.so"], "compare", MODEL, f"{MODEL}@cuda", status=UNSUPPORTED)
            return
        self.check(['device "cuda'], *commands[0], "--device", "cuda:1000", status=MEMORY)
        if harness.has_gpu():
            return
        for command in commands:
            self.check(['device "cuda": '], *command, "--device", "cuda", status=MEMORY)
        self.check(['device "cuda": '], "compare", MODEL, "--device", "cpu", "--device", "cuda",
                   status=MEMORY)
        self.check(['device "cuda": '], "compare", MODEL, f"{MODEL}@cuda+bf16", status=MEMORY)
        self.assertEqual(self.names(), ["a.png", "b.png"])

    def test_two_devices(self):
        (result,) = self.expect(DONE, "compare", MODEL, "--device", "cpu", "--device", "cpu",
                                "--json").objects()
        self.assertEqual([result[side]["variant"] for side in "ab"], ["cpu", "cpu"])
        self.assertEqual([result[side]["device"] for side in "ab"], ["cpu", "cpu"])
        (result,) = self.expect(DONE, "compare", f"{MODEL}@avx2", MODEL, "--device", "cpu", "--device",
                                "cpu", "--json").objects()
        self.assertEqual([result[side]["variant"] for side in "ab"], ["cpu+avx2", "cpu"])
        self.assertEqual(result["a"]["isa"], "avx2")

    def test_variants_that_contradict_themselves(self):
        for variant, names in (("fp32+int8", ["fp32 and int8"]), ("fast+reference", ["fast"]),
                               ("avx2+avx2", ["avx2 and avx2"]), ("cuda+cpu", ["cuda and cpu"]),
                               ("cuda+avx2", ["cuda and avx2"]), ("cpu+sm_80", ["cpu and sm_80"]),
                               ("cuda+reference", ["cuda and reference"]), ("sm_61", ["sm_75"]),
                               ("sm_90a", ["expected sm_90;"]), ("sm_x", ["sm_75"]),
                               ("cuda:x", ["cuda:N", "expected FILE@VARIANT"])):
            self.check([f"@{variant}", *names], "compare", f"{MODEL}@{variant}", MODEL)

    def test_engine_files_of_another_device(self):
        """Of one for GPUs no more than its header is read before wrong usage is said."""
        self.expect(DONE, "build", MODEL, "-o", "cpu.lasso", "--no-timing")
        data = bytearray((self.folder / "cpu.lasso").read_bytes())
        data[24:40] = b"cuda".ljust(16, b"\0")  # docs/engine-format.md
        (self.folder / "gpu.lasso").write_bytes(data)
        speed = ("bench", "speed", "--threads", "1", "--iterations", "1", "--warmup", "0",
                 "--prompts-per-call", "1")
        self.check(["--isa sm_80: is for GPUs", "cpu.lasso"], *speed, "--model", "cpu.lasso", "--isa",
                   "sm_80")
        self.check(["--isa avx2: is for the CPU", "gpu.lasso"], *speed, "--model", "gpu.lasso", "--isa",
                   "avx2")
        self.check(["--isa avx2", "sm_75"], "segment", "a.png", "--point", "1,2", "--model", "gpu.lasso",
                   "--isa", "avx2")
        self.check(["--isa sm_80", "for GPUs"], "inspect", "cpu.lasso", "--isa", "sm_80")
        for name, part, device in (("gpu", "avx2", "cuda"), ("gpu", "cpu", "cuda"),
                                   ("gpu", "reference", "cuda"), ("cpu", "sm_80", "cpu"),
                                   ("cpu", "cuda", "cpu")):
            for command in (("compare", "cpu.lasso", f"{name}.lasso@{part}"),
                            (*speed, "--candidate", f"{name}.lasso@{part}")):
                self.check([f"{name}.lasso@{part}: {part} is for", f'built for the device "{device}"'],
                           *command)
        self.expect(DONE, "compare", "cpu.lasso@cpu", "cpu.lasso@avx2")

    def test_an_engine_in_bf16_runs_without_its_instructions(self):
        engine = self.folder / "bf16.lasso"
        if self.run_lasso("build", MODEL, "-o", engine, "--precision", "bf16",
                          "--no-timing").status == UNSUPPORTED:
            return  # this CPU can't build it
        self.expect(DONE, "segment", "a.png", "--model", engine, "--point", "1,2", "--isa", "avx2",
                    "--precision", "bf16")
        self.expect(DONE, "compare", f"{engine}@bf16+avx2", f"{engine}@fast", "--tolerance", "0.1")

    def test_pipes_are_no_models(self):
        os.mkfifo(self.folder / "pipe")
        self.check(["pipe", "not a regular file"], "inspect", "pipe", status=BAD_MODEL)

    def test_one_file_for_several_images(self):
        for option in ("--save-embedding", "--save-logits"):
            self.check_segment([f"{option} x", "2 images", "folder"], "a.png", "b.png", "--point",
                               "1,2", option, "x")
            self.check_segment([option, "no folder"], "a.png", "--point", "1,2", option, "no/x")
        self.check_segment(["--load-embedding x", "one image"], "a.png", "b.png", "--point", "1,2",
                           "--load-embedding", "x")
        self.check_segment(["--format overlay", "IMAGE"], "--point", "1,2", "--load-embedding",
                           "x")

    def test_output_folder(self):
        self.check_segment(["-o a.png", "folder"], "a.png", "--point", "1,2", "-o", "a.png")

    def test_prompts_files(self):
        self.check_segment(["--prompts none.jsonl"], "--prompts", "none.jsonl")
        prompts = self.folder / "p.jsonl"
        prompts.write_text("\n\n")
        line = self.error(USAGE, "segment", "--model", MODEL, "--prompts", "p.jsonl")
        self.assertIn("has no prompts", line)
        prompts.write_text('{"points": [[1, 2]]}\n')
        for extra in (["--point", "1,2"], ["--box", "1,2,3,4"], ["--mask-input", "x"], ["b.png"]):
            line = self.error(USAGE, "segment", "--model", MODEL, "a.png", "--prompts", "p.jsonl",
                              *extra)
            self.assertIn("--prompts p.jsonl", line)

    def test_mask_input(self):
        side = harness.SIDE
        square = [0.5] * side * side
        bad = {
            "not .npy": (b"hello", "is not a .npy file"),
            "truncated": (npy_bytes((side, side), square)[:-1], "bytes of data"),
            "only a header": (b"\x93NUMPY\x01\x00\xff\xff", "truncated"),
            "another type": (npy_bytes((side, side), square, descr="<f8"), "<f8"),
            "no order": (npy_bytes((side, side), square, order="Fortran"), "neither True nor False"),
            "three masks": (npy_bytes((3, side, side), square * 3), "[3, 64, 64]"),
            "not square": (npy_bytes((2, 8), [0.0] * 16), "[2, 8]"),
            "another size": (npy_bytes((8, 8), [0.0] * 64), "[64, 64]"),
            "not a number": (npy_bytes((side, side), square[:-1] + [float("nan")]), "finite"),
            "huge": (npy_bytes((1 << 20, 1 << 20), []), "shape"),
            "negative": (npy_bytes((-1, 4), []), "shape"),
        }
        for name, (data, reason) in bad.items():
            with self.subTest(name):
                (self.folder / "m.npy").write_bytes(data)
                line = self.error(USAGE, "segment", "--model", MODEL, "a.png", "--point", "1,2",
                                  "--mask-input", "m.npy")
                self.assertIn("--mask-input m.npy", line)
                self.assertIn(reason, line)
        self.assertIn("no-such.npy", self.error(USAGE, "segment", "--model", MODEL, "a.png",
                                                "--mask-input", "no-such.npy"))
        (self.folder / "m.npy").write_bytes(npy_bytes((side, side), square))
        self.error(USAGE, "segment", "--model", MODEL, "a.png", "b.png", "--mask-input", "m.npy")
        self.error(USAGE, "segment", "--model", MODEL, "a.png", "--mask-input", "m.npy", "--box",
                   "1,1,9,9", "--box", "2,2,9,9")


class ModelTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))

    def test_bad_model_files(self):
        checkpoint = MODEL.read_bytes()
        bad = {
            "empty.pth": b"",
            "text.pth": b"this is no checkpoint\n" * 100,
            "cut.pth": checkpoint[:len(checkpoint) // 2],
            "zip.pth": b"PK\x03\x04" + bytes(1000),
            "bad.safetensors": b"\xff\xff\xff\xff\xff\xff\xff\x7f{}",
            "picture.pth": (self.folder / "a.png").read_bytes(),
        }
        for name, data in bad.items():
            (self.folder / name).write_bytes(data)
            for command in (["segment", "a.png", "--point", "1,2", "--model", name],
                            ["inspect", name], ["compare", name],
                            ["bench", "speed", "--model", name]):
                with self.subTest(command):
                    self.assertIn(name, self.error(BAD_MODEL, *command))

    def test_missing_models_and_folders(self):
        for name in ("none.pth", "."):
            line = self.error(BAD_MODEL, "segment", "a.png", "--point", "1,2", "--model", name)
            self.assertIn(name, line)
        self.assertIn("a folder without a model: none of model.safetensors", line)

    def test_a_model_in_a_folder(self):
        folder = self.folder / "sam"
        folder.mkdir()
        shutil.copy(MODEL, folder / "part-1.bin")
        index = folder / "pytorch_model.bin.index.json"
        index.write_text(json.dumps({"weight_map": {"image_encoder.pos_embed": "part-1.bin"}}))
        (hash_of_file,) = self.expect(DONE, "inspect", MODEL, "--json").objects()
        for name in ("sam", index):
            (info,) = self.expect(DONE, "inspect", name, "--json").objects()
            self.assertEqual(info["model_hash"], hash_of_file["model_hash"])
        self.expect(DONE, "segment", "a.png", "--point", "1,2", "--model", "sam")
        # Its config.json counts as --config does.
        (folder / "config.json").write_text(json.dumps({"vision_config": {"hidden_size": 65}}))
        self.assertIn("embed_dim 65", self.error(USAGE, "inspect", "sam"))
        (folder / "part-1.bin").unlink()
        self.assertIn("part-1.bin, which is not there", self.error(BAD_MODEL, "inspect", "sam"))

    def test_the_model_may_come_from_the_environment(self):
        self.expect(DONE, "segment", "a.png", "--point", "1,2", env={"LASSO_MODEL": str(MODEL)})
        line = self.error(BAD_MODEL, "segment", "a.png", "--point", "1,2",
                          env={"LASSO_MODEL": "none.pth"})
        self.assertIn("none.pth", line)

    def test_without_a_model_the_demo_is_used_or_its_places_are_named(self):
        result = self.run_lasso("segment", "a.png", "--point", "1,2")
        self.assertIn("no model given", result.err)
        self.assertIn("https://github.com/facebookresearch/segment-anything", result.err)
        if result.status == DONE:
            self.assertIn("lasso: warning: ", result.err)
        else:
            self.assertEqual(result.status, BAD_MODEL)
            self.assertIn("share/lasso/models", result.err)


class StreamsTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        (self.folder / "a.png").write_bytes(pictures.png(60, 40))

    def test_a_reader_that_leaves_ends_the_run_quietly(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        process = harness.subprocess.run(
            [harness.LASSO, "inspect", str(MODEL)], stdout=write_end,
            stderr=harness.subprocess.PIPE, check=False)
        os.close(write_end)
        self.assertEqual(process.stderr, b"")
        self.assertEqual(process.returncode, SOME_FAILED)

    def test_a_full_disk_is_named(self):
        with open("/dev/full", "wb") as full:
            process = harness.subprocess.run(
                [harness.LASSO, "inspect", str(MODEL)], stdout=full,
                stderr=harness.subprocess.PIPE, check=False)
        self.assertIn(b"cannot write to standard output", process.stderr)
        self.assertEqual(process.returncode, SOME_FAILED)


if __name__ == "__main__":
    unittest.main()
