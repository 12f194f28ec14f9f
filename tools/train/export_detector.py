"""Writes the averaged weights as a checkpoint in half precision:
`python export_detector.py STATE/detector.pt ../../models/lasso-tiny-detector.pt`.
"""

import pathlib
import sys

import torch

import detector
import scene_params


def main(source, target):
    model = detector.Model(detector.tiny_description(len(scene_params.KINDS)), scene_params.KINDS)
    model.load_state_dict(torch.load(source, map_location="cpu")["average"])
    detector.save_checkpoint(model, target)
    number, size = sum(p.numel() for p in model.parameters()), pathlib.Path(target).stat().st_size
    print(f"{number} parameters, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
