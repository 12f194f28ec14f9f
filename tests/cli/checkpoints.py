"""The bundled checkpoint with other values in some of its tensors, as a .safetensors file."""

import collections
import io
import json
import pickle
import struct
import zipfile

from harness import MODEL


class _Names(pickle.Unpickler):
    """Tensors become (key of the storage, elements before the first, shape)."""

    def persistent_load(self, pid):
        return pid[2]

    def find_class(self, module, name):
        if name == "OrderedDict":
            return collections.OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, shape, *_: (storage, offset, shape)
        return (module, name)


def read():
    """Shape and float32 values by name."""
    archive = zipfile.ZipFile(MODEL)
    (name,) = [n for n in archive.namelist() if n.endswith("/data.pkl")]
    tensors = {}
    for tensor, (key, offset, shape) in _Names(io.BytesIO(archive.read(name))).load().items():
        count = 1
        for size in shape:
            count *= size
        data = archive.read(name.replace("data.pkl", f"data/{key}"))
        tensors[tensor] = (shape, list(struct.unpack_from(f"<{count}f", data, 4 * offset)))
    return tensors


def write(path, changes):
    """`changes` has functions by names of tensors, which take the values and change them."""
    header, body = {}, b""
    for name, (shape, values) in read().items():
        if name in changes:
            changes[name](values)
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def fill(value):
    def change(values):
        values[:] = [value] * len(values)
    return change


PATCH_BIAS = "image_encoder.patch_embed.proj.bias"
HUGE = 3e38  # two of them are more than a float32 holds


def write_overflowing(path):
    """Weights are finite, and the embedding of every image is not."""
    write(path, {PATCH_BIAS: fill(HUGE), "image_encoder.pos_embed": fill(HUGE)})


def _write_constant(path, logit):
    """All logits are the channels of the upscaled image, 100 each, times what is written."""
    last = "mask_decoder.output_hypernetworks_mlps.{}.layers.2.{}"
    changes = {"mask_decoder.output_upscaling.3.bias": fill(100.0)}
    for i in range(4):
        changes[last.format(i, "weight")] = fill(0.0)
        changes[last.format(i, "bias")] = fill(logit / 800)
    write(path, changes)


def write_blind(path):
    """All masks are empty."""
    _write_constant(path, -1.0)


def write_full(path):
    """All masks are full."""
    _write_constant(path, 1.0)
