"""Detectors that find what they are told to, whatever the picture is."""

import struct

from onnx_file import field, model, node, value

SIDE = 64  # of the images that they take
BOXES = 3 * sum((SIDE // stride) ** 2 for stride in (8, 16, 32))  # of three anchors


def box(x0, y0, x1, y1, objectness, scores, classes=80):
    """A row of raw output, in the network's pixels; scores by class."""
    row = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, objectness] + [0.0] * classes
    for class_id, score in scores.items():
        row[5 + class_id] = score
    return row


def raw(rows):
    """A model that gives these rows, and zeros for its other places: its output is 0 times the image's mean and them."""
    width = len(rows[0])
    rows = rows + [[0.0] * width] * (BOXES - len(rows))
    values = [number for row in rows for number in row]
    dims = field(1, 1) + field(1, len(rows)) + field(1, width)
    data = field(9, struct.pack(f"<{len(values)}f", *values))
    mean = node("ReduceMean", ["images"], ["mean"], "mean")
    mean += field(5, field(1, "keepdims") + field(20, 2) + field(3, 0))
    zero = field(1, 1) + field(2, 1) + field(8, "zero") + field(9, bytes(4))
    return model([mean, node("Mul", ["mean", "zero"], ["nothing"], "nothing"),
                  node("Add", ["nothing", "rows"], ["output"], "output")],
                 [zero, dims + field(2, 1) + field(8, "rows") + data],
                 [value("images", 1, 3, SIDE, SIDE)], [value("output", 1, len(rows), width)])


# Two dogs that overlap by an IoU of 0.6, a person over the first of them, and a weak car. In float32 the scores are
# exact.
ROWS = [
    box(8, 16, 40, 48, 0.75, {16: 1.0}),
    box(8, 24, 40, 56, 1.0, {16: 0.625, 17: 0.5}),
    box(10, 16, 40, 48, 1.0, {0: 0.5}),
    box(48, 20, 64, 36, 0.5, {2: 0.25}),
]
