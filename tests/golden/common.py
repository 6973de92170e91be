"""What every group shares: a deterministic Keras, seeded arrays, and the JSON text."""

import json
import math
import os
import re
import zlib

# Before TensorFlow is imported: oneDNN and threads reorder sums, and a GPU would do so too.
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()
tf.get_logger().setLevel("ERROR")  # Grouped convolutions are traced once per case, and it warns of that.

LINE_WIDTH = 110


def start_case(name):
    """Resets Keras' name counters and seeds; returns the case's own random generator.

    The seed comes from the name, so that adding a case leaves every other file as it was.
    """
    seed = zlib.crc32(name.encode())
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    return np.random.default_rng(seed)


def normal(rng, *shape, scale=1.0):
    return (scale * rng.standard_normal(shape)).astype("float32")


def coarse(rng, *shape):
    """Multiples of 1/8 in [-2, 2]: exact in every precision and short in the file."""
    return (rng.integers(-16, 17, shape) / 8).astype("float32")


def probabilities(rng, *shape):
    """Positive, each row of the last axis sums to 1."""
    values = np.exp(normal(rng, *shape))
    return (values / values.sum(-1, keepdims=True)).astype("float32")


def one_hot(indices, classes):
    return np.eye(classes, dtype="float32")[indices]


def numpy(value):
    return None if value is None else np.asarray(keras.ops.convert_to_numpy(value))


def named_arrays(variables):
    return [{"path": v.path, "array": numpy(v)} for v in variables]


def serialize(thing):
    return keras.saving.serialize_keras_object(thing)


def write(folder, name, case):
    """Writes <folder>/<name>.json; a name is used once."""
    path = os.path.join(folder, name + ".json")
    if os.path.exists(path):
        raise ValueError(f"two golden cases have one name. Received: {path}")
    case = {"name": name, "keras_version": keras.__version__, **case}
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(to_text(case, "") + "\n")


def to_text(value, indent):
    """One line where it fits or is an array, else one member per line."""
    line = to_line(value)
    if len(line) + len(indent) <= LINE_WIDTH or not isinstance(value, (dict, list, tuple)):
        return line
    inner = indent + " "
    if isinstance(value, dict):
        members = [f"{json.dumps(str(k))}: {to_text(v, inner)}" for k, v in value.items()]
        opening, closing = "{", "}"
    else:
        members = [to_text(v, inner) for v in value]
        opening, closing = "[", "]"
    return opening + "\n" + ",\n".join(inner + m for m in members) + "\n" + indent + closing


def to_line(value):
    if isinstance(value, (np.ndarray, np.generic)):
        data = ",".join(number(x) for x in np.asarray(value).ravel())
        shape = json.dumps(list(np.shape(value)), separators=(",", ":"))
        return f'{{"shape":{shape},"dtype":"{value.dtype}","data":[{data}]}}'
    if isinstance(value, float):  # Keeps its ".0": a config's 6.0 is not its 6, nor is a logged 1.0 printed as 1.
        return repr(value) if math.isfinite(value) else number(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))}: {to_line(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(to_line(v) for v in value) + "]"
    return json.dumps(value)


def number(x):
    """The shortest decimal that reads back to the same bits in x's own type."""
    if isinstance(x, (np.bool_, np.integer)):
        return str(x).lower()
    if not math.isfinite(x):
        return '"nan"' if math.isnan(x) else '"inf"' if x > 0 else '"-inf"'
    text = str(x)
    # "-0.0" stays: some readers take "-0" for the integer 0 and lose the sign.
    return text if text == "-0.0" else re.sub(r"\.0$", "", text)
