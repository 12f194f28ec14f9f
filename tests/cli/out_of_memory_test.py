"""Allocations that fail, one or all from one on, at 500 places of the program: it ends with status 0, where it could do
without, or 5 and one clear line, by no signal, and what it leaves behind is whole."""

import concurrent.futures
import os
import pathlib
import subprocess
import tempfile
import unittest

import harness
from harness import DONE, LASSO, MEMORY, SOURCE

LIBRARY = os.environ["LASSO_FAILING_ALLOCATIONS"]
MODEL = SOURCE / "models/lasso-tiny.pth"
DETECTOR = SOURCE / "models/lasso-tiny-detector.pt"
IMAGE = SOURCE / "models/eval/scene_000.jpg"
SEGMENT = ("segment", IMAGE, "--model", MODEL, "--point", "100,100", "--threads", "2")
PLACES = 500
COMMANDS = {
    "segment": (*SEGMENT, "-o", "out"),
    "segment in int8": (*SEGMENT, "--precision", "int8", "--format", "rle", "--json", "-o", "out"),
    "build": ("build", MODEL, "--precision", "bf16", "--threads", "2", "-o", "engine.lasso"),
    "detect": ("detect", IMAGE, "--model", DETECTOR, "--threads", "2", "-o", "out"),
    "export": ("export", MODEL, "-o", "onnx"),
}


def contents(path):
    """Of an engine file, which has rates that were measured, whether it can be read."""
    if path.suffix == ".lasso":
        return subprocess.run([LASSO, "inspect", path], capture_output=True).returncode
    return path.read_bytes()


def run(command, first, count, allocations_file=""):
    """The status, the last line of standard error, and the files that are there afterwards, by their paths."""
    with tempfile.TemporaryDirectory(prefix="lasso_memory_") as folder:
        environment = {k: v for k, v in os.environ.items() if k != "LASSO_MODEL"}
        environment.update(LD_PRELOAD=LIBRARY, LASSO_FAIL_AT=str(first), LASSO_FAIL_COUNT=str(count))
        if allocations_file:
            environment["LASSO_ALLOCATIONS_FILE"] = allocations_file
        process = subprocess.run([LASSO, *map(str, command)], cwd=folder, env=environment, capture_output=True,
                                 timeout=300)
        lines = process.stderr.decode().splitlines()
        files = {str(path.relative_to(folder)): contents(path)
                 for path in pathlib.Path(folder).rglob("*") if path.is_file()}
        return process.returncode, lines[-1] if lines else "", files


class OutOfMemoryTest(unittest.TestCase):
    def test_places(self):
        with tempfile.TemporaryDirectory(prefix="lasso_memory_") as folder, \
                concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            tasks = []
            whole = {}
            for name, command in COMMANDS.items():
                counted = f"{folder}/count"
                status, line, whole[name] = run(command, 0, 1, counted)
                self.assertEqual(status, DONE, f"{name}: {line}")
                allocations = int(pathlib.Path(counted).read_text())
                self.assertGreater(allocations, 1000)
                each = PLACES // len(COMMANDS)
                # Half of the places among the first thousand, where most kinds of allocations are.
                for i in range(each):
                    reach = 1000 if i % 2 == 0 else allocations
                    tasks.append((name, 1 + i * (reach - 1) // each, i // 2 % 2))
            results = pool.map(lambda task: run(COMMANDS[task[0]], task[1], task[2]), tasks)
            failed = 0
            for (name, first, count), (status, line, files) in zip(tasks, results):
                title = f"{name}, allocation {first}, {'one' if count else 'all from there on'}: {status}, {line}"
                with self.subTest(title):
                    self.assertIn(status, (DONE, MEMORY))
                    self.assertLessEqual(files.items(), whole[name].items())
                    if status == MEMORY:
                        failed += 1
                        self.assertTrue(line.startswith("lasso: error: "), line)
                    else:
                        self.assertEqual(files, whole[name])
            self.assertGreater(failed, len(tasks) // 2)


if __name__ == "__main__":
    unittest.main()
