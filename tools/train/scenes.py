"""Renders random scenes with exact masks on the GPU (or, slowly, on the CPU).

    batch = sample_scenes(seeds)          # scene_params.py: small tensors, made on the CPU
    scene = render(batch, device, size)   # pictures, and which layer owns each pixel

Distance fields of all layers are evaluated first; the layers are then painted back to front. All masks of a scene
follow from one map, the topmost layer at each pixel: an object's visible mask is where that layer is the object itself
or one of its parts.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

import camera
import sdf
import textures
from scene_params import (ABSENT, BACKDROP, BAND, CAMERA, CLIPPED, FAMILY_COUNTS, FULL, HALF_PLANE, INSET, LAYERS,
                          PAINT)

PAINT_COLUMN = {name: i for i, name in enumerate(PAINT)}


@dataclass
class Scene:
    """image [B, 3, S, S] uint8, zero outside the frame; owner [B, S, S] uint8: the topmost layer, LAYERS outside
    the frame; frame [B, 2]: height and width; area, hidden [B, LAYERS]: visible pixels of each object (parts
    included) and the share of its own outline's area that other objects cover."""
    image: torch.Tensor
    owner: torch.Tensor
    frame: torch.Tensor
    area: torch.Tensor
    hidden: torch.Tensor
    member: torch.Tensor


def layer_distance(own, parents, mode, fit, px, py):
    """The distance field of one layer of each scene, from its own shape's and its parent's: [B, S, S]."""
    margin, cos, sin, offset, half = (fit[:, i, None, None] for i in range(5))
    mode = mode[:, None, None]
    across = cos * px + sin * py
    d = torch.where(mode == CLIPPED, torch.maximum(own, parents + margin), own)
    d = torch.where(mode == INSET, parents + margin, d)
    d = torch.where(mode == BAND, torch.maximum(parents + 0.5, torch.abs(across - offset) - half), d)
    d = torch.where(mode == HALF_PLANE, -(cos * (px - 256.0) + sin * (py - 180.0) - offset), d)
    d = torch.where(mode == FULL, torch.full_like(own, -1e3), d)
    return torch.where(mode == ABSENT, torch.full_like(own, 1e3), d)


def paint_layer(canvas, owner, d, cast, paint, index, step):
    """Paints one layer over the canvas [B, 3, S, S]; returns the canvas and the owner map [B, S, S].

    d is the layer's distance field, cast the same field moved to where its shadow falls; step is the size of a raster
    pixel in frame pixels.
    """
    p = {name: paint[:, i, None, None] for name, i in PAINT_COLUMN.items()}
    size = d.shape[-1]
    axis = (torch.arange(size, device=d.device, dtype=torch.float32) + 0.5) * step
    x, y = axis[None, None, :] - p["cx"], axis[None, :, None] - p["cy"]

    # Surface colour: two tones mixed by a pattern, a ramp across the object, fine grain.
    u = (p["tex_cos"] * x + p["tex_sin"] * y) * p["freq"] + p["tex_u"]
    v = (p["tex_cos"] * y - p["tex_sin"] * x) * p["freq"] / p["streak"] + p["tex_v"]
    seed = p["seed"].to(torch.int32)
    mix = p["contrast"] * textures.pattern(p["pattern"], u, v, p["sharp"], seed)
    grain = textures.value_noise(x * p["grain_freq"] + 31.0, y * p["grain_freq"] / p["streak"] + 17.0, seed + 7) - 0.5
    ramp = torch.clamp((p["ramp_cos"] * x + p["ramp_sin"] * y) / p["radius"], -1.2, 1.2)
    tone = (1.0 + p["ramp"] * ramp) * (1.0 + p["grain"] * grain * 2.0)

    # Relief: the height rises from the edge over the bevel's width as a quarter circle; the light comes from a side.
    gx = torch.diff(d, dim=-1, append=d[..., -1:]) / step
    gy = torch.diff(d, dim=-2, append=d[..., -1:, :]) / step
    flatness = torch.clamp(-d / p["bevel"], 0.0, 1.0)
    tilt = (1.0 - flatness) * torch.clamp(1.3 - 0.3 * (gx * gx + gy * gy), 0.0, 1.0)
    nx, ny = gx * tilt, gy * tilt
    facing = nx * p["light_x"] + ny * p["light_y"]
    diffuse = 1.0 + p["bevel_amount"] * (facing - 0.25 * tilt * tilt)
    half_way = torch.clamp(0.8 * facing + 0.6 * torch.sqrt(torch.clamp(1.0 - tilt * tilt, min=0.0)), 0.0, 1.0)
    gloss = p["gloss"] * half_way ** 24
    outline = torch.where((d > -p["outline"]) & (p["outline"] > 0.0), 0.35, 1.0)
    tone = tone * diffuse * outline

    # What lies below is darkened by the cast shadow and near the object's foot.
    shadow = p["shadow"] * torch.clamp(0.5 - cast / (2.0 * p["shadow_soft"]), 0.0, 1.0)
    contact = p["contact"] * torch.exp(-torch.clamp(d, min=0.0) / (0.35 * p["shadow_soft"] + 1.0))
    dark = torch.where(p["shadow"] > 0.0, (1.0 - shadow) * (1.0 - contact), torch.ones_like(d))

    cover = p["opacity"] * torch.clamp(0.5 - d / (p["soft"] * step), 0.0, 1.0)
    channels = []
    for i, name in enumerate(("r", "g", "b")):
        first, second = p["c0_" + name], p["c1_" + name]
        surface = torch.clamp((first + mix * (second - first)) * tone + gloss, 0.0, 1.2)
        below = canvas[:, i] * dark
        channels.append(below + cover * (surface - below))
    return torch.stack(channels, 1), torch.where(d < 0.0, index, owner)


def moved(d, dx, dy, step):
    """d sampled at p - (dx, dy), nearest pixel, clamped to the raster; dx, dy [B] in frame pixels."""
    batch, size = d.shape[0], d.shape[-1]
    index = torch.arange(size, device=d.device)
    columns = (index[None] - torch.round(dx / step)[:, None].long()).clamp(0, size - 1)
    rows = (index[None] - torch.round(dy / step)[:, None].long()).clamp(0, size - 1)
    return d[torch.arange(batch, device=d.device)[:, None, None], rows[:, :, None], columns[:, None, :]]


def visible_share(d, owner, member, index):
    """Per scene: pixels inside the outline d, how many of them the object (member [B, LAYERS + 1]) shows, and pixels
    that the layer itself owns."""
    inside = (d < 0.0) & (owner < LAYERS)
    shown = inside & torch.gather(member, 1, owner.flatten(1).long()).view_as(inside)
    return inside.sum((1, 2)), shown.sum((1, 2)), (owner == index).sum((1, 2))


class Renderer:
    """Renders batches at one size; with compiled=True the per-pixel functions go through torch.compile."""

    def __init__(self, device, size=512, compiled=False):
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
        self.device, self.size, self.step = device, size, 512.0 / size
        self.evaluate = wrap(sdf.evaluate)
        self.layer_distance, self.paint_layer = wrap(layer_distance), wrap(paint_layer)
        self.moved, self.visible_share = wrap(moved), wrap(visible_share)
        self.develop = wrap(camera.develop)
        axis = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * self.step
        self.px, self.py = axis[None, None, :].expand(1, size, size), axis[None, :, None].expand(1, size, size)

    @torch.no_grad()
    def __call__(self, batch):
        """Renders the scenes described by sample_scenes()."""
        s = {k: v.to(self.device, non_blocking=True) for k, v in batch.items() if isinstance(v, torch.Tensor)}
        count = s["order"].shape[0]
        rows = torch.arange(count, device=self.device)
        own, at = [], 0
        for family, number in zip(sdf.FAMILIES, FAMILY_COUNTS):
            shapes = s["shapes"][:, at:at + number].flatten(0, 1)
            own.append(self.evaluate(family, shapes, self.size).view(count, number, self.size, self.size))
            at += number
        own = torch.cat(own, 1)

        view = {name: s["camera"][:, i] for i, name in enumerate(CAMERA)}
        canvas = torch.zeros(count, 3, self.size, self.size, device=self.device)
        owner = torch.full((count, self.size, self.size), float(LAYERS), device=self.device)
        fields = torch.empty(LAYERS, count, self.size, self.size, device=self.device)
        dx, dy = s["paint"][..., PAINT_COLUMN["shadow_dx"]], s["paint"][..., PAINT_COLUMN["shadow_dy"]]
        for k in range(LAYERS):
            parents = fields[s["parent"][:, k], rows] if k >= BACKDROP else own[:, 0]
            d = self.layer_distance(own[rows, s["order"][:, k]], parents, s["mode"][:, k], s["fit"][:, k], self.px,
                                    self.py)
            fields[k] = d
            cast = self.moved(d, dx[:, k], dy[:, k], self.step)
            index = torch.full((1, 1, 1), float(k), device=self.device)
            canvas, owner = self.paint_layer(canvas, owner, d, cast, s["paint"][:, k], index, self.step)
            if k == BACKDROP - 1:
                canvas = camera.gaussian_blur(canvas, view["backdrop_blur"] / self.step, 13)

        frame = torch.stack((view["height"], view["width"]), 1)
        outside = (self.py > frame[:, 0, None, None]) | (self.px > frame[:, 1, None, None])
        owner = torch.where(outside, float(LAYERS), owner).to(torch.uint8)
        canvas = camera.gaussian_blur(canvas, view["blur"] / self.step, 5)
        image = self.develop(canvas, s["camera"], self.px, self.py)
        image = torch.where(outside[:, None], torch.zeros_like(image), image)

        member = F.pad(s["member"] & s["labelled"][:, :, None], (0, 1))
        layer_area = torch.zeros(count, LAYERS + 1, device=self.device)
        hidden = torch.ones(count, LAYERS, device=self.device)
        for k in range(BACKDROP, LAYERS):
            index = torch.full((1, 1, 1), k, device=self.device)
            inside, shown, layer_area[:, k] = self.visible_share(fields[k], owner, member[:, k], index)
            hidden[:, k] = 1.0 - shown / inside.clamp(min=1)
        area = torch.einsum("btl,bl->bt", member.float(), layer_area)
        return Scene(image, owner, frame, area, hidden, member)


def variant(scene, index):
    """Further uses of a rendered batch: 0 as it is, 1 mirrored at the diagonal, 2 left to right, 3 both; the colour
    channels rotate along."""
    image, owner, frame = scene.image.roll(index % 3, 1), scene.owner, scene.frame
    if index in (2, 3):
        x = torch.arange(owner.shape[2], device=owner.device)
        width = frame[:, 1:].long()
        x = torch.where(x[None] < width, width - 1 - x[None], x[None])[:, None].expand(owner.shape)
        owner = torch.gather(owner, 2, x)
        image = torch.gather(image, 3, x[:, None].expand(image.shape))
    if index in (1, 3):
        image, owner, frame = image.transpose(2, 3), owner.transpose(1, 2), frame.flip(1)
    return Scene(image.contiguous(), owner.contiguous(), frame, scene.area, scene.hidden, scene.member)


def object_masks(scene, targets):
    """Visible masks of the chosen objects (targets [B, P], layer numbers): [B, P, S, S] bool."""
    count, number = targets.shape
    table = scene.member[torch.arange(count, device=targets.device)[:, None], targets]  # [B, P, LAYERS + 1]
    owner = scene.owner.flatten(1).long()[:, None].expand(-1, number, -1)
    return torch.gather(table, 2, owner).view(count, number, *scene.owner.shape[1:])
