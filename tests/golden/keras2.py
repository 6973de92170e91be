"""keras2/: archives and architectures as Keras 2 writes them, which Keras 3 cannot read: needs tf_keras.

A case has <case>.keras and <case>.json. Archives are written anew without the date and the numbers of objects."""

import io
import json
import os
import zipfile

import common
import h5py
import tf_keras
from common import np
from tf_keras import layers


def write_all(folder):
    for name, build, *options in cases():
        write_case(folder, name, build, **(options[0] if options else {}))


def write_case(folder, name, build, dtype="float32", earliest=False, train=None):
    rng = common.start_case("keras2/" + name)
    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(7)
    model = build()
    for weight in model.weights:
        value = rng.normal(0, 0.4, weight.shape)
        weight.assign(np.abs(value) if "variance" in weight.name else value)
    shapes = [tensor.shape[1:] for tensor in model.inputs]
    inputs = [rng.integers(0, 256, (2, *s)).astype(dtype) if dtype == "uint8" else common.normal(rng, 2, *s) for s in shapes]
    if train:
        model.compile(train, "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(inputs[0], np.array([0, 1]), epochs=2, verbose=0)
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    path = os.path.join(folder, name + ".keras")
    model.save(path)
    rewrite(path, earliest)
    case = {"architecture": json.loads(model.to_json()), "weights": [weight.numpy() for weight in model.weights],
            "inputs": inputs, "outputs": outputs if isinstance(outputs, list) else [outputs]}
    if train:
        case["optimizer"] = [variable.numpy() for variable in model.optimizer.variables]
    common.write(folder, name, case)


def rewrite(path, earliest):
    """`earliest`: with the names of tf.keras 2.12 and 2.13."""
    with zipfile.ZipFile(path) as archive:
        config = without_numbers(json.loads(archive.read("config.json")))
        weights = archive.read("model.weights.h5")
    text, version = json.dumps(config), tf_keras.__version__
    if earliest:
        text, version = text.replace("tf_keras", "keras"), "2.12.0"
        buffer = io.BytesIO()
        with h5py.File(io.BytesIO(weights)) as source, h5py.File(buffer, "w") as target:
            source.visititems(lambda name, item: copy(target, name, item))
        weights = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {"metadata.json": json.dumps({"keras_version": version, "date_saved": "2024-01-01@00:00:00"}),
                                "config.json": text, "model.weights.h5": weights}.items():
            archive.writestr(zipfile.ZipInfo(member), content)


def copy(target, name, item):
    name = name.replace("layers", "_layer_checkpoint_dependencies")
    if isinstance(item, h5py.Dataset):
        target[name] = item[()]
    else:
        target.require_group(name)


def without_numbers(value):
    if isinstance(value, dict):
        return {key: without_numbers(item) for key, item in value.items() if key != "shared_object_id"}
    return [without_numbers(item) for item in value] if isinstance(value, list) else value


def cases():
    yield "sequential", sequential
    yield "earliest", functional, {"earliest": True}
    yield "functional", functional
    yield "layers", many_layers
    yield "rows", rows
    yield "bytes", of_bytes, {"dtype": "uint8"}
    yield "thresholded_relu", lambda: tf_keras.Sequential([tf_keras.Input((40,)), layers.ThresholdedReLU(theta=0.75)])
    for name in ("Adam", "SGD", "RMSprop", "Nadam"):
        options = {"Adam": {"amsgrad": True}, "SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.5, "centered": True}}
        yield f"trained_{name.lower()}", small, {"train": getattr(tf_keras.optimizers, name)(0.01, **options.get(name, {}))}


def sequential():
    return tf_keras.Sequential([
        layers.Conv2D(3, 3, activation="relu", input_shape=(8, 7, 2)), layers.MaxPooling2D(), layers.BatchNormalization(),
        layers.Dropout(0.3), layers.LeakyReLU(0.2), layers.Flatten(), layers.Dense(2, activation="softmax")])


def small():
    return tf_keras.Sequential([tf_keras.Input((5,)), layers.Dense(3, activation="relu"), layers.Dense(2, activation="softmax")])


def functional():
    """Nested models that are called twice or in inference, a shared layer, two inputs and outputs."""
    a, b = tf_keras.Input((6, 6, 2), name="a"), tf_keras.Input((6, 6, 2), name="b")
    base = tf_keras.Sequential([tf_keras.Input((6, 6, 2)), layers.Conv2D(2, 3, padding="same"), layers.BatchNormalization()],
                               name="base")
    inside = tf_keras.Input((6, 6, 2))
    inner = tf_keras.Model(inside, layers.ZeroPadding2D()(layers.DepthwiseConv2D(3)(inside)), name="inner")
    x = layers.Add()([base(a, training=False), inner(inner(b))])
    dense = layers.Dense(2, name="shared")
    first = dense(layers.GlobalAveragePooling2D()(x))
    return tf_keras.Model([a, b], [dense(first), layers.Concatenate()([first, layers.Flatten()(x)])])


def many_layers():
    x = image = tf_keras.Input((8, 8, 3))
    for layer in (layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.CenterCrop(6, 6), layers.Resizing(5, 7),
                  layers.Conv2DTranspose(4, 3, strides=2), layers.PReLU(shared_axes=[1, 2]), layers.ELU(alpha=0.5),
                  layers.LayerNormalization(), layers.UpSampling2D(), layers.Cropping2D(1), layers.SpatialDropout2D(0.2),
                  layers.GaussianNoise(0.1), layers.SeparableConv2D(4, 3, activation="swish"), layers.ReLU(max_value=6),
                  layers.Permute((2, 1, 3)), layers.Reshape((-1, 4)), layers.Conv1D(3, 2), layers.GlobalMaxPooling1D(),
                  layers.Softmax()):
        x = layer(x)
    return tf_keras.Model(image, x)


def rows():
    steps = tf_keras.Input((9, 4))
    return tf_keras.Sequential([steps, layers.ZeroPadding1D((1, 2)), layers.DepthwiseConv1D(3, depth_multiplier=2), layers.SpatialDropout1D(0.2),
                                layers.SeparableConv1D(5, 3, padding="same", activation="relu"), layers.UpSampling1D(2),
                                layers.Conv1DTranspose(3, 2, strides=2), layers.Cropping1D((1, 3)), layers.Flatten(), layers.Dense(2)])


def of_bytes():
    image = tf_keras.Input((6, 6, 3), dtype="uint8")
    return tf_keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.Rescaling(1 / 255)(image))))
