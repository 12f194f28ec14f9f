"""Procedural surface patterns: value noise, stripes, checks, dots, marble, cells, bricks.

All are functions of texture coordinates u, v (in periods) to [0, 1], written with element-wise operations only, so that
one compiled kernel evaluates them. Random numbers inside a pattern come from an integer hash of the lattice point, so
a pattern depends on its parameters alone.
"""

import torch

FLAT, STRIPES, CHECKS, DOTS, CLOUDS, MARBLE, CELLS, BRICKS = range(8)


def hash01(ix, iy, seed):
    """Uniform numbers in [0, 1] for integer lattice points; multiplication wraps at 32 bits."""
    h = ix * 374761393 + iy * 668265263 + seed * 1442695041
    h = (h ^ (h >> 13)) * 1274126177
    h = h ^ (h >> 16)
    return (h & 0xFFFF).to(torch.float32) * (1.0 / 65535.0)


def value_noise(u, v, seed):
    """Lattice noise with smoothstep interpolation."""
    fu, fv = torch.floor(u), torch.floor(v)
    iu, iv = fu.to(torch.int32), fv.to(torch.int32)
    tu, tv = u - fu, v - fv
    tu, tv = tu * tu * (3.0 - 2.0 * tu), tv * tv * (3.0 - 2.0 * tv)
    a, b = hash01(iu, iv, seed), hash01(iu + 1, iv, seed)
    c, d = hash01(iu, iv + 1, seed), hash01(iu + 1, iv + 1, seed)
    top, bottom = a + tu * (b - a), c + tu * (d - c)
    return top + tv * (bottom - top)


def clouds(u, v, seed):
    """Three octaves of value noise, stretched to use most of [0, 1]."""
    n = 0.55 * value_noise(u, v, seed) + 0.30 * value_noise(2.03 * u, 2.03 * v, seed + 1)
    n = n + 0.15 * value_noise(4.1 * u, 4.1 * v, seed + 2)
    return torch.clamp(1.6 * n - 0.3, 0.0, 1.0)


def cells(u, v, seed):
    """A random value per Voronoi cell, darker towards the cell's border."""
    fu, fv = torch.floor(u), torch.floor(v)
    iu, iv = fu.to(torch.int32), fv.to(torch.int32)
    best = torch.full_like(u, 9.0)
    value = torch.zeros_like(u)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            ju, jv = iu + dx, iv + dy
            site_u = hash01(ju, jv, seed) + float(dx)
            site_v = hash01(ju, jv, seed + 1) + float(dy)
            d = (u - fu - site_u) ** 2 + (v - fv - site_v) ** 2
            closer = d < best
            best = torch.where(closer, d, best)
            value = torch.where(closer, hash01(ju, jv, seed + 2), value)
    return value * torch.clamp(1.25 - best, 0.0, 1.0)


def square_wave(phase, sharp):
    """A sine clipped into a square wave; sharp = 0.5 leaves the sine."""
    return torch.clamp(0.5 + sharp * torch.sin(6.2831853 * phase), 0.0, 1.0)


def pattern(kind, u, v, sharp, seed):
    """The pattern chosen by kind (all tensors broadcast to u's shape)."""
    cloud = clouds(u, v, seed)
    stripe = square_wave(u, sharp)
    other = square_wave(v, sharp)
    du, dv = u - torch.floor(u) - 0.5, v - torch.floor(v) - 0.5
    dot = torch.clamp(0.5 + 4.0 * sharp * (0.3 - torch.sqrt(du * du + dv * dv + 1e-6)), 0.0, 1.0)
    marble = 0.5 + 0.5 * torch.sin(6.2831853 * (u + 1.7 * cloud))
    row = torch.floor(v)
    bu = 0.5 * u + 0.5 * (row - 2.0 * torch.floor(0.5 * row))
    mortar = torch.minimum(0.5 - torch.abs(bu - torch.floor(bu) - 0.5), 0.5 * (0.5 - torch.abs(dv)))
    tone = 0.6 + 0.4 * hash01(torch.floor(bu).to(torch.int32), row.to(torch.int32), seed)
    bricks = torch.where(mortar < 0.03, torch.zeros_like(u), tone)
    out = torch.zeros_like(u)
    choices = ((STRIPES, stripe), (CHECKS, stripe + other - 2.0 * stripe * other), (DOTS, dot), (CLOUDS, cloud),
               (MARBLE, marble), (CELLS, cells(u, v, seed)), (BRICKS, bricks))
    for index, value in choices:
        out = torch.where(kind == index, value, out)
    return out
