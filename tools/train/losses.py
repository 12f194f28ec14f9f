"""Losses of SAM's training: focal and dice for masks, squared error for the IoU estimate, best of three."""

import torch
import torch.nn.functional as F


def double(x):
    """Bilinear enlargement by two with pixel centres aligned, as interpolate(align_corners=False): every new pixel is
    3/4 of the nearest and 1/4 of the next one. Written with slices, so that its gradient is one fused kernel."""
    for dim in (-1, -2):
        length = x.shape[dim]
        before = torch.cat((x.narrow(dim, 0, 1), x.narrow(dim, 0, length - 1)), dim)
        after = torch.cat((x.narrow(dim, 1, length - 1), x.narrow(dim, length - 1, 1)), dim)
        pair = torch.stack((0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after), x.dim() if dim == -1 else -2)
        x = pair.flatten(-2) if dim == -1 else pair.flatten(-3, -2)
    return x


def mask_losses(logits, cells):
    """Losses of low-resolution logits [N, M, h, w] against the coverage of half-size cells [N, 2h, 2w].

    Returns 20 focal + dice and the IoU of the thresholded masks, both [N, M]. The focal weight for soft targets t is
    (p - t)^2.
    """
    x = double(logits.float())
    t = cells[:, None]
    p = torch.sigmoid(x)
    focal = (p - t) ** 2 * F.binary_cross_entropy_with_logits(x, t.expand_as(x), reduction="none")
    overlap, total = (p * t).sum((2, 3)), p.sum((2, 3)) + t.sum((2, 3))
    dice = 1.0 - (2.0 * overlap + 1.0) / (total + 1.0)
    hard, truth = x > 0.0, t > 0.5
    both, either = (hard & truth).sum((2, 3)), (hard | truth).sum((2, 3))
    return 20.0 * focal.mean((2, 3)) + dice, both / either.clamp(min=1)


def prompt_loss(logits, estimates, cells, ambiguous):
    """Loss of each prompt [N], and the IoU of its four masks.

    ambiguous [N]: the prompt is a single click, so that the best of masks 1 to 3 is what counts; otherwise mask 0 is.
    The other output gets a smaller weight, so that both can be asked for.
    """
    loss, iou = mask_losses(logits, cells)
    best = loss[:, 1:].amin(1) + 0.02 * loss[:, 1:].mean(1)
    weight = torch.where(ambiguous, 0.3, 1.0)
    masks = weight * loss[:, 0] + (1.3 - weight) * best
    return masks + (estimates.float() - iou.detach()).square().mean(1), iou
