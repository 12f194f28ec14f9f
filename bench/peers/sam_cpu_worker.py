"""A process of sam_cpu.py's: makes the checkpoint, or loads one peer's model, times it and prints JSON."""
import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time

import openvino_cpu

SIDE = 1024
PROMPTS = (1, 64)


def make_checkpoint(arch, path):
    import segment_anything
    import torch
    torch.manual_seed(1)
    model = segment_anything.sam_model_registry[arch]()
    for name, parameter in model.named_parameters():
        # Zeros in a new model, which some kernels could make use of.
        if "rel_pos" in name or "pos_embed" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    torch.save(model.state_dict(), path)


def timed(run):
    begin = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - begin)


def random_inputs():
    """The image, and by the number of prompts what the exported decoder takes."""
    import numpy
    random = numpy.random.default_rng(1)

    def normal(*shape):
        return random.standard_normal(shape).astype(numpy.float32)

    def decoder(count):
        return {"image_embeddings": normal(1, 256, SIDE // 16, SIDE // 16),
                "point_coords": random.uniform(0, SIDE, (count, 2, 2)).astype(numpy.float32),
                "point_labels": numpy.array([[1, -1]] * count, numpy.float32),
                "mask_input": numpy.zeros((1, 1, SIDE // 4, SIDE // 4), numpy.float32),
                "has_mask_input": numpy.zeros(1, numpy.float32)}

    return normal(1, 3, SIDE, SIDE), {count: decoder(count) for count in PROMPTS}


def load_torch(name, folder, threads, image, inputs):
    import segment_anything
    import torch
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    arch = os.path.basename(folder)
    model = segment_anything.sam_model_registry[arch](checkpoint=f"{folder}/{arch}.pth").eval()
    dtype = torch.bfloat16 if name.endswith("bf16") else torch.float32
    model = model.to(dtype)
    model.prompt_encoder.float()  # a few numbers, whose frequencies are float32 in Meta's code
    encoder = model.image_encoder
    decoder = model.mask_decoder
    if "compiled" in name:
        encoder = torch.compile(encoder)
        decoder = torch.compile(decoder)
    picture = torch.from_numpy(image).to(dtype)
    tensors = {count: {key: torch.from_numpy(value) for key, value in values.items()}
               for count, values in inputs.items()}
    embeddings = {count: values["image_embeddings"].to(dtype) for count, values in tensors.items()}
    positions = model.prompt_encoder.get_dense_pe().to(dtype)

    def decode(count):
        points = (tensors[count]["point_coords"][:, :1], tensors[count]["point_labels"][:, :1])
        sparse, dense = model.prompt_encoder(points=points, boxes=None, masks=None)
        decoder(image_embeddings=embeddings[count], image_pe=positions, sparse_prompt_embeddings=sparse.to(dtype),
                dense_prompt_embeddings=dense.to(dtype), multimask_output=True)

    return lambda: encoder(picture), decode


def dynamic_int8(file):
    """Where ONNX Runtime's quantiser writes what it makes of the model."""
    return file.replace(".onnx", "_dynamic_int8.onnx")


def load_onnxruntime(name, folder, threads, image, inputs):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    files = [f"{folder}/encoder.onnx", f"{folder}/decoder.onnx"]
    if "int8" in name:
        files = [dynamic_int8(file) for file in files]
    encoder, decoder = (onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
                        for file in files)
    picture = {encoder.get_inputs()[0].name: image}
    return lambda: encoder.run(None, picture), lambda count: decoder.run(None, inputs[count])


def load_openvino(name, folder, threads, image, inputs):
    core = openvino_cpu.core(threads, "fp32" if name.endswith("fp32") else "bf16")
    file = "encoder_nncf_int8.xml" if "int8" in name else "encoder.onnx"
    encoder = core.compile_model(f"{folder}/{file}", "CPU").create_infer_request()
    decoder = core.compile_model(f"{folder}/decoder.onnx", "CPU").create_infer_request()
    return lambda: encoder.infer({0: image}), lambda count: decoder.infer(inputs[count])


def prepare(name, folder):
    """What is made of the models before anything is timed, in a process of its own, once."""
    if name.startswith("ONNX Runtime int8"):
        from onnxruntime.quantization import QuantType, quantize_dynamic
        for file in (f"{folder}/encoder.onnx", f"{folder}/decoder.onnx"):
            if not os.path.exists(dynamic_int8(file)):
                quantize_dynamic(file, dynamic_int8(file), weight_type=QuantType.QInt8,
                                 op_types_to_quantize=["MatMul", "Gemm"])
    made = f"{folder}/encoder_nncf_int8.xml"
    if "NNCF" in name and not os.path.exists(made):
        openvino_cpu.quantise(f"{folder}/encoder.onnx", {0: random_inputs()[0]}, made)


# By the beginning of a candidate's name: the packages, and what loads the models of a folder that has the
# architecture's name, and gives encode() and decode(count).
RUNTIMES = {
    "PyTorch": (["torch", "segment_anything"], load_torch),
    "ONNX Runtime": (["onnxruntime"], load_onnxruntime),
    "OpenVINO": (["openvino"], load_openvino),
}


def time_candidate(name, folder, threads, iterations):
    packages, load = next(value for key, value in RUNTIMES.items() if name.startswith(key))
    # Python's imports and the inputs are no part of loading a model.
    for package in packages:
        importlib.import_module(package)
    image, inputs = random_inputs()
    begin = time.perf_counter()
    encode, decode = load(name, folder, threads, image, inputs)
    timings = {"load_ms": [1e3 * (time.perf_counter() - begin)]}
    encode()
    timings["encode_ms"] = [timed(encode) for _ in range(iterations)]
    for count in PROMPTS:
        decode(count)
        timings[f"decode_{count}_ms"] = [timed(lambda: decode(count)) for _ in range(iterations)]
    return {"timings": timings, "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def versions():
    found = {}
    for package in ("torch", "onnxruntime", "openvino", "nncf"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def main():
    work, *words = sys.argv[1:]
    result = {}
    if work == "checkpoint":
        make_checkpoint(*words)
    elif work == "prepare":
        prepare(*words)
    elif work == "versions":
        result = versions()
    else:
        name, folder, threads, iterations = words
        result = time_candidate(name, folder, int(threads), int(iterations))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
