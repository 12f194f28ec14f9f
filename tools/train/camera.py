"""From painted scenes to pictures: lens blur, light, colour, sensor noise, JPEG-like damage."""

import math

import torch
import torch.nn.functional as F

import textures
from scene_params import CAMERA

COLUMN = {name: i for i, name in enumerate(CAMERA)}


def gaussian_blur(image, sigma, radius):
    """Separable Gaussian blur with one sigma (pixels) per picture; sigma 0 leaves a picture as it is."""
    batch, channels, height, width = image.shape
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=torch.float32)
    taps = torch.exp(-0.5 * (offsets / sigma.clamp(min=0.05)[:, None]) ** 2)
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = image.reshape(1, batch * channels, height, width)
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), taps[:, None, None, :],
                    groups=batch * channels)
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), taps[:, None, :, None],
                    groups=batch * channels)
    return flat.reshape(image.shape)


def cosine_matrix(device):
    """The orthonormal 8-point DCT-II."""
    n = torch.arange(8, device=device, dtype=torch.float32)
    matrix = torch.cos(math.pi * (n[None] + 0.5) * n[:, None] / 8.0) * math.sqrt(2.0 / 8.0)
    matrix[0] *= math.sqrt(0.5)
    return matrix


def quantise_blocks(plane, strength):
    """Rounds the 8 x 8 block DCT of plane [B, H, W] (0..255) to steps that grow with frequency; strength [B]."""
    batch, height, width = plane.shape
    c = cosine_matrix(plane.device)
    n = torch.arange(8, device=plane.device, dtype=torch.float32)
    steps = (6.0 + 5.0 * (n[:, None] + n[None]) + 0.6 * n[:, None] * n[None]) * strength.clamp(min=1e-3)[:, None, None]
    blocks = plane.reshape(batch, height // 8, 8, width // 8, 8).permute(0, 1, 3, 2, 4) - 128.0
    spectrum = c @ blocks @ c.T
    steps = steps[:, None, None]
    blocks = c.T @ (torch.round(spectrum / steps) * steps) @ c
    return blocks.permute(0, 1, 3, 2, 4).reshape(plane.shape) + 128.0


def jpeg_like(image, strength):
    """Block quantisation in YCbCr with halved chroma, for the pictures with strength > 0; image in 0..255."""
    r, g, b = image.unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = 128.0 + 0.564 * (b - y), 128.0 + 0.713 * (r - y)
    damaged_y = quantise_blocks(y, strength)
    chroma = []
    for plane in (cb, cr):
        small = quantise_blocks(F.avg_pool2d(plane[:, None], 2)[:, 0], 1.6 * strength)
        chroma.append(small.repeat_interleave(2, 1).repeat_interleave(2, 2) - 128.0)
    cb, cr = chroma
    damaged = torch.stack((damaged_y + 1.402 * cr, damaged_y - 0.344 * cb - 0.714 * cr, damaged_y + 1.772 * cb), 1)
    return torch.where(strength[:, None, None, None] > 0.0, damaged, image)


def develop(canvas, camera, px, py):
    """Light, colour, noise and compression; canvas [B, 3, S, S] in 0..1, returns uint8."""
    c = {name: camera[:, i, None, None] for name, i in COLUMN.items()}
    # A soft glow, and the straight edge of a shadow from outside the picture: borders that belong to no object.
    glow = torch.exp(-((px - c["glow_x"]) ** 2 + (py - c["glow_y"]) ** 2) / (2.0 * 220.0 ** 2))
    wobble = 12.0 * torch.sin(0.021 * px + c["noise_seed"]) * torch.sin(0.017 * py)
    across = c["shade_cos"] * (px - 256.0) + c["shade_sin"] * (py - 200.0) + wobble - c["shade_at"]
    shade = 1.0 - c["shade"] * torch.clamp(0.5 - across / (2.0 * c["shade_soft"]), 0.0, 1.0)
    radius = ((px - 0.5 * c["width"]) ** 2 + (py - 0.5 * c["height"]) ** 2) / (256.0 ** 2 + 192.0 ** 2)
    light = (1.0 + c["glow"] * glow) * shade * (1.0 - c["vignette"] * radius)
    tint = torch.stack((c["warm_r"], torch.ones_like(c["warm_r"]), c["warm_b"]), 1)
    image = torch.clamp(canvas * light[:, None] * tint, 1e-4, 4.0) ** c["gamma"][:, None]
    # Exposure: the mean over the frame is brought to the value drawn for the scene, within limits.
    inside = ((px < c["width"]) & (py < c["height"])).float()[:, None]
    mean = (image * inside).sum((1, 2, 3), keepdim=True) / (3.0 * inside.sum((1, 2, 3), keepdim=True))
    image = torch.clamp(image * torch.clamp(c["exposure"][:, None] / mean, 0.6, 2.5), 0.0, 2.0)
    image = torch.where(image > 0.8, 0.8 + 0.2 * torch.tanh((image - 0.8) / 0.2), image)
    grey = image.mean(1, keepdim=True)
    image = image + c["grey"][:, None] * (grey - image)

    # Noise from a hash of the pixel and the scene: the sum of three uniforms, stronger in the dark.
    size = px.shape[-1]
    ix = torch.arange(size, device=px.device, dtype=torch.int32)[None, None, :]
    iy = torch.arange(size, device=px.device, dtype=torch.int32)[None, :, None]
    seed = c["noise_seed"].to(torch.int32)

    def noise(stream):
        total = sum(textures.hash01(ix, iy, seed + 101 * (3 * stream + i)) for i in range(3))
        return 2.0 * (total - 1.5)

    luma = noise(0)
    both = torch.stack([luma + c["chroma_noise"] * noise(i) for i in (1, 2, 3)], 1)
    image = image + both * (c["noise"] * 1.2)[:, None] * (1.2 - 0.6 * grey)
    image = jpeg_like(torch.clamp(image, 0.0, 1.0) * 255.0, camera[:, COLUMN["quality"]])
    return torch.clamp(torch.round(image), 0.0, 255.0).to(torch.uint8)
