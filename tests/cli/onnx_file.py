"""ONNX models, written byte by byte."""

import struct


def varint(value):
    value &= (1 << 64) - 1
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def field(number, value):
    """A field of a message: a number, or a text or message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def node(op_type, inputs, outputs, name, domain=""):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) +
            field(3, name) + field(4, op_type) + field(7, domain))


def value(name, *dims):
    """Of float32; a size that is None is unknown."""
    shape = b"".join(field(1, b"" if d is None else field(1 if isinstance(d, int) else 2, d))
                     for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def external(location, offset):
    entry = [field(1, key) + field(2, text)
             for key, text in (("location", location), ("offset", str(offset)))]
    return field(14, 1) + b"".join(field(13, e) for e in entry)


def tensor(name, count, data=None):
    """Of float32; data: fields in place of zeros in raw_data."""
    zeros = field(9, struct.pack(f"<{count}f", *[0] * count))
    return field(1, count) + field(2, 1) + field(8, name) + (zeros if data is None else data)


def model(nodes, initializers=(), inputs=(), outputs=()):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "main")
    graph += b"".join(field(5, t) for t in initializers)
    graph += b"".join(field(11, v) for v in inputs) + b"".join(field(12, v) for v in outputs)
    return (field(1, 8) + field(2, "pytorch") + field(3, "2.0") + field(7, graph) +
            field(8, field(2, 17)) + field(8, field(1, "my.ops") + field(2, 1)) +
            field(14, field(1, "author") + field(2, "some\nbody")))
