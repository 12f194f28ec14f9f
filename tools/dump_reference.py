"""Dumps the masks that PyTorch's Segment Anything gives, so that `lasso bench accuracy` can compare with them.

Needs PyTorch and Meta's package (pip install torch git+https://github.com/facebookresearch/segment-anything), which
Lasso itself never needs. In three steps:

    lasso bench accuracy --images photos --seed 1 --save-prompts prompts.jsonl
    python tools/dump_reference.py --checkpoint sam_vit_b_01ec64.pth --prompts prompts.jsonl -o dump
    lasso bench accuracy --images photos --model sam_vit_b_01ec64.pth --reference-masks dump --min-iou 0.99

Checkpoints of Meta's three sizes are opened by Meta's registry; of another size, such as models/lasso-tiny.pth, a model
is put together from Meta's modules by the shapes of its tensors.

What a dump is, so that any other program can write one: a folder with index.json,

    {"images": [{"image": "truck.jpg", "width": 1800, "height": 1200, "masks": "0.npy",
                 "prompts": [{"id": 0, "points": [[500, 375]], "labels": [1]}, ...]}, ...]}

and for each image a .npy file (C order) of shape [prompts, height, width]: bool or uint8, where anything but 0 is
inside, or float32 logits at the image's size (--logits), where above 0 is inside. "image" is the name beneath the folder
that --images or --evaluation-set names; "labels" is 1 for this object and 0 for not this, all 1 if left out; "id", which
may be left out, says which object of an evaluation set is meant. Points are pixels of the original image, EXIF
orientation applied. Each prompt has one mask (multimask_output=False).
"""

import argparse
import json
import pathlib
import re


def read_prompts(path):
    """The lines of a file of prompts, by image, in the order in which the images first appear."""
    images = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            prompt = json.loads(line)
            images.setdefault(prompt["image"], []).append(prompt)
    return images


def build_model(state):
    """Meta's model for a checkpoint: one of its registry by the encoder's width, or one by the tensors' shapes."""
    from segment_anything import sam_model_registry

    width = state["image_encoder.patch_embed.proj.weight"].shape[0]
    names = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
    model = sam_model_registry[names[width]]() if width in names else assemble(state)
    model.load_state_dict(state)
    return model


def count(state, pattern):
    """How many numbers stand where the pattern has its group, in the names of the tensors."""
    found = (re.match(pattern, name) for name in state)
    return len({match[1] for match in found if match})


def assemble(state):
    """A model of Meta's modules of any size: what their builder has as numbers is read off the tensors' shapes."""
    from functools import partial

    import torch
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    def shape(name):
        return tuple(state[name].shape)

    encoder = "image_encoder."
    width, _, patch, _ = shape(encoder + "patch_embed.proj.weight")
    grid = shape(encoder + "pos_embed")[1]
    depth = count(state, r"image_encoder\.blocks\.(\d+)\.")
    sides = [(shape(f"{encoder}blocks.{i}.attn.rel_pos_h")[0] + 1) // 2 for i in range(depth)]
    prompt = shape(encoder + "neck.0.weight")[0]
    return Sam(
        image_encoder=ImageEncoderViT(
            depth=depth, embed_dim=width, img_size=grid * patch, patch_size=patch, qkv_bias=True, use_rel_pos=True,
            mlp_ratio=shape(encoder + "blocks.0.mlp.lin1.weight")[0] / width,
            num_heads=width // shape(encoder + "blocks.0.attn.rel_pos_h")[1],
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), out_chans=prompt,
            global_attn_indexes=[i for i, side in enumerate(sides) if side == grid],
            window_size=min(sides)),
        prompt_encoder=PromptEncoder(
            embed_dim=prompt, image_embedding_size=(grid, grid), input_image_size=(grid * patch, grid * patch),
            mask_in_chans=shape("prompt_encoder.mask_downscaling.3.weight")[0]),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=shape("mask_decoder.mask_tokens.weight")[0] - 1,
            transformer=TwoWayTransformer(
                depth=count(state, r"mask_decoder\.transformer\.layers\.(\d+)\."), embedding_dim=prompt, num_heads=8,
                mlp_dim=shape("mask_decoder.transformer.layers.0.mlp.lin1.weight")[0]),
            transformer_dim=prompt,
            iou_head_depth=count(state, r"mask_decoder\.iou_prediction_head\.layers\.(\d+)\."),
            iou_head_hidden_dim=shape("mask_decoder.iou_prediction_head.layers.0.weight")[0]),
        pixel_mean=[123.675, 116.28, 103.53], pixel_std=[58.395, 57.12, 57.375])


def predict(predictor, pixels, prompts, logits):
    """[prompts, height, width], uint8 masks or float32 logits."""
    import numpy as np

    predictor.set_image(pixels)
    answers = []
    for prompt in prompts:
        labels = prompt.get("labels", [1] * len(prompt["points"]))
        masks, _, _ = predictor.predict(np.array(prompt["points"], np.float32), np.array(labels, np.int32),
                                        multimask_output=False, return_logits=logits)
        answers.append(masks[0])
    return np.stack(answers).astype(np.float32 if logits else np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True, help="Meta's checkpoint (.pth)")
    parser.add_argument("--prompts", type=pathlib.Path, required=True, help="from --save-prompts")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="folder to make")
    parser.add_argument("--images", type=pathlib.Path,
                        help="folder that image names are relative to; default: that of the first image")
    parser.add_argument("--device", default="cpu", help="as PyTorch names it; default: cpu, in float32")
    parser.add_argument("--logits", action="store_true", help="dump logits in place of masks")
    options = parser.parse_args()

    import numpy as np
    import torch
    from PIL import Image, ImageOps
    from segment_anything import SamPredictor

    images = read_prompts(options.prompts)
    if not images:
        raise SystemExit(f"{options.prompts}: no prompts")
    root = options.images or pathlib.Path(next(iter(images))).parent
    state = torch.load(options.checkpoint, map_location="cpu", weights_only=True)
    predictor = SamPredictor(build_model(state).to(options.device).eval())

    options.output.mkdir(parents=True)
    index = {"source": f"segment_anything, torch {torch.__version__}, {options.device}", "images": []}
    for number, (path, prompts) in enumerate(images.items()):
        with Image.open(path) as image:
            pixels = np.array(ImageOps.exif_transpose(image).convert("RGB"))
        name = f"{number}.npy"
        with torch.no_grad():
            np.save(options.output / name, predict(predictor, pixels, prompts, options.logits))
        index["images"].append({
            "image": pathlib.Path(path).relative_to(root).as_posix(), "width": pixels.shape[1],
            "height": pixels.shape[0], "masks": name,
            "prompts": [{key: prompt[key] for key in ("id", "points", "labels") if key in prompt}
                        for prompt in prompts]})
        print(f"{number + 1} of {len(images)}: {path}")
    (options.output / "index.json").write_text(json.dumps(index), encoding="utf-8")


if __name__ == "__main__":
    main()
