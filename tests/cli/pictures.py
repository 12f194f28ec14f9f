"""Pictures for the tests, made in code."""

import struct
import zlib

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encode_png(width, height, color, depth, data, palette=b""):
    """The file of a header, a palette's chunk if there is one, and data as they are."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + chunk(b"IDAT", data) +
            chunk(b"IEND", b""))


def png(width, height, color=RGB, depth=8):
    """A disc on a gradient, as PNG."""
    bytes_per_sample = depth // 8
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            inside = (2 * x - width) ** 2 + (2 * y - height) ** 2 < (min(width, height) // 2) ** 2 * 4
            for c in range(CHANNELS[color]):
                value = (200 - 60 * c if inside else 40 * c + x * 120 // width) & 255
                if color in (GRAY_ALPHA, RGBA) and c == CHANNELS[color] - 1:
                    value = 128
                rows += bytes([value]) * bytes_per_sample
    palette = chunk(b"PLTE", bytes(i * 7 & 255 for i in range(768))) if color == PALETTE else b""
    return encode_png(width, height, color, depth, zlib.compress(bytes(rows), 1), palette)


def claim(width, height, size):
    """A PNG of about `size` bytes whose header claims a size that its data do not have."""
    return encode_png(width, height, RGB, 8, bytes(size))
