"""Renders the demo pictures that ship with the checkpoint: `python demo_pictures.py --out ../../models/demo`.

Scenes of the same generator, drawn at twice the resolution, with a clean camera. --sheet FILE shows numbered candidates
to choose seeds from.
"""

import argparse
import pathlib

import numpy as np
import torch
from PIL import Image, ImageDraw

import scene_params
import scenes

SEEDS = (scene_params.EVAL_SEED + 100_007, scene_params.EVAL_SEED + 100_012)


def clean(batch):
    """Takes blur, noise and compression out of scene descriptions."""
    column = {name: i for i, name in enumerate(scene_params.CAMERA)}
    for name, value in (("blur", 0.0), ("noise", 0.0), ("quality", 0.0), ("grey", 0.0), ("exposure", 0.5)):
        batch["camera"][:, column[name]] = value
    return batch


def pictures(seeds, device, size):
    scene = scenes.Renderer(device, size)(clean(scene_params.sample_scenes(seeds)))
    scale = size / 512.0
    for i in range(len(seeds)):
        height, width = (int(round(v * scale)) for v in scene.frame[i].tolist())
        yield scene.image[i, :, :height, :width].permute(1, 2, 0).cpu().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--sheet", type=pathlib.Path)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if options.sheet:
        first = scene_params.EVAL_SEED + 100_000
        canvas = Image.new("RGB", (6 * 320, 6 * 320))
        draw = ImageDraw.Draw(canvas)
        for start in range(0, 36, 12):
            for i, picture in enumerate(pictures(range(first + start, first + start + 12), device, 512)):
                image = Image.fromarray(picture)
                image.thumbnail((316, 316))
                place = (320 * ((start + i) % 6), 320 * ((start + i) // 6))
                canvas.paste(image, place)
                draw.text((place[0] + 4, place[1] + 4), str(start + i), fill=(255, 255, 0))
        canvas.save(options.sheet, quality=90)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        for i, picture in enumerate(pictures(options.seeds, device, 1024)):
            Image.fromarray(np.ascontiguousarray(picture)).save(options.out / f"demo_{i + 1}.jpg", quality=92)


if __name__ == "__main__":
    main()
