"""Which predictions answer for which objects, and the loss of a detector.

A box can only be predicted by the cells whose middles lie within one cell of its centre, four per level, and by anchors
whose sides are within a factor of four of its own. Among these an object takes the predictions that cost it least:
their class error and the logarithm of their IoU (SimOTA of the YOLOX report, arXiv:2107.08430). How many it takes is
the rounded-down sum of its ten best IoUs, at least one. The objectness of a prediction that is taken learns its IoU,
that of all others 0.
"""

import math

import torch
import torch.nn.functional as F

RATIO = 4.0
BOX, OBJECTNESS, CLASS = 5.0, 1.0, 1.0  # weights of the losses
NEVER = 1e6  # cost of a prediction that cannot be taken


def complete_iou(a, b):
    """IoU and complete IoU (arXiv:1911.08287) of boxes (centre, width, height)."""
    low = torch.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    high = torch.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    both = (high - low).clamp(min=0).prod(-1)
    iou = both / (a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both + 1e-6)
    hull = (torch.maximum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
            - torch.minimum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2))
    apart = (a[..., :2] - b[..., :2]).square().sum(-1) / (hull.square().sum(-1) + 1e-6)
    angles = [torch.atan(s[..., 2] / (s[..., 3] + 1e-6)) for s in (a, b)]
    shape = (4.0 / math.pi ** 2) * (angles[0] - angles[1]).square()
    with torch.no_grad():
        weight = shape / (1.0 - iou + shape + 1e-6)
    return iou, iou - apart - weight * shape


def candidates(boxes, valid, shapes, strides, anchors):
    """The predictions that may answer for each box [B, G, 4] (centre, width, height).

    shapes: rows and columns of each level's map; anchors [levels, anchors, 2] in pixels. Returns their places in the
    list of all predictions (level, anchor, row, column), which of them may, their cells, strides and anchors: all
    [B, G, levels * 4 * anchors, ...].
    """
    number = anchors.shape[1]
    corner = torch.tensor(((0, 0), (1, 0), (0, 1), (1, 1)), device=boxes.device)
    found, start = [], 0
    for (rows, columns), stride, sides in zip(shapes, strides, anchors):
        first = torch.floor(boxes[..., :2] / stride - 0.5).long()
        cell = (first[:, :, None] + corner)[:, :, :, None].expand(-1, -1, -1, number, -1)
        x, y = cell.unbind(-1)
        held = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
        ratio = boxes[:, :, None, None, 2:] / sides
        fits = torch.maximum(ratio, 1.0 / ratio).amax(-1) < RATIO
        place = start + torch.arange(number, device=boxes.device) * (rows * columns) + y * columns + x
        place = torch.where(held, place, start)
        start += number * rows * columns
        level = torch.full_like(held, stride, dtype=torch.float32)
        found.append([t.flatten(2, 3) for t in (place, held & fits & valid[:, :, None, None], cell.float(), level,
                                                sides.expand(*held.shape, 2))])
    return [torch.cat(parts, 2) for parts in zip(*found)]


def assign(cost, iou, allowed, place, predictions):
    """Which candidates [B, G, K] answer for their object; a prediction answers for one alone, the cheapest."""
    wanted = torch.where(allowed, iou, 0.0).topk(min(10, iou.shape[2]), 2)[0].sum(2).int().clamp(min=1)
    rank = cost.argsort(2).argsort(2)
    taken = allowed & (rank < wanted[..., None])
    price = torch.where(taken, cost, NEVER).flatten(1)
    least = torch.full((len(cost), predictions), NEVER, device=cost.device)
    least = least.scatter_reduce(1, place.flatten(1), price, "amin")
    return taken & (price <= least.gather(1, place.flatten(1))).view_as(taken)


def detector_loss(maps, head, corners, kinds, valid):
    """Loss, and its three parts with the mean IoU of what answers, as a vector.

    maps: of IDetect in training; corners [B, G, 4] (x0, y0, x1, y1) in pixels, kinds [B, G], valid [B, G].
    """
    corners = torch.where(valid[..., None], corners, torch.tensor((0.0, 0.0, 8.0, 8.0), device=corners.device))
    boxes = torch.cat(((corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]), -1)
    shapes = [m.shape[2:4] for m in maps]
    strides = [8.0, 16.0, 32.0]
    raw = torch.cat([m.flatten(1, 3) for m in maps], 1).float()
    anchors = head.anchor_grid.view(head.nl, head.na, 2).float()
    place, allowed, cell, stride, sides = candidates(boxes, valid, shapes, strides, anchors)
    picked = raw.gather(1, place.flatten(1)[..., None].expand(-1, -1, raw.shape[2])).view(*place.shape, -1)
    s = picked[..., :4].sigmoid()
    predicted = torch.cat(((s[..., :2] * 2.0 - 0.5 + cell) * stride[..., None], (s[..., 2:] * 2.0) ** 2 * sides), -1)
    iou, complete = complete_iou(predicted, boxes[:, :, None])
    truth = F.one_hot(kinds, head.nc).float()[:, :, None].expand(*place.shape, -1)
    with torch.no_grad():
        score = (picked[..., 5:].sigmoid() * picked[..., 4:5].sigmoid()).sqrt()
        error = F.binary_cross_entropy(score, truth, reduction="none").sum(-1)
        cost = torch.where(allowed, error - 3.0 * torch.log(iou.clamp(min=1e-6)), NEVER)
        taken = assign(cost, iou, allowed, place, raw.shape[1]).float()
        quality = torch.zeros_like(raw[..., 4]).scatter_reduce(1, place.flatten(1), (taken * iou).flatten(1), "amax")
    number = taken.sum().clamp(min=1.0)
    box = (taken * (1.0 - complete)).sum() / number
    objectness = F.binary_cross_entropy_with_logits(raw[..., 4], quality, reduction="sum") / number
    kind = (taken * F.binary_cross_entropy_with_logits(picked[..., 5:], truth, reduction="none").sum(-1)).sum() / number
    loss = BOX * box + OBJECTNESS * objectness + CLASS * kind
    figures = torch.stack((box, objectness, kind, (taken * iou).sum() / number, number / len(raw)))
    return loss, figures.detach()
