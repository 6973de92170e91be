"""operations/: functional models in which keras.ops were recorded, with their gradients."""

import json

import common
from common import keras, np, tf
from keras import ops

IMAGE = (5, 4, 3)


def write_all(folder):
    for name, build, *options in cases():
        write_case(folder, name, build, **(options[0] if options else {}))


def write_case(folder, name, build, inputs=1, positive=False, shape=IMAGE, shapes=None):
    rng = common.start_case("operations/" + name)
    keras.utils.clear_session()
    shapes = shapes or [shape] * inputs
    inputs = len(shapes)
    tensors = [keras.Input(shape, name=f"x{i}") for i, shape in enumerate(shapes)]
    model = keras.Model(tensors, build(*tensors), name="recorded")
    values = [common.normal(rng, 2, *shape) for shape in shapes]
    if positive:
        values = [np.abs(v) + np.float32(0.25) for v in values]
    fed = [tf.constant(v) for v in values]
    with tf.GradientTape() as tape:
        tape.watch(fed)
        outputs = model(fed if inputs > 1 else fed[0])
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        output_gradients = [common.normal(rng, *output.shape) for output in outputs]
        objective = sum(tf.reduce_sum(output * gradient) for output, gradient in zip(outputs, output_gradients))
    common.write(folder, name, {
        "model": json.loads(model.to_json()),
        "inputs": values,
        "outputs": [common.numpy(output) for output in outputs],
        "output_gradients": output_gradients,
        "input_gradients": [common.numpy(g) for g in tape.gradient(objective, fed)],
    })


def cases():
    two, positive = {"inputs": 2}, {"positive": True}
    yield "add", lambda x, y: x + y, two
    yield "add_number", lambda x: x + 3.0
    yield "add_whole_number", lambda x: 2 + x
    yield "add_of_lower_rank", lambda x, y: ops.add(x, ops.mean(y, axis=[1, 2, 3], keepdims=True)), two
    yield "subtract", lambda x, y: x - y, two
    yield "subtract_from_number", lambda x: 1.5 - x
    yield "multiply", lambda x, y: ops.multiply(x, y), two
    yield "multiply_number", lambda x: x * (1 / 6)
    yield "true_divide", lambda x, y: x / y, {"inputs": 2, "positive": True}
    yield "divide_number", lambda x: ops.divide(x, 3)
    yield "number_divided", lambda x: 2 / x, positive
    yield "maximum", lambda x, y: ops.maximum(x, y), two
    yield "minimum_number", lambda x: ops.minimum(x, 0.5)
    for power in (0, 1, 2, 3, -2, 0.5, 1.7):
        yield f"power_{power}".replace(".", "_").replace("-", "minus_"), lambda x, p=power: x ** p, positive
    for name in ("negative", "square", "exp", "absolute", "tanh", "relu", "relu6", "sigmoid", "silu", "hard_sigmoid",
                 "hard_silu", "softplus", "softsign", "selu"):
        yield name, lambda x, f=getattr(ops, name): f(x)
    for name in ("sqrt", "log", "rsqrt"):
        yield name, lambda x, f=getattr(ops, name): f(x), positive
    yield "clip", lambda x: ops.clip(x, -0.5, 0.75)
    yield "elu_alpha", lambda x: ops.elu(x, 0.5)
    yield "leaky_relu_slope", lambda x: ops.leaky_relu(x, 0.1)
    yield "gelu_approximate", lambda x: ops.gelu(x)
    yield "gelu_exact", lambda x: ops.gelu(x, approximate=False)
    yield "softmax_axis1", lambda x: ops.softmax(x, axis=1)
    yield "log_softmax", lambda x: ops.log_softmax(x)
    yield "mean_two_axes", lambda x: ops.mean(x, axis=[1, 2])
    yield "mean_keepdims", lambda x: ops.mean(x, axis=(1, 2), keepdims=True)
    yield "sum_last", lambda x: ops.sum(x, axis=-1)
    yield "max_axis1", lambda x: ops.max(x, axis=1)
    yield "min_keepdims", lambda x: ops.min(x, axis=3, keepdims=True)
    yield "reshape", lambda x: ops.reshape(x, (-1, 10, 6))
    yield "reshape_open_size", lambda x: ops.reshape(ops.reshape(x, (-1, 60)), (-1, 15, 4))
    yield "transpose", lambda x: ops.transpose(x, (0, 3, 1, 2))
    yield "swapaxes", lambda x: ops.swapaxes(x, 1, -1)
    yield "expand_dims", lambda x: ops.expand_dims(x, 1)
    yield "squeeze", lambda x: ops.squeeze(ops.mean(x, axis=2, keepdims=True), 2)
    yield "concatenate", lambda x, y: ops.concatenate([x, y, x], axis=2), two
    yield "stack", lambda x, y: ops.stack([x, y], axis=1), two
    yield "gate", lambda x: x * ops.sigmoid(ops.mean(x, axis=(1, 2), keepdims=True)) + 1
    yield "moveaxis", lambda x: ops.moveaxis(x, (1, -1), (-2, 1))
    yield "moveaxis_one", lambda x: ops.moveaxis(x, 3, 1)
    yield from arrays()
    yield from activations()
    yield from reductions()
    yield from indexing()
    yield from parts()
    yield from products()
    yield from convolutions()
    yield from images()
    yield "cast", lambda x: ops.cast(x, "float32") + 1
    yield "cast_float64", lambda x: ops.cast(ops.cast(x, "float64") * 3, "float32")
    yield "cast_bfloat16", lambda x: ops.cast(ops.cast(x, "bfloat16"), "float32")
    yield "stop_gradient", lambda x: x * ops.stop_gradient(x + 1)


def arrays():
    """Arrays in the place of tensors."""
    means = np.array([0.485, 0.456, 0.406], "float32")
    yield "subtract_array", lambda x: x - means
    yield "subtract_from_array", lambda x: ops.subtract(means, x)
    yield "divide_by_tensor", lambda x: x / ops.array([0.229, 0.224, 0.225])
    yield "multiply_whole_numbers", lambda x: x * np.array([[1, 2, 3]])
    yield "add_array_of_higher_rank", lambda x: ops.mean(x, axis=(1, 2)) + np.arange(6, dtype="float32").reshape(2, 1, 3)


def activations():
    for name in ("log_sigmoid", "hard_tanh", "tanh_shrink", "sparse_plus", "sparse_sigmoid"):
        yield name, lambda x, f=getattr(ops, name): f(x)
    yield "celu_alpha", lambda x: ops.celu(x, 0.5)
    yield "reciprocal", lambda x: ops.reciprocal(x), {"positive": True}


def reductions():
    yield "amax", lambda x: ops.amax(x, axis=(1, 3))
    yield "amin_keepdims", lambda x: ops.amin(x, axis=-1, keepdims=True)
    yield "average", lambda x: ops.average(x, axis=2)
    yield "var", lambda x: ops.var(x, axis=(1, 2))
    yield "var_keepdims", lambda x: ops.var(x, axis=-1, keepdims=True)
    yield "std", lambda x: ops.std(x, axis=1)
    yield "std_keepdims", lambda x: ops.std(x, axis=[1, 2], keepdims=True)
    yield "moments", lambda x: ops.moments(x, axes=[1, 2])
    yield "moments_keepdims", lambda x: ops.moments(x, axes=(3,), keepdims=True)
    yield "standardized", lambda x: (x - ops.moments(x, [1, 2], keepdims=True)[0]) / ops.std(x, (1, 2), keepdims=True)
    yield "norm", lambda x: ops.norm(x, axis=-1)
    yield "norm_of_matrices", lambda x: ops.norm(x, axis=(1, 2), keepdims=True)
    yield "norm_order1", lambda x: ops.norm(x, ord=1, axis=2)
    yield "norm_order3", lambda x: ops.norm(x, ord=3, axis=1, keepdims=True)
    yield "normalize", lambda x: ops.normalize(x)
    yield "normalize_two_axes", lambda x: ops.normalize(x, axis=(1, 2))
    yield "normalize_order1", lambda x: ops.normalize(x, axis=1, order=1)
    yield "normalize_epsilon", lambda x: ops.normalize(x, axis=2, order=3, epsilon=1.5)
    yield "normalize_epsilon_order2", lambda x: ops.normalize(x, axis=3, epsilon=1.5)


def indexing():
    yield "get_item", lambda x: x[:, ::2, 1:-1, :]
    yield "get_item_index", lambda x: x[:, 1]
    yield "get_item_last", lambda x: x[..., -1]
    yield "get_item_new_axes", lambda x: x[:, None, ..., 0, None]
    yield "get_item_reversed", lambda x: x[:, ::-1, 3:0:-2]
    yield "get_item_beyond", lambda x: x[:, 2:100, -100:3]
    yield "get_item_whole", lambda x: x[:, :]
    yield "get_item_far_step", lambda x: x[:, 1::7, ::-3]
    yield "flip", lambda x: ops.flip(x, axis=1)
    yield "flip_two_axes", lambda x: ops.flip(x, axis=(1, -1))
    yield "flip_all", lambda x: ops.flip(x)
    yield "roll", lambda x: ops.roll(x, 2, axis=1)
    yield "roll_two_axes", lambda x: ops.roll(x, (-1, 9), axis=(1, 2))
    yield "roll_all", lambda x: ops.roll(x, 7)
    yield "repeat", lambda x: ops.repeat(x, 3, axis=2)
    yield "repeat_each", lambda x: ops.repeat(x, [1, 2, 0, 3, 1], axis=1)
    yield "tile", lambda x: ops.tile(x, (1, 2, 1, 3))
    yield "tile_last", lambda x: ops.tile(x, 2)


def parts():
    yield "split", lambda x: ops.split(x, 2, axis=2)
    yield "split_channels", lambda x: ops.multiply(*ops.split(x, 3, axis=-1)[1:])
    yield "split_at", lambda x: ops.split(x, [1, 3, 3], axis=1)
    yield "array_split", lambda x: ops.array_split(x, 3, axis=1)
    yield "unstack", lambda x: ops.unstack(x, axis=2)
    yield "unstack_counted", lambda x: ops.unstack(x, 3, axis=-1)[2] + 1
    yield "pad", lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)))
    yield "pad_number", lambda x: ops.pad(x, [[0, 0], [1, 0], [2, 1], [0, 3]], constant_values=2.5)
    yield "pad_whole_number", lambda x: ops.pad(x, [[0, 0], [0, 1], [2, 0], [0, 0]], constant_values=-1)
    yield "pad_reflect", lambda x: ops.pad(x, ((0, 0), (4, 2), (0, 3), (1, 0)), mode="reflect")
    yield "pad_symmetric", lambda x: ops.pad(x, ((0, 0), (5, 2), (0, 4), (1, 0)), mode="symmetric")


def products():
    yield "matmul", lambda x, y: x @ y, {"shapes": [(4, 3), (3, 5)]}
    yield "matmul_images", lambda x: ops.matmul(x, ops.swapaxes(x, 2, 3))
    yield "matmul_broadcast", lambda x, y: ops.matmul(x, ops.expand_dims(y, 1)), {"shapes": [(5, 4, 3), (3, 2)]}
    yield "matmul_array", lambda x: ops.matmul(x, np.linspace(-1, 1, 6, dtype="float32").reshape(3, 2))
    yield "matmul_array_first", lambda x: ops.matmul(np.linspace(-1, 1, 10, dtype="float32").reshape(2, 5), ops.mean(x, axis=2))
    yield "matmul_rows", lambda x, y: ops.matmul(x, ops.transpose(y)), {"shapes": [(4,), (4,)]}


def convolutions():
    def kernel(*shape):
        return (np.arange(np.prod(shape)).reshape(shape) % 7 / 8 - 0.375).astype("float32")
    yield "conv", lambda x: ops.conv(x, kernel(2, 3, 3, 4))
    yield "conv_options", lambda x: ops.conv(x, ops.array(kernel(3, 2, 3, 2)), strides=(2, 1), padding="same")
    yield "conv_dilated", lambda x: ops.conv(x, kernel(2, 2, 3, 2), dilation_rate=(1, 2))
    yield "depthwise_conv", lambda x: ops.depthwise_conv(x, kernel(3, 3, 3, 1), padding="same")
    yield "depthwise_conv_options", lambda x: ops.depthwise_conv(x, kernel(2, 3, 3, 2), strides=2, padding="same")


def images():
    yield "max_pool", lambda x: ops.max_pool(x, 2)
    yield "max_pool_options", lambda x: ops.max_pool(x, (2, 3), strides=(1, 2), padding="same")
    yield "average_pool", lambda x: ops.average_pool(x, 3, strides=1, padding="same")
    yield "average_pool_channels_first", lambda x: ops.average_pool(x, (2, 1), data_format="channels_first")
    yield "max_pool_rows", lambda x: ops.max_pool(x, 2, strides=3, padding="same"), {"shape": (7, 3)}
    yield "resize", lambda x: ops.image.resize(x, (7, 3))
    yield "resize_nearest", lambda x: ops.image.resize(x, (3, 9), interpolation="nearest")
    yield "resize_bicubic_antialias", lambda x: ops.image.resize(x, (3, 2), interpolation="bicubic", antialias=True)
    yield "resize_lanczos", lambda x: ops.image.resize(x, (10, 4), interpolation="lanczos3")
    yield "resize_padded", lambda x: ops.image.resize(x, (4, 7), pad_to_aspect_ratio=True, fill_value=0.5)
    yield "resize_cropped_channels_first", lambda x: ops.image.resize(
        x, (6, 6), crop_to_aspect_ratio=True, data_format="channels_first")
    yield "depth_to_space", lambda x: ops.depth_to_space(x, 2), {"shape": (3, 2, 8)}
    yield "depth_to_space_channels_first", lambda x: ops.depth_to_space(x, 2, "channels_first"), {"shape": (8, 3, 2)}
    yield "space_to_depth", lambda x: ops.space_to_depth(x, 2), {"shape": (6, 4, 3)}
    yield "space_to_depth_channels_first", lambda x: ops.space_to_depth(x, 3, "channels_first"), {"shape": (2, 6, 3)}
