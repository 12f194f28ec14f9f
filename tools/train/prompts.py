"""Prompts for training: which objects, the first click or box, and further clicks from the error region."""

import torch
import torch.nn.functional as F

import scenes

# Objects that training asks for: at least this many visible pixels (of a 512-pixel frame), at most this share hidden.
MIN_AREA, MAX_HIDDEN = 250.0, 0.75


def choose_targets(scene, labelled, number):
    """Random objects of each scene, without repetition while there are enough: [B, number]."""
    valid = labelled & (scene.area >= MIN_AREA) & (scene.hidden <= MAX_HIDDEN)
    order = torch.argsort(torch.rand_like(scene.area) + 2.0 * (~valid), dim=1)[:, :number]
    return torch.where(torch.gather(valid, 1, order), order, order[:, :1])


def half_masks(scene, targets):
    """Coverage of each 2 x 2 cell by the chosen objects: [B * P, S / 2, S / 2] in steps of a quarter."""
    masks = scenes.object_masks(scene, targets)
    count, number, size, _ = masks.shape
    cells = masks.view(count * number, size // 2, 2, size // 2, 2).to(torch.float32)
    return cells.mean((2, 4))


def pick(weights):
    """A cell of each map [N, h, w], drawn with probability proportional to its weight; x, y in cells."""
    keys = torch.rand_like(weights).clamp(min=1e-9).log() / weights.clamp(min=1e-12)
    index = torch.where(weights > 0.0, keys, torch.full_like(keys, -1e30)).flatten(1).argmax(1)
    return index % weights.shape[2], torch.div(index, weights.shape[2], rounding_mode="floor")


def to_pixels(x, y, cell):
    """A random pixel of a cell (integer coordinates, as a user's click has)."""
    x, y = cell * x, cell * y
    return torch.stack((x + torch.randint_like(x, cell), y + torch.randint_like(y, cell)), -1).float()


def first_click(cells):
    """A pixel of the object; half of the time away from its edge, where it has such pixels."""
    inside = (cells > 0.99).float()
    eroded = (F.avg_pool2d(inside[:, None], 5, 1, 2)[:, 0] > 0.99).float()
    prefer = (torch.rand(len(cells), 1, 1, device=cells.device) < 0.5).float()
    x, y = pick(cells * 1e-6 + inside + 1e4 * prefer * eroded)
    return to_pixels(x, y, 2)


def boxes(cells, jitter):
    """Tight boxes (x0, y0, x1, y1 in pixels), with corners moved by up to jitter times the side, at most 20 px."""
    hit = cells > 0.4
    size = cells.shape[-1]
    axis = torch.arange(size, device=cells.device)

    def extent(line):
        low = torch.where(line, axis, torch.full_like(axis, size)).amin(1)
        high = torch.where(line, axis, torch.full_like(axis, -1)).amax(1)
        return 2.0 * low, 2.0 * high + 1.0

    x0, x1 = extent(hit.any(1))
    y0, y1 = extent(hit.any(2))
    box = torch.stack((x0, y0, x1, y1), -1)
    sides = torch.stack((x1 - x0, y1 - y0, x1 - x0, y1 - y0), -1)
    moved = torch.randn_like(box) * (jitter * sides).clamp(max=20.0) * 0.5
    return (box + moved).clamp(0.0, 2.0 * size)


def error_click(predicted, cells):
    """The next click and its label from the error of a prediction ([N, h, w] bool): for half of the prompts near the
    centre of the largest error region (the maximum of the box-filtered error), for the others any wrong pixel."""
    truth = cells > 0.5
    error = truth.float() - predicted.float()
    wide = F.avg_pool2d(F.avg_pool2d(error[:, None], 4), 7, 1, 3)[:, 0]
    near = F.avg_pool2d(error[:, None], 7, 1, 3)[:, 0] + wide.repeat_interleave(4, 1).repeat_interleave(4, 2)
    central = torch.clamp(near * error, min=0.0) ** 12
    central = central / central.amax((1, 2), keepdim=True).clamp(min=1e-30)
    wrong = error.abs()
    use_centre = torch.rand(len(cells), 1, 1, device=cells.device) < 0.5
    weights = torch.where(use_centre, torch.where(central > 0.5, 1.0, 0.0), wrong)
    none = wrong.amax((1, 2), keepdim=True) == 0.0
    weights = torch.where(none, truth.float(), weights)
    x, y = pick(weights)
    label = torch.gather(truth.flatten(1), 1, (y * cells.shape[2] + x)[:, None])[:, 0].long()
    return to_pixels(x, y, 2), label
