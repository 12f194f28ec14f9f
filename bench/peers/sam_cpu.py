#!/usr/bin/env python3
"""SAM on the CPU by Lasso and by PyTorch, ONNX Runtime and OpenVINO, in turn: the table of docs/performance.md.

All run the same random weights (Meta's own model as PyTorch makes it, position terms included) with the same number
of threads, each on random values as its image. Each candidate has a process of its own that loads the model, warms up
and is timed; after one the next has its turn, for several rounds, and every other round goes backwards, so that a
machine that slows down slows all. Lasso's times are those of `lasso bench speed`. What a peer's process can't do is
said in its row, and the rest goes on; so does a package that can't be installed: without PyTorch, which makes the
weights, Lasso has random ones of its own and is alone.

Written into --output: table.md, for each peer a file of its times that `lasso bench speed --baseline` reads, and the
models, in a folder for each architecture, which are made once.

    bench/peers/sam_cpu.py --lasso build/release/apps/cli/lasso --threads 2 --rounds 3 -o build/peers-table

The packages come from PyPI into a virtual environment beside the build, which is made where there is none.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

import sam_cpu_worker

# What pip installs for a package that candidates need.
PACKAGES = {
    "torch": ["torch", "torchvision", "segment-anything"],
    "onnxruntime": ["onnxruntime", "onnx"],
    "openvino": ["openvino"],
    "nncf": ["nncf"],
}
# Name, precision to compare with, the packages that it needs.
PEERS = {
    "PyTorch eager fp32": ("fp32", ["torch"]),
    "PyTorch eager bf16": ("bf16", ["torch"]),
    "PyTorch compiled fp32": ("fp32", ["torch"]),
    "PyTorch compiled bf16": ("bf16", ["torch"]),
    "ONNX Runtime fp32": ("fp32", ["onnxruntime"]),
    "ONNX Runtime int8 (dynamic)": ("int8", ["onnxruntime"]),
    "OpenVINO fp32": ("fp32", ["openvino"]),
    "OpenVINO bf16": ("bf16", ["openvino"]),
    "OpenVINO int8 (NNCF)": ("int8", ["openvino", "nncf"]),
}
LASSO = {f"Lasso {precision}": precision for precision in ("fp32", "bf16", "int8")}
STAGES = {"load_ms": "load, ms", "encode_ms": "encoder, ms", "decode_1_ms": "1 prompt, ms",
          "decode_64_ms": "64 prompts, ms"}


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"


def install(environment):
    """The environment's Python, and the packages that could not be had, with the reason."""
    python = environment / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    missing = {}
    for package, names in PACKAGES.items():
        if subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode == 0:
            continue
        print(f"installing {', '.join(names)} ...", flush=True)
        pip = subprocess.run([python, "-m", "pip", "install", "--quiet", *names], capture_output=True, text=True)
        if pip.returncode != 0:
            missing[package] = last_line(pip.stderr)
            print(f"{package}: left out: {missing[package]}")
    return python, missing


class Bench:
    def __init__(self, arguments):
        self.lasso = arguments.lasso
        self.arch = arguments.arch
        self.threads = arguments.threads
        self.iterations = arguments.iterations
        self.folder = arguments.output / arguments.arch
        self.checkpoint = self.folder / f"{arguments.arch}.pth"
        self.prepared = set()
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads),
                            "TORCHINDUCTOR_CACHE_DIR": str(self.folder / "inductor")}

    def output_of(self, command, environment=None):
        """Of a program that ends well; else RuntimeError with the last line that it says."""
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise RuntimeError(last_line(done.stderr))
        return done.stdout

    def worker(self, python, *words):
        """What the worker says of itself."""
        command = [python, sam_cpu_worker.__file__, *words]
        return json.loads(self.output_of(command, self.environment).splitlines()[-1])

    def make_models(self, python):
        """The checkpoint, which PyTorch makes, and its ONNX models, once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.checkpoint.exists():
            self.worker(python, "checkpoint", self.arch, self.checkpoint)
        if not (self.folder / "decoder.onnx").exists():
            self.output_of([self.lasso, "export", self.checkpoint, "-o", self.folder, "--quiet"])

    def time_lasso(self, precision):
        model = self.checkpoint if self.checkpoint.exists() else f"random:{self.arch}"
        command = [self.lasso, "bench", "speed", "--candidate", f"{model}@{precision}", "--json",
                   "--threads", self.threads, "--warmup", 1, "--iterations", self.iterations,
                   "--prompts-per-call", ",".join(map(str, sam_cpu_worker.PROMPTS)), "-o", self.folder / "report"]
        candidate = json.loads(self.output_of(command))["candidates"][0]
        stages = candidate["stages"]
        times = {"encode_ms": stages["encode"]["samples_ms"], "load_ms": [candidate["load_ms"]]}
        for prompts in sam_cpu_worker.PROMPTS:
            times[f"decode_{prompts}_ms"] = stages[f"decode_{prompts}"]["samples_ms"]
        return times, candidate["peak_rss_bytes"]

    def time_peer(self, python, name):
        if name not in self.prepared:
            self.worker(python, "prepare", name, self.folder)
            self.prepared.add(name)
        result = self.worker(python, "time", name, self.folder, self.threads, self.iterations)
        return result["timings"], result["peak_rss_bytes"]


def median(times, stage):
    return statistics.median(times[stage]) if times.get(stage) else None


def table(results, failures):
    """Markdown: results by name as (precision, timings, peak bytes), and why others have none."""
    best = {precision: times for precision, times, _ in
            (results[name] for name in LASSO if name in results)}
    lines = ["| | " + " | ".join(STAGES.values()) + " | peak memory, MiB | encoder's time by Lasso's |",
             "| --- |" + " ---: |" * (len(STAGES) + 2)]
    for name in [*LASSO, *PEERS]:
        if name in failures:
            lines.append(f"| {name} | " + " | " * len(STAGES) + f" | {failures[name].replace('|', '/')} |")
        if name not in results:
            continue
        precision, times, peak = results[name]
        cells = []
        for stage in STAGES:
            value = median(times, stage)
            cells.append("" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}")
        own, lassos = median(times, "encode_ms"), median(best.get(precision, {}), "encode_ms")
        ratio = f"{own / lassos:.2f}" if own and lassos and name not in LASSO else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {peak / 2**20:.0f} | {ratio} |")
    return "\n".join(lines)


def machine():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def file_name(name):
    return "".join(c if c.isalnum() else "_" for c in name.lower()).strip("_") + ".json"


def compare(bench, python, names, failures, rounds):
    """Results by name; who fails joins `failures`, and has no more turns."""
    gathered = {}
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            if name in failures:
                continue
            try:
                times, peak = (bench.time_lasso(LASSO[name]) if name in LASSO
                               else bench.time_peer(python, name))
            except RuntimeError as error:
                failures[name] = str(error)
                gathered.pop(name, None)
                print(f"{name}: {error}", flush=True)
                continue
            precision = LASSO.get(name) or PEERS[name][0]
            _, samples, peaks = gathered.setdefault(name, (precision, {}, []))
            for stage, values in times.items():
                samples.setdefault(stage, []).extend(values)
            peaks.append(peak)
            print(f"round {turn + 1}: {name}: encoder {median(times, 'encode_ms'):.0f} ms", flush=True)
    return {name: (p, samples, max(peaks)) for name, (p, samples, peaks) in gathered.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lasso", default="lasso", help="the program")
    parser.add_argument("--arch", choices=["vit_b", "vit_l", "vit_h"], default="vit_b")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=2, help="runs of each stage in a round")
    parser.add_argument("--environment", type=pathlib.Path, default=pathlib.Path("build/peers"))
    parser.add_argument("--only", action="append", choices=[*LASSO, *PEERS], metavar="NAME",
                        help="a candidate as the table names it; repeatable")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("build/peers-table"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    arguments.output = arguments.output.resolve()
    python, missing = install(arguments.environment)
    bench = Bench(arguments)
    names = [name for name in [*LASSO, *PEERS] if not arguments.only or name in arguments.only]
    failures = {name: f"left out: {missing[package]}" for name in names if name in PEERS
                for package in PEERS[name][1] if package in missing}
    try:
        bench.make_models(python)
    except RuntimeError as error:
        reason = f"left out: no models: {missing.get('torch', error)}"
        failures.update((name, reason) for name in names if name in PEERS and name not in failures)
    results = compare(bench, python, names, failures, arguments.rounds)
    versions = bench.worker(python, "versions")
    head = (f"{arguments.arch}, {arguments.threads} threads, {machine()}, {datetime.date.today()}, "
            + ", ".join(f"{name} {version}" for name, version in versions.items()))
    text = f"{head}\n\n{table(results, failures)}\n"
    (arguments.output / "table.md").write_text(text)
    for name, (_, times, peak) in results.items():
        record = {"name": name, "timings": {k: v for k, v in times.items() if k != "load_ms"}, "peak_rss_bytes": peak}
        (arguments.output / file_name(name)).write_text(json.dumps(record) + "\n")
    print("\n" + text)


if __name__ == "__main__":
    main()
