"""COCO's compressed run-length encoding of masks.

Runs are counted down the columns (column-major), starting with a run of zeros that may be empty. Each count from the
fourth on is stored as its difference from the one two before; numbers are written in groups of five bits, lowest first,
with 0x20 for "more follows" and 0x10 of the last group as the sign, each plus 48 as an ASCII character.
"""

import numpy as np


def encode(mask):
    """A bool array [height, width] to the string of its runs."""
    flat = np.asarray(mask, bool).flatten(order="F")
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flat))) != 0)
    runs = np.diff(np.concatenate(([0], edges, [len(flat)])))
    text = []
    for i, run in enumerate(runs):
        value = int(run) - (int(runs[i - 2]) if i > 2 else 0)
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != -1 if group & 0x10 else value != 0
            text.append(chr(48 + (group | 0x20 if more else group)))
    return "".join(text)


def decode(text, height, width):
    """The string of an encoded mask to a bool array [height, width]."""
    runs, at = [], 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            group = ord(text[at]) - 48
            value |= (group & 0x1F) << shift
            more = bool(group & 0x20)
            at, shift = at + 1, shift + 5
            if not more and group & 0x10:
                value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    assert sum(runs) == height * width, "the runs do not fill the mask"
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape((height, width), order="F")
