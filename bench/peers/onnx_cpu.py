#!/usr/bin/env python3
"""Times models on Lasso, ONNX Runtime and OpenVINO on the CPU, in turn, and their peak memory.

A candidate is RUNTIME:MODEL[@PRECISION][#PROGRAM]: the runtimes are lasso, onnxruntime and openvino, the
precisions those of `lasso bench speed` and, for OpenVINO, fp32, bf16 and int8. Each candidate has a process of
its own; after some runs of one the next has its turn, for several rounds, so that a machine that slows down
slows all. Inputs are random; --size says what open sizes stand for, --fixed gives values
(orig_im_size=750,1000). OpenVINO's int8 is what NNCF makes of the model, before anything is timed, by its
settings for transformers and random inputs, with bf16 for the rest; where NNCF is not installed, such candidates are
left out.

    python3 -m venv build/peers && build/peers/bin/pip install onnxruntime openvino nncf numpy
    build/peers/bin/python bench/peers/onnx_cpu.py --lasso build/release/apps/cli/lasso \\
        lasso:encoder.onnx lasso:sam_vit_b.pth#image_encoder onnxruntime:encoder.onnx openvino:encoder.onnx
"""
import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import openvino_cpu


def parse(candidate):
    match = re.fullmatch(r"(lasso|onnxruntime|openvino):([^@#]+)(?:@(\w+))?(?:#(\w+))?", candidate)
    if not match:
        sys.exit(f"{candidate}: expected RUNTIME:MODEL[@PRECISION][#PROGRAM]")
    return match.groups()


def time_lasso(arguments, model, precision, program):
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.lasso, "bench", "speed", "--candidate", f"{model}@{precision or 'fp32'}", "--json",
                   "--warmup", "1", "--iterations", str(arguments.iterations), "--threads", str(arguments.threads),
                   "-o", folder]
        if program:
            command += ["--program", program]
        for size in arguments.size:
            command += ["--size", size]
        if arguments.fixed:
            import numpy
            values = {name: numpy.array([float(x) for x in text.split(",")], numpy.float32)
                      for name, text in (entry.split("=") for entry in arguments.fixed)}
            numpy.savez(folder + "/fixed.npz", **values)
            command += ["--fixed-inputs", folder + "/fixed.npz"]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    candidate = result["candidates"][0]
    return candidate["stages"]["run"]["samples_ms"], candidate["peak_rss_bytes"]


def random_inputs(arguments, inputs):
    """Of (name, shape, type) of each input."""
    import numpy
    sizes = dict(entry.split("=") for entry in arguments.size)
    fixed = dict(entry.split("=") for entry in arguments.fixed)
    random = numpy.random.default_rng(1)
    values = {}
    for name, shape, dtype in inputs:
        if name in fixed:
            values[name] = numpy.array([float(x) for x in fixed[name].split(",")], dtype)
            continue
        shape = [size if isinstance(size, int) else int(sizes.get(size, 1)) for size in shape]
        values[name] = random.standard_normal(shape).astype(dtype)
    return values


def open_session(arguments, model):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64"}
    return session, random_inputs(arguments, [(i.name, i.shape, types[i.type]) for i in session.get_inputs()])


def quantise(arguments, model):
    """By NNCF into arguments.quantised, in a process of its own."""
    _, values = open_session(arguments, model)
    try:
        openvino_cpu.quantise(model, values, arguments.quantised)
    except ImportError as error:
        sys.exit(f"{error}: pip install nncf")


def time_here(arguments, runtime, model, precision):
    """In this process, which is one of its own."""
    session, values = open_session(arguments, model)
    before = 0
    if runtime == "openvino":
        del session
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        core = openvino_cpu.core(arguments.threads, precision or "fp32")
        request = core.compile_model(arguments.quantised or model, "CPU").create_infer_request()

        def run():
            request.infer(values)
    else:

        def run():
            session.run(None, values)

    run()
    samples = []
    for _ in range(arguments.iterations):
        begin = time.perf_counter()
        run()
        samples.append(1e3 * (time.perf_counter() - begin))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # What ONNX Runtime needed to say what the inputs are is not OpenVINO's.
    print(json.dumps([samples, 1024 * peak if peak > before else 0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidates", nargs="+", metavar="RUNTIME:MODEL")
    parser.add_argument("--lasso", default="lasso", help="the program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=5, help="runs of each candidate in a round")
    parser.add_argument("--size", action="append", default=[], metavar="NAME=N")
    parser.add_argument("--fixed", action="append", default=[], metavar="NAME=X,...")
    parser.add_argument("--here", choices=["time", "quantise"], help=argparse.SUPPRESS)
    parser.add_argument("--quantised", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        runtime, model, precision, _ = parse(arguments.candidates[0])
        return quantise(arguments, model) if arguments.here == "quantise" else time_here(arguments, runtime, model,
                                                                                         precision)
    with tempfile.TemporaryDirectory() as folder:
        return compare(arguments, folder)


def run_here(arguments, candidate, work, quantised):
    """What a process of the candidate's own prints."""
    options = [option for option in sys.argv[1:] if option not in arguments.candidates]
    command = [sys.executable, __file__, candidate, "--here", work, *options]
    if quantised:
        command += ["--quantised", quantised]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def quantise_all(arguments, folder):
    """What each candidate runs in place of its model, or "": NNCF's file for OpenVINO in int8, which is left out
    where there is none."""
    files = {}
    for i, candidate in enumerate(arguments.candidates):
        runtime, _, precision, _ = parse(candidate)
        files[candidate] = ""
        if (runtime, precision) != ("openvino", "int8"):
            continue
        files[candidate] = f"{folder}/{i}.xml"
        try:
            run_here(arguments, candidate, "quantise", files[candidate])
        except subprocess.CalledProcessError as error:
            print(f"{candidate}: left out: {(error.stderr.strip() or 'NNCF failed').splitlines()[-1]}")
            del files[candidate]
    return files


def compare(arguments, folder):
    quantised = quantise_all(arguments, folder)
    results = {candidate: ([], []) for candidate in quantised}
    for _ in range(arguments.rounds):
        for candidate, (samples, peaks) in results.items():
            runtime, model, precision, program = parse(candidate)
            if runtime == "lasso":
                times, peak = time_lasso(arguments, model, precision, program)
            else:
                times, peak = json.loads(run_here(arguments, candidate, "time", quantised[candidate]).splitlines()[-1])
            samples += times
            peaks.append(peak)
    print(f"{'candidate':60} {'median ms':>10} {'min ms':>10} {'peak MiB':>9}")
    for candidate, (samples, peaks) in results.items():
        print(f"{candidate:60} {statistics.median(samples):10.2f} {min(samples):10.2f} {max(peaks) / 2**20:9.0f}")
    return None


if __name__ == "__main__":
    main()
