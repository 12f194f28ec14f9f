#!/usr/bin/env python3
"""Times models on Lasso, ONNX Runtime and OpenVINO on the CPU, in turn, and their peak memory.

A candidate is RUNTIME:MODEL[@PRECISION][#PROGRAM]: the runtimes are lasso, onnxruntime and openvino, the
precisions those of `lasso bench speed` and, for OpenVINO, fp32 and bf16. Each candidate has a process of its
own; after some runs of one the next has its turn, for several rounds, so that a machine that slows down slows
all. Inputs are random; --size says what open sizes stand for, --fixed gives values (orig_im_size=750,1000).

    python3 -m venv build/peers && build/peers/bin/pip install onnxruntime openvino numpy
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


def time_here(arguments, runtime, model, precision):
    """In this process, which is one of its own."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64"}
    values = random_inputs(arguments, [(i.name, i.shape, types[i.type]) for i in session.get_inputs()])
    before = 0
    if runtime == "openvino":
        import openvino
        del session
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": arguments.threads, "PERFORMANCE_HINT": "LATENCY",
                                  "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision or "fp32"]})
        request = core.compile_model(model, "CPU").create_infer_request()

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
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        runtime, model, precision, _ = parse(arguments.candidates[0])
        return time_here(arguments, runtime, model, precision)

    results = {candidate: ([], []) for candidate in arguments.candidates}
    for _ in range(arguments.rounds):
        for candidate, (samples, peaks) in results.items():
            runtime, model, precision, program = parse(candidate)
            if runtime == "lasso":
                times, peak = time_lasso(arguments, model, precision, program)
            else:
                options = [option for option in sys.argv[1:] if option not in arguments.candidates]
                child = subprocess.run([sys.executable, __file__, candidate, "--here", *options], check=True,
                                       capture_output=True, text=True)
                times, peak = json.loads(child.stdout.splitlines()[-1])
            samples += times
            peaks.append(peak)
    print(f"{'candidate':60} {'median ms':>10} {'min ms':>10} {'peak MiB':>9}")
    for candidate, (samples, peaks) in results.items():
        print(f"{candidate:60} {statistics.median(samples):10.2f} {min(samples):10.2f} {max(peaks) / 2**20:9.0f}")
    return None


if __name__ == "__main__":
    main()
