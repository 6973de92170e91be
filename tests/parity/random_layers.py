"""Layers with random options, for random_models.py.

Each function takes the draw of random numbers and the shape of the input without its batch, and gives a layer of one
input, or a merging layer."""

import functools
import operator

import keras
from keras import layers
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

import saving_test

ACTIVATIONS = ["linear", "relu", "relu6", "leaky_relu", "sigmoid", "softmax", "log_softmax", "tanh", "elu", "celu", "selu",
               "softplus", "softsign", "silu", "gelu", "hard_sigmoid", "hard_silu", "exponential", "mish",
               "log_sigmoid", "hard_tanh", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus", "sparse_plus",
               "sparse_sigmoid"]
SMOOTH = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]


# ---- options that several layers share ----

def activation(draw):
    return draw.choice(ACTIVATIONS) if draw.chance(0.6) else None


def data_format(draw, shape):
    return "channels_first" if len(shape) > 1 and draw.chance(0.2) else "channels_last"


def spatial(shape, form):
    return shape[1:] if form == "channels_first" else shape[:-1]


def channels(shape, form):
    return shape[0] if form == "channels_first" else shape[-1]


def weight_options(draw, *names):
    """Initializers, penalties and constraints, which the outputs do not show and the config does."""
    options = {}
    for name in names:
        if draw.chance(0.08):
            options[name + "_initializer"] = draw.choice(["he_normal", "lecun_uniform", keras.initializers.RandomNormal(0, 0.25)])
        if draw.chance(0.08):
            options[name + "_regularizer"] = draw.choice(["l2", keras.regularizers.L1L2(0.01, 0.125), keras.regularizers.L1(0.5)])
        if draw.chance(0.08):
            options[name + "_constraint"] = draw.choice(["non_neg", keras.constraints.MaxNorm(1.5), keras.constraints.UnitNorm()])
    if draw.chance(0.05):
        options["activity_regularizer"] = "l2"
    return options


def one_or_each(draw, low, high, count):
    """A number for all axes, or one for each."""
    if draw.chance(0.5):
        return draw.integer(low, high)
    return tuple(draw.integer(low, high) for _ in range(count))


def numbers(value, count):
    return (value,) * count if isinstance(value, int) else tuple(value)


def window(draw, shape, form, paddings=("valid", "same"), dilates=True):
    """kernel_size, strides, padding and dilation_rate that leave something of the shape. `dilates` "with
    strides": both at once, of which Keras has depthwise convolutions alone."""
    sizes = spatial(shape, form)
    count = len(sizes)
    while True:
        kernel, strides, dilation = one_or_each(draw, 1, 5, count), 1, 1
        if draw.chance(0.5):
            strides = one_or_each(draw, 1, 3, count)
        if dilates and draw.chance(0.3) and (strides == 1 or dilates == "with strides"):
            dilation = one_or_each(draw, 1, 3, count)
        padding = draw.choice(paddings)
        reach = [(k - 1) * d + 1 for k, d in zip(numbers(kernel, count), numbers(dilation, count))]
        if padding != "valid" or all(r <= n for r, n in zip(reach, sizes)):
            return {"kernel_size": kernel, "strides": strides, "padding": padding, "dilation_rate": dilation}


def divisor(draw, number):
    return draw.choice([i for i in range(1, number + 1) if number % i == 0])


def axes_of(draw, shape, most=None):
    """Some axes behind the batch's, counted from the front or the end."""
    rank = len(shape) + 1
    count = draw.integer(1, min(most or len(shape), len(shape)))
    return [axis - rank if draw.chance(0.4) else axis for axis in draw.several(range(1, rank), count)]


# ---- convolutions ----

def convolution(kind):
    def make(draw, shape):
        form = data_format(draw, shape)
        depth = channels(shape, form)
        options = window(draw, shape, form, ("valid", "same", "causal") if kind is layers.Conv1D and
                         form == "channels_last" else ("valid", "same"))
        groups = divisor(draw, depth) if draw.chance(0.3) else 1
        return kind(groups * draw.integer(1, max(1, 9 // groups)), groups=groups, data_format=form,
                    activation=activation(draw), use_bias=draw.chance(0.7), **options,
                    **weight_options(draw, "kernel", "bias"))
    return make


def depthwise(kind, dilates):
    def make(draw, shape):
        form = data_format(draw, shape)
        return kind(**square(draw, window(draw, shape, form, dilates=dilates)), depth_multiplier=draw.integer(1, 3),
                    data_format=form, activation=activation(draw), use_bias=draw.chance(0.7),
                    **weight_options(draw, "depthwise", "bias"))
    return make


def separable(kind, dilates):
    def make(draw, shape):
        form = data_format(draw, shape)
        return kind(draw.integer(1, 8), **square(draw, window(draw, shape, form, dilates=dilates)),
                    depth_multiplier=draw.integer(1, 3), data_format=form, activation=activation(draw),
                    use_bias=draw.chance(0.7), **weight_options(draw, "depthwise", "pointwise", "bias"))
    return make


def square(draw, options):
    """Depthwise convolutions of TensorFlow have one stride for both axes."""
    strides = options["strides"]
    return options if isinstance(strides, int) else {**options, "strides": min(strides)}


def transposed(kind):
    def make(draw, shape):
        form = data_format(draw, shape)
        count = len(spatial(shape, form))
        kernel, strides = one_or_each(draw, 1, 4, count), one_or_each(draw, 1, 3, count)
        output_padding = None
        if draw.chance(0.3):
            output_padding = tuple(draw.integer(0, s - 1) for s in numbers(strides, count))
        return kind(draw.integer(1, 6), kernel, strides=strides, padding=draw.choice(["valid", "same"]),
                    output_padding=output_padding, data_format=form, activation=activation(draw),
                    use_bias=draw.chance(0.7), **weight_options(draw, "kernel", "bias"))
    return make


# ---- pooling ----

def within(size, sizes):
    """No window of an average that is longer than what it goes over: where it begins in the padding, the gradient of
    TensorFlow without oneDNN goes to all of it, which finite differences of Keras' own outputs contradict."""
    return tuple(min(a, b) for a, b in zip(numbers(size, len(sizes)), sizes))


def pooling(kind):
    def make(draw, shape):
        form = data_format(draw, shape)
        options = window(draw, shape, form, dilates=False)
        if "Average" in kind.__name__:
            options["kernel_size"] = within(options["kernel_size"], spatial(shape, form))
        return kind(options["kernel_size"], strides=options["strides"] if draw.chance(0.7) else None,
                    padding=options["padding"], data_format=form)
    return make


def global_pooling(kind):
    return lambda draw, shape: kind(data_format=data_format(draw, shape), keepdims=draw.chance(0.4))


# ---- normalization ----

def batch_normalization(draw, shape):
    return layers.BatchNormalization(axis=draw.choice(axes_of(draw, shape)) if draw.chance(0.4) else -1,
                                     epsilon=draw.choice([1e-3, 1.001e-5, 0.1]), momentum=draw.choice([0.99, 0.5]),
                                     center=draw.chance(0.8), scale=draw.chance(0.8), trainable=draw.chance(0.7))


def layer_normalization(draw, shape):
    axis = draw.choice([-1, axes_of(draw, shape)])
    return layers.LayerNormalization(axis=axis, epsilon=draw.choice([1e-3, 1e-5]), center=draw.chance(0.8),
                                     scale=draw.chance(0.8))


def group_normalization(draw, shape):
    axis = draw.choice(axes_of(draw, shape)) if draw.chance(0.4) else -1
    depth = ((1,) + tuple(shape))[axis]
    return layers.GroupNormalization(groups=-1 if draw.chance(0.2) and len(shape) > 1 else divisor(draw, depth), axis=axis,
                                     epsilon=draw.choice([1e-3, 1e-5]), center=draw.chance(0.8), scale=draw.chance(0.8))


def normalization(draw, shape):
    if draw.chance(0.4):
        return layers.Normalization(axis=draw.choice([None, -1, 1]), mean=draw.number(-1, 1), variance=draw.number(0.5, 2),
                                    invert=draw.chance(0.3))
    return layers.Normalization(axis=draw.choice([-1, None, sorted(axis % (len(shape) + 1) for axis in axes_of(draw, shape))]),
                                invert=draw.chance(0.3))


# ---- shapes ----

def factors(draw, total, count):
    """`count` numbers whose product is the total."""
    sizes = []
    for _ in range(count - 1):
        sizes.append(divisor(draw, total))
        total //= sizes[-1]
    sizes.append(total)
    return sizes


def elements(shape):
    return functools.reduce(operator.mul, shape, 1)


def new_shape(draw, shape):
    sizes = factors(draw, elements(shape), draw.integer(1, 4))
    if draw.chance(0.4):
        sizes[draw.integer(0, len(sizes) - 1)] = -1
    return tuple(sizes)


def padding(draw, shape):
    sides = [(draw.integer(0, 2), draw.integer(0, 2)) for _ in range(2)]
    return layers.ZeroPadding2D(draw.choice([draw.integer(0, 2), sides[0], tuple(sides)]),
                                data_format=data_format(draw, shape))


def cropping(draw, shape):
    form = data_format(draw, shape)
    most = [min((size - 1) // 2, 2) for size in spatial(shape, form)]
    sides = [(draw.integer(0, m), draw.integer(0, m)) for m in most]
    return layers.Cropping2D(draw.choice([draw.integer(0, min(most)), (sides[0][0], sides[1][1]), tuple(sides)]), data_format=form)


def row_padding(draw, shape):
    ends = draw.integer(0, 3), draw.integer(0, 3)
    return layers.ZeroPadding1D(draw.choice([ends, ends[0]]), data_format=data_format(draw, shape))


def row_cropping(draw, shape):
    most = min((shape[0] - 1) // 2, 3)
    return layers.Cropping1D(draw.choice([(draw.integer(0, most), draw.integer(0, most)), draw.integer(0, most)]))


def up_sampling(draw, shape):
    return layers.UpSampling2D(one_or_each(draw, 1, 3, 2), interpolation=draw.choice(SMOOTH),
                               data_format=data_format(draw, shape))


def resizing(draw, shape):
    sizes = draw.integer(1, 16), draw.integer(1, 16)
    aspect = draw.choice([{}, {}, {"crop_to_aspect_ratio": True},
                          {"pad_to_aspect_ratio": True, "fill_value": draw.number(-1, 1)}])
    return layers.Resizing(*sizes, interpolation=draw.choice([*SMOOTH, "area"]), antialias=draw.chance(0.3), **aspect,
                           data_format=data_format(draw, shape))


def augmentation(draw, shape):
    """Off in inference."""
    form = {"data_format": "channels_last", "seed": draw.integer(0, 99)}
    how = {"fill_mode": draw.choice(["reflect", "wrap", "constant", "nearest"]),
           "interpolation": draw.choice(["nearest", "bilinear"]), **form}
    height, width = shape[:2]
    return draw.choice([
        lambda: layers.RandomFlip(draw.choice(["horizontal", "vertical", "horizontal_and_vertical"]), **form),
        lambda: layers.RandomRotation(0.2, **how), lambda: layers.RandomTranslation(0.1, (-0.2, 0.3), **how),
        lambda: layers.RandomZoom((0.1, 0.2), **how), lambda: layers.RandomContrast(0.3, value_range=(-1, 1), seed=3),
        lambda: layers.RandomBrightness(0.2, value_range=(-2, 2), seed=4),
        # Of another size, Keras returns images that contradict its output shape.
        lambda: layers.RandomCrop(height, width, **form)])()


# ---- elementwise ----

def softmax(draw, shape):
    return layers.Softmax(axis=-1 if draw.chance(0.5) else axes_of(draw, shape))


def prelu(draw, shape):
    shared = sorted(axis % (len(shape) + 1) for axis in axes_of(draw, shape)) if draw.chance(0.5) else None
    return layers.PReLU(shared_axes=shared)


def relu(draw, shape):
    return layers.ReLU(max_value=draw.choice([None, 6, 0.75]), negative_slope=draw.choice([0, 0.125]),
                       threshold=draw.choice([0, 0, 0.25]))


def rescaling(draw, shape):
    if draw.chance(0.4):
        return layers.Rescaling([draw.number(0.5, 2) for _ in range(shape[-1])], [draw.number(-1, 1) for _ in range(shape[-1])])
    return layers.Rescaling(draw.number(0.5, 2), draw.number(-1, 1))


def dense(draw, shape):
    return layers.Dense(draw.integer(1, 12), activation=activation(draw), use_bias=draw.chance(0.7),
                        **weight_options(draw, "kernel", "bias"))


IMAGES = [convolution(layers.Conv2D)] * 4 + [depthwise(layers.DepthwiseConv2D, "with strides")] * 2 + [
    separable(layers.SeparableConv2D, "with strides")] * 2 + [transposed(layers.Conv2DTranspose)] * 2 + [
    pooling(layers.MaxPooling2D), pooling(layers.AveragePooling2D), padding, cropping, up_sampling, resizing, resizing,
    pooling(saving_test.MinPooling2D),
    global_pooling(layers.GlobalAveragePooling2D), global_pooling(layers.GlobalMaxPooling2D), augmentation,
    lambda draw, shape: layers.SpatialDropout2D(0.3, data_format=data_format(draw, shape)),
    lambda draw, shape: layers.CenterCrop(draw.integer(1, 12), draw.integer(1, 12), data_format=data_format(draw, shape)),
    lambda draw, shape: StochasticDepth(0.3)]
ROWS = [convolution(layers.Conv1D)] * 4 + [
    depthwise(layers.DepthwiseConv1D, True), separable(layers.SeparableConv1D, True), transposed(layers.Conv1DTranspose),
    pooling(layers.MaxPooling1D), pooling(layers.AveragePooling1D), global_pooling(layers.GlobalAveragePooling1D),
    global_pooling(layers.GlobalMaxPooling1D), row_padding, row_cropping,
    lambda draw, shape: layers.UpSampling1D(draw.integer(1, 3)), lambda draw, shape: layers.SpatialDropout1D(0.3)]
VECTORS = [dense] * 3 + [
    lambda draw, shape: layers.RepeatVector(draw.integer(1, 6)),
    lambda draw, shape: layers.AlphaDropout(0.2, seed=draw.integer(0, 9))]
ANY = [
    dense, batch_normalization, batch_normalization, batch_normalization, layer_normalization, group_normalization,
    normalization, softmax, prelu, relu, rescaling,
    lambda draw, shape: layers.UnitNormalization(axis=draw.choice([-1, sorted(axis % (len(shape) + 1) for axis in axes_of(draw, shape))])),
    lambda draw, shape: layers.Activation(draw.choice(ACTIVATIONS)),
    lambda draw, shape: layers.LeakyReLU(negative_slope=draw.number(0, 0.5)),
    lambda draw, shape: layers.ELU(alpha=draw.number(0.25, 1.5)),
    lambda draw, shape: layers.Flatten(data_format=data_format(draw, shape)),
    lambda draw, shape: layers.Reshape(new_shape(draw, shape)),
    lambda draw, shape: layers.Permute(draw.several(range(1, len(shape) + 1), len(shape))),
    lambda draw, shape: layers.Dropout(0.4, seed=draw.choice([None, 7])),
    lambda draw, shape: layers.GaussianNoise(0.3),
    lambda draw, shape: layers.GaussianDropout(0.3, seed=draw.choice([None, 7])),
    lambda draw, shape: layers.ActivityRegularization(l1=0.25, l2=draw.choice([0.0, 0.5])),
    lambda draw, shape: layers.Identity(),
    lambda draw, shape: LayerScale(0.5, shape[-1])]


def of_one_input(draw, shape):
    by_rank = {3: IMAGES, 2: ROWS, 1: VECTORS}.get(len(shape), [])
    return draw.choice(by_rank if by_rank and draw.chance(0.6) else ANY)(draw, shape)


def merging(draw):
    """Of two inputs or more of one shape, or shapes that broadcast."""
    return draw.choice([layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum,
                        CustomScale])()


def CustomScale():
    return CustomScaleLayer(0.3)
