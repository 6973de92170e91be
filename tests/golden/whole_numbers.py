"""whole_numbers/: models of one layer or operation whose inputs are bytes, or other whole numbers.

Run as fit and predict run them, in a compiled function: called on arrays directly, Keras' preprocessing layers keep
whole numbers, which they turn into floats there."""

import json

import common
from common import keras, np, tf
from keras import layers, ops
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

IMAGE, ROW, VECTOR = (4, 5, 3), (6, 3), (5,)
BYTES = ("uint8",)


def write_all(folder):
    for name, build, *options in cases():
        write_case(folder, name, build, **(options[0] if options else {}))


def write_case(folder, name, build, dtypes=BYTES, shape=IMAGE, low=0, high=255, random=False):
    rng = common.start_case("whole_numbers/" + name)
    keras.utils.clear_session()
    tensors = [keras.Input(shape, dtype=dtype, name=f"x{i}") for i, dtype in enumerate(dtypes)]
    result = build(tensors if len(tensors) > 1 else tensors[0])
    model = keras.Model(tensors, result, name="whole")
    for weight in model.weights:
        value = rng.uniform(0.5, 1.5, weight.shape) if "variance" in weight.name else rng.normal(0, 1, weight.shape)
        weight.assign(value.astype("float32"))
    values = [rng.integers(low, high + 1, (2, *shape)).astype(dtype) for dtype in dtypes]
    weights = [common.numpy(weight) for weight in model.weights]
    case = {"model": json.loads(model.to_json()), "weights": weights, "inputs": values,
            "outputs": outputs_of(model, values, False)}
    if not random:
        case["training_outputs"] = outputs_of(model, values, True)
    common.write(folder, name, case)


def outputs_of(model, values, training):
    """Null where Keras fails."""
    fed = [tf.constant(value) for value in values]
    try:
        output = tf.function(lambda x: model(x, training=training))(fed if len(fed) > 1 else fed[0])
    except (TypeError, ValueError, tf.errors.OpError):
        return None
    return [np.asarray(output)]


def cases():
    random, row, vector = {"random": True}, {"shape": ROW}, {"shape": VECTOR}
    # ---- layers that have floats alone ----
    yield "conv2d", layers.Conv2D(2, 3)
    yield "depthwise_conv2d", layers.DepthwiseConv2D(3)
    yield "separable_conv2d", layers.SeparableConv2D(2, 3)
    yield "conv2d_transpose", layers.Conv2DTranspose(2, 3)
    yield "conv1d", layers.Conv1D(2, 3), row
    yield "depthwise_conv1d", layers.DepthwiseConv1D(3), row
    yield "separable_conv1d", layers.SeparableConv1D(2, 3), row
    yield "conv1d_transpose", layers.Conv1DTranspose(2, 3), row
    yield "average_pooling2d", layers.AveragePooling2D(2)
    yield "average_pooling1d", layers.AveragePooling1D(2), row
    yield "unit_normalization", layers.UnitNormalization()
    yield "softmax", layers.Softmax()
    yield "elu", layers.ELU()
    yield "prelu", layers.PReLU()
    yield "activity_regularization", layers.ActivityRegularization(l2=0.1)
    yield "activity_regularization_int32", layers.ActivityRegularization(l2=0.1), {"dtypes": ["int32"]}
    for name in ("sigmoid", "softmax", "elu", "selu", "softplus", "silu", "gelu", "hard_sigmoid", "mish", "soft_shrink"):
        yield f"activation_{name}", layers.Activation(name)
    # ---- layers that make floats ----
    yield "dense", layers.Dense(2)
    yield "dense_int32", layers.Dense(2), {"dtypes": ["int32"], "low": -9, "high": 9}
    yield "batch_normalization", layers.BatchNormalization()
    yield "normalization", layers.Normalization(mean=100.0, variance=400.0)
    yield "rescaling", layers.Rescaling(1 / 255, 0.5)
    yield "rescaling_int32", layers.Rescaling(0.5), {"dtypes": ["int32"], "low": -300, "high": 300}
    yield "layer_scale", LayerScale(0.5, 3)
    yield "leaky_relu", layers.LeakyReLU()
    yield "global_average_pooling2d", layers.GlobalAveragePooling2D()
    yield "global_average_pooling1d", layers.GlobalAveragePooling1D(), row
    for name in ("leaky_relu", "tanh", "exponential"):
        yield f"activation_{name}", layers.Activation(name), {"high": 9}
    for how in ("nearest", "bilinear", "bicubic"):
        yield f"resizing_{how}", layers.Resizing(6, 3, interpolation=how)
    yield "resizing_padded", layers.Resizing(3, 6, pad_to_aspect_ratio=True, fill_value=3.75)
    yield "center_crop", layers.CenterCrop(2, 3)
    yield "random_flip", layers.RandomFlip(), random
    yield "random_rotation", layers.RandomRotation(0.1), random
    yield "random_translation", layers.RandomTranslation(0.1, 0.1), random
    yield "random_zoom", layers.RandomZoom(0.1), random
    yield "random_contrast", layers.RandomContrast(0.1), random
    yield "random_brightness", layers.RandomBrightness(0.1), random
    yield "random_crop", layers.RandomCrop(4, 5), random
    # ---- layers that keep whole numbers ----
    yield "max_pooling2d", layers.MaxPooling2D(2, strides=1, padding="same")
    yield "max_pooling2d_int32", layers.MaxPooling2D(2), {"dtypes": ["int32"], "low": -2**31, "high": 2**31 - 1}
    yield "max_pooling1d", layers.MaxPooling1D(2), row
    yield "global_max_pooling2d", layers.GlobalMaxPooling2D()
    yield "global_max_pooling1d", layers.GlobalMaxPooling1D(), row
    yield "flatten", layers.Flatten()
    yield "flatten_int64", layers.Flatten(), {"dtypes": ["int64"], "low": -2**40, "high": 2**40}
    yield "reshape", layers.Reshape((-1, 2, 3))
    yield "permute", layers.Permute((3, 1, 2))
    yield "repeat_vector", layers.RepeatVector(2), vector
    yield "cropping2d", layers.Cropping2D(((1, 0), (1, 2)))
    yield "cropping1d", layers.Cropping1D((2, 1)), row
    yield "cropping3d", layers.Cropping3D(1), {"shape": (4, 3, 5, 2)}
    yield "zero_padding2d", layers.ZeroPadding2D(1)
    yield "zero_padding1d", layers.ZeroPadding1D((2, 1)), row
    yield "up_sampling2d", layers.UpSampling2D((2, 3))
    yield "up_sampling1d", layers.UpSampling1D(3), row
    for factor in ((2, 2), (3, 5), (7, 6)):
        yield f"up_sampling2d_bilinear_{factor[0]}x{factor[1]}", layers.UpSampling2D(factor, interpolation="bilinear")
    yield "up_sampling2d_bilinear_flat", layers.UpSampling2D((7, 9), interpolation="bilinear"), {"low": 97, "high": 100}
    yield "up_sampling2d_bilinear_int32", layers.UpSampling2D(3, interpolation="bilinear"), {
        "dtypes": ["int32"], "low": -99, "high": 99}
    for how in ("bicubic", "lanczos3", "lanczos5"):
        yield f"up_sampling2d_{how}", layers.UpSampling2D(2, interpolation=how)
    yield "identity", layers.Identity()
    yield "activation_linear", layers.Activation("linear")
    yield "activation_relu", layers.Activation("relu"), {"dtypes": ["int32"], "low": -9, "high": 9}
    yield "activation_relu6", layers.Activation("relu6"), {"high": 9}
    yield "relu", layers.ReLU()
    yield "relu_largest", layers.ReLU(max_value=100.5)
    yield "relu_threshold", layers.ReLU(threshold=100)
    yield "relu_slope", layers.ReLU(negative_slope=0.25), {"dtypes": ["int32"], "low": -9, "high": 9}
    yield "relu_slope_threshold", layers.ReLU(negative_slope=0.25, threshold=3)
    yield "dropout", layers.Dropout(0.5)
    yield "dropout_0", layers.Dropout(0)
    yield "spatial_dropout2d", layers.SpatialDropout2D(0.5)
    yield "spatial_dropout1d", layers.SpatialDropout1D(0.5), row
    yield "alpha_dropout", layers.AlphaDropout(0.5)
    yield "gaussian_noise", layers.GaussianNoise(0.5)
    yield "gaussian_dropout", layers.GaussianDropout(0.5)
    yield "stochastic_depth", StochasticDepth(0.5)
    # ---- merging ----
    two, three = {"dtypes": BYTES * 2}, {"dtypes": BYTES * 3}
    for layer in (layers.Add, layers.Multiply, layers.Maximum, layers.Minimum, layers.Concatenate):
        yield f"{layer.__name__.lower()}_three", layer(), three
    yield "multiply_five", layers.Multiply(), {"dtypes": BYTES * 5, "low": 200}
    yield "subtract", layers.Subtract(), two
    yield "subtract_int32", layers.Subtract(), {"dtypes": ["uint8", "int32"], "low": -2**31, "high": 2**31 - 1}
    yield "add_float", layers.Add(), {"dtypes": ["uint8", "float32"]}
    for layer in (layers.Add, layers.Multiply, layers.Average):
        yield f"{layer.__name__.lower()}_bytes_and_float", layer(), {"dtypes": ["uint8", "uint8", "float32"]}
    yield "add_float_and_bytes", layers.Add(), {"dtypes": ["float32", "uint8", "uint8"]}
    yield "multiply_bytes_and_int32", layers.Multiply(), {"dtypes": ["uint8", "uint8", "int32"], "low": 0, "high": 9999}
    yield "average_float", layers.Average(), {"dtypes": ["uint8", "float32"]}
    yield "dot", layers.Dot(1), {**two, "shape": (300,)}
    yield "dot_normalized", layers.Dot(1, normalize=True), {**two, **vector}
    # ---- operations ----
    for name, build in {
            "divide": lambda x: x / 255, "multiply_float": lambda x: x * 0.25, "multiply": lambda x: 3 * x,
            "add": lambda x: x + 200, "subtract": lambda x: x - 127, "subtract_float": lambda x: x - 127.5,
            "subtract_from": lambda x: 100 - x, "square": ops.square, "power_3": lambda x: x ** 3,
            "root": lambda x: x ** 0.5, "mean": lambda x: ops.mean(x, axis=(1, 2)), "max": lambda x: ops.max(x, axis=1),
            "min": lambda x: ops.min(x, axis=-1), "sqrt": ops.sqrt, "absolute": ops.absolute, "tanh": ops.tanh,
            "clip": lambda x: ops.clip(x, 10, 100), "clip_float": lambda x: ops.clip(x, 0.5, 9.5), "relu": ops.relu,
            "relu6": ops.relu6, "leaky_relu": ops.leaky_relu, "sigmoid": ops.sigmoid, "softmax": ops.softmax,
            "rsqrt": ops.rsqrt, "elu": ops.elu, "negative": ops.negative, "maximum": lambda x: ops.maximum(x, 100),
            "maximum_float": lambda x: ops.maximum(x, 100.5), "reshape": lambda x: ops.reshape(x, (-1, 60)),
            "getitem": lambda x: x[:, 1:, ::-1, 2], "flip": lambda x: ops.flip(x, 1), "roll": lambda x: ops.roll(x, 1, 2),
            "repeat": lambda x: ops.repeat(x, 2, 1), "tile": lambda x: ops.tile(x, (1, 2, 1, 1)),
            "moveaxis": lambda x: ops.moveaxis(x, 1, 2), "split": lambda x: ops.split(x, 2, 1)[1],
            "array_split": lambda x: ops.array_split(x, 3, 2)[0], "unstack": lambda x: ops.unstack(x, axis=3)[1],
            "amax": lambda x: ops.amax(x, 1), "amin": lambda x: ops.amin(x, 1), "stop_gradient": ops.stop_gradient,
            "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0), (0, 0)), constant_values=7),
            "pad_reflect": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), mode="reflect"),
            "max_pool": lambda x: ops.max_pool(x, 2), "depth_to_space": lambda x: ops.depth_to_space(ops.repeat(x, 4, 3), 2),
            "space_to_depth": lambda x: ops.space_to_depth(x[:, :, :4], 2), "var": lambda x: ops.var(x, 1),
            "std": lambda x: ops.std(x, 1), "average": lambda x: ops.average(x, 1), "norm": lambda x: ops.norm(x, axis=1),
            "subtract_array": lambda x: x - np.array([0.5, 2, 9], "float32"),
            "maximum_array": lambda x: ops.maximum(x, np.array([100.5], "float32")),
            "multiply_bytes": lambda x: x * np.array([1, 2, 99], "uint8"),
            "matmul_array": lambda x: ops.matmul(x, np.array([[1, 0.5], [2, 3], [-4, 0]], "float32")),
            "resize": lambda x: ops.image.resize(x, (3, 7)),
            "resize_bicubic": lambda x: ops.image.resize(x, (7, 3), interpolation="bicubic"),
            "resize_nearest": lambda x: ops.image.resize(x, (3, 7), interpolation="nearest"),
            "transpose": lambda x: ops.transpose(x, (0, 3, 1, 2)), "swapaxes": lambda x: ops.swapaxes(x, 1, 2),
            "expand_dims": lambda x: ops.expand_dims(x, 1), "squeeze": lambda x: ops.squeeze(ops.max(x, 1, keepdims=True), 1),
    }.items():
        yield f"operation_{name}", build
    whole = {"dtypes": ["int32"], "low": -2**31, "high": 2**31 - 1}
    yield "operation_negative_int32", ops.negative, whole
    yield "operation_sum_int32", lambda x: ops.sum(x, axis=1), whole
    yield "operation_add_int32", lambda x: x + 2**31 - 1, whole
    yield "operation_exp_int32", ops.exp, {"dtypes": ["int32"], "low": -9, "high": 9}
    yield "operation_log", ops.log, {"low": 1}
    yield "operation_add_two", lambda x: x[0] + x[1], two
    yield "operation_divide_two", lambda x: x[0] / x[1], {**two, "low": 1}
    yield "operation_concatenate", lambda x: ops.concatenate(x, -1), {"dtypes": ["uint8", "int32"]}
    yield "operation_stack", lambda x: ops.stack(x, 1), two
    # ---- in a row ----
    yield "pipeline", lambda x: layers.Rescaling(1 / 255)(layers.Resizing(3, 3)(layers.Cropping2D(1)(
        layers.MaxPooling2D(2, strides=1, padding="same")(x))))
    yield "pipeline_nested", lambda x: keras.Sequential([
        keras.Input(IMAGE, dtype="uint8"), layers.ZeroPadding2D(1), layers.RandomFlip(), layers.Rescaling(1 / 127.5, -1),
        layers.Flatten(), layers.Dense(2)])(x * 2), random
    # What a byte cannot hold is left out: TensorFlow cuts it off or lets it wrap around, by its place in the tensor.
    yield "floats_to_bytes", lambda x: keras.Sequential([
        keras.Input(IMAGE, dtype="uint8"), layers.Flatten()])(layers.Rescaling(0.7, 20)(x))
