"""operations/: functional models in which keras.ops were recorded, with their gradients."""

import json

import common
from common import keras, np, tf
from keras import ops

IMAGE = (5, 4, 3)


def write_all(folder):
    for name, build, *options in cases():
        write_case(folder, name, build, **(options[0] if options else {}))


def write_case(folder, name, build, inputs=1, positive=False, shape=IMAGE):
    rng = common.start_case("operations/" + name)
    keras.utils.clear_session()
    tensors = [keras.Input(shape, name=f"x{i}") for i in range(inputs)]
    model = keras.Model(tensors, build(*tensors), name="recorded")
    values = [common.normal(rng, 2, *shape) for _ in tensors]
    if positive:
        values = [np.abs(v) + np.float32(0.25) for v in values]
    fed = [tf.constant(v) for v in values]
    with tf.GradientTape() as tape:
        tape.watch(fed)
        output = model(fed if inputs > 1 else fed[0])
        output_gradient = common.normal(rng, *output.shape)
        objective = tf.reduce_sum(output * output_gradient)
    common.write(folder, name, {
        "model": json.loads(model.to_json()),
        "inputs": values,
        "outputs": [common.numpy(output)],
        "output_gradients": [output_gradient],
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
