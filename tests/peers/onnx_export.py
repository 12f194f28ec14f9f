"""lasso export against ONNX's checker, ONNX Runtime, onnx-simplifier and Polygraphy.

Run by script/onnx_peers, which makes the virtual environment with these packages. Arguments: the program lasso, a
folder for files, and the folder of the reference data (its models are cleaned; without it the part is left out).
"""

import collections
import contextlib
import io
import os
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import onnxsim

LASSO, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
GOLDEN = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
SOURCE = pathlib.Path(__file__).parents[2]
CHECKPOINT = SOURCE / "tests/data/sam_micro/checkpoint.pth"

onnxruntime.set_default_logger_severity(3)
failures = []


def check(condition, message):
    if not condition:
        failures.append(message)
        print("FAILED:", message)


def lasso(*arguments):
    result = subprocess.run([LASSO, *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"lasso {' '.join(map(str, arguments))}: {result.returncode}: {result.stderr}")
    return result.stdout


def session(path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, inputs):
    own = session(path)
    outputs = own.run(None, {i.name: inputs[i.name] for i in own.get_inputs()})
    return dict(zip([o.name for o in own.get_outputs()], outputs))


def difference(a, b):
    """Relative, in the norm; infinite where shapes, types or what is not finite differ."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return np.inf
    if a.dtype == object or a.dtype.kind in "SU":
        return 0.0 if np.array_equal(a, b) else np.inf
    a, b = a.astype(np.float64), b.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(finite, np.isfinite(a)) or not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return np.inf
    a, b = a[finite], b[finite]
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30)) if a.size and np.any(a != b) else 0.0


def random_inputs(path, sizes):
    """Values for the inputs of a model, by their types; sizes by symbol, 2 without one."""
    rng = np.random.default_rng(1)
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64,
             "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(double)": np.float64}
    inputs = {}
    for i in session(path).get_inputs():
        shape = [s if isinstance(s, int) else sizes.get(s, 2) for s in i.shape]
        inputs[i.name] = np.asarray(rng.uniform(0, 1, shape)).astype(types[i.type])
    if "orig_im_size" in inputs:
        inputs["orig_im_size"] = np.array([150, 200], np.float32)
    if "point_labels" in inputs:
        inputs["point_labels"] = rng.integers(-1, 4, inputs["point_labels"].shape).astype(np.float32)
    return inputs


def polygraphy(*arguments):
    program = pathlib.Path(sys.executable).parent / "polygraphy"
    result = subprocess.run([program, *map(str, arguments)],
                            capture_output=True, text=True, check=False,
                            env={**os.environ, "POLYGRAPHY_AUTOINSTALL_DEPS": "0"})
    check(result.returncode == 0, f"polygraphy {arguments}: {result.stdout[-800:]}{result.stderr[-800:]}")
    return result.stdout


# What TensorRT does not take as it is.
REFUSED = {"OneHot", "If", "Loop", "Scan", "NonZero"}


def exported(options, quantised=False):
    folder = WORK / ("_".join(options) or "default").replace("--", "").replace("/", "_")
    lasso("export", CHECKPOINT, "-o", folder, "-q", *options)
    models = sorted(folder.glob("encoder*.onnx")) + [folder / "decoder.onnx"]
    for path in models:
        onnx.checker.check_model(str(path), full_check=True)
        model = onnx.load(path)
        kinds = {n.op_type for n in model.graph.node}
        check(not kinds & REFUSED, f"{path}: {kinds & REFUSED}")
        if "--postprocess" not in options:
            check("orig_im_size" not in [i.name for i in model.graph.input], f"{path}: orig_im_size")
    return folder, models


def encode(models, image):
    for path in models:
        image = list(run(path, {session(path).get_inputs()[0].name: image}).values())[0]
    return image


def export_checkpoints():
    """All options: the checker, and the same numbers in ONNX Runtime as Lasso computes from the checkpoint."""
    rng = np.random.default_rng(2)
    image = rng.normal(size=(1, 3, 256, 256)).astype(np.float32)
    prompts = {"image_embeddings": None,
               "point_coords": rng.uniform(0, 256, (3, 4, 2)).astype(np.float32),
               "point_labels": np.array([[1, 0, 2, 3], [-1, 1, 1, 0], [2, 3, -1, -1]], np.float32),
               "mask_input": rng.normal(size=(1, 1, 64, 64)).astype(np.float32),
               "has_mask_input": np.ones(1, np.float32),
               "orig_im_size": np.array([150, 200], np.float32)}
    # The program of the checkpoint has channels last, and masks for each prompt.
    np.savez(WORK / "image.npz", image=image.transpose(0, 2, 3, 1))
    lasso("run", CHECKPOINT, "--program", "image_encoder", "--inputs", WORK / "image.npz", "-o",
          WORK / "embedding.npz", "-q")
    embedding = np.load(WORK / "embedding.npz")["image_embeddings"]
    prompts["image_embeddings"] = embedding.transpose(0, 3, 1, 2)
    np.savez(WORK / "prompts.npz", image_embeddings=embedding,
             point_coords=(prompts["point_coords"] + 0.5) / 256,
             point_labels=prompts["point_labels"].astype(np.int32),
             mask_input=np.repeat(prompts["mask_input"].transpose(0, 2, 3, 1), 3, axis=0))
    lasso("run", CHECKPOINT, "--program", "mask_decoder_with_mask_input", "--inputs", WORK / "prompts.npz", "-o",
          WORK / "masks.npz", "-q")
    described = np.load(WORK / "masks.npz")
    for opset in range(13, 22):
        _, models = exported(["--opset", str(opset)])
        error = difference(encode(models[:-1], image), prompts["image_embeddings"])
        check(error < 1e-5, f"opset {opset}: encoder {error}")
        outputs = run(models[-1], prompts)
        for name, own in (("low_res_masks", "low_res_logits"), ("iou_predictions", "iou_predictions")):
            error = difference(outputs[name], described[own])
            check(error < 1e-5, f"opset {opset}: {name} {error}")
    full = outputs
    best = np.argmax(full["iou_predictions"] + (4 - 2.5) * np.array([1000, 0, 0, 0]), axis=1)
    for options in (["--single-mask"], ["--split", "3"], ["--stability-score", "--single-mask"],
                    ["--postprocess", "--extra-metrics"], ["--max-file-size", "1000000"]):
        folder, models = exported(options)
        error = difference(encode(models[:-1], image), prompts["image_embeddings"])
        check(error < 1e-5, f"{options}: encoder {error}")
        outputs = run(models[-1], prompts)
        masks = full["low_res_masks"]
        if "--single-mask" in options:
            check(np.all(best == 0), "the test's prompts have more than two points each")
            masks = masks[:, :1]
        if "--stability-score" in options:
            scores = np.sum(masks > 1, (2, 3)) / np.sum(masks > -1, (2, 3))
            check(difference(outputs["iou_predictions"].astype(np.float64), scores) < 1e-3, f"{options}: scores")
        if "--extra-metrics" in options:
            areas = np.sum(outputs["masks"] > 0, (2, 3)).astype(np.float32)
            check(outputs["masks"].shape == (3, 4, 150, 200), f"{options}: {outputs['masks'].shape}")
            check(np.array_equal(areas, outputs["areas"]), f"{options}: areas")
        error = difference(outputs["low_res_masks"], masks)
        check(error < 1e-5, f"{options}: low_res_masks {error}")
        if "--max-file-size" in options:
            check((folder / "encoder.onnx.data").exists(), "no external data")
    one = {**prompts, "point_coords": prompts["point_coords"][:, :1], "point_labels": prompts["point_labels"][:, :1]}
    full = run(WORK / "opset_16/decoder.onnx", one)
    outputs = run(WORK / "single-mask/decoder.onnx", one)
    best = np.argmax(full["iou_predictions"] + (1 - 2.5) * np.array([1000, 0, 0, 0]), axis=1)
    chosen = np.stack([full["low_res_masks"][i, [b]] for i, b in enumerate(best)])
    check(difference(outputs["low_res_masks"], chosen) < 1e-5, "the best mask of one point")
    _, models = exported(["--qdq", "--calibration-images", "4"], quantised=True)
    error = difference(encode(models[:-1], image), prompts["image_embeddings"])
    check(0 < error < 0.2, f"--qdq: encoder {error}")
    print("exported: checked, and the numbers are those of the checkpoint; --qdq is off by", round(error, 4))


def polygraphy_takes():
    for name in ("encoder.onnx", "decoder.onnx"):
        path = WORK / "opset_16" / name
        shapes = ["--input-shapes", "point_coords:[2,3,2]", "point_labels:[2,3]"] if name == "decoder.onnx" else []
        polygraphy("run", path, "--onnxrt", *shapes)
        text = polygraphy("inspect", "model", path)
        check("image_embeddings" in text, f"{path}: inspect says {text}")
        sane = WORK / ("sane_" + name)
        polygraphy("surgeon", "sanitize", path, "-o", sane, "--fold-constants", "--cleanup")
        inputs = random_inputs(path, {"prompts": 2, "points": 3})
        for output, value in run(path, inputs).items():
            check(difference(run(sane, inputs)[output], value) < 1e-5, f"{sane}: {output}")
        clean = WORK / ("clean_" + name)
        lasso("export", path, "-o", clean, "-q")
        for output, value in run(path, inputs).items():
            check(difference(run(clean, inputs)[output], value) < 1e-5, f"{clean}: {output}")
    path = WORK / "opset_16/encoder.onnx"
    part = WORK / "part.onnx"
    polygraphy("surgeon", "extract", path, "-o", part, "--inputs", "pos_embed:[1,16,16,64]:float32",
               "--outputs", "blocks.1:float32")
    check(len(onnx.load(part).graph.node) > 20, "polygraphy surgeon extract")
    print("polygraphy: run, inspect, sanitize and extract")


def nodes_of(model):
    counts = collections.Counter(n.op_type for n in model.graph.node)
    return sum(counts.values()), sum(counts.values()) - counts["Constant"]


def simplified(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return onnxsim.simplify(onnx.load(path))[0]


def clean_models():
    """No more nodes than onnx-simplifier leaves, and the same outputs, of every model that ONNX Runtime runs."""
    print(f"{'model':48}{'before':>8}{'onnxsim':>9}{'(without Constant)':>20}{'lasso':>7}")
    for path in sorted(GOLDEN.glob("*/*.onnx")):
        clean = WORK / (path.parent.name + "_" + path.name)
        lasso("export", path, "-o", clean, "-q")
        model = onnx.load(clean)
        own, _ = nodes_of(model)
        before, _ = nodes_of(onnx.load(path))
        theirs, plain = nodes_of(simplified(path))
        print(f"{path.parent.name + '/' + path.name:48}{before:8}{theirs:9}{plain:20}{own:7}")
        if any(n.domain == "TRT" or n.op_type.endswith("_TRT") for n in model.graph.node):
            continue  # which ONNX Runtime does not run
        onnx.checker.check_model(str(clean), full_check=True)
        check(own <= theirs, f"{path}: {own} nodes, and onnx-simplifier leaves {theirs}")
        inputs = random_inputs(path, {"num_points": 3, "batch": 1})
        outputs = run(clean, inputs)
        for name, value in run(path, inputs).items():
            error = difference(outputs[name], value)
            check(error < 1e-5, f"{clean}: {name} {error}")


def stored_inputs(path):
    inputs = {}
    for i, value in enumerate(session(path).get_inputs()):
        tensor = onnx.TensorProto()
        tensor.ParseFromString((path.parent / "test_data_set_0" / f"input_{i}.pb").read_bytes())
        inputs[value.name] = onnx.numpy_helper.to_array(tensor)
    return inputs


def clean_node_tests():
    """The single-node tests: what Lasso writes gives ONNX Runtime's own results."""
    cleaned, refused, more = 0, collections.Counter(), []
    for path in sorted((GOLDEN / "onnx_node_tests").glob("*/model.onnx")):
        try:
            inputs = stored_inputs(path)
            expected = run(path, inputs)
        except Exception:  # pylint: disable=broad-except
            continue  # which ONNX Runtime does not run
        clean = WORK / "node_test.onnx"
        result = subprocess.run([LASSO, "export", path, "-o", clean, "-q"], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            refused[result.stderr.split(": ", 2)[-1].strip()[:60]] += 1
            check(result.returncode in (3, 4), f"{path}: {result.returncode}: {result.stderr}")
            continue
        if "random" in path.parent.name or "bernoulli" in path.parent.name or "dropout" in path.parent.name:
            continue
        outputs = run(clean, inputs)
        for name, value in expected.items():
            if isinstance(value, np.ndarray):
                error = difference(outputs[name], value)
                check(error < 1e-5, f"{path.parent.name}: {name} {error}")
        try:
            theirs, _ = nodes_of(simplified(path))
        except Exception:  # pylint: disable=broad-except
            continue
        mine, _ = nodes_of(onnx.load(clean))
        if mine > theirs:
            more.append(f"{path.parent.name} ({mine}, {theirs})")
        cleaned += 1
    print(f"single-node tests: {cleaned} cleaned with the same results; more nodes than onnx-simplifier leaves: {more}")
    print("refused:", dict(refused))


WORK.mkdir(parents=True, exist_ok=True)
export_checkpoints()
polygraphy_takes()
if GOLDEN is not None and GOLDEN.is_dir():
    clean_models()
    clean_node_tests()
print(f"{len(failures)} failures")
sys.exit(1 if failures else 0)
