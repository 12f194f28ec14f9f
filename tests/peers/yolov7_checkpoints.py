"""lasso run of YOLOv7 checkpoints against PyTorch with the code of their repository.

Run by script/yolov7_peers, which has that code and an environment with PyTorch. Arguments: the program lasso, the
folder of the repository, and a folder for files. Models of every configuration that the repository has, in training
and deploy form, are made narrow and with random weights, saved as its train.py saves them, and run by both. With a
fourth argument, the model of all blocks and its results are written there instead: tests/data/yolov7_blocks.
"""

import copy
import importlib.machinery
import os
import pathlib
import subprocess
import sys
import unittest.mock

LASSO, REPOSITORY, WORK = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
DATA = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None


class Absent:
    """Packages that the repository imports for other work than this."""

    names = {"cv2", "IPython", "matplotlib", "pandas", "pkg_resources", "pycocotools", "requests", "scipy", "seaborn",
             "thop", "torchvision", "tqdm"}

    def find_spec(self, name, path=None, target=None):
        del path, target
        if name.split(".")[0] not in self.names:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = unittest.mock.MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Absent())
sys.path.insert(0, str(REPOSITORY))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from models.yolo import Model  # noqa: E402

torch.set_grad_enabled(False)

# Of every block that the published models have, and Foldcut and Chuncat.
BLOCKS = """
nc: 3
depth_multiple: 1.0
width_multiple: 1.0
anchors: [[9,13, 21,17], [40,31, 33,62], [90,70, 81,140], [210,160, 190,300]]
backbone:
  [[-1, 1, ReOrg, []],
   [-1, 1, Conv, [8, 3, 1]],
   [-1, 1, DownC, [16]],
   [-1, 1, Conv, [8, 1, 1]],
   [-2, 1, Conv, [8, 1, 1, None, 1, nn.LeakyReLU(0.1)]],
   [-1, 1, RepConv, [8, 3, 1]],
   [[-1, -2, -3], 1, Concat, [1]],
   [-1, 1, Conv, [16, 1, 1]],
   [[-1, 2], 1, Shortcut, [1]],
   [-1, 1, MP, []],
   [-1, 1, RepConv, [8, 3, 1]],
   [-1, 1, Conv, [8, 3, 2]],
   [-1, 1, Conv, [16, 3, 2]],
   [-1, 1, Foldcut, [1]],
   [-1, 1, Conv, [16, 3, 2]],
   [-1, 1, SPPCSPC, [8]]]
head:
  [[-1, 1, nn.Upsample, [None, 2, 'nearest']],
   [[-1, 13], 1, Chuncat, [1]],
   [-1, 2, Conv, [16, 3, 1]],
   [-1, 1, SP, [5]],
   [13, 1, Conv, [8, 1, 1]],
   [[10, 11, 19, 15, 10, 11, 20, 15], 1, IAuxDetect, [nc, anchors]]]
"""


def randomise(model, generator):
    """Numbers in place of those that a model begins with and that would hide mistakes: ones and zeros."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            module.weight.uniform_(0.5, 1.5, generator=generator)
            module.bias.normal_(0, 0.2, generator=generator)
    for name in ("ia", "im"):
        for module in getattr(model.model[-1], name, []):
            module.implicit.add_(0.2 * torch.randn(module.implicit.shape, generator=generator))


def checkpoint(model, half, is_merged):
    """What train.py saves: a model, and its average, which counts."""
    average = copy.deepcopy(model)
    for parameter in model.parameters():
        parameter.mul_(0.5)
    if half:
        model, average = model.half(), average.half()
    if is_merged:
        average = average.float().fuse()
    return {"epoch": 3, "best_fitness": np.array([0.5]), "training_results": "", "model": model, "ema": average,
            "updates": 5, "optimizer": None, "wandb_id": None}


def make(folder, description, size, half=True, is_merged=False, seed=1):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    channels = description.get("ch", 3)
    model = Model(copy.deepcopy(description), ch=channels).eval()
    model.names = [f"class {i}" for i in range(description["nc"])]
    randomise(model, generator)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint(model, half, is_merged), folder / "checkpoint.pt")
    average = torch.load(folder / "checkpoint.pt", weights_only=False)["ema"].float()
    average = (average if is_merged else average.fuse()).eval()
    images = torch.rand(2, channels, *size, generator=generator)
    np.save(folder / "input.npy", images.numpy())
    np.save(folder / "raw_output.npy", average(images)[0].numpy())


def error(folder):
    """Of Lasso's result, relative in the norm."""
    np.savez(folder / "in.npz", images=np.load(folder / "input.npy"))
    subprocess.run([LASSO, "run", "-q", folder / "checkpoint.pt", "--inputs", folder / "in.npz", "-o",
                    folder / "out.npz"], check=True)
    expected, seen = np.load(folder / "raw_output.npy"), np.load(folder / "out.npz")["output"]
    if expected.shape != seen.shape:
        return np.inf
    return float(np.linalg.norm(seen - expected) / np.linalg.norm(expected))


def configurations():
    for number, path in enumerate(sorted((REPOSITORY / "cfg").glob("*/yolov7*.yaml"))):
        description = yaml.safe_load(path.read_text())
        is_large = len(description["anchors"]) == 4
        description.update(nc=1 + 3 * number, width_multiple=0.05 if is_large else 0.125)
        size = ((128, 192), (192, 128))[number % 2] if is_large else ((96, 160), (128, 64))[number % 2]
        yield f"{path.parent.name}/{path.stem}", description, {"size": size, "half": number % 3 > 0}
    tiny = yaml.safe_load((REPOSITORY / "cfg/training/yolov7-tiny.yaml").read_text())
    tiny.update(nc=2, width_multiple=0.25)
    yield "gray", {**tiny, "ch": 1}, {"size": (64, 64)}
    merged = yaml.safe_load((REPOSITORY / "cfg/training/yolov7.yaml").read_text())
    merged.update(nc=2, width_multiple=0.125)
    yield "merged", merged, {"size": (64, 64), "half": False, "is_merged": True}
    yield "blocks", yaml.safe_load(BLOCKS), {"size": (64, 128)}


def main():
    if DATA:
        make(DATA, yaml.safe_load(BLOCKS), (64, 128))
        return 0
    worst = 0.0
    for name, description, options in configurations():
        folder = WORK / name.replace("/", "_")
        with open(os.devnull, "w", encoding="utf-8") as silence:
            out, sys.stdout = sys.stdout, silence
            try:
                make(folder, description, **options)
            finally:
                sys.stdout = out
        own = error(folder)
        worst = max(worst, own)
        print(f"{name:28} {options['size'][0]} x {options['size'][1]}, {description['nc']:2} classes: {own:.2e}")
    return 0 if worst <= 1e-5 else 1


sys.exit(main())
