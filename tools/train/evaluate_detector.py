"""Measures a detector on the evaluation set: `python evaluate_detector.py MODEL.pt ../../models/eval [--json OUT]`.

Pictures are letterboxed to --size; every class of a box whose score, objectness times class, exceeds 0.001 is a
candidate; what overlaps a better one of its class by more than an IoU of 0.65 goes, and the best 300 stay. Average
precision is COCO's: per class and IoU threshold (0.5 to 0.95 by 0.05), detections in the order of their scores take the
unmatched object that they overlap most; precision, made to fall with recall, is averaged over 101 recalls; the best 100
detections of a picture count. Objects that are iscrowd, and detections that take one, count for nothing.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from PIL import Image

import detector

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)


def letterbox(pixels, size):
    """The picture in the middle of a grey square [3, size, size], and its scale and place (x, y)."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    shape = (round(width * scale), round(height * scale))
    if shape != (width, height):
        pixels = np.asarray(Image.fromarray(pixels).resize(shape, Image.BILINEAR))
    x, y = (size - shape[0]) // 2, (size - shape[1]) // 2
    canvas = np.full((size, size, 3), 114, np.uint8)
    canvas[y:y + shape[1], x:x + shape[0]] = pixels
    return torch.from_numpy(canvas).permute(2, 0, 1), scale, (x, y)


def overlaps(a, b, crowd=None):
    """IoU of boxes [N, 4] and [M, 4] (x0, y0, x1, y1); with a crowd the share of the first box."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clip(0).prod(2)
    first, second = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = first[:, None] + second - both
    if crowd is not None:
        union = np.where(crowd, first[:, None], union)
    return both / np.maximum(union, 1e-9)


def suppress(output, conf=0.001, iou=0.65, most=300):
    """Boxes, scores and classes that remain of a picture's raw output [N, 5 + classes], best first."""
    scores = output[:, 4:5] * output[:, 5:]
    rows, kinds = np.nonzero(scores > conf)
    scores = scores[rows, kinds]
    order = np.argsort(-scores, kind="stable")[:30000]
    rows, kinds, scores = rows[order], kinds[order], scores[order]
    centre, half = output[rows, :2], output[rows, 2:4] / 2
    boxes = np.concatenate((centre - half, centre + half), 1)
    kept = []
    for kind in np.unique(kinds):
        rest = np.flatnonzero(kinds == kind)
        while len(rest):
            kept.append(rest[0])
            rest = rest[1:][overlaps(boxes[rest[:1]], boxes[rest[1:]])[0] <= iou]
    kept = np.sort(np.array(kept, int))[:most]  # candidates are in the order of their scores
    return boxes[kept], scores[kept], kinds[kept]


@torch.no_grad()
def detect(model, pixels, size, device):
    """Boxes in the picture's pixels, scores and classes."""
    canvas, scale, place = letterbox(pixels, size)
    output = model(canvas[None].to(device).float() / 255.0)[0].float().cpu().numpy().astype(float)
    boxes, scores, kinds = suppress(output)
    height, width = pixels.shape[:2]
    boxes = (boxes - np.tile(place, 2)) / scale
    return np.clip(boxes, 0, (width, height, width, height)), scores, kinds


def match(boxes, truths, crowd):
    """For each threshold and detection, best first: 1 where it finds an object, 0 where not, -1 where it is ignored."""
    found = np.zeros((len(THRESHOLDS), len(boxes)), int)
    if len(truths) == 0:
        return found
    iou = overlaps(boxes, truths, crowd)
    for t, threshold in enumerate(THRESHOLDS):
        free = ~crowd
        for d in range(len(boxes)):
            best = np.where(free & (iou[d] >= threshold), iou[d], -1.0)
            if best.max() >= 0:
                found[t, d] = 1
                free[best.argmax()] = False
            elif (crowd & (iou[d] >= threshold)).any():
                found[t, d] = -1
    return found


def average_precision(scores, found, number):
    """Of all detections of a class in all pictures: scores [D], found [D] as match() gives it, number of objects."""
    order = np.argsort(-scores, kind="stable")
    found = found[order]
    found = found[found >= 0]
    hits = np.cumsum(found)
    recall, precision = hits / number, hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return np.where(at < len(hits), np.append(precision, 0.0)[np.minimum(at, len(hits))], 0.0).mean()


def evaluate(detections, truth):
    """detections: per image id boxes, scores, kinds; truth: a COCO dictionary. Per class name its objects and AP per
    threshold."""
    by_image = {image["id"]: [a for a in truth["annotations"] if a["image_id"] == image["id"]]
                for image in truth["images"]}
    results = {}
    for category in truth["categories"]:
        scores, found, number = [], [], 0
        for image, annotations in by_image.items():
            mine = [a for a in annotations if a["category_id"] == category["id"]]
            corners = np.array([a["bbox"] for a in mine], float).reshape(-1, 4)
            corners[:, 2:] += corners[:, :2]
            crowd = np.array([bool(a["iscrowd"]) for a in mine], bool)
            number += int((~crowd).sum())
            boxes, score, kinds = detections[image]
            chosen = np.flatnonzero(kinds == category["id"])
            chosen = chosen[np.argsort(-score[chosen], kind="stable")][:100]
            scores.append(score[chosen])
            found.append(match(boxes[chosen], corners, crowd))
        if number:
            scores, found = np.concatenate(scores), np.concatenate(found, 1)
            results[category["name"]] = (number, [average_precision(scores, f, number) for f in found])
    return results


def measure(model, folder, device="cpu", size=640):
    """evaluate() of a model in evaluation mode on the folder's instances.json."""
    truth = json.loads((folder / "instances.json").read_text())
    detections = {image["id"]: detect(model, np.asarray(Image.open(folder / image["file_name"]).convert("RGB")), size,
                                      device) for image in truth["images"]}
    return evaluate(detections, truth)


def table(results):
    lines = [f"{'class':10s}{'objects':>8s}{'AP@0.5':>9s}{'AP@0.75':>9s}{'AP':>9s}"]
    rows = [*results.items(), ("mean", (sum(n for n, _ in results.values()),
                                        np.mean([ap for _, ap in results.values()], 0)))]
    for name, (number, ap) in rows:
        lines.append(f"{name:10s}{number:8d}{ap[0]:9.4f}{ap[5]:9.4f}{np.mean(ap):9.4f}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    results = measure(detector.load_checkpoint(options.model).to(device), options.folder, device, options.size)
    print("\n".join(table(results)))
    if options.json:
        options.json.write_text(json.dumps({k: {"objects": n, "ap": ap} for k, (n, ap) in results.items()}))


if __name__ == "__main__":
    main()
