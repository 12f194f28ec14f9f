"""Random scene descriptions: which shapes lie where, what is a part of what, and how everything is painted.

A scene is a pile of LAYERS layers, painted from the back to the front. The first BACKDROP layers are unlabelled
(background, floor, clutter); the others are objects and parts of objects. One seed gives one scene: every number comes
from a generator of that seed alone, whatever batch the scene is rendered in. Seeds from EVAL_SEED on are reserved for
evaluation; training draws below.
"""

import math

import torch

import sdf

BACKDROP = 6
OBJECTS = 22
LAYERS = BACKDROP + OBJECTS
EVAL_SEED = 1 << 40

# How many layers of each family of sdf.FAMILIES a scene holds; which layer gets which is shuffled per scene.
FAMILY_COUNTS = (8, 6, 5, 4, 2, 3)
KINDS = ("blob", "box", "polygon", "stroke", "text", "figure", "ring", "vase")

# How a layer's distance field follows from its own shape and its parent's.
FREE, CLIPPED, INSET, BAND, FULL, HALF_PLANE, ABSENT = range(7)

# Columns of the paint parameters of a layer.
PAINT = ("c0_r", "c0_g", "c0_b", "c1_r", "c1_g", "c1_b", "pattern", "freq", "tex_cos", "tex_sin", "tex_u", "tex_v",
         "sharp", "contrast", "seed", "grain", "grain_freq", "ramp", "ramp_cos", "ramp_sin", "bevel", "bevel_amount",
         "gloss", "soft", "shadow", "shadow_dx", "shadow_dy", "shadow_soft", "contact", "outline", "opacity",
         "cx", "cy", "radius", "light_x", "light_y", "streak")
# Columns of the camera and light parameters of a scene.
CAMERA = ("height", "width", "backdrop_blur", "blur", "exposure", "gamma", "warm_r", "warm_b", "grey", "vignette",
          "noise", "chroma_noise", "quality", "shade", "shade_cos", "shade_sin", "shade_at", "shade_soft", "glow",
          "glow_x", "glow_y", "noise_seed")


class Draws:
    """Hands out the columns of a block of uniform numbers, one [scenes, layers] tensor at a time."""

    def __init__(self, numbers):
        self.numbers, self.used = numbers, 0

    def unit(self):
        self.used += 1
        return self.numbers[..., self.used - 1]

    def uniform(self, low, high):
        return low + (high - low) * self.unit()

    def log_uniform(self, low, high):
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def normal(self):
        radius = torch.sqrt(-2.0 * torch.log(torch.clamp(self.unit(), min=1e-6)))
        return radius * torch.cos(2.0 * math.pi * self.unit())

    def below(self, probability):
        return self.unit() < probability

    def choice(self, weights):
        """Indices with the given relative weights."""
        edges = torch.cumsum(torch.tensor(weights, dtype=torch.float32), 0) / sum(weights)
        return torch.bucketize(self.unit().contiguous(), edges[:-1], right=True)


def hsv_to_rgb(h, s, v):
    """Piecewise-linear HSV to RGB; [...] -> [..., 3]."""
    channels = []
    for shift in (5.0, 3.0, 1.0):
        k = torch.remainder(shift + 6.0 * h, 6.0)
        channels.append(v - v * s * torch.clamp(torch.minimum(k, 4.0 - k), 0.0, 1.0))
    return torch.stack(channels, -1)


def families():
    """Family index of every shape, in the order in which shapes are evaluated: [LAYERS]."""
    return torch.repeat_interleave(torch.arange(len(FAMILY_COUNTS)), torch.tensor(FAMILY_COUNTS))


def radial_geometry(d, g):
    g[..., 0] = torch.exp(d.uniform(-0.5, 0.5))
    style = d.choice((5, 5, 2))
    for i, limit in enumerate((0.22, 0.16, 0.09)):
        g[..., 1 + i] = torch.where(style == 1, d.uniform(-limit, limit), torch.zeros(()))
        g[..., 4 + i] = d.uniform(0, 2 * math.pi)
    g[..., 7] = torch.floor(d.uniform(3, 11))
    g[..., 8] = torch.where(style == 2, d.uniform(0.05, 0.3), torch.zeros(()))


def box_geometry(d, g):
    aspect = torch.where(d.below(0.15), d.log_uniform(4.0, 10.0), d.log_uniform(0.45, 2.2))
    g[..., 0], g[..., 1] = 0.85 * torch.sqrt(aspect), 0.85 / torch.sqrt(aspect)
    g[..., 2] = torch.where(d.below(0.4), torch.zeros(()), d.uniform(0.05, 1.0))
    g[..., 3] = torch.where(d.below(0.3), d.uniform(-0.45, 0.45), torch.zeros(()))
    g[..., 4] = torch.where(d.below(0.2), d.uniform(-0.5, 0.5), torch.zeros(()))


def polygon_geometry(d, g):
    """Star-convex polygons: vertices at increasing angles, some regular, some stars, most irregular."""
    count = torch.floor(d.uniform(3, sdf.VERTICES + 0.99))
    style = d.choice((2, 1, 5))  # regular, star, irregular
    count = torch.where(style == 1, 2.0 * torch.clamp(torch.floor(count / 2), min=4.0), count)
    inner = d.uniform(0.35, 0.7)
    last_jitter, last_rough = torch.zeros(()), torch.ones(())
    for i in range(sdf.VERTICES):
        index = torch.clamp(torch.full_like(count, float(i)), max=count - 1.0)
        jitter = torch.where((style == 2) & (index == i), d.uniform(-0.35, 0.35), torch.zeros(()))
        rough = torch.where(style == 2, d.uniform(0.55, 1.15), torch.ones(()))
        jitter = torch.where(index == i, jitter, last_jitter)  # surplus vertices repeat the last one
        rough = torch.where(index == i, rough, last_rough)
        last_jitter, last_rough = jitter, rough
        radius = torch.where((style == 1) & (torch.remainder(index, 2.0) == 1.0), inner, rough)
        angle = 2.0 * math.pi * (index + jitter) / count
        g[..., 2 * i], g[..., 2 * i + 1] = radius * torch.cos(angle), radius * torch.sin(angle)


def capsule_geometry(d, g, scale):
    """Strokes (a wandering thin line), text (a row of small glyphs) and figures (a body with limbs).

    scale is the layer's radius in pixels: stroke widths are drawn in pixels, so that thin parts stay visible.
    Returns the style: 0 stroke, 1 text, 2 figure.
    """
    style = d.choice((3, 2, 4))
    segments = torch.zeros(*g.shape[:-1], sdf.SEGMENTS, 6)
    thin = d.log_uniform(3.0, 9.0) / scale
    # Stroke: a random walk of directions; recentred below.
    heading, x, y = d.uniform(0, 2 * math.pi), torch.zeros(()), torch.zeros(())
    turn, length = d.uniform(-0.5, 0.5), d.log_uniform(0.15, 0.4)
    stroke = torch.zeros_like(segments)
    for i in range(sdf.SEGMENTS):
        stroke[..., i, 0], stroke[..., i, 1] = x, y
        heading = heading + turn + 0.7 * d.normal() * 0.5
        x, y = x + length * torch.cos(heading), y + length * torch.sin(heading)
        stroke[..., i, 2], stroke[..., i, 3] = x, y
        stroke[..., i, 4] = stroke[..., i, 5] = thin
    middle = stroke[..., 6:7, 0:2]
    stroke[..., 0:2] -= middle
    stroke[..., 2:4] -= middle
    # Text: four glyphs of three strokes between random points of a 3 x 3 raster.
    text = torch.zeros_like(segments)
    glyph_width = d.uniform(0.13, 0.2)
    weight = torch.maximum(d.uniform(0.045, 0.08), 2.4 / scale)
    for i in range(sdf.SEGMENTS):
        left = (i // 3 - 1.5) * 0.5
        for j in (0, 2):
            column, row = torch.floor(d.uniform(0, 2.99)) - 1.0, torch.floor(d.uniform(0, 2.99)) - 1.0
            text[..., i, j], text[..., i, j + 1] = left + column * glyph_width, row * 0.26
        text[..., i, 4] = text[..., i, 5] = weight
    # Figure: a tapered body, a head and limbs that start on the body.
    figure = torch.zeros_like(segments)
    lean, body = d.uniform(-0.15, 0.15), d.uniform(0.25, 0.5)
    figure[..., 0, 0], figure[..., 0, 1] = -lean, -body
    figure[..., 0, 2], figure[..., 0, 3] = lean, body
    figure[..., 0, 4], figure[..., 0, 5] = d.uniform(0.12, 0.34), d.uniform(0.12, 0.34)
    head = d.uniform(0.1, 0.25)
    figure[..., 1, 0] = figure[..., 1, 2] = -lean + d.uniform(-0.2, 0.2)
    figure[..., 1, 1] = figure[..., 1, 3] = -body - 0.12 - head
    figure[..., 1, 4] = figure[..., 1, 5] = head
    limbs = torch.floor(d.uniform(0, 6.0))
    end = angle = None
    for i in range(2, sdf.SEGMENTS):
        limb = torch.full_like(limbs, float((i - 2) // 2))
        if i % 2 == 0:  # upper half of a limb, attached to the body
            t, angle = d.uniform(-1, 1), d.uniform(0, 2 * math.pi)
            start = (lean * t, body * t)
            width = d.uniform(0.04, 0.13)
        else:  # lower half, bent
            start, angle = end, angle + d.uniform(-1.0, 1.0)
        reach = d.uniform(0.25, 0.5)
        end = (start[0] + reach * torch.cos(angle), start[1] + reach * torch.sin(angle))
        part = torch.stack((*start, *end, width, 0.75 * width), -1)
        figure[..., i, :] = torch.where((limb < limbs)[..., None], part, figure[..., 0, :])
    chosen = torch.where((style == 1)[..., None, None], text, stroke)
    chosen = torch.where((style == 2)[..., None, None], figure, chosen)
    g[...] = chosen.flatten(-2)
    return style


def ring_geometry(d, g):
    g[..., 0] = torch.exp(d.uniform(-0.35, 0.35))
    g[..., 1] = d.log_uniform(0.07, 0.24)
    g[..., 2] = torch.where(d.below(0.45), d.uniform(0.3, 2.0), torch.zeros(()))


def vase_geometry(d, g):
    aspect = d.log_uniform(1.0, 2.4)
    g[..., 0], g[..., 1] = 0.6 / torch.sqrt(aspect), 0.85 * torch.sqrt(aspect)
    for i, limit in enumerate((0.35, 0.25, 0.15)):
        g[..., 2 + i] = d.uniform(-limit, limit)
        g[..., 5 + i] = d.uniform(0, 2 * math.pi)


def sample_scenes(seeds):
    """Descriptions of the scenes with the given seeds, as a dict of tensors (small; made on the CPU).

    shapes [B, LAYERS, n]: geometry, ordered by family; order [B, LAYERS]: the shape that a layer uses;
    mode, parent [B, LAYERS]; fit [B, LAYERS, 4]: inset or clip margin, band cos, sin, offset, half width;
    member [B, LAYERS, LAYERS]: layer j belongs to object i; paint, camera; kind [B, LAYERS]: index into KINDS.
    """
    layer_numbers, scene_numbers = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(int(seed))
        layer_numbers.append(torch.rand(LAYERS, 320, generator=generator))
        scene_numbers.append(torch.rand(1, 128, generator=generator))
    d, s = Draws(torch.stack(layer_numbers)), Draws(torch.stack(scene_numbers))
    batch = len(layer_numbers)
    camera = sample_camera(s)
    height, width = camera["height"], camera["width"]

    # Structure: roots and their parts. Every third object layer is a root, so that a scene has at least six objects.
    slot = torch.arange(LAYERS).expand(batch, LAYERS)
    is_object = slot >= BACKDROP
    present = (slot - BACKDROP) < torch.floor(s.uniform(16, 20.99))
    part_rate, extra_rate = s.uniform(0.1, 0.6), s.uniform(0.0, 0.5)
    is_part = (slot > BACKDROP) & ((slot - BACKDROP) % 3 != 0) & (d.unit() < part_rate)
    present &= is_part | ((slot - BACKDROP) % 3 == 0) | (d.unit() < extra_rate)
    nested = d.below(0.25)
    part_mode = d.choice((50, 14, 14, 22))  # CLIPPED, INSET, BAND, or attached and FREE
    mode = torch.where(is_part, torch.tensor((CLIPPED, INSET, BAND, FREE))[part_mode], torch.full((), FREE))

    order = torch.argsort(d.unit(), dim=1)
    family = families()[order]

    # Sizes and places, one layer after the other because parts follow their parents.
    depth = (slot - BACKDROP).clamp(min=0) / OBJECTS
    crowd = s.uniform(0.8, 1.2)
    root_radius = torch.exp(math.log(32.0) + d.unit() * (torch.log(150.0 - 60.0 * depth) - math.log(32.0))) * crowd
    large = (slot == BACKDROP) & d.below(0.4)
    root_radius = torch.where(large, d.uniform(110.0, 220.0), root_radius)
    root_radius = torch.where(is_object, root_radius, d.log_uniform(20.0, 140.0))
    place_x, place_y = d.unit(), d.unit()
    reach, toward, clustered = d.uniform(0.5, 1.0), d.uniform(0, 2 * math.pi), d.below(0.5)
    part_scale, spread = d.log_uniform(0.26, 0.6), torch.sqrt(d.unit())
    cx, cy, radius = (torch.zeros(batch, LAYERS) for _ in range(3))
    parent = torch.zeros(batch, LAYERS, dtype=torch.long)
    member = torch.eye(LAYERS, dtype=torch.bool).repeat(batch, 1, 1)
    rows = torch.arange(batch)
    root, previous_root = torch.zeros(batch, dtype=torch.long), torch.zeros(batch, dtype=torch.long)
    for k in range(LAYERS):
        part = is_part[:, k]
        previous_root = torch.where(part, previous_root, root)
        root = torch.where(part, root, torch.full((), k))
        if k:
            above = torch.where(nested[:, k] & is_part[:, k - 1], torch.full((), k - 1), root)
            parent[:, k] = torch.where(part, above, torch.full((), k))
            # An object that holds this part's parent holds this part.
            holders = member[rows, :, parent[:, k]]
            member[:, :, k] |= holders & part[:, None]
            present[:, k] &= present[rows, parent[:, k]]
        p = parent[:, k]
        radius[:, k] = torch.where(part, radius[rows, p] * part_scale[:, k], root_radius[:, k])
        near = torch.where(part, p, previous_root)
        attached = part & (mode[:, k] == FREE)
        part_distance = torch.where(attached, 0.7 + 0.3 * reach[:, k], 0.6 * spread[:, k]) * radius[rows, near]
        near_distance = (radius[rows, near] + radius[:, k]) * reach[:, k]
        distance = torch.where(part, part_distance, near_distance)
        beside_x = cx[rows, near] + distance * torch.cos(toward[:, k])
        beside_y = cy[rows, near] + distance * torch.sin(toward[:, k])
        use_near = part | (clustered[:, k] & (k > BACKDROP))
        free_x, free_y = place_x[:, k] * width[:, 0], place_y[:, k] * height[:, 0]
        cx[:, k] = torch.where(use_near, beside_x, free_x)
        cy[:, k] = torch.where(use_near, beside_y, free_y)
        if k > BACKDROP:  # roots stay in the picture: reflected at its edges
            for centre, side in ((cx, width[:, 0]), (cy, height[:, 0])):
                mirrored = (side - (side - centre[:, k].abs()).abs()).clamp(min=0.0)
                centre[:, k] = torch.where(part, centre[:, k], mirrored)

    # The unlabelled layers: the whole picture, then perhaps a floor, then clutter.
    clutter = torch.floor(s.uniform(0, BACKDROP - 1.01))
    mode = torch.where(is_object & ~present, torch.full((), ABSENT), mode)
    mode = torch.where(~is_object & (slot - 2 >= clutter), torch.full((), ABSENT), mode)
    mode[:, 0] = FULL
    mode[:, 1] = torch.where(s.below(0.6)[:, 0], torch.full((), HALF_PLANE), torch.full((), ABSENT))
    fit_angle = d.uniform(0, 2 * math.pi)
    fit_angle[:, 1] = math.pi / 2 + 0.25 * (fit_angle[:, 1] - math.pi)
    margin = torch.where(mode == INSET, d.uniform(0.1, 0.35) * radius[rows[:, None], parent], d.uniform(-1.0, 3.0))
    fit = torch.stack((margin, torch.cos(fit_angle), torch.sin(fit_angle), d.uniform(-0.4, 0.4) * radius * 2.0,
                       d.uniform(0.4, 1.0) * radius), -1)

    # Shapes, in family order.
    angle = torch.where(d.below(0.35), 0.12 * d.normal(), d.uniform(0, 2 * math.pi))
    warped = d.below(0.35)
    header = torch.zeros(batch, LAYERS, sdf.HEADER)
    header[..., sdf.CX], header[..., sdf.CY] = cx, cy
    header[..., sdf.COS], header[..., sdf.SIN] = torch.cos(angle), torch.sin(angle)
    header[..., sdf.RADIUS] = radius
    header[..., sdf.WARP] = torch.where(warped, d.uniform(0.02, 0.09) * radius, torch.zeros(()))
    header[..., sdf.WARP_FX] = d.uniform(2.0, 5.0) / radius
    header[..., sdf.WARP_FY] = d.uniform(2.0, 5.0) / radius
    header[..., sdf.WARP_PHASE] = d.uniform(0, 2 * math.pi)
    bite_angle, bite = d.uniform(0, 2 * math.pi), d.uniform(0.25, 0.7) * radius
    header[..., sdf.BITE_X] = torch.cos(bite_angle) * radius
    header[..., sdf.BITE_Y] = torch.sin(bite_angle) * radius
    header[..., sdf.BITE_R] = torch.where(d.below(0.1) & (family != 3), bite, torch.zeros(()))
    hollow, wall = d.below(0.035) & (family != 3), d.uniform(0.06, 0.12) * radius
    header[..., sdf.ONION] = torch.where(hollow, wall, torch.zeros(()))
    makers = (radial_geometry, box_geometry, polygon_geometry, None, ring_geometry, vase_geometry)
    geometry = torch.zeros(batch, LAYERS, sdf.GEOMETRY)
    kind = torch.tensor((0, 1, 2, 3, 6, 7))[family]
    start = d.used
    last = start
    for index, maker in enumerate(makers):  # a layer has one family: all families may read the same numbers
        g = torch.zeros(batch, LAYERS, sdf.GEOMETRY)
        d.used = start
        if maker is None:
            style = capsule_geometry(d, g, radius)
            kind = torch.where(family == 3, 3 + style, kind)
        else:
            maker(d, g)
        geometry = torch.where((family == index)[..., None], g, geometry)
        last = max(last, d.used)
    d.used = last
    slots = torch.argsort(order, dim=1)  # layer that uses each shape
    shapes = torch.cat((header, geometry), -1)[rows[:, None], slots]

    paint = sample_paint(d, s, cx, cy, radius, mode, parent, is_part)
    kind = torch.where((mode == INSET) | (mode == BAND), kind[rows[:, None], parent], kind)
    labelled = is_object & (mode != ABSENT)
    return {"shapes": shapes, "order": order, "mode": mode, "parent": parent, "fit": fit, "member": member,
            "paint": paint, "camera": torch.cat([camera[name] for name in CAMERA], 1), "kind": kind,
            "is_part": is_part, "labelled": labelled, "seeds": torch.tensor([int(x) for x in seeds])}


def sample_camera(s):
    """Frame, light and lens of each scene: a dict of [B, 1] tensors."""
    c = {}
    form = s.choice((5, 2, 2, 1, 1, 1))  # 4:3, 3:2, 1:1, 16:9, 3:4, 2:3; the longer side is 512
    c["width"] = torch.tensor((512.0, 512.0, 512.0, 512.0, 384.0, 341.0))[form]
    c["height"] = torch.tensor((384.0, 341.0, 512.0, 288.0, 512.0, 512.0))[form]
    c["backdrop_blur"] = torch.where(s.below(0.5), s.uniform(0.6, 5.0), torch.zeros(()))
    c["blur"] = torch.where(s.below(0.6), s.uniform(0.3, 1.3), torch.zeros(()))
    c["exposure"] = s.uniform(0.34, 0.62)  # mean brightness aimed at
    c["gamma"] = torch.exp(s.uniform(-0.35, 0.3))
    c["warm_r"], c["warm_b"] = s.uniform(0.88, 1.12), s.uniform(0.85, 1.15)
    c["grey"] = s.below(0.06).float()
    c["vignette"] = torch.where(s.below(0.4), s.uniform(0.1, 0.6), torch.zeros(()))
    c["noise"] = torch.where(s.below(0.6), s.log_uniform(0.003, 0.03), torch.zeros(()))
    c["chroma_noise"] = s.uniform(0.0, 1.0)
    c["quality"] = torch.where(s.below(0.5), s.log_uniform(0.15, 1.4), torch.zeros(()))
    turn = s.uniform(0, 2 * math.pi)
    c["shade"] = torch.where(s.below(0.22), s.uniform(0.15, 0.5), torch.zeros(()))
    c["shade_cos"], c["shade_sin"] = torch.cos(turn), torch.sin(turn)
    c["shade_at"] = s.uniform(-150.0, 150.0)
    c["shade_soft"] = s.log_uniform(1.5, 40.0)
    c["glow"] = s.uniform(-0.2, 0.6)
    c["glow_x"], c["glow_y"] = s.uniform(-100, 612), s.uniform(-200, 400)
    c["noise_seed"] = torch.floor(s.uniform(0, 60000))
    return c


def sample_paint(d, s, cx, cy, radius, mode, parent, is_part):
    """Colours, pattern, relief, edge and shadow of every layer: [B, LAYERS, len(PAINT)]."""
    batch = cx.shape[0]
    rows = torch.arange(batch)[:, None]
    # A palette per scene: hues around one, or free; most scenes are of low saturation, as photographs are.
    hue, hue_spread = s.unit(), s.log_uniform(0.02, 0.6)
    richness, brightness = s.uniform(0.15, 1.0), s.uniform(0.45, 1.0)
    tones = []
    for _ in range(5):
        h = torch.remainder(hue + hue_spread * s.normal(), 1.0)
        tones.append(torch.cat((h, richness * s.unit() ** 1.3, 0.12 + brightness * 0.86 * s.unit()), 1))
    tones = torch.stack(tones, 1)  # [B, 5, 3]

    def colour(loose):
        tone = tones[rows, torch.floor(d.uniform(0, 4.999)).long()]
        free = torch.stack((d.unit(), d.unit(), d.uniform(0.05, 1.0)), -1)
        hsv = torch.where((d.unit() < loose)[..., None], free, tone)
        hsv = hsv + torch.stack((0.02 * d.normal(), 0.07 * d.normal(), 0.07 * d.normal()), -1)
        return hsv_to_rgb(torch.remainder(hsv[..., 0], 1.0), hsv[..., 1].clamp(0, 1), hsv[..., 2].clamp(0.02, 1))

    c0, second = colour(0.35), colour(0.3)
    # Some layers nearly repeat the colour of their parent or of the layer before them.
    similar, delta = d.below(0.1), 0.08 * torch.stack((d.normal(), d.normal(), d.normal()), -1)
    shift = d.uniform(0.05, 0.14) * torch.where(d.below(0.5), torch.ones(()), -torch.ones(()))
    for k in range(1, LAYERS):
        source = torch.where(is_part[:, k], parent[:, k], torch.full((), k - 1))
        near = (c0[rows[:, 0], source] * 1.0 + 0.4 * delta[:, k] + shift[:, k, None]).clamp(0.02, 1.0)
        c0[:, k] = torch.where(similar[:, k, None], near, c0[:, k])
    tint = (c0 * d.log_uniform(0.45, 1.8)[..., None] + 0.02).clamp(0, 1)
    c1 = torch.where(d.below(0.55)[..., None], tint, second)

    p = {}
    p["c0_r"], p["c0_g"], p["c0_b"] = c0.unbind(-1)
    p["c1_r"], p["c1_g"], p["c1_b"] = c1.unbind(-1)
    p["pattern"] = d.choice((26, 11, 7, 7, 18, 10, 10, 8)).float()
    p["freq"] = 1.0 / torch.where(d.below(0.5), d.log_uniform(5.0, 40.0), d.log_uniform(0.15, 1.0) * radius)
    turn = torch.where(d.below(0.4), torch.zeros(()), d.uniform(0, 2 * math.pi))
    p["tex_cos"], p["tex_sin"] = torch.cos(turn), torch.sin(turn)
    p["tex_u"], p["tex_v"] = d.uniform(-20, 20), d.uniform(-20, 20)
    p["sharp"] = d.log_uniform(0.5, 8.0)
    p["contrast"] = d.unit()
    p["seed"] = torch.floor(d.uniform(0, 60000))
    p["grain"] = torch.where(d.below(0.6), d.log_uniform(0.03, 0.25), torch.zeros(()))
    p["grain_freq"] = 1.0 / d.log_uniform(1.2, 14.0)
    p["ramp"] = torch.where(d.below(0.75), d.uniform(0.05, 0.55), torch.zeros(()))
    turn = d.uniform(0, 2 * math.pi)
    p["ramp_cos"], p["ramp_sin"] = torch.cos(turn), torch.sin(turn)
    relief = d.choice((3, 3, 4))  # flat, a narrow bevel, rounded all over
    p["bevel"] = torch.where(relief == 1, d.log_uniform(2.0, 9.0), d.uniform(0.35, 1.0) * radius)
    p["bevel_amount"] = torch.where(relief == 0, torch.zeros(()), d.uniform(0.15, 0.8))
    p["gloss"] = torch.where(d.below(0.3), d.uniform(0.1, 0.8), torch.zeros(()))
    p["soft"] = torch.where(d.below(0.08), d.uniform(1.5, 3.5), d.uniform(0.8, 1.3))
    light, height = s.uniform(0, 2 * math.pi), s.log_uniform(2.0, 26.0)
    p["light_x"] = torch.cos(light).expand(batch, LAYERS)
    p["light_y"] = torch.sin(light).expand(batch, LAYERS)
    lift = height * d.uniform(0.4, 1.2) * torch.where(is_part, torch.full((), 0.3), torch.ones(()))
    weaker = torch.where(is_part, torch.full((), 0.6), torch.ones(()))
    p["shadow"] = s.uniform(0.0, 0.75) * d.below(0.75).float() * weaker
    p["shadow_dx"], p["shadow_dy"] = -lift * torch.cos(light), -lift * torch.sin(light)
    p["shadow_soft"] = 1.0 + lift * s.uniform(0.1, 0.9)
    p["contact"] = torch.where(d.below(0.6), d.uniform(0.0, 0.45), torch.zeros(()))
    p["outline"] = torch.where(d.below(0.1), d.uniform(0.8, 2.5), torch.zeros(()))
    p["opacity"] = torch.where(d.below(0.025), d.uniform(0.65, 0.9), torch.ones(()))
    p["streak"] = torch.where(d.below(0.2), d.log_uniform(2.0, 10.0), torch.ones(()))
    p["cx"], p["cy"], p["radius"] = cx, cy, radius
    # Layers that fill a region have no relief and no shadow; their ramps span the picture.
    wide = (mode == FULL) | (mode == HALF_PLANE)
    for name in ("bevel_amount", "shadow", "outline", "gloss"):
        p[name] = torch.where(wide, torch.zeros(()), p[name])
    p["cx"] = torch.where(wide, torch.full((), 256.0), p["cx"])
    p["cy"] = torch.where(wide, torch.full((), 200.0), p["cy"])
    p["radius"] = torch.where(wide, torch.full((), 280.0), p["radius"])
    p["opacity"] = torch.where(wide, torch.ones(()), p["opacity"])
    return torch.stack([p[name] for name in PAINT], -1)
