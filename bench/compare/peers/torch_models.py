"""A Keras config.json as a PyTorch module, written as one writes PyTorch: NCHW, padding inside the convolutions."""

import json
import pathlib

import torch
from torch import fx, nn

ACTIVATIONS = {"relu": lambda: nn.ReLU(inplace=True), "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
               "softmax": lambda: nn.Softmax(-1)}


class Builder:
    """Makes the modules, keeping the channels and sizes (C, H, W), or (features), of every layer's output."""

    def __init__(self, logits: bool) -> None:
        self.logits = logits  # leave out the last activation, which the loss does
        self.modules = nn.ModuleDict()
        self.graph = fx.Graph()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.nodes: dict[str, fx.Node] = {}
        self.padding: dict[str, int] = {}  # of a ZeroPadding2D, which the next layer does

    def add(self, name: str, module: nn.Module, input: fx.Node) -> fx.Node:
        self.modules[name] = module
        return self.graph.call_module(name, (input,))

    def layer(self, kind: str, config: dict, inputs: list[str], last: bool) -> None:
        name = config["name"]
        if kind == "InputLayer":
            height, width, channels = config["batch_shape"][1:]
            self.shapes[name] = (channels, height, width)
            self.nodes[name] = self.graph.placeholder("x")
            return
        source = inputs[0]
        node, shape = self.nodes[source], self.shapes[source]
        if kind == "ZeroPadding2D":
            # Uneven padding (0, 1) becomes (1, 1): as large an output, and no copy of the input.
            self.padding[name] = max(config["padding"][0])
        elif kind in ("Conv2D", "DepthwiseConv2D"):
            node, shape = self.convolution(kind, config, source)
        elif kind in ("MaxPooling2D", "AveragePooling2D"):
            make = nn.MaxPool2d if kind == "MaxPooling2D" else nn.AvgPool2d
            module = make(config["pool_size"][0], config["strides"][0], padding=self.padding.get(source, 0))
            node, shape = self.add(name, module, node), self.output_shape(shape[0], config["pool_size"], config, source)
        elif kind == "BatchNormalization":
            node = self.add(name, nn.BatchNorm2d(shape[0], config["epsilon"], 1 - config["momentum"]), node)
        elif kind == "GlobalAveragePooling2D":
            node = self.add(name, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), node)
            shape = shape[:1]
        elif kind == "Flatten":
            node, shape = self.add(name, nn.Flatten(), node), (shape[0] * shape[1] * shape[2],)
        elif kind == "Dense":
            node, shape = self.add(name, nn.Linear(shape[0], config["units"]), node), (config["units"],)
        elif kind == "Dropout":
            node = self.add(name, nn.Dropout(config["rate"]), node)
        elif kind == "ReLU":
            node = self.add(name, nn.ReLU6(inplace=True) if config["max_value"] == 6 else nn.ReLU(inplace=True), node)
        elif kind == "Add":
            node = self.graph.call_function(torch.add, (node, self.nodes[inputs[1]]))
        elif kind == "Rescaling":
            node = self.graph.call_function(torch.mul, (node, config["scale"]))
        elif kind != "Activation":
            raise ValueError(f"no {kind} here")
        activation = config.get("activation", "linear")
        if activation != "linear" and not (last and self.logits):
            node = self.add(name + "_activation", ACTIVATIONS[activation](), node)
        self.nodes[name], self.shapes[name] = node, shape

    def convolution(self, kind: str, config: dict, source: str) -> tuple[fx.Node, tuple[int, ...]]:
        channels = self.shapes[source][0]
        depthwise = kind == "DepthwiseConv2D"
        filters = channels * config["depth_multiplier"] if depthwise else config["filters"]
        size = config["kernel_size"][0]
        padding = size // 2 if config["padding"] == "same" else self.padding.get(source, 0)
        module = nn.Conv2d(channels, filters, size, config["strides"][0], padding, bias=config["use_bias"],
                           groups=channels if depthwise else 1)
        return (self.add(config["name"], module, self.nodes[source]),
                self.output_shape(filters, config["kernel_size"], config, source))

    def output_shape(self, channels: int, window: list[int], config: dict, source: str) -> tuple[int, ...]:
        stride, size = config["strides"][0], window[0]
        padding = size // 2 if config["padding"] == "same" else self.padding.get(source, 0)
        return (channels, *((side + 2 * padding - size) // stride + 1 for side in self.shapes[source][1:]))


def inputs_of(layer: dict) -> list[str]:
    """Names of the layers that it reads."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            found.append(value["config"]["keras_history"][0])
        elif isinstance(value, dict):
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(layer.get("inbound_nodes", []))
    return found


def module_from(path: str, logits: bool) -> tuple[nn.Module, tuple[int, ...], int]:
    """(The module, its input's channels, height and width, its outputs)."""
    layers = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["config"]["layers"]
    builder = Builder(logits)
    before: list[str] = []
    for number, layer in enumerate(layers):
        builder.layer(layer["class_name"], layer["config"], inputs_of(layer) or before, number == len(layers) - 1)
        before = [layer["config"]["name"]]
    builder.graph.output(builder.nodes[before[0]])
    module = fx.GraphModule(builder.modules, builder.graph)
    first, last = layers[0]["config"]["name"], before[0]
    return module, builder.shapes[first], builder.shapes[last][0]
