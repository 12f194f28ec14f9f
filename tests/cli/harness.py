"""What the tests of the command line share: running it, and reading what it writes."""

import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest
import zlib

LASSO = os.environ["LASSO_CLI"]
SOURCE = pathlib.Path(os.environ["LASSO_SOURCE_DIR"])
MODEL = SOURCE / "tests/data/sam_micro/checkpoint.pth"
SIDE = 64  # of the model's low-resolution logits

DONE, SOME_FAILED, USAGE, BAD_MODEL, UNSUPPORTED, MEMORY, THRESHOLD = 0, 1, 2, 3, 4, 5, 6
INTERRUPTED = 130

CUDA = os.environ.get("LASSO_CUDA") == "ON"  # whether the build has it
NO_GPU = MEMORY if CUDA else UNSUPPORTED  # the status where there is no GPU


def has_gpu():
    return CUDA and b", cuda:0 (" in subprocess.run([LASSO, "--version"], capture_output=True,
                                                   check=True).stdout


class Result:
    def __init__(self, process):
        self.status = process.returncode
        self.out = process.stdout.decode()
        self.err = process.stderr.decode()

    def objects(self):
        """The JSON objects of standard output, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


class CliTest(unittest.TestCase):
    """Every test has an empty folder of its own, which is the current one of the programs it runs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lasso_cli_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_lasso(self, *arguments, stdin=None, env=None, **options):
        environment = {k: v for k, v in os.environ.items() if k != "LASSO_MODEL"}
        environment.update(env or {})
        process = subprocess.run([LASSO, *map(str, arguments)], cwd=self.folder, env=environment,
                                 input=stdin, capture_output=True, timeout=300, **options)
        return Result(process)

    def expect(self, status, *arguments, **options):
        """Runs the program and checks the exit status; errors are one clear line each."""
        result = self.run_lasso(*arguments, **options)
        self.assertEqual(result.status, status, f"{arguments}\n{result.out}\n{result.err}")
        if status != DONE:
            self.assertIn("lasso: error: ", result.err)
        for line in result.err.splitlines():
            self.assertTrue(line.startswith("lasso: "), line)
        return result

    def segment(self, *arguments, status=DONE, **options):
        return self.expect(status, "segment", "--model", MODEL, *arguments, **options)

    def segment_json(self, *arguments, **options):
        """The only object that segmenting one image gives."""
        objects = self.segment("--json", *arguments, **options).objects()
        self.assertEqual(len(objects), 1)
        return objects[0]

    def error(self, status, *arguments, **options):
        """The one line on standard error of a run that fails."""
        result = self.expect(status, *arguments, **options)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 1, result.err)
        return lines[0]

    def write_changed_model(self, name):
        """The model with an exponent's bit changed in a thousand of its weights, which lie uncompressed in the
        archive."""
        data = bytearray(MODEL.read_bytes())
        begin = len(data) // 4 // 4 * 4
        for i in range(begin, begin + 4000, 4):
            data[i + 2] ^= 0x20
        (self.folder / name).write_bytes(data)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


def read_npy(path):
    """Shape and values of a float32 .npy file."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (length,) = struct.unpack("<H", data[8:10])
    header = data[10:10 + length].decode()
    assert (10 + length) % 64 == 0 and "'<f4'" in header and "'fortran_order': False" in header
    text = header.split("'shape': (")[1].split(")")[0]
    shape = tuple(int(n) for n in text.split(",") if n.strip())
    values = struct.unpack(f"<{(len(data) - 10 - length) // 4}f", data[10 + length:])
    return shape, values


def npy_bytes(shape, values, descr="<f4", order="False"):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {tuple(shape)!r}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() +
            struct.pack(f"<{len(values)}f", *values))


def decode_rle(rle):
    """Rows of 0 and 1 from COCO's compressed run lengths."""
    height, width = rle["size"]
    counts, position, text = [], 0, rle["counts"]
    while position < len(text):
        value, shift, more = 0, 0, True
        while more:
            code = ord(text[position]) - 48
            value |= (code & 31) << shift
            more = code & 32
            position += 1
            shift += 5
        if code & 16:
            value -= 1 << shift
        if len(counts) > 2:
            value += counts[-2]
        counts.append(value)
    flat = bytearray()
    for i, count in enumerate(counts):
        flat += bytes([i % 2]) * count
    assert len(flat) == width * height
    return [bytes(flat[x * height + y] for x in range(width)) for y in range(height)]


def read_samples_png(path):
    """Bit depth and rows of samples of a PNG with one channel (gray or palette), not interlaced."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, compressed = 8, b""
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position:position + 8])
        body = data[position + 8:position + 8 + length]
        (crc,) = struct.unpack(">I", data[position + 8 + length:position + 12 + length])
        assert crc == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            assert color in (0, 3) and depth in (8, 16)
        elif kind == b"IDAT":
            compressed += body
        position += 12 + length
    raw = zlib.decompress(compressed)
    step = depth // 8
    stride = width * step
    rows, above = [], bytearray(stride)
    for y in range(height):
        kind = raw[y * (stride + 1)]
        line = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride if kind else 0):
            left = line[x - step] if x >= step else 0
            corner = above[x - step] if x >= step else 0
            if kind == 1:
                predicted = left
            elif kind == 2:
                predicted = above[x]
            elif kind == 3:
                predicted = (left + above[x]) // 2
            else:
                estimate = left + above[x] - corner
                predicted = min((left, above[x], corner), key=lambda v: abs(estimate - v))
            line[x] = (line[x] + predicted) & 255
        above = line
        rows.append(list(line) if step == 1 else
                    [line[2 * i] << 8 | line[2 * i + 1] for i in range(width)])
    return depth, rows
