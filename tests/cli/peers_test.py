"""The table of bench/peers/sam_cpu.py, with an environment whose Python says what real packages would."""

import json
import subprocess
import sys
import unittest

import harness
from harness import DONE, LASSO, MODEL, SOURCE

# Stands for the environment's Python: PyTorch and ONNX Runtime are there, OpenVINO can't be installed, the compiled
# model fails, and times are those of the threads that it was told.
PYTHON = """#!{python}
import json, shutil, sys
words = sys.argv[1:]
if words[0] == "-c":
    sys.exit(words[1] in ("import openvino", "import nncf"))
if words[0] == "-m":
    sys.exit("no wheel for this Python")
work = words[1]
if work == "checkpoint":
    shutil.copy({model!r}, words[3])
if work == "time" and "compiled" in words[2]:
    sys.exit("no compiler")
times = {{"load_ms": [5], "encode_ms": [1000.0 * int(words[5])] * int(words[6]), "decode_1_ms": [7.5],
          "decode_64_ms": [480]}} if work == "time" else {{}}
print(json.dumps({{"torch": "9.9"}} if work == "versions" else {{"timings": times, "peak_rss_bytes": 3 << 20}}))
"""


class PeersTest(harness.CliTest):
    def test_table(self):
        program = self.folder / "venv/bin/python"
        program.parent.mkdir(parents=True)
        program.write_text(PYTHON.format(python=sys.executable, model=str(MODEL)))
        program.chmod(0o755)
        out = self.folder / "out"
        command = [sys.executable, SOURCE / "bench/peers/sam_cpu.py", "--lasso", LASSO, "--environment",
                   program.parent.parent, "--rounds", "2", "--iterations", "1", "--threads", "3",
                   "-o", out]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {}
        for line in (out / "table.md").read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows[cells[0]] = cells[1:]
        self.assertIn("torch 9.9", (out / "table.md").read_text())
        for precision in ("fp32", "bf16", "int8"):
            self.assertGreater(float(rows[f"Lasso {precision}"][1]), 0)
        eager = rows["PyTorch eager fp32"]
        self.assertEqual(eager[:5], ["5.0", "3000", "7.5", "480", "3"])
        # The ratio is of medians, of which the table shows Lasso's to a tenth.
        lasso = float(rows["Lasso fp32"][1])
        self.assertAlmostEqual(float(eager[5]) * lasso / 3000, 1, delta=0.06 / lasso + 0.01)
        self.assertEqual(rows["PyTorch compiled bf16"][-1], "no compiler")
        self.assertEqual(rows["OpenVINO int8 (NNCF)"][-1], "left out: no wheel for this Python")
        self.assertFalse((out / "pytorch_compiled_bf16.json").exists())
        record = json.loads((out / "pytorch_eager_fp32.json").read_text())
        self.assertEqual(record["timings"]["encode_ms"], [3000.0] * 2)
        report = self.expect(DONE, "bench", "speed", "--model", MODEL, "--baseline", out / "pytorch_eager_fp32.json",
                             "--warmup", "0", "--iterations", "1", "--threads", "1", "-o", "report")
        self.assertIn("PyTorch eager fp32", report.out)


if __name__ == "__main__":
    unittest.main()
