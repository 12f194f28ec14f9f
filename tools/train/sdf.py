"""Signed distance fields of the shape families that the scenes are made of.

Every function takes local coordinates x, y (pixels of the 512-pixel frame, origin at the shape's centre, rotation
already undone; [G, H, W]), the shape's radius r ([G, 1, 1]) and its family parameters g ([G, 1, 1, n]). It returns
distances that are negative inside. They are exact near straight edges and first-order accurate elsewhere, which is all
that antialiasing, bevels and shadows need.
"""

import torch

VERTICES = 10
SEGMENTS = 12
GEOMETRY = SEGMENTS * 6  # family parameters of a shape; capsules need the most


def radial(x, y, r, g):
    """Ellipses, blobs, flowers and gears: rho(theta) = r (1 + sum a_n cos(n theta + phi_n))."""
    stretch = g[..., 0]
    x, y = x / stretch, y * stretch
    rho = torch.sqrt(x * x + y * y + 1e-4)
    theta = torch.atan2(y, x)
    radius = torch.ones_like(x)
    slope = torch.zeros_like(x)
    for i, n in enumerate((2.0, 3.0, 5.0)):
        phase = n * theta + g[..., 4 + i]
        radius = radius + g[..., 1 + i] * torch.cos(phase)
        slope = slope - n * g[..., 1 + i] * torch.sin(phase)
    teeth = g[..., 7] * theta
    radius = radius + g[..., 8] * torch.cos(teeth)
    slope = slope - g[..., 7] * g[..., 8] * torch.sin(teeth)
    # d(rho - radius) has gradient (1, -slope / rho) in polar coordinates: divide by its length.
    steep = r * slope / torch.maximum(rho, 0.3 * r)
    return (rho - r * radius) / torch.sqrt(1.0 + steep * steep) * torch.minimum(stretch, 1.0 / stretch)


def box(x, y, r, g):
    """Rounded boxes, with a taper (trapezoids) and a bend."""
    hx, hy = r * g[..., 0], r * g[..., 1]
    corner = torch.minimum(hx, hy) * g[..., 2]
    x = x + g[..., 4] * y * y / r
    hx = hx * (1.0 + g[..., 3] * torch.clamp(y / hy, -1.0, 1.0))
    qx = torch.abs(x) - hx + corner
    qy = torch.abs(y) - hy + corner
    outside = torch.sqrt(torch.clamp(qx, min=0.0) ** 2 + torch.clamp(qy, min=0.0) ** 2)
    return outside + torch.clamp(torch.maximum(qx, qy), max=0.0) - corner


def polygon(x, y, r, g):
    """Polygons: the distance to the nearest edge, signed by the parity of edge crossings."""
    nearest = torch.full_like(x, 1e8)
    inside = torch.zeros_like(x, dtype=torch.bool)
    for i in range(VERTICES):
        j = (i + 1) % VERTICES
        ax, ay = r * g[..., 2 * i], r * g[..., 2 * i + 1]
        ex, ey = r * g[..., 2 * j] - ax, r * g[..., 2 * j + 1] - ay
        px, py = x - ax, y - ay
        t = torch.clamp((px * ex + py * ey) / (ex * ex + ey * ey + 1e-6), 0.0, 1.0)
        nearest = torch.minimum(nearest, (px - t * ex) ** 2 + (py - t * ey) ** 2)
        spans = (py >= 0.0) != (py >= ey)
        right = (px * ey < py * ex) == (ey > 0.0)
        inside = inside ^ (spans & right)
    distance = torch.sqrt(nearest + 1e-6)
    return torch.where(inside, -distance, distance)


def capsules(x, y, r, g):
    """A smooth union of tapered capsules: strokes, text-like rows of glyphs, figures with limbs.

    g holds (ax, ay, bx, by, ra, rb) per segment, all in units of r; the last segment's end radius carries no shape
    (the segment before it is repeated by the sampler where fewer are wanted).
    """
    smooth = torch.clamp(0.12 * r, max=4.0)
    result = None
    for i in range(SEGMENTS):
        ax, ay, bx, by, ra, rb = (r * g[..., 6 * i + j] for j in range(6))
        ex, ey = bx - ax, by - ay
        t = torch.clamp(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey + 1e-4), 0.0, 1.0)
        d = torch.sqrt((x - ax - t * ex) ** 2 + (y - ay - t * ey) ** 2 + 1e-6) - (ra + t * (rb - ra))
        if result is None:
            result = d
        else:  # polynomial smooth minimum
            h = torch.clamp(0.5 + 0.5 * (result - d) / smooth, 0.0, 1.0)
            result = result + h * (d - result) - smooth * h * (1.0 - h) * 0.5
    return result


def ring(x, y, r, g):
    """Rings and arcs: a band around an ellipse, with an angular gap."""
    stretch = g[..., 0]
    x, y = x / stretch, y * stretch
    rho = torch.sqrt(x * x + y * y + 1e-4)
    band = (torch.abs(rho - r * (1.0 - g[..., 1])) - r * g[..., 1]) * torch.minimum(stretch, 1.0 / stretch)
    gap = rho * (g[..., 2] - torch.abs(torch.atan2(y, x)))
    return torch.where(g[..., 2] > 0.0, torch.maximum(band, gap), band)


def vase(x, y, r, g):
    """Mirror-symmetric profiles (bottles, vases, lamps): half width as a function of height."""
    hx, hy = r * g[..., 0], r * g[..., 1]
    t = y / hy
    width = torch.ones_like(x)
    slope = torch.zeros_like(x)
    for i in range(3):
        n = 1.6 * (i + 1)
        width = width + g[..., 2 + i] * torch.cos(n * t + g[..., 5 + i])
        slope = slope - n * g[..., 2 + i] * torch.sin(n * t + g[..., 5 + i])
    steep = hx * slope / hy
    dx = (torch.abs(x) - hx * torch.clamp(width, min=0.12)) / torch.sqrt(1.0 + steep * steep)
    return torch.maximum(dx, torch.abs(y) - hy)


FAMILIES = (radial, box, polygon, capsules, ring, vase)

# Column layout of the per-shape parameter tensor, in front of the family parameters.
CX, CY, COS, SIN, RADIUS, WARP, WARP_FX, WARP_FY, WARP_PHASE, BITE_X, BITE_Y, BITE_R, ONION = range(13)
HEADER = 13


def evaluate(family, shapes, size):
    """Distances of G shapes of one family on a size x size raster of the 512-pixel frame: [G, size, size]."""
    step = 512.0 / size
    axis = (torch.arange(size, device=shapes.device, dtype=torch.float32) + 0.5) * step
    column = [shapes[:, i, None, None] for i in range(HEADER)]
    px, py = axis[None, None, :], axis[None, :, None]
    wx = column[WARP] * torch.sin(column[WARP_FY] * py + column[WARP_PHASE])
    wy = column[WARP] * torch.sin(column[WARP_FX] * px + 2.0 * column[WARP_PHASE])
    dx, dy = px - column[CX] + wx, py - column[CY] + wy
    x = column[COS] * dx + column[SIN] * dy
    y = column[COS] * dy - column[SIN] * dx
    d = family(x, y, column[RADIUS], shapes[:, None, None, HEADER:])
    bite = torch.sqrt((x - column[BITE_X]) ** 2 + (y - column[BITE_Y]) ** 2) - column[BITE_R]
    d = torch.where(column[BITE_R] > 0.0, torch.maximum(d, -bite), d)
    hollow = torch.abs(d + column[ONION]) - column[ONION]
    return torch.where(column[ONION] > 0.0, hollow, d)
