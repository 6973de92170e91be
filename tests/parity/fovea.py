"""Runs bin/parity_tool and bin/fovea, and reads what they write."""

import io
import json
import os
import pathlib
import subprocess
import zipfile

import h5py
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FOVEA_BIN_DIR", ROOT / "build" / "release" / "bin"))


def run(*words):
    """Output of parity_tool; RuntimeError with its message when it fails."""
    result = subprocess.run([BIN / "parity_tool", *map(str, words)], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return result.stdout


def program(*words):
    """Exit status and output of bin/fovea."""
    result = subprocess.run([BIN / "fovea", *map(str, words)], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def write_arrays(path, arrays):
    with open(path, "wb") as file:
        for array in arrays:
            file.write(np.ascontiguousarray(array, "float32").tobytes())


def predict(model, inputs, output_shapes, folder):
    """Outputs of the model in a file, in one list."""
    write_arrays(folder / "inputs", inputs)
    samples = len(inputs[0])
    run("predict", model, samples, folder / "inputs", folder / "outputs")
    flat = np.fromfile(folder / "outputs", "float32")
    outputs = []
    for shape in output_shapes:
        size = samples * int(np.prod(shape[1:]))
        outputs.append(flat[:size].reshape((samples, *shape[1:])))
        flat = flat[size:]
    assert flat.size == 0
    return outputs


def config(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def weights(path):
    """{path in the file: array or attributes of a group} of a .keras or .weights.h5 file."""
    if str(path).endswith(".keras"):
        with zipfile.ZipFile(path) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
    else:
        content = io.BytesIO(pathlib.Path(path).read_bytes())
    found = {}
    with h5py.File(content) as file:
        file.visititems(lambda name, item: found.__setitem__(
            name, item[()] if isinstance(item, h5py.Dataset) else dict(item.attrs)))
    return found
