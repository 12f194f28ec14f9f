"""What a detector is trained on: views of rendered scenes, and the boxes and kinds of the objects in them.

An object's box holds its visible pixels, those of its parts included, as in the evaluation set; a part is an object
too. Boxes are found in the view's own map of owners, so that they are exact whatever the crop.
"""

import torch
import torch.nn.functional as F

from scene_params import BACKDROP, LAYERS

SIZE = 640  # of a view; a scene's longer side, 512, is brought to it
GREY = 114.0 / 255.0  # beside the picture, as letterboxing pads
MIN_AREA, MAX_HIDDEN = 200, 0.7  # of objects that are asked for: visible pixels of a scene, hidden share of the outline


class Pool:
    """The scenes that were rendered last: the optimiser draws from them, again and again."""

    def __init__(self, capacity, device):
        def room(*shape, dtype=torch.uint8):
            return torch.zeros(capacity, *shape, dtype=dtype, device=device)

        self.capacity, self.filled, self.next, self.device = capacity, 0, 0, device
        self.fields = {"image": room(3, 512, 512), "owner": room(512, 512), "frame": room(2, dtype=torch.float32),
                       "outline": room(LAYERS, dtype=torch.float32), "kind": room(LAYERS, dtype=torch.long),
                       "member": room(LAYERS, LAYERS + 1, dtype=torch.bool)}

    def add(self, scene, kind):
        """Replaces the oldest scenes. The capacity is a multiple of how many are added."""
        values = {"image": scene.image, "owner": scene.owner, "frame": scene.frame,
                  "outline": scene.area / (1.0 - scene.hidden).clamp(min=1e-6), "member": scene.member, "kind": kind}
        count = len(scene.owner)
        for name, value in values.items():
            self.fields[name][self.next:self.next + count] = value
        self.next = (self.next + count) % self.capacity
        self.filled = min(self.filled + count, self.capacity)

    def draw(self, count):
        chosen = torch.randint(self.filled, (count,), device=self.device)
        return {name: field[chosen] for name, field in self.fields.items()}


def draw_views(frame, jitter=0.5):
    """Random scales [B] and offsets [B, 2] (x, y) in pixels of the view, and which are mirrored [B].

    A picture in `jitter` is larger or smaller than letterboxing makes it and lies anywhere.
    """
    def draw(*shape):
        return torch.rand(len(frame), *shape, device=frame.device)

    moved = draw() < jitter
    scale = SIZE / 512.0 * torch.where(moved, torch.exp(-0.5 + 0.9 * draw()), 1.0)
    room = SIZE - frame.flip(1) * scale[:, None]
    offset = room * torch.where(moved[:, None], draw(2), 0.5)
    return scale, offset, draw() < 0.5


def view(pictures, scale, offset, mirrored):
    """Pixels [B, 3, SIZE, SIZE] in 0..1 and owners [B, SIZE, SIZE] of scenes at the given places, bilinear."""
    frame, rows = pictures["frame"], torch.arange(len(scale), device=scale.device)
    out = torch.arange(SIZE, device=scale.device) + 0.5
    x, y = ((out[None] - offset[:, i, None]) / scale[:, None] for i in (0, 1))
    height, width = frame[:, 0, None], frame[:, 1, None]
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
    x = torch.where(mirrored[:, None], width - x, x)
    column, row = (torch.floor(v).long().clamp(0, 511) for v in (x, y))
    owner = pictures["owner"][rows[:, None, None], row[:, :, None], column[:, None]]
    owner = torch.where(inside, owner, LAYERS)
    x, y = torch.minimum(x.clamp(min=0.5), width - 0.5), torch.minimum(y.clamp(min=0.5), height - 0.5)
    x, y = (x / 256.0 - 1.0)[:, None], (y / 256.0 - 1.0)[:, :, None]
    grid = torch.stack((x.expand(owner.shape), y.expand(owner.shape)), -1)
    image = F.grid_sample(pictures["image"].float() / 255.0, grid, align_corners=False)
    return torch.where(inside[:, None], image, GREY), owner


def recolour(image):
    """Brightness, the balance of the channels and saturation change a little; what is grey for padding stays."""
    def draw(channels, reach):
        return 1.0 + reach * (2.0 * torch.rand(len(image), channels, 1, 1, device=image.device) - 1.0)

    mean = image.mean(1, keepdim=True)
    changed = (mean + (image - mean) * draw(1, 0.4)) * draw(1, 0.25) * draw(3, 0.08)
    return torch.where(image == GREY, image, changed.clamp(0.0, 1.0))


# PyTorch 2.11 compiles this for GPUs to something else: boxes of twice the size.
@torch.compiler.disable
def objects(owner, member, kind, outline, scale):
    """The objects asked for in maps of owners: boxes [B, OBJECTS, 4] (x0, y0, x1, y1, edges of pixels), classes, and
    which of the places hold one [B, OBJECTS]."""
    count, size = owner.shape[0], owner.shape[-1]
    owner, ones = owner.long(), torch.ones((), device=owner.device).expand(owner.shape)
    of_object = member[:, BACKDROP:].float()
    sides, area = [], None
    for index in (owner, owner.transpose(1, 2)):  # along x, then along y
        pixels = torch.zeros(count, LAYERS + 1, size, device=owner.device).scatter_add_(1, index, ones)
        pixels = of_object @ pixels
        area = pixels.sum(2)
        held = (pixels > 0.5).to(torch.uint8)
        sides.append((held.argmax(2), size - held.flip(2).argmax(2)))
    boxes = torch.stack((sides[0][0], sides[1][0], sides[0][1], sides[1][1]), -1).float()
    area = area / (scale[:, None] * scale[:, None])
    valid = (area >= MIN_AREA) & (area >= (1.0 - MAX_HIDDEN) * outline[:, BACKDROP:])
    return boxes, kind[:, BACKDROP:], valid


def make_views(pictures):
    """Views of scenes that a pool handed out: pixels, and boxes, classes and validity of their objects."""
    scale, offset, mirrored = draw_views(pictures["frame"])
    image, owner = view(pictures, scale, offset, mirrored)
    return recolour(image), *objects(owner, pictures["member"], pictures["kind"], pictures["outline"], scale)


def fill(pool, render, batch):
    """Renders a batch of descriptions into the pool."""
    scene = render(batch)
    pool.add(scene, batch["kind"].to(pool.device, non_blocking=True))
