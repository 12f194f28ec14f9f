"""Exports small models of torchvision, timm and Segment Anything at unusual widths, sizes and class counts, and
compares what `lasso run` makes of them with ONNX Runtime.

    python bench/onnx_models/exports.py --lasso build/release/apps/cli/lasso --folder /tmp/exports

Needs torch, torchvision, timm, segment-anything, onnx, onnxscript and onnxruntime from PyPI. Weights are random, of a
fixed seed; --dynamo takes PyTorch's newer exporter. The exit status is 1 where an error is above 1e-4.
"""

import argparse
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch


def sam_encoder(width, depth, heads, size, window, channels):
    from segment_anything.modeling import ImageEncoderViT
    return ImageEncoderViT(img_size=size, patch_size=16, embed_dim=width, depth=depth, num_heads=heads,
                           out_chans=channels, qkv_bias=True, use_rel_pos=True, window_size=window,
                           global_attn_indexes=(depth - 1,))


def models():
    """Name, a function that makes the model, and the shape of its input."""
    import timm
    from torchvision import models as vision

    def transformer(**arguments):
        return vision.vision_transformer.VisionTransformer(**arguments)

    return {
        "resnet18, 7 classes": (lambda: vision.resnet18(num_classes=7), (2, 3, 97, 131)),
        "resnext, groups of 3": (lambda: vision.ResNet(vision.resnet.Bottleneck, [1, 1, 1, 1], groups=3,
                                                       width_per_group=24, num_classes=5), (1, 3, 64, 64)),
        "mobilenet_v2, width 0.35": (lambda: vision.mobilenet_v2(width_mult=0.35, num_classes=11), (1, 3, 96, 96)),
        "mobilenet_v3_small, width 0.6": (lambda: vision.mobilenet_v3_small(width_mult=0.6, num_classes=3),
                                          (3, 3, 90, 70)),
        "efficientnet_b0": (lambda: vision.efficientnet_b0(num_classes=13), (1, 3, 100, 100)),
        "shufflenet_v2_x0_5": (lambda: vision.shufflenet_v2_x0_5(num_classes=9), (2, 3, 80, 112)),
        "densenet, growth 10": (lambda: vision.DenseNet(growth_rate=10, block_config=(2, 3), num_init_features=20,
                                                        num_classes=4), (1, 3, 72, 72)),
        "regnet_x_400mf": (lambda: vision.regnet_x_400mf(num_classes=6), (1, 3, 66, 66)),
        "convnext, width 36": (lambda: timm.models.convnext.ConvNeXt(depths=(1, 1, 2, 1), dims=(36, 60, 84, 108),
                                                                     num_classes=17), (1, 3, 96, 64)),
        "vit, width 72 in 3 heads": (lambda: transformer(image_size=60, patch_size=12, num_layers=2, num_heads=3,
                                                         hidden_dim=72, mlp_dim=100, num_classes=19), (2, 3, 60, 60)),
        "swin, width 30": (lambda: vision.SwinTransformer(patch_size=[4, 4], embed_dim=30, depths=[2, 2],
                                                          num_heads=[3, 6], window_size=[5, 5], num_classes=8),
                           (1, 3, 80, 80)),
        "deeplabv3, 4 classes": (lambda: vision.segmentation.deeplabv3_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=4), (1, 3, 120, 88)),
        "lraspp, 21 classes": (lambda: vision.segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=21), (1, 3, 96, 96)),
        "tiny_vit_5m": (lambda: timm.create_model("tiny_vit_5m_224", num_classes=10), (1, 3, 224, 224)),
        "levit_128s": (lambda: timm.create_model("levit_128s", num_classes=10), (1, 3, 224, 224)),
        "mobilevit_xxs": (lambda: timm.create_model("mobilevit_xxs", num_classes=10), (1, 3, 128, 128)),
        "efficientvit_b0": (lambda: timm.create_model("efficientvit_b0", num_classes=10), (1, 3, 96, 96)),
        "mixer_s32": (lambda: timm.create_model("mixer_s32_224", num_classes=10), (1, 3, 224, 224)),
        "poolformer_s12": (lambda: timm.create_model("poolformer_s12", num_classes=10), (1, 3, 96, 96)),
        "ghostnet_050": (lambda: timm.create_model("ghostnet_050", num_classes=10), (1, 3, 96, 96)),
        "edgenext_xx_small": (lambda: timm.create_model("edgenext_xx_small", num_classes=10), (1, 3, 128, 128)),
        "sam encoder, width 96": (lambda: sam_encoder(96, 3, 4, 320, 6, 48), (1, 3, 320, 320)),
        "sam encoder, width 120, batch 2": (lambda: sam_encoder(120, 2, 3, 224, 7, 40), (2, 3, 224, 224)),
        "sam encoder, head width 16": (lambda: sam_encoder(64, 4, 4, 256, 14, 256), (1, 3, 256, 256)),
    }


def compare(lasso, make, shape, path, dynamo):
    """The relative error of the first output in Euclidean norms, or what went wrong."""
    torch.manual_seed(1)
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():  # zeros and ones would hide what is left out
            parameter.add_(0.02 * torch.randn_like(parameter))
    x = torch.rand(shape)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(model, (x,), str(path), input_names=["x"], dynamo=True, verbose=False,
                              external_data=False)
        else:
            torch.onnx.export(model, (x,), str(path), input_names=["x"], opset_version=17, dynamo=False)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    name = session.get_outputs()[0].name
    expected = session.run([name], {session.get_inputs()[0].name: x.numpy()})[0].astype(np.float64)
    inputs, outputs = path.with_suffix(".in.npz"), path.with_suffix(".out.npz")
    np.savez(inputs, **{session.get_inputs()[0].name: x.numpy()})
    done = subprocess.run([lasso, "run", str(path), "--inputs", str(inputs), "-o", str(outputs), "--quiet"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return np.inf, done.stderr.strip()
    with np.load(outputs) as results:
        seen = results[name]
    error = np.linalg.norm(seen - expected) / np.linalg.norm(expected)
    return error, f"{error:.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lasso", default="lasso", help="the program; default: that on the PATH")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for models and tensors")
    parser.add_argument("--dynamo", action="store_true", help="export by PyTorch's newer exporter")
    parser.add_argument("--only", help="only models whose name holds this text")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| model | input | nodes | relative error |\n| --- | --- | --- | --- |")
    failed = 0
    for index, (name, (make, shape)) in enumerate(models().items()):
        if options.only and options.only not in name:
            continue
        path = options.folder / f"{index}.onnx"
        error, text = compare(options.lasso, make, shape, path, options.dynamo)
        failed += not error <= 1e-4
        print(f"| {name} | {list(shape)} | {len(onnx.load(path).graph.node)} | {text} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
