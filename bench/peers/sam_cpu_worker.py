"""A process of sam_cpu.py's: makes the checkpoint, or loads one peer's model, times it and prints JSON."""
import importlib.metadata
import json
import resource
import sys
import time

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


def prompts_of(count):
    import numpy
    random = numpy.random.default_rng(2)
    coordinates = random.uniform(0, SIDE, (count, 2, 2)).astype(numpy.float32)
    return coordinates, numpy.array([[1, -1]] * count, numpy.float32)


def load_torch(name, arch, folder, threads):
    import segment_anything
    import torch
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    model = segment_anything.sam_model_registry[arch](checkpoint=f"{folder}/{arch}.pth").eval()
    dtype = torch.bfloat16 if name.endswith("bf16") else torch.float32
    model = model.to(dtype)
    model.prompt_encoder.float()  # a few numbers, whose frequencies are float32 in Meta's code
    encoder = model.image_encoder
    decoder = model.mask_decoder
    if "compiled" in name:
        encoder = torch.compile(encoder)
        decoder = torch.compile(decoder)
    image = torch.randn(1, 3, SIDE, SIDE, dtype=dtype)
    embedding = torch.randn(1, 256, SIDE // 16, SIDE // 16, dtype=dtype)
    positions = model.prompt_encoder.get_dense_pe().to(dtype)

    def decode(count):
        coordinates, labels = (torch.from_numpy(x) for x in prompts_of(count))
        sparse, dense = model.prompt_encoder(points=(coordinates[:, :1], labels[:, :1]), boxes=None, masks=None)
        decoder(image_embeddings=embedding, image_pe=positions, sparse_prompt_embeddings=sparse.to(dtype),
                dense_prompt_embeddings=dense.to(dtype), multimask_output=True)

    return lambda: encoder(image), decode


def onnx_inputs(count):
    import numpy
    coordinates, labels = prompts_of(count)
    random = numpy.random.default_rng(3)
    return {"image_embeddings": random.standard_normal((1, 256, SIDE // 16, SIDE // 16)).astype(numpy.float32),
            "point_coords": coordinates, "point_labels": labels,
            "mask_input": numpy.zeros((1, 1, SIDE // 4, SIDE // 4), numpy.float32),
            "has_mask_input": numpy.zeros(1, numpy.float32)}


def image():
    import numpy
    return {"image": numpy.random.default_rng(1).standard_normal((1, 3, SIDE, SIDE)).astype(numpy.float32)}


def load_onnxruntime(name, folder, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    files = [f"{folder}/encoder.onnx", f"{folder}/decoder.onnx"]
    if "int8" in name:
        files = [quantise_dynamic(file) for file in files]
    encoder, decoder = (onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
                        for file in files)
    picture = {encoder.get_inputs()[0].name: image()["image"]}
    return lambda: encoder.run(None, picture), lambda count: decoder.run(None, onnx_inputs(count))


def quantise_dynamic(file):
    import os

    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantised = file.replace(".onnx", "_dynamic_int8.onnx")
    if not os.path.exists(quantised):
        quantize_dynamic(file, quantised, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
    return quantised


def quantise_by_nncf(folder):
    import os

    import openvino
    file = f"{folder}/encoder_nncf_int8.xml"
    if not os.path.exists(file):
        import nncf
        model = openvino.Core().read_model(f"{folder}/encoder.onnx")
        values = {model.inputs[0].get_any_name(): image()["image"]}
        openvino.save_model(nncf.quantize(model, nncf.Dataset([values]), subset_size=1,
                                          model_type=nncf.ModelType.TRANSFORMER), file)
    return file


def load_openvino(name, folder, threads):
    import openvino
    encoder_file = quantise_by_nncf(folder) if "int8" in name else f"{folder}/encoder.onnx"
    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                              "INFERENCE_PRECISION_HINT": "f32" if name.endswith("fp32") else "bf16"})
    encoder = core.compile_model(encoder_file, "CPU").create_infer_request()
    decoder = core.compile_model(f"{folder}/decoder.onnx", "CPU").create_infer_request()
    picture = {0: image()["image"]}
    return lambda: encoder.infer(picture), lambda count: decoder.infer(onnx_inputs(count))


def prepare(name, folder):
    """What is made of the models before anything is timed, and takes memory of its own."""
    if name.startswith("ONNX Runtime int8"):
        quantise_dynamic(f"{folder}/encoder.onnx")
        quantise_dynamic(f"{folder}/decoder.onnx")
    if "NNCF" in name:
        quantise_by_nncf(folder)


def load(name, arch, folder, threads):
    if name.startswith("PyTorch"):
        return load_torch(name, arch, folder, threads)
    if name.startswith("ONNX Runtime"):
        return load_onnxruntime(name, folder, threads)
    return load_openvino(name, folder, threads)


def time_candidate(name, arch, folder, threads, iterations):
    begin = time.perf_counter()
    encode, decode = load(name, arch, folder, threads)
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
        name, arch, folder, threads, iterations = words
        result = time_candidate(name, arch, folder, int(threads), int(iterations))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
