"""The networks of keras.applications with random weights that make their outputs tell inputs apart."""

import warnings

import keras
import numpy as np

import fovea
import saving_test

# The families, the smallest of each first; sizes are those of small images that they take.
FAMILIES = {
    "Xception": ("Xception",),
    "VGG": ("VGG16", "VGG19"),
    "ResNet": ("ResNet50", "ResNet101", "ResNet152"),
    "ResNetV2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "InceptionV3": ("InceptionV3",),
    "InceptionResNetV2": ("InceptionResNetV2",),
    "MobileNet": ("MobileNet",),
    "MobileNetV2": ("MobileNetV2",),
    "MobileNetV3": ("MobileNetV3Small", "MobileNetV3Large"),
    "DenseNet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "NASNet": ("NASNetMobile", "NASNetLarge"),
    "EfficientNet": tuple(f"EfficientNetB{i}" for i in range(8)),
    "EfficientNetV2": tuple(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "ConvNeXt": tuple(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
}
ALL = tuple(name for family in FAMILIES.values() for name in family)


def images(count, shape, seed=1):
    """Smooth and rough at once, from 0 to 255, each of its own brightness."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = rng.uniform(0, 1, (count, 6, 6, channels))
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 6 // width
    mixed = 0.6 * coarse[:, rows][:, :, columns] + 0.4 * rng.uniform(0, 1, (count, height, width, channels))
    return (255 * mixed * rng.uniform(0.4, 1, (count, 1, 1, 1))).astype("float32")


def build(name, input_shape=None, **options):
    """The network with a small top: statistics of its BatchNormalizations are those of some images, and then
    disturbed, as are the other weights of its normalizations."""
    keras.utils.set_random_seed(7)
    if input_shape is None and name.startswith("MobileNetV3"):
        input_shape = (224, 224, 3)  # which is open otherwise
    options = {"weights": None, "classes": 10, "classifier_activation": None, **options}
    model = getattr(keras.applications, name)(input_shape=input_shape, **options)
    rng = np.random.default_rng(11)

    def disturbed(weight, scale, factor=False):
        noise = rng.normal(0, scale, weight.shape)
        value = np.array(weight)
        weight.assign(value * np.exp(noise) if factor else value + noise)

    shape = model.input_shape[1:]
    layers = list(model._flatten_layers(include_self=False))
    for layer in layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            layer.weights[0].assign(np.full(layer.weights[0].shape, 0.3) + 0.05 * np.arange(shape[-1]))
            layer.weights[1].assign(np.full(layer.weights[1].shape, 0.05))
            layer.finalize_state()
        elif type(layer).__name__ == "LayerScale":
            layer.weights[0].assign(rng.normal(0.3, 0.1, layer.weights[0].shape))
        elif isinstance(layer, (keras.layers.BatchNormalization, keras.layers.LayerNormalization)):
            # As in trained networks, branches change what they are added to by a part, and most units are at
            # work: otherwise each layer makes differences grow, in Keras' own float32 too.
            if layer.gamma is not None:
                disturbed(layer.gamma, 0.2, factor=True)
                if adds(layer):
                    layer.gamma.assign(0.4 * np.array(layer.gamma))
            if layer.beta is not None:
                layer.beta.assign(np.array(layer.beta) + 0.5)
                disturbed(layer.beta, 0.2)
    normalizations = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0  # The averages become the batch's.
    # Keras keeps every layer's result until the end: 16 images of 224x224, or as many pixels in larger ones.
    count = min(16, max(2, 16 * 224**2 // (shape[0] * shape[1])))
    model(images(count, shape, seed=2), training=True)
    for layer, momentum in zip(normalizations, momenta):
        layer.momentum = momentum
        deviation = np.sqrt(np.array(layer.moving_variance))
        layer.moving_mean.assign(np.array(layer.moving_mean) + 0.1 * deviation * rng.normal(size=deviation.shape))
        disturbed(layer.moving_variance, 0.1, factor=True)
    return model


def adds(layer):
    """Is what the layer gives added to something else?"""
    return any(type(node.operation).__name__ in ("Add", "CustomScaleLayer") for node in layer._outbound_nodes)


def with_features(model):
    """The same network that gives its last feature map too."""
    maps = [layer.output for layer in model.layers if not isinstance(layer.output, list) and len(layer.output.shape) == 4]
    return keras.Model(model.input, [maps[-1], model.output], name=model.name)


def compiled(model):
    """With a loss and a metric of one output, of both, and an optimizer with options."""
    model.compile(keras.optimizers.Adam(3e-4, clipnorm=1.0), ["mse", "categorical_crossentropy"],
                  loss_weights=[0.1, 1.0], metrics={model.output_names[-1]: ["accuracy"]})
    return model


def spread(outputs):
    """How far outputs of different inputs lie apart, relative to their size."""
    return float(np.abs(outputs - outputs.mean(0)).max() / np.abs(outputs).max())


def difference(ours, theirs):
    """The largest difference, relative to the largest element."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def lost(path, resaved, inputs, theirs):
    """What a file that fovea wrote of Keras' `path` lacks when Keras opens it, in words; `theirs` is what the original
    predicts."""
    yield from saving_test.departures(*(saving_test.comparable(fovea.config(file)) for file in (resaved, path)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an optimizer that took no step
        again = keras.models.load_model(resaved)
    if again.optimizer is None:
        yield "it is not compiled"
    for number, (a, b) in enumerate(zip(again.predict(inputs, verbose=0, batch_size=1), theirs, strict=True)):
        if difference(a, b) > 1e-6:
            yield f"output {number} differs by {difference(a, b):.1e}"
