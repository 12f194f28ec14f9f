"""A small evaluation set made in code: flat shapes on a flat ground, with the truth of each."""

import json
import zlib

import pictures


def encode_rle(rows):
    """COCO's compressed run lengths of rows of 0 and 1; the inverse of harness.decode_rle."""
    height, width = len(rows), len(rows[0])
    counts, last, run = [], 0, 0
    for x in range(width):
        for y in range(height):
            if rows[y][x] != last:
                counts.append(run)
                last, run = rows[y][x], 0
            run += 1
    counts.append(run)
    text = ""
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        while True:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            text += chr(48 + group + (32 if more else 0))
            if not more:
                break
    return text


def rectangle(width, height, x0, y0, x1, y1):
    return [bytes(x0 <= x < x1 and y0 <= y < y1 for x in range(width)) for y in range(height)]


def png(rows, colors):
    """An RGB picture from rows of indices into colors."""
    height, width = len(rows), len(rows[0])
    raw = b"".join(b"\0" + b"".join(bytes(colors[v]) for v in row) for row in rows)
    return pictures.encode_png(width, height, pictures.RGB, 8, zlib.compress(raw))


def write(folder, count=3, width=96, height=72):
    """`count` pictures with two objects each; returns the annotations."""
    folder.mkdir()
    images = []
    for i in range(count):
        shapes = [rectangle(width, height, 8 + 3 * i, 10, 40 + i, 50),
                  rectangle(width, height, 55, 20 + 2 * i, 90, 66)]
        index = [bytes(a + 2 * b for a, b in zip(*rows)) for rows in zip(*shapes)]
        name = f"scene_{i}.png"
        (folder / name).write_bytes(png(index, ((30, 60, 90), (200, 180, 40), (90, 200, 120))))
        objects = [{"id": k, "kind": "rectangle", "click": [20 + 45 * k, 40],
                    "area": sum(map(sum, shape)), "rle": encode_rle(shape)}
                   for k, shape in enumerate(shapes)]
        images.append({"file": name, "width": width, "height": height, "seed": i,
                       "objects": objects})
    annotations = {"images": images}
    (folder / "annotations.json").write_text(json.dumps(annotations))
    return annotations
