"""The table of bench/peers/sam_cpu.py, with an environment whose Python says what real packages would."""

import json
import subprocess
import sys
import unittest

import harness
from harness import DONE, LASSO, MODEL, SOURCE

# Stands for the environment's Python: some packages can't be installed, the compiled model fails, and times are those
# of the threads that it was told.
PYTHON = """#!{python}
import json, shutil, sys
words = sys.argv[1:]
if words[0] == "-c":
    sys.exit(words[1].split()[-1] in {missing})
if words[0] == "-m":
    sys.exit("no wheel for this Python")
work = words[1]
if work == "checkpoint":
    if "torch" in {missing}:
        sys.exit("No module named torch")
    shutil.copy({model!r}, words[3])
if work == "time" and "compiled" in words[2]:
    sys.exit("no compiler")
times = {{"load_ms": [5], "encode_ms": [1000.0 * int(words[4])] * int(words[5]), "decode_1_ms": [7.5],
          "decode_64_ms": [480]}} if work == "time" else {{}}
print(json.dumps({{"torch": "9.9"}} if work == "versions" else {{"timings": times, "peak_rss_bytes": 3 << 20}}))
"""

# Stands for Lasso, and keeps what it was asked for.
PROGRAM = """#!{python}
import json, pathlib, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "export":
    for name in ("encoder.onnx", "decoder.onnx"):
        (pathlib.Path(sys.argv[4]) / name).touch()
else:
    stage = {{"samples_ms": [2000.0]}}
    print(json.dumps({{"candidates": [{{"load_ms": 9, "peak_rss_bytes": 1 << 20, "stages": {{
        "encode": stage, "decode_1": stage, "decode_64": stage}}}}]}}))
"""


class PeersTest(harness.CliTest):
    def program(self, path, text):
        program = self.folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
        return program

    def compare(self, lasso, missing, *options):
        """The rows of the table, by the candidate's name, and its text."""
        self.program("venv/bin/python", PYTHON.format(python=sys.executable, model=str(MODEL), missing=missing))
        command = [sys.executable, SOURCE / "bench/peers/sam_cpu.py", "--lasso", lasso, "--environment",
                   self.folder / "venv", "--iterations", "1", "--threads", "3", "-o", self.folder / "out", *options]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = (self.folder / "out/table.md").read_text()
        rows = {}
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows[cells[0]] = cells[1:]
        return rows, text

    def commands(self):
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def stub(self):
        return self.program("lasso", PROGRAM.format(python=sys.executable, log=str(self.folder / "log")))

    def test_table(self):
        rows, text = self.compare(LASSO, ["openvino", "nncf"], "--rounds", "2")
        self.assertIn("torch 9.9", text)
        for precision in ("fp32", "bf16", "int8"):
            self.assertGreater(float(rows[f"Lasso {precision}"][1]), 0)
        eager = rows["PyTorch eager fp32"]
        self.assertEqual(eager[:5], ["5.0", "3000", "7.5", "480", "3"])
        # The ratio is of medians, of which the table shows Lasso's to a tenth.
        lasso = float(rows["Lasso fp32"][1])
        self.assertAlmostEqual(float(eager[5]) * lasso / 3000, 1, delta=0.06 / lasso + 0.01)
        self.assertEqual(rows["PyTorch compiled bf16"][-1], "no compiler")
        self.assertEqual(rows["OpenVINO int8 (NNCF)"][-1], "left out: no wheel for this Python")
        out = self.folder / "out"
        self.assertFalse((out / "pytorch_compiled_bf16.json").exists())
        record = json.loads((out / "pytorch_eager_fp32.json").read_text())
        self.assertEqual(record["timings"]["encode_ms"], [3000.0] * 2)
        report = self.expect(DONE, "bench", "speed", "--model", MODEL, "--baseline", out / "pytorch_eager_fp32.json",
                             "--warmup", "0", "--iterations", "1", "--threads", "1", "-o", "report")
        self.assertIn("PyTorch eager fp32", report.out)

    def test_each_architecture_has_models_of_its_own(self):
        for arch in ("vit_b", "vit_h", "vit_b"):
            rows, _ = self.compare(self.stub(), [], "--arch", arch, "--rounds", "1")
            self.assertEqual(rows["OpenVINO fp32"][-1], "1.50")
        exported = [words[1] for words in self.commands() if words[0] == "export"]
        out = self.folder / "out"
        self.assertEqual(exported, [str(out / "vit_b/vit_b.pth"), str(out / "vit_h/vit_h.pth")])
        timed = next(words for words in self.commands() if words[:2] == ["bench", "speed"])
        self.assertEqual(timed[timed.index("--threads") + 1], "3")

    def test_without_pytorch_lasso_is_alone(self):
        rows, _ = self.compare(self.stub(), ["torch"], "--rounds", "1")
        self.assertEqual(rows["Lasso bf16"][1], "2000")
        self.assertEqual(rows["PyTorch eager fp32"][-1], "left out: no wheel for this Python")
        self.assertEqual(rows["ONNX Runtime fp32"][-1], "left out: no models: no wheel for this Python")
        self.assertTrue(any("random:vit_b@fp32" in words for words in self.commands()))


if __name__ == "__main__":
    unittest.main()
