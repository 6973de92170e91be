"""What the tests of the program share: running it, drawing small image files, reading what it wrote."""
import ast
import csv
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import zipfile

PROGRAM = os.environ["FOVEA_PROGRAM"]

# Small enough that a training takes a second; lenet takes it, convnet does not.
SHAPES = "synthetic:shapes?count=40&size=16&classes=3"


def run(*arguments, cwd=None, timeout=240):
    """Runs the program off a terminal."""
    return subprocess.run(
        [PROGRAM, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
    )


def write_bmp(path, width, height, pixel):
    """A 24-bit BMP; pixel(x, y) gives (red, green, blue), y from the top."""
    stride = (3 * width + 3) // 4 * 4
    rows = bytearray()
    for y in reversed(range(height)):
        row = bytearray()
        for x in range(width):
            row += bytes(reversed(pixel(x, y)))
        rows += row.ljust(stride, b"\0")
    head = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    pathlib.Path(path).write_bytes(head + info + rows)


COLOURS = {"blue": (20, 30, 220), "green": (30, 200, 40), "red": (220, 30, 20)}


def write_class_folders(root, classes=("blue", "red"), images=8, side=16):
    """root/CLASS/0.bmp, ...: plain colours with a little texture, easy to tell apart."""
    for name in classes:
        folder = pathlib.Path(root) / name
        folder.mkdir(parents=True)
        for number in range(images):
            red, green, blue = COLOURS[name]
            write_bmp(
                folder / f"{number}.bmp",
                side,
                side,
                lambda x, y, n=number: (red, green, max(0, blue - (x * y + 3 * n) % 20)),
            )
    return pathlib.Path(root)


def write_idx(root, images=40, side=12, classes=3, parts=("train", "t10k")):
    """MNIST's files: class k has a bright bar in column 3k."""
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for part in parts:
        pixels = bytearray()
        labels = bytearray()
        for number in range(images):
            label = number % classes
            labels.append(label)
            for _ in range(side):
                row = bytearray(side)
                row[3 * label] = 255
                row[3 * label + 1] = 128 + number % 100
                pixels += row
        (root / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, images, side, side) + pixels)
        (root / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, images) + labels)
    return root


def write_cifar(root, images=30):
    """One batch of CIFAR-10's binary version and a test batch."""
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        records = bytearray()
        for number in range(images):
            records.append(number % 10)
            records += bytes([number % 10 * 25]) * (3 * 32 * 32)
        (root / name).write_bytes(records)
    return root


def npy(values, shape, kind="<f4"):
    """The bytes of a .npy file; `values` are flat."""
    letter = {"<f4": "f", "<f8": "d", "|u1": "B", "<i4": "i", "<i8": "q"}[kind]
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    data = struct.pack(f"<{len(values)}{letter}", *values)
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + data


def read_npy(content):
    """(flat values, shape) of arrays of float32 or bytes as fovea writes them."""
    length = struct.unpack("<H", content[8:10])[0]
    header = ast.literal_eval(content[10 : 10 + length].decode())
    assert header["descr"] in ("<f4", "|u1") and not header["fortran_order"], header
    data = content[10 + length :]
    if header["descr"] == "|u1":
        return list(data), header["shape"]
    return list(struct.unpack(f"<{len(data) // 4}f", data)), header["shape"]


def write_npz(path, arrays):
    """{name: bytes of a .npy file}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(name + ".npy", content)


def read_npz(path):
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): read_npy(archive.read(name)) for name in archive.namelist()}


def layer_config(class_name, name, inputs, **options):
    """A layer of a functional config.json, called once on the layers named `inputs`."""
    def tensor(source):
        return {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}}

    node = [tensor(source) for source in inputs]
    return {
        "module": "keras.layers", "class_name": class_name, "registered_name": None, "name": name,
        "config": {"name": name, **options},
        "inbound_nodes": [{"args": [node if len(node) > 1 else node[0]], "kwargs": {}}] if node else [],
    }


def write_config(path, layers, inputs, outputs, name="net"):
    """A functional config.json."""
    ends = {"input_layers": [[end, 0, 0] for end in inputs], "output_layers": [[end, 0, 0] for end in outputs]}
    pathlib.Path(path).write_text(json.dumps({
        "module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional",
        "config": {"name": name, "trainable": True, "layers": layers, **ends},
    }))


def read_run(folder):
    return json.loads((pathlib.Path(folder) / "run.json").read_text())


def read_history(folder):
    with open(pathlib.Path(folder) / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def read_config(model):
    """config.json of a .keras file."""
    with zipfile.ZipFile(model) as archive:
        return json.loads(archive.read("config.json"))


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, which goes with it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fovea-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def ok(self, *arguments, **options):
        """Runs the program, which must succeed; returns what it printed."""
        result = run(*arguments, cwd=self.folder, **options)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def fails(self, code, *arguments):
        """Runs the program, which must fail so, with one line on standard error; returns that line."""
        result = run(*arguments, cwd=self.folder)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith("fovea: "), lines[0])
        return lines[0]

    def train(self, *arguments, data=SHAPES, epochs=1, output="run"):
        """A short training; returns its folder."""
        self.ok("train", data, "--epochs", epochs, "--output", output, *arguments)
        return self.folder / output

    def assert_fits(self, text, width=80):
        """Nothing is wider; off a terminal, the line of an epoch may be, as Keras' is."""
        for line in text.splitlines():
            if not line.startswith("Epoch "):
                self.assertLessEqual(len(line), width, line)
