"""Operations of keras.ops with random arguments, for random_models.py: functions of one tensor or two that record them.

Each takes the draw of random numbers and the shape of the input without its batch."""

from keras import ops

from random_layers import axes_of, divisor, elements, factors, one_or_each, SMOOTH, within


def positive(x):
    return ops.absolute(x) + 0.5


def reduction(draw, shape):
    how = draw.choice([ops.mean, ops.sum, ops.max, ops.min])
    axes = axes_of(draw, shape)
    axis, keepdims = axes[0] if len(axes) == 1 and draw.chance(0.7) else tuple(axes), draw.chance(0.5)
    return lambda x: how(x, axis=axis, keepdims=keepdims)


def statistics(draw, shape):
    axes, keepdims = axes_of(draw, shape), draw.chance(0.5)
    all_axes, order = list(range(1, len(shape) + 1)), draw.choice([None, 1, 2, 3])
    return draw.choice([
        lambda x: ops.var(x, axis=axes, keepdims=keepdims), lambda x: ops.moments(x, axes, keepdims),
        # Of one sample's numbers: others may all be equal, where a root has no gradient.
        lambda x: ops.std(x, axis=all_axes, keepdims=True),
        lambda x: ops.norm(positive(x), order, axis=axes[0], keepdims=keepdims),
        lambda x: ops.norm(positive(x), axis=axes[:2], keepdims=keepdims),
        lambda x: ops.amax(x, axis=axes, keepdims=keepdims), lambda x: ops.average(x, axis=axes[0]),
        lambda x: ops.normalize(positive(x), axis=axes), lambda x: ops.normalize(positive(x), axes[0], order or 2, 1e-3)])


def part_of_key(draw, size):
    """What keeps some of the positions of an axis, or, as a number, one."""
    sign = draw.choice([1, 1, -1])
    bounds = [draw.choice([None, draw.integer(-size - 1, size + 1)]) for _ in range(2)]
    part = slice(*bounds, draw.choice([None, sign * draw.integer(1, 3)]))
    return draw.choice([slice(None), part if len(range(size)[part]) else slice(None), draw.integer(-size, size - 1)])


def get_item(draw, shape):
    key = [slice(None), *(part_of_key(draw, size) for size in shape)]
    if all(isinstance(part, int) for part in key[1:]):
        key[-1] = slice(None)
    if draw.chance(0.2):
        key.insert(draw.integer(1, len(key)), None)
    if draw.chance(0.3):
        key = [..., *key[draw.integer(1, len(key) - 1):]]
    return lambda x: x[tuple(key)]


def moving(draw, shape):
    """Positions that are chosen, moved or repeated."""
    rank = len(shape) + 1
    axes, shifts = axes_of(draw, shape), [draw.integer(-9, 9) for _ in shape]
    axis = axes[0] % rank
    each = [draw.integer(0, 2) for _ in range(shape[axis - 1])]
    repeats = draw.choice([draw.integer(1, 3), each if any(each) else 1])
    times = [draw.choice([1, 1, 2]) for _ in range(draw.integer(1, len(shape)))]
    return draw.choice([
        get_item(draw, shape), get_item(draw, shape), get_item(draw, shape),
        lambda x: ops.flip(x, axis=axes[0] if len(axes) == 1 else axes), lambda x: ops.roll(x, shifts[:len(axes)], axis=axes),
        lambda x: ops.roll(x, shifts[0], axis=axis), lambda x: ops.repeat(x, repeats, axis=axis),
        lambda x: ops.tile(x, times), lambda x: ops.moveaxis(x, axis, -1)])


def parts(draw, shape):
    """Cut along an axis, or with borders."""
    axis = draw.integer(1, len(shape))
    size = shape[axis - 1]
    places = sorted({draw.integer(1, max(1, size - 1)) for _ in range(2)})
    sections, count = divisor(draw, size), draw.integer(1, min(size, 3))
    widths = [(0, 0), *((draw.integer(0, 2), draw.integer(0, 2)) for _ in shape)]
    value = draw.choice([None, 2, draw.number(-1, 1)])
    return draw.choice([
        lambda x: ops.split(x, sections if sections <= 4 else 1, axis=axis), lambda x: ops.split(x, places, axis=axis),
        lambda x: ops.array_split(x, count, axis=axis - len(shape) - 1), lambda x: ops.unstack(x, axis=axis)[:3],
        lambda x: ops.pad(x, widths, constant_values=value), lambda x: ops.pad(x, widths, mode="reflect"),
        lambda x: ops.pad(x, widths, mode="symmetric")])


def of_images(draw, shape):
    """Of channels last."""
    pool, strides = one_or_each(draw, 1, 3, 2), draw.choice([None, one_or_each(draw, 1, 3, 2)])
    how, kind = draw.choice(["valid", "same"]), draw.choice([ops.max_pool, ops.average_pool])
    size = draw.integer(1, 16), draw.integer(1, 16)
    options = {"interpolation": draw.choice(SMOOTH), "antialias": draw.chance(0.3)}
    block = draw.integer(1, 2)
    kernel = draw.random.normal(0, 0.5, (draw.integer(1, 3), draw.integer(1, 3), shape[-1], draw.integer(1, 3))).astype("float32")
    step = draw.integer(1, 2)
    return draw.choice([
        lambda x: ops.conv(x, kernel, step, how), lambda x: ops.depthwise_conv(x, kernel, step, how),
        lambda x: kind(x, within(pool, shape[:2]), strides, how), lambda x: ops.image.resize(x, size, **options),
        lambda x: ops.depth_to_space(x, block), lambda x: ops.space_to_depth(x, block)])


def of_arrays(draw, shape):
    """With an array of numbers in the place of a tensor."""
    array = draw.random.uniform(0.5, 1.5, draw.choice([shape[-1:], (1, shape[-1]), shape])).astype("float32")
    matrix = draw.random.normal(0, 1, (shape[-1], draw.integer(1, 4))).astype("float32")
    return draw.choice([lambda x: x - array, lambda x: ops.subtract(array, x), lambda x: x / ops.array(array),
                        lambda x: x * array, lambda x: ops.matmul(x, matrix)])


def operation(draw, shape):
    """A function of one tensor that records one operation or a few."""
    if draw.chance(0.5):
        families = [statistics, moving, moving, parts, parts, of_arrays]
        return draw.choice(families + [of_images] * (len(shape) == 3))(draw, shape)
    a, b = draw.number(0.25, 2), draw.number(-1, 1)
    rank = len(shape) + 1
    axis = draw.choice(axes_of(draw, shape))
    order = (0, *draw.several(range(1, rank), rank - 1))
    sizes = (-1, *factors(draw, elements(shape), draw.integer(1, 4)))
    power = draw.choice([0, 1, 2, 3, -2, 0.5, 1.7])
    place = draw.integer(1, rank)
    ones = [i for i, size in enumerate(shape, 1) if size == 1]
    approximate = draw.chance(0.5)
    simple = draw.choice([ops.negative, ops.square, ops.absolute, ops.tanh, ops.relu, ops.relu6, ops.sigmoid, ops.silu,
                          ops.hard_sigmoid, ops.hard_silu, ops.softplus, ops.softsign, ops.selu,
                          ops.log_sigmoid, ops.hard_tanh, ops.tanh_shrink, ops.sparse_plus, ops.sparse_sigmoid])
    last = ops.squeeze if ones and draw.chance(0.7) else None
    return draw.choice([
        lambda x: x + b, lambda x: b - x, lambda x: a * x, lambda x: x / a, lambda x: ops.divide(a, positive(x)),
        lambda x: ops.maximum(x, b), lambda x: ops.minimum(b, x), lambda x: positive(x) ** power,
        lambda x: ops.power(positive(x), power), simple, simple, simple, simple, simple,
        lambda x: ops.sqrt(positive(x)), lambda x: ops.log(positive(x)), lambda x: ops.rsqrt(positive(x)),
        lambda x: ops.exp(ops.minimum(x, 2)), lambda x: ops.clip(x, b - 1, b + 1), lambda x: ops.elu(x, a),
        lambda x: ops.celu(x, a), lambda x: ops.reciprocal(positive(x)),
        lambda x: ops.cast(ops.cast(x, "float64"), "float32"), lambda x: x * ops.stop_gradient(x),
        lambda x: ops.leaky_relu(x, a / 4), lambda x: ops.gelu(x, approximate=approximate),
        lambda x: ops.softmax(x, axis=axis), lambda x: ops.log_softmax(x, axis=axis),
        reduction(draw, shape), reduction(draw, shape), reduction(draw, shape),
        lambda x: ops.reshape(x, sizes), lambda x: ops.transpose(x, order), lambda x: ops.swapaxes(x, 1, axis),
        lambda x: ops.expand_dims(x, place), lambda x: ops.squeeze(ops.max(x, axis=axis, keepdims=True), axis),
        (lambda x: last(x, ones)) if last else (lambda x: ops.expand_dims(x, -1)),
        lambda x: x * ops.sigmoid(ops.mean(x, axis=axis, keepdims=True)),
        lambda x: x * (1 / 6) * ops.relu6(x + 3)])


def operation_of_whole(draw, shape):
    """A function of one tensor of whole numbers that keeps them."""
    number = draw.integer(0, 200)
    axis = draw.choice(axes_of(draw, shape))
    return draw.choice([
        lambda x: x + number, lambda x: x - number, lambda x: number - x, lambda x: x * (number % 7), lambda x: 255 - x,
        lambda x: ops.maximum(x, number), lambda x: ops.minimum(number, x), lambda x: ops.clip(x, number // 2, number + 10),
        ops.absolute, ops.relu, lambda x: x ** (number % 4), lambda x: ops.max(x, axis=axis), lambda x: ops.min(x, axis=axis),
        lambda x: ops.expand_dims(x, axis), lambda x: ops.swapaxes(x, 1, axis), ops.negative, lambda x: ops.sum(x, axis=axis)])


def operation_of_two(draw, rank):
    """Of two tensors of one shape."""
    axis = draw.integer(1, rank - 1)
    return draw.choice([
        lambda x, y: x + y, lambda x, y: x - y, lambda x, y: ops.multiply(x, y),
        lambda x, y: ops.true_divide(x, positive(y)), lambda x, y: ops.divide(x, positive(y)), ops.maximum, ops.minimum,
        lambda x, y: ops.concatenate([x, y], axis=axis), lambda x, y: ops.stack([x, y, x], axis=axis),
        lambda x, y: ops.stack([x, y], axis=-1), lambda x, y: ops.concatenate([y, x, y], axis=-1),
        lambda x, y: ops.add(x, ops.mean(y, axis=axis, keepdims=True)),
        *([lambda x, y: ops.matmul(x, ops.swapaxes(y, -1, -2))] * 2 if rank > 2 else [])])
