"""Whole models in .h5 files, as Keras 3 writes them, and rewritten into what Keras 2 and 1 wrote.

Keras 2 does not run beside Keras 3. What its files have otherwise follows from tf_keras/src/engine/functional.py
(get_network_config), sequential.py and saving/legacy/hdf5_format.py, and from files that it wrote.
"""

import copy
import json
import os

from common import coarse, keras, normal, start_case, write

import h5py
import numpy as np

L = keras.layers


# ---- models ----

def sequential():
    return keras.Sequential([
        L.Input((7, 6, 2)),
        L.Conv2D(3, 3, activation="relu", kernel_regularizer="l2"),
        L.BatchNormalization(),
        L.MaxPooling2D(),
        L.Dropout(0.25),
        L.Flatten(),
        L.Dense(2, activation="softmax"),
    ])


def two_inputs():
    a, b = L.Input((5,), name="a"), L.Input((5,), name="b")
    shared = L.Dense(4, activation="tanh", name="shared")
    joined = L.Concatenate(name="joined")([shared(b), shared(a), b])
    return keras.Model([a, b], [L.Dense(2, name="first")(joined), L.Dense(1, name="second")(shared(a))])


def residual():
    x = L.Input((6, 6, 3))
    y = L.SeparableConv2D(4, 3, padding="same", use_bias=False)(x)
    y = L.BatchNormalization(axis=3)(y)
    y = L.ReLU(6.0)(y)
    y = L.DepthwiseConv2D(3, padding="same")(y)
    y = L.BatchNormalization(axis=3, scale=False)(y)
    y = L.Add()([L.Conv2D(4, 1, strides=1)(x), y])
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(y)))


def base(name, frozen):
    x = L.Input((4, 4, 2))
    y = L.Conv2D(2, 2, name=name + "_conv")(x)
    y = L.BatchNormalization(name=name + "_norm", trainable=not frozen)(y)
    y = L.Conv2D(2, 2, name=name + "_conv2")(y)
    return keras.Model(x, L.BatchNormalization(name=name + "_norm2", trainable=not frozen)(y), name=name)


def nested():
    """A functional model and a Sequential as layers, the first called twice."""
    a, b = L.Input((4, 4, 2), name="a"), L.Input((4, 4, 2), name="b")
    features = base("features", frozen=False)
    head = keras.Sequential([L.Input((2, 2, 2)), L.Flatten(), L.Dense(3, activation="relu", name="inner")], name="head")
    joined = L.Concatenate(name="joined")([head(features(a)), head(features(b, training=False))])
    return keras.Model([a, b], [L.Dense(2, name="last")(joined), features(L.Add(name="sum")([a, b]))], name="nested")


def sequence_of_models():
    """A trained base in a Sequential in a Sequential, as Teachable Machine writes it; frozen in parts."""
    frozen = keras.Sequential([base("base", frozen=True), L.GlobalAveragePooling2D()], name="features")
    head = keras.Sequential([L.Input((2,)), L.Dense(3, activation="relu"), L.Dense(2, activation="softmax")], name="head")
    return keras.Sequential([L.Input((4, 4, 2)), frozen, head], name="sequence")


# ---- what Keras 2 wrote otherwise ----

NEW_OPTIONS = ("quantization_config", "renorm", "renorm_clipping", "renorm_momentum", "input_axes", "output_axes",
               "optional", "synchronized", "keepdims")


def older_value(value):
    """Initializers and regularizers without what Keras 3 adds; a policy is its name."""
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    if value["class_name"] == "DTypePolicy":
        return value["config"]["name"]
    if value["class_name"] == "L2":
        return {"class_name": "L1L2", "config": {"l1": 0.0, "l2": value["config"]["l2"]}}
    return {"class_name": value["class_name"], "config": value["config"]}


def older_layer(layer):
    config = {key: older_value(value) for key, value in layer["config"].items() if key not in NEW_OPTIONS}
    kind = layer["class_name"]
    if kind == "InputLayer":
        config["batch_input_shape"] = config.pop("batch_shape")
        config["sparse"] = config["ragged"] = False
    elif kind == "BatchNormalization":
        config["axis"] = [config["axis"] % 4]
    elif kind in ("DepthwiseConv2D", "SeparableConv2D"):
        config["groups"] = 1
        if kind == "SeparableConv2D":
            config["kernel_initializer"] = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
            config["kernel_regularizer"] = config["kernel_constraint"] = None
    elif kind == "ReLU":
        config["max_value"] = {"type": "ndarray", "value": config["max_value"]}
    elif kind == "Functional":
        config = older_functional(config)
    elif kind == "Sequential":
        config = older_sequential(config)
    return {**{key: value for key, value in layer.items() if key != "__passive_serialization__"}, "config": config}


def older_sequential(config):
    """The shape of what comes in stands with the first layer; the InputLayer is left out."""
    layers = [older_layer(layer) for layer in config["layers"]]
    if layers[0]["class_name"] == "InputLayer":
        given = layers.pop(0)["config"]
        if layers[0]["class_name"] not in ("Functional", "Sequential", "Model"):
            layers[0]["config"]["batch_input_shape"] = given["batch_input_shape"]
    return {"name": config["name"], "layers": layers}


def older_functional(config):
    """Calls are lists. Those of a model count from 1, since its own is the first."""
    models = {layer["config"]["name"] for layer in config["layers"]
              if layer["class_name"] in ("Functional", "Sequential")}

    def tensor(value, arguments):
        name, call, index = value["config"]["keras_history"]
        return [name, call + (name in models), index, arguments]

    layers = []
    for layer in config["layers"]:
        nodes = []
        for node in layer["inbound_nodes"]:
            tensors = node["args"][0]
            arguments = {key: value for key, value in node["kwargs"].items() if value is not None}
            nodes.append([tensor(value, arguments) for value in (tensors if isinstance(tensors, list) else [tensors])])
        layers.append({**older_layer(layer), "inbound_nodes": nodes})
    ends = {key: [value] if isinstance(value[0], str) else value
            for key, value in config.items() if key in ("input_layers", "output_layers")}
    return {"name": config["name"], "layers": layers, **ends}


def older_file(path, change_config=lambda config: config):
    """Rewrites a file: the config, and weights under names that end in ":0"."""
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
        groups = {name: [(weight, file["model_weights"][name][weight][()])
                         for weight in file["model_weights"][name].attrs["weight_names"]]
                  for name in file["model_weights"].attrs["layer_names"]}
    model = json.loads(attributes["model_config"])
    config = older_layer({"class_name": model["class_name"], "config": model["config"]})
    if config["class_name"] == "Functional":
        config["class_name"] = "Model"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.2.4", "tensorflow"
        file.attrs["model_config"] = json.dumps(change_config(config))
        if "training_config" in attributes:
            training = json.loads(attributes["training_config"])
            file.attrs["training_config"] = json.dumps({
                "optimizer_config": {"class_name": "Adam", "config": {
                    "lr": 0.0625, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0, "epsilon": 1e-7, "amsgrad": False}},
                "loss": training["loss"], "metrics": ["accuracy"], "sample_weight_mode": None, "loss_weights": None})
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([name.encode() for name in groups])
        weights.attrs["keras_version"], weights.attrs["backend"] = "2.2.4", "tensorflow"
        for name, values in groups.items():
            group = weights.create_group(name)
            group.attrs["weight_names"] = [f"{weight}:0".encode() for weight, _ in values]
            for weight, value in values:
                group[f"{weight}:0"] = value


def first_keras(config):
    """Keras 1's names of options; a Sequential is a list."""
    names = {"filters": "nb_filter", "padding": "border_mode", "strides": "subsample", "data_format": "dim_ordering",
             "use_bias": "bias", "kernel_initializer": "init", "kernel_regularizer": "W_regularizer",
             "bias_regularizer": "b_regularizer", "kernel_constraint": "W_constraint",
             "bias_constraint": "b_constraint", "units": "output_dim", "rate": "p"}
    layers = copy.deepcopy(config["config"]["layers"])
    for layer in layers:
        options = layer["config"]
        for name, old_name in names.items():
            if name in options and not (name == "strides" and layer["class_name"] == "MaxPooling2D"):
                options[old_name] = options.pop(name)
        if "dim_ordering" in options:
            options["dim_ordering"] = "tf"
        if "init" in options:
            options["init"] = "glorot_uniform"
        for name in ("dilation_rate", "groups", "bias_initializer", "dtype", "seed", "noise_shape"):
            options.pop(name, None)
        if layer["class_name"] == "Flatten":
            options.pop("dim_ordering")
        if layer["class_name"] == "Conv2D":
            layer["class_name"] = "Convolution2D"
            options["nb_row"], options["nb_col"] = options.pop("kernel_size")
            options["W_regularizer"] = {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}
        if layer["class_name"] == "BatchNormalization":
            options["mode"], options["axis"] = 0, -1
            for name in ("center", "scale", *[name for name in options if name.endswith(("initializer", "constraint"))]):
                options.pop(name)
    return {"class_name": "Sequential", "config": layers}


def in_chunks(path, count):
    """The names of layers in several attributes, as when they do not fit into one."""
    with h5py.File(path, "a") as file:
        attributes = file["model_weights"].attrs
        for i, part in enumerate(np.array_split(attributes["layer_names"], count)):
            attributes[f"layer_names{i}"] = part
        del attributes["layer_names"]


# ---- cases ----

def write_case(folder, name, make, older=None, compiled=False):
    rng = start_case(name)
    model = make()
    model.set_weights([np.abs(normal(rng, *weight.shape)) if "variance" in weight.path else normal(rng, *weight.shape)
                       for weight in model.weights])
    if compiled:
        model.compile(keras.optimizers.Adam(0.0625), "categorical_crossentropy", metrics=["accuracy"])
    path = os.path.join(folder, name + ".h5")
    model.save(path)
    if older is not None:
        older(path)
    inputs = [coarse(rng, 3, *tensor.shape[1:]) for tensor in model.inputs]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    write(folder, name, {"weights": model.get_weights(), "inputs": inputs,
                         "outputs": [np.asarray(output) for output in outputs]})


def write_all(folder):
    import absl.logging
    absl.logging.set_verbosity(absl.logging.ERROR)  # that .h5 is a legacy format
    for make in (sequential, two_inputs, residual, nested, sequence_of_models):
        compiled = make is sequential
        write_case(folder, make.__name__ + "_keras3", make, compiled=compiled)
        write_case(folder, make.__name__ + "_keras2", make, older_file, compiled=compiled)
    write_case(folder, "sequential_keras1", sequential, lambda path: older_file(path, first_keras))
    write_case(folder, "chunks_keras2", residual, lambda path: (older_file(path), in_chunks(path, 3)))
