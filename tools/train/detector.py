"""YOLOv7-tiny as PyTorch modules, and checkpoints in the form that WongKinYiu's train.py saves.

A model is a list of rows (from, number, module, arguments), as the family's description files hold them: `from` counts
back from the row where it is negative and names a row otherwise. A saved model is a pickle of module objects; classes,
attributes and members here have the names that readers of such files expect, and published_names() lends the classes
the modules that they are looked up in.
"""

import contextlib
import sys
import types

import torch
from torch import nn

ACTIVATION = "nn.LeakyReLU(0.1)"
# Widths and heights in pixels of a picture brought to 640: clusters of the boxes that training sees.
ANCHORS = ((27, 30, 56, 48, 62, 110), (101, 74, 128, 133, 210, 96), (134, 243, 229, 188, 321, 310))
WIDTH = 0.5


def conv_row(source, channels, kernel=1, stride=1):
    return [source, 1, "Conv", [channels, kernel, stride, "None", 1, ACTIVATION]]


def elan_rows(inner, outer):
    """Two paths of one pixel's convolutions, one of them longer by two of 3 x 3; all four results are joined."""
    return [conv_row(-1, inner), conv_row(-2, inner), conv_row(-1, inner, 3), conv_row(-1, inner, 3),
            [[-1, -2, -3, -4], 1, "Concat", [1]], conv_row(-1, outer)]


def tiny_description(classes, width=WIDTH, anchors=ANCHORS):
    """Strides 8, 16 and 32 leave the backbone at rows 14, 21 and 28."""
    pool, double = [-1, 1, "MP", []], [-1, 1, "nn.Upsample", ["None", 2, "nearest"]]
    join = [[-1, -2], 1, "Concat", [1]]
    backbone = [conv_row(-1, 32, 3, 2), conv_row(-1, 64, 3, 2), *elan_rows(32, 64), pool, *elan_rows(64, 128), pool,
                *elan_rows(128, 256), pool, *elan_rows(256, 512)]
    pyramid = [conv_row(-1, 256), conv_row(-2, 256), [-1, 1, "SP", [5]], [-2, 1, "SP", [9]], [-3, 1, "SP", [13]],
               [[-1, -2, -3, -4], 1, "Concat", [1]], conv_row(-1, 256), [[-1, -7], 1, "Concat", [1]],
               conv_row(-1, 256)]
    down = [conv_row(-1, 128), double, conv_row(21, 128), join, *elan_rows(64, 128),
            conv_row(-1, 64), double, conv_row(14, 64), join, *elan_rows(32, 64)]
    up = [conv_row(-1, 128, 3, 2), [[-1, 47], 1, "Concat", [1]], *elan_rows(64, 128),
          conv_row(-1, 256, 3, 2), [[-1, 37], 1, "Concat", [1]], *elan_rows(128, 256)]
    ends = [conv_row(57, 128, 3), conv_row(65, 256, 3), conv_row(73, 512, 3),
            [[74, 75, 76], 1, "IDetect", ["nc", "anchors"]]]
    return {"nc": classes, "depth_multiple": 1.0, "width_multiple": width, "anchors": [list(a) for a in anchors],
            "backbone": backbone, "head": pyramid + down + up + ends, "ch": 3}


class Conv(nn.Module):
    def __init__(self, channels, outputs, kernel, stride):
        super().__init__()
        self.conv = nn.Conv2d(channels, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.LeakyReLU(0.1, inplace=True)

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class MP(nn.Module):
    """The largest of each square of 2 x 2 pixels."""

    def __init__(self):
        super().__init__()
        self.m = nn.MaxPool2d(2, 2)

    def forward(self, x):
        return self.m(x)


class SP(nn.Module):
    """The largest value around each pixel."""

    def __init__(self, kernel):
        super().__init__()
        self.m = nn.MaxPool2d(kernel, 1, kernel // 2)

    def forward(self, x):
        return self.m(x)


class Concat(nn.Module):
    def __init__(self, dimension):
        super().__init__()
        self.d = dimension

    def forward(self, x):
        return torch.cat(x, self.d)


class ImplicitA(nn.Module):
    """A learned shift of each channel."""

    def __init__(self, channels):
        super().__init__()
        self.channel, self.mean, self.std = channels, 0.0, 0.02
        self.implicit = nn.Parameter(torch.randn(1, channels, 1, 1) * self.std)

    def forward(self, x):
        return x + self.implicit


class ImplicitM(nn.Module):
    """A learned factor of each channel."""

    def __init__(self, channels):
        super().__init__()
        self.channel, self.mean, self.std = channels, 1.0, 0.02
        self.implicit = nn.Parameter(1.0 + torch.randn(1, channels, 1, 1) * self.std)

    def forward(self, x):
        return x * self.implicit


class IDetect(nn.Module):
    """Per level, anchor and cell: four numbers of the box, objectness, classes, all before their sigmoid.

    A box's centre is (2 s - 0.5 + cell) stride, so up to one cell from the middle of its own, and its sides are
    (2 s)^2 anchor, s being the sigmoids. In training the levels' maps [B, anchors, H, W, 5 + classes] are returned,
    otherwise all boxes as centre, width and height in pixels, objectness and classes: [B, N, 5 + classes].
    """

    def __init__(self, classes, anchors, channels):
        super().__init__()
        self.nc, self.no, self.nl, self.na = classes, classes + 5, len(anchors), len(anchors[0]) // 2
        self.grid = [torch.zeros(1)] * self.nl
        pixels = torch.tensor(anchors).float().view(self.nl, self.na, 2)
        self.stride = torch.tensor([8.0, 16.0, 32.0])
        self.register_buffer("anchors", pixels / self.stride.view(-1, 1, 1))
        self.register_buffer("anchor_grid", pixels.view(self.nl, 1, self.na, 1, 1, 2).clone())
        self.m = nn.ModuleList(nn.Conv2d(c, self.no * self.na, 1) for c in channels)
        self.ia = nn.ModuleList(ImplicitA(c) for c in channels)
        self.im = nn.ModuleList(ImplicitM(self.no * self.na) for _ in channels)

    def forward(self, x):
        maps = []
        for conv, shift, factor, level in zip(self.m, self.ia, self.im, x):
            y = factor(conv(shift(level)))
            maps.append(y.view(len(y), self.na, self.no, *y.shape[2:]).permute(0, 1, 3, 4, 2))
        return maps if self.training else torch.cat([self.decoded(i, y) for i, y in enumerate(maps)], 1)

    def decoded(self, level, y):
        rows, columns = (torch.arange(n, device=y.device, dtype=y.dtype) for n in y.shape[2:4])
        cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
        s = y.sigmoid()
        centre = (s[..., :2] * 2.0 - 0.5 + cells) * float(self.stride[level])
        sides = (s[..., 2:4] * 2.0) ** 2 * self.anchor_grid[level]
        return torch.cat((centre, sides, s[..., 4:]), -1).flatten(1, 3)


class Model(nn.Module):
    def __init__(self, description, names):
        super().__init__()
        self.traced, self.yaml, self.names, self.nc = False, description, list(names), description["nc"]
        channels, layers, self.save = [], [], []
        for i, (source, _, kind, arguments) in enumerate(description["backbone"] + description["head"]):
            sources = source if isinstance(source, list) else [source]
            inputs = [channels[s] if channels else description["ch"] for s in sources]
            layer, outputs = self.layer(kind, arguments, inputs)
            name = {"nn.Upsample": "torch.nn.modules.upsampling.Upsample", "IDetect": "models.yolo.IDetect"}
            layer.i, layer.f, layer.type = i, source, name.get(kind, "models.common." + kind)
            layer.np = sum(p.numel() for p in layer.parameters())
            self.save.extend(s % i for s in sources if s != -1)
            layers.append(layer)
            channels.append(outputs)
        self.save.sort()
        self.model = nn.Sequential(*layers)
        self.stride = self.model[-1].stride

    def layer(self, kind, arguments, inputs):
        """A row's module and its number of channels."""
        if kind == "Conv":
            outputs = -(-arguments[0] * self.yaml["width_multiple"] // 8) * 8  # rounded up to a multiple of eight
            return Conv(inputs[0], int(outputs), arguments[1], arguments[2]), int(outputs)
        if kind == "IDetect":
            return IDetect(self.nc, self.yaml["anchors"], inputs), 0
        makers = {"MP": MP, "SP": SP, "Concat": Concat, "nn.Upsample": lambda *_: nn.Upsample(None, 2, "nearest")}
        return makers[kind](*arguments), sum(inputs)

    def forward(self, x):
        results = []
        for layer in self.model:
            if layer.f == -1:
                x = layer(x)
            else:
                x = layer([results[s] for s in layer.f] if isinstance(layer.f, list) else results[layer.f])
            results.append(x)
        return x


def initialise(model):
    """Scores start low: about one object in 100 cells of the coarsest level, all classes alike."""
    head = model.model[-1]
    with torch.no_grad():
        for conv, stride in zip(head.m, head.stride):
            bias = conv.bias.view(head.na, -1)
            bias[:, 4] = torch.logit(torch.tensor(0.01) * (stride / 32.0) ** 2)
            bias[:, 5:] = torch.logit(torch.tensor(1.0 / head.nc))
    return model


PUBLISHED = {"models.common": (Conv, MP, SP, Concat, ImplicitA, ImplicitM), "models.yolo": (Model, IDetect)}


@contextlib.contextmanager
def published_names():
    """Within, pickles name the classes above as those of WongKinYiu's repository, and find them."""
    own = {c: c.__module__ for classes in PUBLISHED.values() for c in classes}
    hidden = {name: sys.modules.get(name) for name in ("models", *PUBLISHED)}
    sys.modules["models"] = types.ModuleType("models")
    for name, classes in PUBLISHED.items():
        sys.modules[name] = types.ModuleType(name)
        for c in classes:
            c.__module__ = name
            setattr(sys.modules[name], c.__name__, c)
    try:
        yield
    finally:
        for c, name in own.items():
            c.__module__ = name
        for name, module in hidden.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def save_checkpoint(model, path):
    """In half precision, batch norm left in."""
    model = model.half().eval().requires_grad_(False)
    with published_names():
        torch.save({"epoch": -1, "best_fitness": None, "training_results": None, "model": model, "ema": None,
                    "updates": None, "optimizer": None, "wandb_id": None}, path)


def load_checkpoint(path):
    """The model of such a file, in float32. A pickle can run code: load no file that you do not trust."""
    with published_names():
        saved = torch.load(path, map_location="cpu", weights_only=False)
    return (saved["ema"] or saved["model"]).float().eval()
