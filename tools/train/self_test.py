"""Tests of the training code that need no GPU: `python self_test.py [--golden DIR]`.

--golden DIR: reference data made with Meta's code (a folder with sam_micro/checkpoint.pth, cases.json and arrays) and
with WongKinYiu's (yolov7_tiny_pt/checkpoint.pt and arrays); the models then have to reproduce its embeddings, masks and
IoU estimates, and its raw output.
"""

import argparse
import json
import pathlib
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

import detector
import detector_losses
import detector_scenes
import evaluate
import evaluate_detector
import losses
import muon
import rle
import sam
import scene_params
import scenes
import train_detector


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


def test_size_of_the_detector():
    model = train_detector.new_model()
    with tempfile.NamedTemporaryFile() as file:
        detector.save_checkpoint(model, file.name)
        assert pathlib.Path(file.name).stat().st_size < 4_000_000
        saved = detector.load_checkpoint(file.name)
    assert [len(m.yaml["backbone"] + m.yaml["head"]) for m in (model, saved)] == [78, 78]
    assert saved.names == list(scene_params.KINDS) and type(saved).__module__ == "detector"
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(saved(picture), model.float()(picture))
    assert saved(picture).shape == (1, 3 * (8 * 12 + 4 * 6 + 2 * 3), 13)


def test_decoded_boxes_are_those_of_the_loss():
    """A prediction whose numbers say exactly its object's box has no loss of its box, and is the one that is found."""
    model = train_detector.new_model()
    head = model.model[-1]
    maps = [torch.full((1, 3, size, size, 13), -12.0) for size in (16, 8, 4)]
    box, anchor = torch.tensor((52.0, 70.0, 90.0, 100.0)), head.anchor_grid[1, 0, 0, 0, 0]
    cell = torch.tensor((3.0, 4.0))  # column and row; its middle is (56, 72)
    offset = (box[:2] / 16.0 - cell + 0.5) / 2.0
    maps[1][0, 0, 4, 3] = torch.cat((torch.logit(torch.cat((offset, (box[2:] / anchor).sqrt() / 2.0))),
                                     torch.tensor([9.0]), torch.full((8,), -9.0)))
    maps[1][0, 0, 4, 3, 5 + 2] = 9.0
    corners = torch.zeros(1, 22, 4)
    corners[0, 5] = torch.cat((box[:2] - box[2:] / 2, box[:2] + box[2:] / 2))
    valid = torch.zeros(1, 22, dtype=torch.bool)
    valid[0, 5] = True
    kinds = torch.full((1, 22), 2)
    loss, figures = detector_losses.detector_loss(maps, head, corners, kinds, valid)
    assert loss < 0.02 and figures[3] > 0.999 and figures[4] == 1.0, (loss, figures)
    decoded = torch.cat([head.decoded(i, m) for i, m in enumerate(maps)], 1)[0].numpy()
    boxes, scores, found = evaluate_detector.suppress(decoded, conf=0.5)
    assert np.allclose(boxes, corners[0, 5], atol=1e-3) and found.tolist() == [2] and scores[0] > 0.999
    assert detector_losses.detector_loss(maps, head, corners, (kinds + 1) % 8, valid)[0] > 5.0


def test_views_move_boxes_along_with_pixels():
    """A rectangle's box, wherever the view lies, is where its colour is; what leaves the picture is no object."""
    owner = torch.full((3, 512, 512), scene_params.LAYERS, dtype=torch.uint8)
    owner[:, :384] = 0
    owner[:, 100:180, 200:330] = 8
    image = torch.where(owner[:, None] == 8, 255, 0).to(torch.uint8).expand(-1, 3, -1, -1)
    member = torch.zeros(3, scene_params.LAYERS, scene_params.LAYERS + 1, dtype=torch.bool)
    member[:, 8, 8] = True
    outline = torch.zeros(3, scene_params.LAYERS)
    outline[:, 8] = 80.0 * 130.0
    scale = torch.tensor((1.25, 2.0, 2.0))
    offset = torch.tensor(((0.0, 80.0), (-300.0, -100.0), (-640.0, -100.0)))
    pictures = {"image": image, "owner": owner, "frame": torch.tensor((384.0, 512.0)).expand(3, 2), "member": member}
    pixels, moved = detector_scenes.view(pictures, scale, offset, torch.tensor((False, True, False)))
    boxes, _, valid = detector_scenes.objects(moved, member, torch.zeros(3, scene_params.LAYERS), outline, scale)
    assert valid.nonzero().tolist() == [[0, 2], [1, 2]]
    assert boxes[0, 2].tolist() == [250, 205, 412, 305], boxes[0, 2]  # pixel 412 has its middle at 330
    assert boxes[1, 2].tolist() == [64, 100, 324, 260], boxes[1, 2]  # 512 - 330 and 512 - 200 columns, twice, - 300
    assert pixels[1, 0, 101:259, 66:322].min() == 1.0 and pixels[1, 0, :, :60].max() == 0.0
    assert torch.equal(pixels[0, :, :80], torch.full((3, 80, 640), detector_scenes.GREY))


def test_loss_of_a_detector_falls():
    torch.manual_seed(3)
    description = detector.tiny_description(8, width=0.125)
    model = detector.initialise(detector.Model(description, scene_params.KINDS)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    pictures = torch.rand(4, 3, 96, 96) * 0.2
    corners = torch.tensor(((10.0, 12.0, 50.0, 44.0), (40.0, 50.0, 90.0, 88.0))).expand(4, 2, 4)
    kinds, valid = torch.tensor(((0, 3),) * 4), torch.ones(4, 2, dtype=torch.bool)
    for i in range(4):
        for (x0, y0, x1, y1), value in zip(corners[i].long().tolist(), (0.6, 1.0)):
            pictures[i, :, y0:y1, x0:x1] = value
    values = []
    for _ in range(40):
        loss, _ = detector_losses.detector_loss(model(pictures), model.model[-1], corners, kinds, valid)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.4 * values[0], values


def test_average_precision():
    """Two objects of class 0 and a crowd; by hand: hit, miss, ignored, hit gives precisions 1 and 2/3 at recalls to
    1/2 and 1."""
    truth = {"images": [{"id": 4}], "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}], "annotations": [
        {"image_id": 4, "category_id": 0, "iscrowd": crowd, "bbox": box}
        for crowd, box in ((0, [0, 0, 10, 10]), (0, [20, 0, 10, 10]), (1, [40, 40, 40, 40]))]}
    boxes = np.array(((0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60), (20, 0, 30, 8)), float)
    detections = {4: (boxes, np.array((0.9, 0.8, 0.7, 0.6)), np.zeros(4, int))}
    (number, ap), = evaluate_detector.evaluate(detections, truth).values()
    assert number == 2 and np.allclose(ap[0], (51 + 50 * 2 / 3) / 101)
    assert np.allclose(ap[6], (51 + 50 * 2 / 3) / 101) and np.allclose(ap[7], 51 / 101)  # the last box's IoU is 0.8


def check_golden_detector(folder):
    """Largest relative error of a detector's raw output against WongKinYiu's code; its description is ours."""
    saved = detector.load_checkpoint(folder / "checkpoint.pt")
    model = detector.Model(detector.tiny_description(saved.nc, saved.yaml["width_multiple"], saved.yaml["anchors"]),
                           saved.names)
    assert model.yaml == saved.yaml and model.save == saved.save
    model.load_state_dict(saved.state_dict())
    reference = torch.from_numpy(np.load(folder / "raw_output.npy"))
    with torch.no_grad():
        output = model.eval()(torch.from_numpy(np.load(folder / "input.npy")))
    return ((output - reference).norm() / reference.norm()).item()


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
        worst = max(check_golden(options.golden / "sam_micro"),
                    check_golden_detector(options.golden / "yolov7_tiny_pt"))
        print(f"largest relative error against the reference data: {worst:.1e}")
        assert worst < 1e-4


if __name__ == "__main__":
    main()
