"""Tests of the training code that need no GPU: `python self_test.py [--golden DIR]`.

--golden DIR: reference data made with Meta's code (a folder with sam_micro/checkpoint.pth, cases.json and arrays); the
model then has to reproduce its embeddings, masks and IoU estimates.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import evaluate
import losses
import muon
import rle
import sam
import scene_params
import scenes


def test_rle():
    random = np.random.default_rng(0)
    for height, width, share in ((5, 7, 0.5), (64, 33, 0.1), (40, 50, 0.0), (40, 50, 1.0), (1, 1, 1.0)):
        mask = random.random((height, width)) < share
        assert (rle.decode(rle.encode(mask), height, width) == mask).all()


def test_double_is_bilinear():
    x = torch.randn(2, 3, 8, 6)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(losses.double(x), expected, atol=1e-6)


def test_orthogonalise():
    values = torch.linalg.svdvals(muon.orthogonalise(torch.randn(3, 64, 128)))
    assert 0.5 < values.min() and values.max() < 1.3, values


def test_next_click():
    truth = np.zeros((20, 30), bool)
    truth[4:15, 5:16] = True
    assert evaluate.next_click(np.zeros_like(truth), truth) == (10, 9, 1)
    assert evaluate.next_click(truth | np.pad(np.ones((18, 9), bool), ((1, 1), (20, 1))), truth)[2] == 0


def test_scene_depends_on_its_seed_alone():
    one, two = scene_params.sample_scenes([7]), scene_params.sample_scenes([3, 7])
    for name in ("shapes", "paint", "camera", "member"):
        assert torch.equal(one[name][0], two[name][1]), name


def test_masks_agree_with_areas():
    batch = scene_params.sample_scenes([11])
    scene = scenes.Renderer(torch.device("cpu"), 128)(batch)
    targets = torch.arange(scene_params.BACKDROP, scene_params.LAYERS)[None]
    masks = scenes.object_masks(scene, targets)
    assert torch.equal(masks.sum((2, 3)).float(), scene.area[:, scene_params.BACKDROP:])
    assert not masks[..., int(scene.frame[0, 0] / 4) + 1:, :].any(), "nothing is owned outside the frame"


def test_size_of_lasso_tiny():
    state = sam.Sam().state_dict()
    assert sum(v.numel() for v in state.values()) <= 4_000_000
    assert sam.config_of(state) == sam.SamConfig()


def check_golden(folder):
    """Largest relative error of embeddings, masks and IoU estimates against Meta's code."""
    state = torch.load(folder / "checkpoint.pth")
    predictor = evaluate.Predictor(state)
    worst = 0.0

    def compare(ours, file):
        nonlocal worst
        reference = torch.from_numpy(np.load(folder / file)).reshape(ours.shape)
        worst = max(worst, ((ours - reference).norm() / reference.norm()).item())

    for i, image in enumerate(json.loads((folder / "cases.json").read_text())["images"]):
        predictor.set_image(np.load(folder / f"image{i}_resized.npy"))
        compare(predictor.embedding, f"image{i}_embedding.npy")
        ratio = torch.tensor((predictor.width / image["width"], predictor.height / image["height"]))
        for case in image["cases"]:
            coords = torch.tensor(case["points"] or []).reshape(-1, 2)
            labels = torch.tensor(case["labels"] or [], dtype=torch.long)
            last = torch.tensor(case["box"] or [-0.5, -0.5]).reshape(-1, 2)
            coords = torch.cat((coords * ratio, last * ratio if case["box"] else last))
            labels = torch.cat((labels, torch.tensor([2, 3] if case["box"] else [-1])))
            mask = None
            if case["mask_input"]:
                mask = torch.from_numpy(np.load(folder / (case["mask_input"].split("[")[0] + ".npy"))[:1])[None]
            with torch.no_grad():
                low, iou = predictor.model.decode(predictor.embedding, coords[None], labels[None], mask)
            kept = slice(1, 4) if case["multimask"] else slice(0, 1)
            compare(low[0, kept], case["key"] + "_low_res.npy")
            compare(iou[0, kept], case["key"] + "_iou.npy")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=pathlib.Path)
    options = parser.parse_args()
    tests = [f for name, f in sorted(globals().items()) if name.startswith("test_")]
    for test in tests:
        test()
        print("ok", test.__name__)
    if options.golden:
        worst = check_golden(options.golden / "sam_micro")
        print(f"largest relative error against the reference data: {worst:.1e}")
        assert worst < 1e-4


if __name__ == "__main__":
    main()
