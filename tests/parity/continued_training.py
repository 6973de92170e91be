"""Small nets and their batches, and how real Keras trains them on from one of its checkpoints.

Five are smooth where they have many values. Where one of them lies within rounding of a kink (ReLU, a maximum), two runs
may take different slopes, and are far apart from there on by chance; a sixth net has kinks everywhere."""

import contextlib
import shutil

import h5py
import keras
import numpy as np
from keras import layers

import fovea

SIZE, BATCH = 16, 8


@contextlib.contextmanager
def floatx(dtype):
    """Layers, optimizers and losses made within are of this type."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def convolution(x, filters, strides=1, activation="swish", **options):
    """A bias before a normalization has no gradient but rounding, which Adam would blow up to whole steps."""
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    return layers.Activation(activation)(layers.BatchNormalization(**options)(x))


def batch_normalization():
    x = image = keras.Input((SIZE, SIZE, 3))
    x = convolution(x, 6)
    x = layers.AveragePooling2D(2)(x)
    x = convolution(x, 8, activation="elu", momentum=0.9, epsilon=1e-5)
    x = layers.Conv2D(10, 3, strides=2, use_bias=False, kernel_regularizer=keras.regularizers.L2(2**-10))(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.GlobalAveragePooling2D()(layers.Activation("mish")(x))
    model = keras.Model(image, layers.Dense(4, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["acc"], jit_compile=False)
    return model


def separable_convolutions():
    x = image = keras.Input((SIZE, SIZE, 3))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=3, activation="tanh")(x)
    x = layers.SeparableConv2D(12, 3, strides=2, depth_multiplier=2, activation="swish")(x)
    x = layers.DepthwiseConv2D((2, 3), strides=2, padding="same", use_bias=False)(x)
    x = layers.ELU()(layers.BatchNormalization()(x))
    x = layers.SeparableConv2D(8, 3, padding="same", activation="softplus")(x)
    model = keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))
    model.compile(keras.optimizers.Adam(0.002, amsgrad=True),
                  keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"],
                  jit_compile=False)
    return model


def residuals():
    x = image = keras.Input((SIZE, SIZE, 3))
    x = convolution(x, 6)
    for filters, strides in ((6, 1), (10, 2)):
        y = convolution(convolution(x, filters, strides), filters, activation="linear")
        if strides > 1:
            x = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x))
        x = layers.Activation("swish")(layers.Add()([x, y]))
    model = keras.Model(image, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))
    # Rates are float32. These need no rounding but the last; others differ by one in a graph of TensorFlow, which
    # multiplies by reciprocals.
    rate = keras.optimizers.schedules.InverseTimeDecay(0.004, 64, 0.5)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), "binary_crossentropy", metrics=["acc"],
                  jit_compile=False)
    return model


def squeeze_and_excite():
    x = image = keras.Input((SIZE, SIZE, 3))
    x = convolution(x, 8, 2)
    scale = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x))
    scale = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(3, 1, activation="relu")(scale))
    x = convolution(layers.Multiply()([x, scale]), 12)
    scale = layers.Dense(4, activation="swish")(layers.GlobalAveragePooling2D()(x))
    scale = layers.Reshape((1, 1, 12))(layers.Dense(12, activation="sigmoid")(scale))
    x = layers.GlobalAveragePooling2D()(layers.Multiply()([x, scale]))
    model = keras.Model(image, layers.Dense(4)(x))
    model.compile(keras.optimizers.Adam(0.003, weight_decay=0.01),
                  keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    return model


def two_outputs():
    x = image = keras.Input((SIZE, SIZE, 3))
    x = layers.AveragePooling2D(2)(convolution(x, 6))
    x = layers.Conv2D(8, 3, activation="elu")(x)
    kind = layers.Dense(4, activation="softmax", name="kind")(layers.GlobalMaxPooling2D()(x))
    place = layers.Dense(8, activation="tanh")(layers.Flatten()(x))
    place = layers.Dense(2, name="place")(place)
    model = keras.Model(image, [kind, place])
    model.compile(keras.optimizers.Adam(0.002, beta_1=0.8, epsilon=1e-5),
                  {"kind": "sparse_categorical_crossentropy", "place": "huber"},
                  loss_weights={"kind": 0.75, "place": 2.5}, metrics={"kind": ["acc"], "place": ["mae"]},
                  jit_compile=False)
    return model


def kinks():
    x = image = keras.Input((SIZE, SIZE, 3))
    x = layers.MaxPooling2D(2)(convolution(x, 6, activation="relu"))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU(max_value=6)(layers.BatchNormalization()(x))
    x = layers.LeakyReLU(0.1)(layers.Conv2D(10, 3, strides=2)(x))
    model = keras.Model(image, layers.Dense(4, activation="softmax")(layers.GlobalMaxPooling2D()(x)))
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["acc"], jit_compile=False)
    return model


def batches(net, count):
    """Drawn patterns of four classes, dimmed and disturbed, with what the net is to say of them."""
    rng = np.random.default_rng(21)
    patterns = np.kron(rng.uniform(0, 1, (4, 4, 4, 3)), np.ones((1, SIZE // 4, SIZE // 4, 1)))
    result = []
    for _ in range(count):
        labels = rng.integers(0, 4, BATCH)
        places = rng.uniform(-1, 1, (BATCH, 2))
        x = patterns[labels] * (1 + 0.5 * places[:, :1, None, None]) + 0.4 * rng.normal(size=(BATCH, SIZE, SIZE, 3))
        x[..., 0] += 0.5 * places[:, 1, None, None]
        if net is two_outputs:
            targets = [labels.astype("int32"), places.astype("float32")]
        elif net is residuals:
            targets = [(labels[:, None] % 2).astype("float32")]
        else:
            targets = [labels.astype("int32")]
        result.append([x.astype("float32"), *targets])
    return result


def reordered(batch, order):
    """The samples in another order: the same step but for rounding."""
    return [array[order] for array in batch]


def as_float64(batch):
    return [array.astype("float64") if array.dtype == "float32" else array for array in batch]


class States:
    """Keras' .weights.h5 files of a model in training, before its first step and after each. Keras takes long to write
    one; so it writes a pattern, in which each variable holds its number, and the files are copies with its values."""

    def __init__(self, model, folder):
        self.folder, self.pattern = folder, folder / "pattern.weights.h5"
        variables = model.weights + model.optimizer.variables
        values = [np.array(variable) for variable in variables]
        for number, variable in enumerate(variables):
            variable.assign(np.full(variable.shape, number))
        model.save_weights(self.pattern)
        for variable, value in zip(variables, values):
            variable.assign(value)
        self.values = []  # of each file
        self.variables = {name: variables[int(np.max(value))] for name, value in arrays(self.pattern).items()}
        assert len(set(map(id, self.variables.values()))) == len(variables)
        self.add()

    def add(self):
        path = self.folder / f"{len(self.values)}.weights.h5"
        self.values.append({name: np.array(variable) for name, variable in self.variables.items()})
        shutil.copyfile(self.pattern, path)
        with h5py.File(path, "r+") as file:
            for name, value in self.values[-1].items():
                file[name][...] = value


def train(model, batches, states=None):
    """{log: an array by step}: the loss, its parts and metrics before each update; `states` gets a state after it."""
    logs = []
    for x, *targets in batches:
        model.reset_metrics()
        logs.append(model.train_on_batch(x, targets if len(targets) > 1 else targets[0], return_dict=True))
        if states is not None:
            states.add()
    return {name: np.array([log[name] for log in logs], "float64") for name in logs[0]}


def in_float64(net, model):
    """The same net in float64, with the weights and the optimizer's state of `model`."""
    double = net()
    double.optimizer.build(double.trainable_variables)
    double.set_weights(model.get_weights())
    for mine, other in zip(double.optimizer.variables, model.optimizer.variables, strict=True):
        if mine is not double.optimizer._learning_rate:  # It is what was meant here, and rounded there.
            mine.assign(np.array(other))
    return double


def arrays(path):
    """Those of a file, by path."""
    return {name: value for name, value in fovea.weights(path).items() if not isinstance(value, dict)}


def split(arrays):
    """The weights of the model, and the variables of its optimizer."""
    optimizer = {name: value for name, value in arrays.items() if name.startswith("optimizer/")}
    return {name: value for name, value in arrays.items() if name not in optimizer}, optimizer


def read(path):
    return split(arrays(path))


def distance(one, other):
    """The norm of the difference of all arrays together."""
    assert one.keys() == other.keys(), one.keys() ^ other.keys()
    return np.sqrt(sum(np.sum((one[name].astype("float64") - other[name]) ** 2) for name in one))


def length(one):
    return distance(one, {name: np.zeros_like(value) for name, value in one.items()})
