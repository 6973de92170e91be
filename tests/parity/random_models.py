#!/usr/bin/env python3
"""Functional models of random layers with random options and weights: one for each seed, always the same.

usage: random_models.py SEED OUT.keras     the model of random_models_test with this seed
       random_models.py --classes COUNT    how often each class is in the first COUNT models

While a model is drawn it runs on samples, so that values stay finite and of moderate size, and depend on the sample."""

import argparse
import collections
import dataclasses
import inspect
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.ops.image import Resize
from keras.src.ops.numpy import Matmul

import random_layers
import random_operations

# No other axis is as long: Keras, run eagerly, takes what is added for a bias when its one long axis fits another one.
SAMPLES = 19
# Numbers of a sample at most, and how large they are.
MOST_ELEMENTS = 6000
LARGEST, SMALLEST = 5.0, 0.1
# How much an element differs between samples, as a share of the largest.
SPREAD = 0.05
# How near all elements are to 0 or 1 at most.
SATURATED = 1e-2
# How far a result may move, as a share of its largest element, when its inputs move by a few roundings of theirs.
ROUNDINGS, MOVES = 1e-6, 3e-4


class Rejected(Exception):
    """Nothing to draw here, or Keras cannot compute it, or its values are of no use."""


class Draw:
    """Random choices."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def chance(self, probability):
        return bool(self.random.random() < probability)

    def integer(self, low, high):
        return int(self.random.integers(low, high + 1))

    def number(self, low, high):
        """With few digits."""
        return round(float(self.random.uniform(low, high)), 3)

    def choice(self, items):
        return items[self.integer(0, len(items) - 1)]

    def several(self, items, count):
        return [int(i) for i in self.random.choice(list(items), count, replace=False)]


@dataclasses.dataclass(eq=False)
class Node:
    """A tensor of the model and its value for the samples."""
    tensor: object
    value: object
    used: bool = False

    @property
    def shape(self):
        return tuple(self.tensor.shape[1:])


@dataclasses.dataclass
class Built:
    model: object
    inputs: list
    differentiable: bool  # for TensorFlow too


def weight_value(random, weight):
    """Of an own scale for each kind, so that every weight counts."""
    shape = tuple(weight.shape)
    if "variance" in weight.name:
        return random.uniform(0.5, 2, shape)
    if weight.name in ("gamma", "scale"):
        return random.uniform(0.5, 1.5, shape)
    if weight.name == "alpha":
        return random.uniform(0, 0.5, shape)
    if len(shape) < 2:
        return random.normal(0, 0.4, shape)
    # Rows, and kernels (..., in, out), add up what comes in.
    fan_in = np.prod(shape[:-1]) if "depthwise" not in weight.name else np.prod(shape[:-2])
    return random.normal(0, 1.2 / np.sqrt(fan_in), shape)


def scatter(random, layer):
    for weight in layer.weights:
        if "float" in weight.dtype:
            weight.assign(weight_value(random, weight))
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()  # Normalization keeps its statistics as constants


class Network:
    """Nodes that grow from inputs, in a model or a nested one."""

    def __init__(self, draw, nodes, nesting=0):
        self.draw = draw
        self.inputs = list(nodes)
        self.nodes = list(nodes)
        self.layers = []  # (layer of one input, its input's shape and type), which may be called again
        self.nesting = nesting
        self.differentiable = True

    # ---- steps ----

    def grow(self, steps):
        """Steps, of which each adds a node or more; the last one counts most as input of the next."""
        kinds = [self.add_layer] * 12 + [self.add_operation] * 4 + [self.add_merge] * 3 + [self.add_joint] * 2 + [
            self.add_operation_of_two, self.call_again, self.add_dot]
        if self.nesting < 2:
            kinds += [self.add_sequential, self.add_model]
        while steps > 0:
            try:
                self.draw.choice(kinds)()
                steps -= 1
            except Rejected:
                pass

    def pick(self):
        nodes = [node for node in self.nodes if node.shape]  # others have nothing but the batch
        return nodes[-1] if self.draw.chance(0.7) else self.draw.choice(nodes)

    def add_layer(self):
        x = self.pick()
        self.layer_on(random_layers.of_one_input(self.draw, x.shape), x)

    def layer_on(self, layer, x):
        node = self.call(layer, [x])
        if getattr(layer, "interpolation", None) == "area":
            self.differentiable = False
        self.layers.append((layer, (x.shape, x.value.dtype)))
        return node

    def add_operation(self):
        x = self.pick()
        whole = not x.value.dtype.is_floating and self.draw.chance(0.7)
        operation = random_operations.operation_of_whole if whole else random_operations.operation
        self.call(operation(self.draw, x.shape), [x])

    def partner(self, x):
        """Another node of the shape: one that is there, or one that is made."""
        others = [node for node in self.nodes if node.shape == x.shape and node is not x]
        if others and self.draw.chance(0.7):
            return self.draw.choice(others)
        made = [lambda: layers.Dense(x.shape[-1], activation="tanh"),
                lambda: layers.BatchNormalization(axis=self.draw.choice([-1, 1]))]
        if len(x.shape) == 3:
            made.append(lambda: layers.Conv2D(x.shape[-1], 3, padding="same"))
        return self.layer_on(self.draw.choice(made)(), x)

    def add_merge(self):
        """A residual connection, for one; or a gate of another shape."""
        x = self.pick()
        others = [self.partner(x) for _ in range(1 if self.draw.chance(0.7) else 2)]
        layer = random_layers.merging(self.draw)
        if isinstance(layer, (layers.Subtract, random_layers.CustomScaleLayer)):
            others = others[:1]
        elif len(x.shape) == 3 and self.draw.chance(0.3):
            others[0] = self.call(layers.GlobalAveragePooling2D(keepdims=True), [others[0]])
        self.call(layer, self.shuffled([x, *others]) if not isinstance(layer, random_layers.CustomScaleLayer) else [x, *others])

    def shuffled(self, items):
        return [items[i] for i in self.draw.several(range(len(items)), len(items))]

    def add_joint(self):
        """Concatenate along an axis in which the inputs may differ."""
        x = self.pick()
        axis = self.draw.integer(1, len(x.shape))
        fits = [node for node in self.nodes if len(node.shape) == len(x.shape) and all(
            a == b for i, (a, b) in enumerate(zip(node.shape, x.shape), 1) if i != axis)]
        others = [self.draw.choice(fits) for _ in range(self.draw.integer(1, 2))]
        self.call(layers.Concatenate(axis=axis if self.draw.chance(0.5) else axis - len(x.shape) - 1), [x, *others])

    def add_operation_of_two(self):
        x = self.pick()
        self.call(random_operations.operation_of_two(self.draw, len(x.shape) + 1), [x, self.partner(x)], spread=True)

    def add_dot(self):
        x = self.pick()
        if len(x.shape) > 2:
            raise Rejected
        y = self.partner(x)
        axis = self.draw.integer(1, len(x.shape))
        # One number by itself becomes its sign, which is as far from one small number to the next as can be.
        normalize = self.draw.chance(0.4) and x.shape[axis - 1] > 1
        self.call(layers.Dot(axes=self.draw.choice([axis, (axis, axis), axis - len(x.shape) - 1]),
                             normalize=normalize), [x, y])

    def call_again(self):
        """A layer that is there on another node, with the same weights."""
        layer, given = self.draw.choice(self.layers) if self.layers else (None, None)
        fits = [node for node in self.nodes if node.shape and (node.shape, node.value.dtype) == given]
        if not fits:
            raise Rejected
        self.call(layer, [self.draw.choice(fits)])

    def add_sequential(self):
        x = self.pick()
        inner = Network(self.draw, [self.inner_input(x)], self.nesting + 1)
        if not x.shape:
            raise Rejected
        for _ in range(self.draw.integer(1, 4)):
            try:
                inner.layer_on(random_layers.of_one_input(self.draw, inner.nodes[-1].shape), inner.nodes[-1])
            except Rejected:
                pass
        chain = [layer for layer, _ in inner.layers]
        if not chain or len(inner.nodes) != len(chain) + 1:
            raise Rejected  # a value was brought to size between two layers
        self.nest(inner, keras.Sequential([keras.Input(x.shape, dtype=x.value.dtype.name), *chain]), [x])

    @staticmethod
    def inner_input(x):
        """Of the node's own type: one that casts leaves open what becomes of numbers that do not fit."""
        return Node(keras.Input(x.shape, dtype=x.value.dtype.name), x.value)

    def add_model(self):
        given = [self.pick() for _ in range(self.draw.choice([1, 1, 1, 2]))]
        inner = Network(self.draw, [self.inner_input(x) for x in given], self.nesting + 1)
        inner.grow(self.draw.integer(1, 5))
        self.nest(inner, inner.model(), given)

    def nest(self, inner, model, given):
        if self.draw.chance(0.3):
            model.trainable = False
        self.call(model, given)
        self.differentiable &= inner.differentiable
        if len(given) == 1:
            self.layers.append((model, (given[0].shape, given[0].value.dtype)))
            if self.draw.chance(0.3):
                self.call_again()

    # ---- what they share ----

    def call(self, layer, inputs, spread=False):
        """The node, or nodes, of a layer or function called on the inputs; returns the last."""
        one = len(inputs) == 1
        options = {}
        if takes_training(layer) and self.draw.chance(0.25):
            options["training"] = False
        new = isinstance(layer, keras.Layer) and not layer.built
        tensors, values = [x.tensor for x in inputs], [x.value for x in inputs]
        try:
            results = layer(*tensors) if spread else layer(tensors[0] if one else tensors, **options)
            if new:
                scatter(self.draw.random, layer)
            if any(np.prod(tensor.shape[1:]) > MOST_ELEMENTS for tensor in as_list(results)):
                raise Rejected
            # Augmentation is on where nothing is said.
            inference = {"training": False} if takes_training(layer) else {}

            def function(*given):
                return layer(*given) if spread else layer(given[0] if one else given, **inference)

            found = computed(function, values)
            moved = computed(function, with_roundings(values))
        except (ValueError, TypeError, tf.errors.OpError) as error:
            reason = [line for line in str(error).splitlines() if line and not line.startswith("Exception encountered")]
            REJECTIONS[f"{name_of(layer)}: {reason[0][:150] if reason else error}"] += 1
            raise Rejected from error
        if not any(value.dtype.is_floating for value in values) and is_of_no_use(as_list(results), as_list(found)):
            raise Rejected
        for tensor, value in zip(as_list(results), as_list(found)):
            if tuple(tensor.shape[1:]) != tuple(value.shape[1:]):
                raise RuntimeError(f"{name_of(layer)}: shape {tensor.shape} and {value.shape}")
            if tensor.dtype != value.dtype.name:
                raise Rejected  # leaky_relu of bytes, for one, says bytes and gives floats
            require_useful(value)
            if SAMPLES in value.shape[1:] or is_misplaced_bias(layer, value):
                raise Rejected
        # A tanh_shrink of small numbers, divided by its length, is little else than rounding.
        if any(difference(a, b) > MOVES for a, b in zip(as_list(moved), as_list(found)) if b.dtype.is_floating):
            raise Rejected
        for x in inputs:
            x.used = True
        for tensor, value in zip(as_list(results), as_list(found)):
            self.nodes.append(Node(tensor, value))
            self.bring_to_size(self.nodes[-1])
        return self.nodes[-1]

    def bring_to_size(self, node):
        largest = float(np.abs(node.value).max())
        if SMALLEST <= largest <= LARGEST or not node.value.dtype.is_floating and self.draw.chance(0.7):
            return
        scale = round(float(1 / largest), 6) or 1e-6
        how = self.draw.choice([lambda: layers.Rescaling(scale), lambda: (lambda x: x * scale)])
        self.call(how(), [node])

    def model(self):
        """All that nobody used is an output, or joins one."""
        self.draw_ends()
        ends = [node.tensor for node in self.nodes if not node.used]
        starts = [node.tensor for node in self.inputs]
        return keras.Model(starts if len(starts) > 1 else starts[0], ends if len(ends) > 1 else ends[0])

    def draw_ends(self):
        ends = [node for node in self.nodes if not node.used]
        # An input cannot be an output too without a layer between, as far as anyone cares.
        joined = [node for node in ends if node in self.inputs]
        others = [node for node in ends if node not in self.inputs]
        joined += others[:-3]
        while joined or not others:
            node = joined.pop()
            x = self.call(layers.Flatten(), [node])
            others = [node for node in self.nodes if not node.used]
            try:
                self.call(layers.Dense(self.draw.integer(2, 6), activation=self.draw.choice([None, "softmax"])), [x])
            except Rejected:
                pass


def is_misplaced_bias(layer, value):
    """Keras adds a bias of channels along the last axis, whichever that is, when the sizes agree."""
    bias = getattr(layer, "bias", None)
    return bias is not None and getattr(layer, "data_format", "") == "channels_first" and bias.shape[0] == value.shape[-1]


def is_of_no_use(tensors, values):
    """What Keras makes of whole numbers that fovea refuses: normalized ones cut to whole numbers again, averages of sums
    that have wrapped around, products of matrices, antialiased images of operations, and sums of bytes of a type that it
    does not have; and what a last digit decides: smooth images rounded."""
    operation = tensors[0]._keras_history.operation
    refused = isinstance(operation, (layers.LayerNormalization, layers.GroupNormalization, layers.Average, Matmul))
    antialiased = isinstance(operation, Resize) and operation.antialias
    smooth = isinstance(operation, layers.UpSampling2D) and operation.interpolation not in ("nearest", "bilinear")
    return refused or antialiased or smooth or any(value.dtype not in (tf.float32, tf.uint8, tf.int32) for value in values)


def takes_training(layer):
    return isinstance(layer, keras.Model) or isinstance(layer, keras.Layer) and "training" in inspect.signature(layer.call).parameters


def computed(function, values):
    """What the function gives in predict, which is compiled: called on whole numbers directly, Keras' preprocessing layers
    would keep them, which they turn into floats there. Others are the same, and faster, as they are."""
    if all(value.dtype.is_floating for value in values):
        return function(*values)
    return tf.function(function, autograph=False)(*values)


def with_roundings(values):
    """Floats moved by a few roundings of the largest; whole numbers as they are."""
    random = np.random.default_rng(1)
    return [value + tf.constant((random.uniform(-1, 1, value.shape) * ROUNDINGS * np.abs(value).max()).astype(value.dtype.name))
            if value.dtype.is_floating else value for value in values]


def difference(a, b):
    """The largest, as a share of the largest element of b."""
    return float(np.abs(np.asarray(a) - np.asarray(b)).max() / max(np.abs(b).max(), 1e-30))


def as_list(results):
    return list(results) if isinstance(results, (list, tuple)) else [results]


def name_of(layer):
    return type(layer).__name__ if isinstance(layer, keras.Layer) else "keras.ops"


def require_useful(value):
    value = np.asarray(value)
    if value.size == 0:
        raise Rejected
    largest = np.abs(value).max()
    if not np.isfinite(value).all() or largest > 1e4 or largest < 1e-4:
        raise Rejected
    if np.ptp(value, axis=0).max() < SPREAD * largest:
        raise Rejected
    # Of a softmax of large numbers, the gradient is nothing but rounding.
    if value.dtype.kind == "f" and largest > 0.5 and np.minimum(np.abs(value), np.abs(value - 1)).max() < SATURATED:
        raise Rejected


# Why calls were rejected by Keras, for --classes.
REJECTIONS = collections.Counter()


def draw_input(draw, name):
    shape = draw.choice([(draw.integer(5, 16), draw.integer(5, 16), draw.integer(1, 5))] * 5 +
                        [(draw.integer(5, 16), draw.integer(1, 6)), (draw.integer(2, 20),)])
    if draw.chance(0.15):
        dtype, low, high = draw.choice([("uint8", 0, 255)] * 3 + [("int32", -99, 99)])
        value = draw.random.integers(low, high + 1, (SAMPLES, *shape)).astype(dtype)
        return Node(keras.Input(shape, dtype=dtype, name=name), tf.constant(value))
    return Node(keras.Input(shape, name=name), tf.constant(draw.random.normal(0, 1, (SAMPLES, *shape)).astype("float32")))


def build(seed):
    """The model of the seed, with inputs that keep its values of moderate size."""
    for attempt in range(20):
        try:
            return attempt_at(seed, attempt)
        except Rejected:  # Even its ends cannot be drawn as they should be.
            pass
    raise RuntimeError(f"seed {seed}: no model comes of it")


def attempt_at(seed, attempt):
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed % 2**32)
    draw = Draw((seed, attempt) if attempt else seed)
    given = [draw_input(draw, f"x{i}") for i in range(draw.choice([1, 1, 1, 2, 3]))]
    network = Network(draw, given)
    network.grow(draw.integer(3, 12))
    model = network.model()
    for end in predicted(model, [node.value for node in given]):
        value = np.asarray(end)
        assert np.isfinite(value).all() and np.ptp(value, axis=0).max() > 0, f"seed {seed}: an output is constant"
    return Built(model, [np.asarray(node.value) for node in given], network.differentiable)


def predicted(model, inputs):
    """The outputs, in a list."""
    inputs = [tf.constant(value) for value in inputs]
    return as_list(computed(lambda *given: model(list(given) if len(given) > 1 else given[0], training=False), inputs))


def layers_of(model):
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def operations_of(model):
    function = getattr(model, "_functional", None) or model
    for operation in function.operations:
        yield operation
        if isinstance(operation, keras.Model):
            yield from operations_of(operation)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("seed", type=int, nargs="?")
    parser.add_argument("output", nargs="?")
    parser.add_argument("--classes", type=int)
    options = parser.parse_args()
    if options.classes is None:
        built = build(options.seed)
        built.model.save(options.output)
        built.model.summary(expand_nested=True)
        return
    found = collections.Counter()
    for seed in range(options.classes):
        found.update(f"{type(operation).__module__}.{type(operation).__name__}" for operation in operations_of(build(seed).model))
    for name, count in sorted(found.items()):
        print(f"{count:6} {name}")
    for reason, count in REJECTIONS.most_common():
        print(f"{count:6} times rejected: {reason}")


if __name__ == "__main__":
    sys.exit(main())
