"""losses/: a loss's value and gradient; logit_bypass_*: what a compiled model makes of saturated outputs."""

import common
from common import keras, np, tf

LOSSES = keras.losses
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.25], "float32")
EXTREME = np.array([[0, 1], [1, 0], [1e-9, 1], [0.5, 1 - 1e-7]], "float32")
EXTREME_LOGITS = np.array([[0, -100], [100, -1000], [1e-9, 30], [-0.5, 17]], "float32")


def write_all(folder):
    for cases in (binary, categorical, sparse, regression):
        for name, loss, y_true, y_pred, *sample_weight in cases():
            write_case(folder, name, loss, y_true, y_pred, *sample_weight)
    for case in logit_bypass():
        write_bypass(folder, *case)


def write_case(folder, name, loss, y_true, y_pred, sample_weight=None):
    common.start_case("losses/" + name)
    prediction = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        value = loss(y_true, prediction, sample_weight=sample_weight)
        total = tf.reduce_sum(value)  # Of one number, or of all of them for reduction "none".
    common.write(folder, name, {
        "loss": common.serialize(loss),
        "y_true": y_true,
        "y_pred": y_pred,
        "sample_weight": sample_weight,
        "value": common.numpy(value),
        "y_pred_gradient": common.numpy(tape.gradient(total, prediction)),
    })


def binary():
    rng = np.random.default_rng(11)
    y_true = rng.integers(0, 2, (4, 3)).astype("float32")
    soft = rng.integers(0, 9, (4, 3)).astype("float32") / 8
    y_pred = (1 / (1 + np.exp(-common.normal(rng, 4, 3)))).astype("float32")
    logits = common.normal(rng, 4, 3, scale=2)
    kind, stem = LOSSES.BinaryCrossentropy, "binary_crossentropy"

    yield stem, kind(), y_true, y_pred
    yield stem + "_one_output", kind(), y_true[:, :1], y_pred[:, :1]
    yield stem + "_soft_labels", kind(), soft, y_pred
    yield stem + "_label_smoothing", kind(label_smoothing=0.2), y_true, y_pred
    yield stem + "_axis1", kind(axis=1), y_true.reshape(2, 3, 2), y_pred.reshape(2, 3, 2)
    yield stem + "_extreme", kind(), np.array([[0, 1], [0, 1], [1, 0], [1, 1]], "float32"), EXTREME
    yield stem + "_from_logits", kind(from_logits=True), y_true, logits
    yield stem + "_from_logits_smoothing", kind(from_logits=True, label_smoothing=0.1), y_true, logits, WEIGHTS
    yield (stem + "_from_logits_extreme", kind(from_logits=True),
           np.array([[0, 1], [0, 1], [1, 0], [1, 1]], "float32"), EXTREME_LOGITS)
    yield from reductions(stem, kind, y_true, y_pred)


def categorical():
    rng = np.random.default_rng(12)
    y_true = common.one_hot([3, 0, 4, 1], 5)
    y_pred = common.probabilities(rng, 4, 5)
    logits = common.normal(rng, 4, 5, scale=2)
    kind, stem = LOSSES.CategoricalCrossentropy, "categorical_crossentropy"

    yield stem, kind(), y_true, y_pred
    yield stem + "_unnormalised", kind(), y_true, 3 * y_pred
    yield stem + "_soft_labels", kind(), common.probabilities(rng, 4, 5), y_pred
    yield stem + "_label_smoothing", kind(label_smoothing=0.2), y_true, y_pred
    yield stem + "_images", kind(), y_true.reshape(1, 2, 2, 5), y_pred.reshape(1, 2, 2, 5)
    yield (stem + "_axis1", kind(axis=1), y_true.reshape(2, 2, 5).transpose(0, 2, 1).copy(),
           y_pred.reshape(2, 2, 5).transpose(0, 2, 1).copy())
    yield stem + "_extreme", kind(), common.one_hot([0, 1, 0, 1], 2), EXTREME
    yield stem + "_all_zero", kind(), common.one_hot([0, 1], 2), np.zeros((2, 2), "float32")
    yield stem + "_from_logits", kind(from_logits=True), y_true, logits
    yield stem + "_from_logits_smoothing", kind(from_logits=True, label_smoothing=0.1), y_true, logits, WEIGHTS
    yield stem + "_from_logits_extreme", kind(from_logits=True), common.one_hot([0, 1, 0, 1], 2), EXTREME_LOGITS
    yield from reductions(stem, kind, y_true, y_pred)


def sparse():
    rng = np.random.default_rng(13)
    y_true = np.array([3, 0, 4, 1], "int32")
    y_pred = common.probabilities(rng, 4, 5)
    logits = common.normal(rng, 4, 5, scale=2)
    kind, stem = LOSSES.SparseCategoricalCrossentropy, "sparse_categorical_crossentropy"

    yield stem, kind(), y_true, y_pred
    yield stem + "_float_labels", kind(), y_true.astype("float32"), y_pred
    yield stem + "_column_labels", kind(), y_true.reshape(4, 1), y_pred
    yield stem + "_unnormalised", kind(), y_true, 3 * y_pred
    yield stem + "_images", kind(), y_true.reshape(1, 2, 2), y_pred.reshape(1, 2, 2, 5)
    yield stem + "_ignore_class", kind(ignore_class=int(y_true[1])), y_true, y_pred
    yield stem + "_ignore_minus_one", kind(ignore_class=-1), np.array([1, -1, 0, 4], "int32"), y_pred
    yield stem + "_extreme", kind(), np.array([0, 1, 0, 1], "int32"), EXTREME
    yield stem + "_from_logits", kind(from_logits=True), y_true, logits
    yield stem + "_from_logits_extreme", kind(from_logits=True), np.array([0, 1, 0, 1], "int32"), EXTREME_LOGITS
    yield from reductions(stem, kind, y_true, y_pred)


def regression():
    rng = np.random.default_rng(14)
    y_true, y_pred = common.normal(rng, 4, 3), common.normal(rng, 4, 3)
    y_pred[0, 0] = y_true[0, 0]  # The absolute error's kink.
    for kind, stem in ((LOSSES.MeanSquaredError, "mean_squared_error"),
                       (LOSSES.MeanAbsoluteError, "mean_absolute_error")):
        yield stem, kind(), y_true, y_pred
        yield stem + "_images", kind(), y_true.reshape(1, 2, 2, 3), y_pred.reshape(1, 2, 2, 3)
        yield stem + "_flat_labels", kind(), y_true[:, 0].copy(), y_pred[:, :1].copy()
        yield from reductions(stem, kind, y_true, y_pred)


def reductions(stem, kind, y_true, y_pred):
    yield stem + "_sample_weight", kind(), y_true, y_pred, WEIGHTS
    for reduction in ("sum", "mean", "mean_with_sample_weight", "none"):
        yield f"{stem}_{reduction}", kind(reduction=reduction), y_true, y_pred
        yield f"{stem}_{reduction}_sample_weight", kind(reduction=reduction), y_true, y_pred, WEIGHTS


def logit_bypass():
    """(name, last activation, its form, loss, x, labels); the kernel is the identity, so x is the logit."""
    saturated = np.array([[100], [-100], [100], [-100], [20], [0.5]], "float32")
    wrong = np.array([[0], [1], [0], [1], [0], [1]], "float32")
    right = 1 - wrong
    rows = np.array([[100, 0, -100], [0, 100, 0], [-100, 30, 0], [0.5, 0.25, -1]], "float32")
    classes = np.array([2, 0, 0, 1], "int32")
    one_hot = common.one_hot(classes, 3)

    for form in ("in_dense", "own_layer"):
        yield f"binary_wrong_{form}", "sigmoid", form, "binary_crossentropy", saturated, wrong
        yield f"binary_right_{form}", "sigmoid", form, "binary_crossentropy", saturated, right
        yield f"categorical_wrong_{form}", "softmax", form, "categorical_crossentropy", rows, one_hot
        yield f"sparse_wrong_{form}", "softmax", form, "sparse_categorical_crossentropy", rows, classes
    yield "binary_saturated_single_100", "sigmoid", "in_dense", "binary_crossentropy", saturated[:1], wrong[:1]
    # No bypass: something stands between the activation and the loss.
    yield "binary_reshaped_after_sigmoid", "sigmoid", "reshaped", "binary_crossentropy", saturated, wrong
    # The other activation: Keras still takes its logits, and so puts the loss's own activation in its place.
    yield "categorical_sigmoid", "sigmoid", "in_dense", "categorical_crossentropy", rows, one_hot
    yield "binary_softmax", "softmax", "in_dense", "binary_crossentropy", rows, one_hot


def write_bypass(folder, name, activation, form, loss, x, y):
    name = "logit_bypass_" + name
    common.start_case("losses/" + name)
    width = x.shape[-1]
    layers = [keras.layers.Input((width,))]
    if form == "own_layer":
        layers += [keras.layers.Dense(width), keras.layers.Activation(activation)]
    else:
        layers += [keras.layers.Dense(width, activation=activation)]
    if form == "reshaped":
        layers += [keras.layers.Reshape((width,))]
    model = keras.Sequential(layers)
    model.set_weights([np.eye(width, dtype="float32"), np.zeros(width, "float32")])
    model.compile(optimizer="sgd", loss=loss, jit_compile=False)

    @tf.function  # As fit does: the bypass also looks at the graph's operations.
    def kernel_gradient():
        with tf.GradientTape() as tape:
            value = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
        return value, tape.gradient(value, [w.value for w in model.weights])

    training_loss, gradients = kernel_gradient()
    predictions = model.predict(x, verbose=0)
    common.write(folder, name, {
        "model": common.serialize(model),
        "loss": loss,
        "weights": common.named_arrays(model.weights),
        "x": x,
        "y": y,
        "predictions": predictions,
        "evaluate": np.float32(model.evaluate(x, y, verbose=0)),
        "training_loss": common.numpy(training_loss),
        "weight_gradients": [common.numpy(g) for g in gradients],
        "loss_function_on_predictions": common.numpy(keras.losses.get(loss)(y, predictions)),
    })
