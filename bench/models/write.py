#!/usr/bin/env python3
"""Writes the models that bench/compare measures, as Keras' config.json, and operations.json.

usage: write.py          with a Python that has Keras 3.15; writes beside itself

operations.json holds, of each model, the multiply-adds of one image: of the whole forward pass, and of the first
layer that has any, whose gradient by the input training does not need.
"""

import json
import math
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers

HERE = pathlib.Path(__file__).resolve().parent


def convnet() -> keras.Model:
    """fovea::applications::convnet, the reference net of docs/design.md."""
    model = keras.Sequential([keras.Input((150, 150, 3)), layers.Rescaling(1 / 255)], name="convnet")
    for filters in (32, 64, 128, 128):
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D(2))
    for layer in (layers.Flatten(), layers.Dropout(0.5), layers.Dense(512, activation="relu"),
                  layers.Dense(1, activation="sigmoid")):
        model.add(layer)
    return model


def mnist_convnet() -> keras.Model:
    """https://keras.io/examples/vision/mnist_convnet"""
    return keras.Sequential([
        keras.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.5),
        layers.Dense(10, activation="softmax")], name="mnist_convnet")


def lenet5() -> keras.Model:
    """LeCun et al. 1998, on 28x28 images that the first layer pads to 32x32."""
    return keras.Sequential([
        keras.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2), layers.Flatten(),
        layers.Dense(120, activation="tanh"), layers.Dense(84, activation="tanh"),
        layers.Dense(10, activation="softmax")], name="lenet5")


def resnet50() -> keras.Model:
    return keras.applications.ResNet50(weights=None, name="resnet50")


def mobilenet_v2() -> keras.Model:
    return keras.applications.MobileNetV2(weights=None, name="mobilenet_v2")


def multiply_adds(layer: keras.Layer) -> int:
    """Of one image."""
    if isinstance(layer, layers.Dense):
        return math.prod(layer.kernel.shape)
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
        pixels = layer.output.shape[1] * layer.output.shape[2]
        return pixels * math.prod(layer.kernel.shape)
    return 0


def text_of(model: keras.Model) -> str:
    """The config.json with a line a layer, so that a difference can be read."""
    config = json.loads(model.to_json())
    rows = [json.dumps(layer) for layer in config["config"].pop("layers")]
    head = json.dumps({name: value for name, value in config.items() if name != "config"})[1:-1]
    rest = json.dumps(config["config"])[1:-1]
    return "{" + head + ',\n"config": {' + rest + ', "layers": [\n' + ",\n".join(rows) + "\n]}}\n"


def main() -> None:
    operations = {}
    for make in (convnet, mnist_convnet, lenet5, resnet50, mobilenet_v2):
        keras.utils.clear_session()  # automatic names begin anew
        model = make()
        (HERE / f"{make.__name__}.json").write_text(text_of(model), encoding="utf-8")
        counts = [count for count in map(multiply_adds, model.layers) if count > 0]
        operations[make.__name__] = {"multiply_adds": sum(counts), "first_layer": counts[0]}
    (HERE / "operations.json").write_text(json.dumps(operations, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
