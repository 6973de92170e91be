#!/usr/bin/env python3
"""Records what Keras computes with a model, layer by layer, for `fovea compare MODEL --against RECORD.npz`.

usage: record_keras.py MODEL [--output RECORD.npz] [--input X.npy | X.npz] [--samples N] [--seed N] [--no-gradients]

MODEL is what keras.models.load_model reads. Inputs are those of --input (a .npz file has an array for each of the
model's inputs, by its name), or random: floats from 0 to 1, bytes from 0 to 255, other whole numbers 0 or 1. The record
has the output of every call of every layer in inference mode, nested models included, and the gradients of the sum of
the outputs, each times random factors, with respect to every trainable weight and every input of floats.

Runs where Keras 3 is, with TensorFlow as its backend: python scripts/record_keras.py net.keras --output net.npz

The record is a .npz file. Its array `record` is JSON as bytes: format, keras_version, inputs, layers (path and class,
in the order of execution), gradients (paths). The arrays `inputs/0`, `layers/0`, `factors/0`, `gradients/0` and so on
belong to these lists; `factors` to the model's outputs. The path of a layer in another model is `base/conv2d`, that
of its second call `base/conv2d:1`, of a second output `split[1]`.
"""

import argparse
import json
import os
import pathlib
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow 2.21 overwrites its heap in gradients of separable convolutions with oneDNN on.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np

FORMAT = 1


def is_model(layer):
    import keras
    return isinstance(layer, (keras.Sequential, keras.Model)) and getattr(function_of(layer), "_nodes_by_depth", None)


def function_of(model):
    """The graph of calls: a Sequential keeps it in a model of its own."""
    return getattr(model, "_functional", None) or model


class Recorder:
    """Runs a model call by call, as keras.Function._run_through_graph does, and keeps what each call gives."""

    def __init__(self):
        self.layers = []  # (path, class, tensor)

    def run(self, model, inputs, prefix=""):
        from keras import tree
        function = function_of(model)
        tensors = dict(zip(map(id, function.inputs), function._standardize_inputs(inputs)))
        numbers = {}  # of nodes: how often their layer was called in this model before
        for layer in function.operations:
            own = [node for node in layer._inbound_nodes if node_key(layer, node) in function._nodes]
            numbers.update((id(node), number) for number, node in enumerate(own))
        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                args, kwargs = node.arguments.fill_in(tensors)
                layer, number = node.operation, numbers[id(node)]
                path = prefix + layer.name + (f":{number}" if number else "")
                if is_model(layer):
                    outputs = self.run(layer, args[0] if args else kwargs["inputs"], path + "/")
                else:
                    if "training" in getattr(layer, "_call_context_args", ()) or getattr(
                            layer, "_call_has_training_arg", False):
                        kwargs["training"] = False  # as in predict
                    outputs = layer(*args, **kwargs)
                flat = tree.flatten(outputs)
                for i, tensor in enumerate(flat):
                    self.layers.append((path + (f"[{i}]" if i else ""), type(layer).__name__, tensor))
                tensors.update(zip(map(id, node.outputs), flat))
        results = [tensors[id(tensor)] for tensor in function.outputs]
        return results[0] if len(results) == 1 else results


def node_key(layer, node):
    from keras.src.ops.function import make_node_key
    return make_node_key(layer, layer._inbound_nodes.index(node))


def trained_weights(model):
    """{path: variable}: of a weight in two models, by the first."""
    found, seen = {}, set()

    def walk(layer, path):
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if is_model(layer):
            for inner in layer.layers:
                walk(inner, f"{path}/{inner.name}" if path else inner.name)
            return
        for variable in layer.trainable_variables:
            # A layer's parts have weights too: mha/query/kernel.
            inner = variable.path.split(layer.name + "/")[-1]
            # One without a name of its own is numbered through all models.
            inner = re.sub(r"\bvariable_\d+$", "variable", inner)
            found[f"{path}/{inner}"] = variable

    walk(model, "")
    trained = {id(variable) for variable in model.trainable_variables}
    return {path: variable for path, variable in found.items() if id(variable) in trained}


def load_inputs(model, path):
    if path.suffix == ".npy":
        arrays = [np.load(path, allow_pickle=False)]
    else:
        with np.load(path, allow_pickle=False) as file:
            names = [tensor.name for tensor in model.inputs]
            missing = [name for name in names if name not in file.files]
            if missing:
                sys.exit(f"record_keras: {path}: has no array {', '.join(missing)}. Received: {', '.join(file.files)}")
            arrays = [file[name] for name in names]
    if len(arrays) != len(model.inputs):
        sys.exit(f"record_keras: {path}: the model has {len(model.inputs)} inputs; give a .npz file")
    return [array.astype(tensor.dtype) for array, tensor in zip(arrays, model.inputs)]


def random_inputs(model, samples, rng):
    arrays = []
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            sys.exit(f"record_keras: input {tensor.name} of shape {tensor.shape} leaves sizes open; give --input")
        shape = (samples, *tensor.shape[1:])
        if "float" in tensor.dtype:
            array = rng.random(shape)
        else:
            array = rng.integers(0, 256 if tensor.dtype == "uint8" else 2, shape)
        arrays.append(array.astype(tensor.dtype if tensor.dtype != "bfloat16" else "float32"))
    return arrays


def as_array(tensor):
    """As an array that NumPy has a type for."""
    import keras
    array = keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32") if "bfloat16" in str(tensor.dtype) else tensor)
    return np.ascontiguousarray(array) if array.ndim else array


def record(model, inputs, rng, with_gradients):
    """In a compiled function, as predict runs the model: called on arrays directly, Keras' preprocessing layers would
    keep bytes, which they turn into floats there."""
    import keras
    import tensorflow as tf
    tensors = [tf.convert_to_tensor(array) for array in inputs]
    weights = trained_weights(model) if with_gradients else {}
    floats = [i for i, tensor in enumerate(tensors) if tensor.dtype.is_floating]
    names = []  # (path, class) of each output of a layer

    def run(tensors):
        recorder = Recorder()
        outputs = recorder.run(model, tensors if len(tensors) > 1 else tensors[0])
        names[:] = [(path, kind) for path, kind, _ in recorder.layers]
        outputs = outputs if isinstance(outputs, list) else [outputs]
        # Sums are of floats that NumPy has.
        outputs = [output if output.dtype in (tf.float32, tf.float64) else tf.cast(output, "float32") for output in outputs]
        return [tensor for _, _, tensor in recorder.layers], outputs

    def gradients_of(tensors, factors):
        sources = [variable.value for variable in weights.values()] + [tensors[i] for i in floats]
        with tf.GradientTape() as tape:
            tape.watch([tensors[i] for i in floats])
            outputs = run(tensors)[1]
            total = tf.add_n([tf.reduce_sum(output * factor) for output, factor in zip(outputs, factors)])
        return tape.gradient(total, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    found, outputs = tf.function(run)(tensors)
    factors = [rng.standard_normal(output.shape).astype(output.dtype.as_numpy_dtype) for output in outputs]
    arrays = {f"inputs/{i}": array for i, array in enumerate(inputs)}
    arrays.update((f"layers/{i}", as_array(tensor)) for i, tensor in enumerate(found))
    gradient_names = []
    if with_gradients:
        gradients = tf.function(gradients_of)(tensors, factors)
        gradient_names = [*weights, *(model.inputs[i].name for i in floats)]
        arrays.update((f"factors/{i}", factor) for i, factor in enumerate(factors))
        arrays.update((f"gradients/{i}", as_array(gradient)) for i, gradient in enumerate(gradients))
    text = json.dumps({
        "format": FORMAT, "keras_version": keras.__version__, "inputs": [tensor.name for tensor in model.inputs],
        "factors": len(factors) if with_gradients else 0, "gradients": gradient_names,
        "layers": [{"path": path, "class_name": kind} for path, kind in names]})
    return {"record": np.frombuffer(text.encode(), "uint8"), **arrays}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", metavar="MODEL", type=pathlib.Path, help="a file that Keras reads")
    parser.add_argument("--output", type=pathlib.Path, help="the record (default: MODEL's name with .npz)")
    parser.add_argument("--input", type=pathlib.Path, help="a .npy file, or a .npz file with the inputs by name")
    parser.add_argument("--samples", type=int, default=2, help="random samples, without --input (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: 0)")
    parser.add_argument("--no-gradients", action="store_true", help="outputs alone")
    options = parser.parse_args(arguments)
    import keras
    if keras.backend.backend() != "tensorflow":
        sys.exit(f"record_keras: Keras' backend must be tensorflow. Received: {keras.backend.backend()}")
    model = keras.models.load_model(options.model, compile=False)
    if not is_model(model):
        sys.exit(f"record_keras: {options.model}: must be a Sequential or functional model that is built")
    rng = np.random.default_rng(options.seed)
    inputs = load_inputs(model, options.input) if options.input else random_inputs(model, options.samples, rng)
    found = record(model, inputs, rng, not options.no_gradients)
    output = options.output or options.model.with_suffix(".npz")
    np.savez(output, **found)
    print(f"{output}: {sum(name.startswith('layers/') for name in found)} outputs of layers, "
          f"{sum(name.startswith('gradients/') for name in found)} gradients")


if __name__ == "__main__":
    main()
