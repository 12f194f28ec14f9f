"""Writes the averaged weights in half precision: `python export_checkpoint.py STATE_DIR/average.pt lasso-tiny.pth`.

The file is a plain torch.save of the state dict, in Meta's names, with the zip container that readers expect.
"""

import collections
import pathlib
import sys

import torch


def main(source, target):
    state = torch.load(source, map_location="cpu")
    half = collections.OrderedDict((k, v.detach().half().contiguous().clone()) for k, v in state.items())
    torch.save(half, target)
    print(f"{sum(v.numel() for v in half.values())} parameters in {len(half)} tensors, "
          f"{pathlib.Path(target).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
