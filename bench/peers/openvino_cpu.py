"""OpenVINO as the tables of peers run it."""


def core(threads, precision):
    """For the least time of one run: float32 where that is asked for, else bfloat16."""
    import openvino
    made = openvino.Core()
    made.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                              "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16"})
    return made


def quantise(model, values, path):
    """The ONNX model in int8 by NNCF, with its settings for transformers and one set of inputs, as a file."""
    import nncf
    import openvino
    quantised = nncf.quantize(openvino.Core().read_model(model), nncf.Dataset([values]), subset_size=1,
                              model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(quantised, path)
