"""Renders a sheet of scenes with the outlines of their objects: `python contact_sheet.py --seed 1 --out sheet.png`."""

import argparse

import numpy as np
import torch
from PIL import Image

import scene_params
import scenes


def sheet(seeds, device, size, columns, compiled=False):
    """Pictures side by side, and the same with object borders drawn in: two uint8 arrays."""
    batch = scene_params.sample_scenes(seeds)
    scene = scenes.Renderer(device, size, compiled)(batch)
    pictures = scene.image.permute(0, 2, 3, 1).cpu().numpy()
    owner = scene.owner.cpu().numpy().astype(int)
    outlined = pictures.copy()
    border = np.zeros(owner.shape, bool)
    border[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    border[:, :, 1:] |= owner[:, :, 1:] != owner[:, :, :-1]
    outlined[border] = (255, 255, 0)

    def tile(images):
        rows = -(-len(images) // columns)
        canvas = np.zeros((rows * size, columns * size, 3), np.uint8)
        for i, image in enumerate(images):
            y, x = divmod(i, columns)
            canvas[y * size:(y + 1) * size, x * size:(x + 1) * size] = image
        return canvas

    return tile(pictures), tile(outlined)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--out", default="sheet.png")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    plain, outlined = sheet(range(options.seed, options.seed + options.count), device, options.size, 4)
    Image.fromarray(np.concatenate((plain, outlined), 1)).save(options.out)


if __name__ == "__main__":
    main()
