"""Measures a checkpoint on the evaluation set: `python evaluate.py CHECKPOINT ../../models/eval [--json OUT]`.

Protocol, per object, masks at the picture's own size:
  1 click   the stored click; the best of the three masks (by the truth), and the one the model thinks best
  3 clicks  then twice: a click where the mask is wrong most (next_click), with the previous low-resolution logits as
            mask input; after the first click the candidate with the highest IoU estimate is passed on, after that the
            single mask
  box       the tight box; the single mask
Flood fill, for comparison: the pixels connected to the click whose channels all differ from it by at most a tolerance.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage

import rle
import sam

EIGHT = np.ones((3, 3), bool)


def next_click(mask, truth):
    """The pixel of the largest 8-connected error region that is farthest from its border; x, y and label.

    Missing and surplus pixels form separate regions; distances are Euclidean, the picture's edge counts as border,
    and ties go to the first pixel in row-major order (the first region: missing before surplus).
    """
    best, size, label = None, 0, 1
    for wrong, kind in ((truth & ~mask, 1), (mask & ~truth, 0)):
        parts, count = ndimage.label(wrong, EIGHT)
        if count:
            sizes = np.bincount(parts.ravel())[1:]
            if sizes.max() > size:
                best, size, label = parts == 1 + sizes.argmax(), sizes.max(), kind
    if best is None:
        best = truth
    distance = ndimage.distance_transform_edt(np.pad(best, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return int(x), int(y), label


class Predictor:
    """A checkpoint behind SAM's usual pre- and post-processing."""

    def __init__(self, state, device="cpu"):
        self.model = sam.Sam(sam.config_of(state)).to(device).eval()
        self.model.load_state_dict({k: v.float() for k, v in state.items()})
        self.device, self.size = device, self.model.config.image_size

    @torch.no_grad()
    def set_image(self, pixels):
        """pixels: uint8 [height, width, 3]. The longest side is brought to the model's size."""
        self.height, self.width = pixels.shape[:2]
        self.scale = self.size / max(self.height, self.width)
        self.frame = (int(self.height * self.scale + 0.5), int(self.width * self.scale + 0.5))
        if self.frame != (self.height, self.width):
            pixels = np.asarray(Image.fromarray(pixels).resize(self.frame[::-1], Image.BILINEAR))
        canvas = torch.zeros(1, 3, self.size, self.size, dtype=torch.uint8)
        canvas[0, :, :self.frame[0], :self.frame[1]] = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
        frame = torch.tensor([self.frame], device=self.device)
        self.embedding = self.model.encode(sam.preprocess(canvas.to(self.device), frame))

    @torch.no_grad()
    def predict(self, coords, labels, mask_logits=None):
        """coords [N, T, 2] in picture pixels, labels [N, T]; returns masks [N, 4, height, width], IoU estimates,
        low-resolution logits."""
        ratio = torch.tensor((self.frame[1] / self.width, self.frame[0] / self.height))
        coords = (torch.as_tensor(coords, dtype=torch.float32) * ratio).to(self.device)
        labels = torch.as_tensor(labels).to(self.device)
        embedding = self.embedding.expand(len(coords), -1, -1, -1)
        low, iou = self.model.decode(embedding, coords, labels, mask_logits)
        logits = F.interpolate(low, (self.size, self.size), mode="bilinear")[..., :self.frame[0], :self.frame[1]]
        logits = F.interpolate(logits, (self.height, self.width), mode="bilinear")
        return (logits > 0.0).cpu().numpy(), iou.cpu().numpy(), low


def iou_of(mask, truth):
    return (mask & truth).sum() / max((mask | truth).sum(), 1)


def flood_fill(pixels, click, tolerance):
    x, y = click
    similar = np.abs(pixels.astype(int) - pixels[y, x].astype(int)).max(-1) <= tolerance
    parts, _ = ndimage.label(similar)
    return parts == parts[y, x]


def measure(predictor, folder, flood=()):
    """One record of IoUs per object of the evaluation set."""
    records = []
    for image in json.loads((folder / "annotations.json").read_text())["images"]:
        pixels = np.asarray(Image.open(folder / image["file"]).convert("RGB"))
        truths = [rle.decode(o["rle"], image["height"], image["width"]) for o in image["objects"]]
        predictor.set_image(pixels)
        number = len(truths)
        rows = np.arange(number)
        clicks = np.array([o["click"] for o in image["objects"]], float)[:, None]
        tags = np.ones((number, 1), int)
        padding, minus = np.full((number, 1, 2), -0.5), np.full((number, 1), -1)
        masks, iou, low = predictor.predict(np.concatenate((clicks, padding), 1), np.concatenate((tags, minus), 1))
        three = np.array([[iou_of(masks[i, j], t) for j in (1, 2, 3)] for i, t in enumerate(truths)])
        choice = 1 + iou[:, 1:].argmax(1)
        single = np.array([iou_of(masks[i, 0], t) for i, t in enumerate(truths)])
        estimate_error = np.abs(iou[:, 1:] - three).mean(1)
        previous, kept = masks[rows, choice], low[rows, choice][:, None]
        after = []
        for _ in range(2):
            found = [next_click(previous[i], t) for i, t in enumerate(truths)]
            clicks = np.concatenate((clicks, np.array([f[:2] for f in found], float)[:, None]), 1)
            tags = np.concatenate((tags, np.array([[f[2]] for f in found])), 1)
            masks, _, low = predictor.predict(np.concatenate((clicks, padding), 1),
                                              np.concatenate((tags, minus), 1), kept)
            previous, kept = masks[:, 0], low[:, :1]
            after.append([iou_of(previous[i], t) for i, t in enumerate(truths)])
        boxes = np.array([o["bbox_xyxy"] for o in image["objects"]], float).reshape(number, 2, 2)
        masks, iou, _ = predictor.predict(boxes, np.tile((2, 3), (number, 1)))
        for i, item in enumerate(image["objects"]):
            records.append({
                **{key: item[key] for key in ("kind", "part", "core", "area", "hidden")},
                "click_best": three[i].max(), "click_chosen": three[i, choice[i] - 1], "click_single": single[i],
                "clicks_2": after[0][i], "clicks_3": after[1][i], "box": iou_of(masks[i, 0], truths[i]),
                "estimate_error": estimate_error[i],
                **{f"flood_{t}": iou_of(flood_fill(pixels, item["click"], t), truths[i]) for t in flood}})
    return records


FIGURES = ("click_best", "click_chosen", "click_single", "clicks_2", "clicks_3", "box", "estimate_error")


def table(records):
    """Mean figures of all objects and of groups of them, as text lines."""
    core = [r for r in records if r["core"]]
    groups = {"core": core, "all": records}
    for kind in sorted({r["kind"] for r in records}):
        groups["core " + kind] = [r for r in core if r["kind"] == kind]
    groups["parts"] = [r for r in records if r["part"]]
    groups["partly hidden"] = [r for r in records if r["hidden"] > 0.05]
    for low, high in ((0, 512), (512, 1024), (1024, 4096), (4096, 16384), (16384, 1 << 30)):
        name = f"{low} to {high} px" if high < 1 << 30 else f"from {low} px"
        groups[name] = [r for r in records if low <= r["area"] < high]
    lines = [f"{'group':18s}{'objects':>8s}" + "".join(f"{f:>15s}" for f in FIGURES)]
    for name, members in groups.items():
        if members:
            means = [np.mean([r[f] for r in members]) for f in FIGURES]
            lines.append(f"{name:18s}{len(members):8d}" + "".join(f"{m:15.4f}" for m in means))
    floods = [k for k in records[0] if k.startswith("flood_")]
    for key in floods:
        lines.append(f"{key}: mean IoU {np.mean([r[key] for r in core]):.4f} (core), "
                     f"{np.mean([r[key] for r in records]):.4f} (all)")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--flood", action="store_true", help="measure flood fill too")
    parser.add_argument("--json", type=pathlib.Path, help="write the records here")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    state = torch.load(options.checkpoint, map_location="cpu")
    tolerances = (4, 8, 12, 16, 24, 32, 48, 64) if options.flood else ()
    records = measure(Predictor(state, device), options.folder, tolerances)
    print("\n".join(table(records)))
    if options.json:
        options.json.write_text(json.dumps([{k: v if isinstance(v, (str, bool)) else round(float(v), 4)
                                             for k, v in r.items()} for r in records]))


if __name__ == "__main__":
    main()
