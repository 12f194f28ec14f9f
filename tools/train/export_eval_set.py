"""Writes the evaluation set: `python export_eval_set.py --out ../../models/eval`.

Pictures (JPEG) and annotations.json: per image file, height, width, seed, objects; per object id, kind, part (whether
it is a part of another object), core (see CORE_AREA), area (pixels), hidden (share of its outline covered by others),
bbox_xyxy (first and last column and row that hold it), click (a pixel inside), rle (COCO compressed run-length
encoding). The seeds lie outside the range that training draws from.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

import rle
import scene_params
import scenes

# An object is asked for when it shows at least MIN_AREA pixels and others hide at most MAX_HIDDEN of its outline.
MIN_AREA, MAX_HIDDEN, MIN_OBJECTS, MAX_OBJECTS = 256, 0.7, 6, 10
# The core of the set, on which the headline figures are given: objects of at least 32 x 32 visible pixels (COCO's
# border between small and medium) that show at least half of their outline.
CORE_AREA, CORE_HIDDEN = 1024, 0.5


def inner_pixel(mask, random):
    """A random pixel whose 5 x 5 neighbourhood belongs to the object; 3 x 3 or the pixel alone where there is none."""
    for rounds in (2, 1, 0):
        inside = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=rounds) if rounds else mask
        ys, xs = np.nonzero(inside)
        if len(xs):
            i = random.integers(len(xs))
            return [int(xs[i]), int(ys[i])]
    raise ValueError("an empty mask")


def annotate(scene, batch, i, random):
    """The annotations of scene i of a batch, or None where it has too few objects to ask for."""
    height, width = (int(v) for v in scene.frame[i])
    valid = batch["labelled"][i].to(scene.area.device) & (scene.area[i] >= MIN_AREA) & (scene.hidden[i] <= MAX_HIDDEN)
    layers = torch.nonzero(valid)[:, 0]
    if len(layers) < MIN_OBJECTS:
        return None
    masks = scenes.object_masks(scene, layers[None].expand(len(scene.owner), -1))[i, :, :height, :width].cpu().numpy()
    chosen = random.permutation(len(layers))[:MAX_OBJECTS]
    objects = []
    for j in sorted(chosen):
        layer = int(layers[j])
        ys, xs = np.nonzero(masks[j])
        objects.append({
            "id": layer, "kind": scene_params.KINDS[int(batch["kind"][i, layer])],
            "part": bool(batch["is_part"][i, layer]),
            "core": len(xs) >= CORE_AREA and float(scene.hidden[i, layer]) <= CORE_HIDDEN, "area": int(len(xs)),
            "hidden": round(float(scene.hidden[i, layer]), 3),
            "bbox_xyxy": [int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())],
            "click": inner_pixel(masks[j], random), "rle": rle.encode(masks[j])})
    return {"height": height, "width": width, "objects": objects}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=72)
    parser.add_argument("--quality", type=int, default=88, help="of the JPEG files")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    render = scenes.Renderer(device, 512)
    images, seed = [], scene_params.EVAL_SEED
    while len(images) < options.count:
        seeds = list(range(seed, seed + 8))
        seed += 8
        batch = scene_params.sample_scenes(seeds)
        scene = render(batch)
        for i, one in enumerate(seeds):
            entry = annotate(scene, batch, i, np.random.default_rng(one))
            if entry is None or len(images) == options.count:
                continue
            name = f"scene_{len(images):03d}.jpg"
            pixels = scene.image[i, :, :entry["height"], :entry["width"]].permute(1, 2, 0).cpu().numpy()
            Image.fromarray(pixels).save(options.out / name, quality=options.quality, subsampling=0)
            images.append({"file": name, "seed": one, **entry})
    with open(options.out / "annotations.json", "w") as file:
        rule = {"min_area": MIN_AREA, "max_hidden": MAX_HIDDEN, "core_min_area": CORE_AREA,
                "core_max_hidden": CORE_HIDDEN, "max_objects": MAX_OBJECTS}
        json.dump({"rule": rule, "images": images}, file, separators=(",", ":"))
    objects = [o for image in images for o in image["objects"]]
    size = sum(f.stat().st_size for f in options.out.iterdir())
    print(f"{len(images)} images, {len(objects)} objects, {sum(o['hidden'] > 0.05 for o in objects)} of them partly "
          f"hidden, {sum(o['part'] for o in objects)} parts, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
