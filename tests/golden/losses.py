"""losses/: a loss's value and gradient; logit_bypass_*: what a compiled model makes of saturated outputs."""

import common
from common import keras, np, tf

LOSSES = keras.losses
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.25], "float32")
EXTREME = np.array([[0, 1], [1, 0], [1e-9, 1], [0.5, 1 - 1e-7]], "float32")
EXTREME_LOGITS = np.array([[0, -100], [100, -1000], [1e-9, 30], [-0.5, 17]], "float32")


def write_all(folder):
    for cases in (binary, categorical, sparse, regression, more_regression, distributions, hinges, focal):
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
        **unsaved_options(loss),
        "y_true": y_true,
        "y_pred": y_pred,
        "sample_weight": sample_weight,
        "value": common.numpy(value),
        "y_pred_gradient": common.numpy(tape.gradient(total, prediction)),
    })


def unsaved_options(loss):
    """Options off their defaults that Keras leaves out of the config."""
    kwargs = {key: value for key, value in getattr(loss, "_fn_kwargs", {}).items()
              if key not in loss.get_config() and value != {"delta": 1.0, "axis": -1}[key]}
    return {"unsaved_options": kwargs} if kwargs else {}


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


def more_regression():
    rng = np.random.default_rng(15)
    y_true, y_pred = common.normal(rng, 4, 3), common.normal(rng, 4, 3)
    y_pred[0, 0] = y_true[0, 0]  # Kinks, and a label of 0.
    y_true[1, 1] = 0
    positive, counts = np.abs(y_pred), rng.integers(0, 5, (4, 3)).astype("float32")
    for kind, stem, p in ((LOSSES.MeanAbsolutePercentageError, "mean_absolute_percentage_error", y_pred),
                          (LOSSES.MeanSquaredLogarithmicError, "mean_squared_logarithmic_error", positive),
                          (LOSSES.Huber, "huber", y_pred), (LOSSES.LogCosh, "log_cosh", y_pred),
                          (LOSSES.CosineSimilarity, "cosine_similarity", y_pred)):
        yield stem, kind(), y_true, p
        yield stem + "_images", kind(), y_true.reshape(1, 2, 2, 3), p.reshape(1, 2, 2, 3)
        if stem != "cosine_similarity":  # Of one number: its gradient is what rounding leaves of 0.
            yield stem + "_flat_labels", kind(), y_true[:, 0].copy(), p[:, :1].copy()
        yield from reductions(stem, kind, y_true, p)
    yield "mean_squared_logarithmic_error_negative", LOSSES.MeanSquaredLogarithmicError(), y_true, y_pred
    yield "huber_delta", LOSSES.Huber(delta=0.5), y_true, y_pred
    edge = np.array([[1, 2, -1], [0, 0.5, -3]], "float32")  # |error| is delta, or 0
    yield "huber_at_delta", LOSSES.Huber(), np.zeros((2, 3), "float32"), edge
    yield "log_cosh_far", LOSSES.LogCosh(), 40 * y_true, 40 * y_pred
    yield ("cosine_similarity_axis1", LOSSES.CosineSimilarity(axis=1), y_true.reshape(2, 2, 3),
           y_pred.reshape(2, 2, 3))
    parallel = np.array([[1, 0, 0], [3, 0, 0], [0, 0, 1e-9]], "float32")
    yield "cosine_similarity_short", LOSSES.CosineSimilarity(), parallel, parallel[:, ::-1].copy()
    yield ("cosine_similarity_zeros", LOSSES.CosineSimilarity(), np.array([[1, 2, -2], [0, 0, 0]], "float32"),
           np.array([[0, 0, 0], [3, 0, 4]], "float32"))
    # One axis of size 1 more, at the end: Keras takes it off, and the mean is over the one before.
    images, pixels = y_true.reshape(2, 2, 3), y_pred.reshape(2, 2, 3, 1)
    yield "mean_squared_error_flat_images", LOSSES.MeanSquaredError(reduction="sum"), images, pixels
    yield ("mean_squared_error_flat_predictions", LOSSES.MeanSquaredError(reduction="sum"),
           y_true.reshape(2, 2, 3, 1), y_pred.reshape(2, 2, 3))
    yield ("binary_crossentropy_flat_images", LOSSES.BinaryCrossentropy(reduction="sum"),
           (images > 0).astype("float32"), 1 / (1 + np.exp(-pixels)))
    yield from poisson(counts, positive)


def poisson(counts, means):
    kind, stem = LOSSES.Poisson, "poisson"
    yield stem, kind(), counts, means
    yield stem + "_zero", kind(), counts, np.zeros_like(means)
    yield from reductions(stem, kind, counts, means)


def distributions():
    rng = np.random.default_rng(16)
    y_true, y_pred = common.probabilities(rng, 4, 5), common.probabilities(rng, 4, 5)
    kind, stem = LOSSES.KLDivergence, "kl_divergence"
    yield stem, kind(), y_true, y_pred
    yield stem + "_extreme", kind(), common.one_hot([0, 1, 0, 1], 2), EXTREME
    yield stem + "_out_of_range", kind(), 2 * y_true, 3 * y_pred
    yield from reductions(stem, kind, y_true, y_pred)


def hinges():
    rng = np.random.default_rng(17)
    signs = (2 * rng.integers(0, 2, (4, 3)) - 1).astype("float32")
    y_pred = common.normal(rng, 4, 3, scale=1.5)
    y_pred[0, 0], y_pred[1, 1] = signs[0, 0], 0  # The kink.
    for kind, stem in ((LOSSES.Hinge, "hinge"), (LOSSES.SquaredHinge, "squared_hinge")):
        yield stem, kind(), signs, y_pred
        yield stem + "_binary_labels", kind(), (signs + 1) / 2, y_pred
        yield stem + "_mixed_labels", kind(), np.where(np.arange(12).reshape(4, 3) == 5, -1, (signs + 1) / 2
                                                       ).astype("float32"), y_pred
        yield stem + "_soft_labels", kind(), rng.integers(0, 5, (4, 3)).astype("float32") / 4, y_pred
        yield stem + "_flat_labels", kind(), signs[:, 0].copy(), y_pred[:, :1].copy()
        yield from reductions(stem, kind, signs, y_pred)
    one_hot, scores = common.one_hot([3, 0, 4, 1], 5), common.normal(rng, 4, 5)
    scores[1, 1:] = scores[1, 1]  # Equal wrong ones share the gradient.
    kind, stem = LOSSES.CategoricalHinge, "categorical_hinge"
    yield stem, kind(), one_hot, scores
    yield stem + "_right", kind(), one_hot, 3 * one_hot
    yield from reductions(stem, kind, one_hot, scores)


def focal():
    rng = np.random.default_rng(18)
    y_true = rng.integers(0, 2, (4, 3)).astype("float32")
    y_pred = (1 / (1 + np.exp(-common.normal(rng, 4, 3)))).astype("float32")
    logits = common.normal(rng, 4, 3, scale=2)
    kind, stem = LOSSES.BinaryFocalCrossentropy, "binary_focal_crossentropy"
    yield stem, kind(), y_true, y_pred
    yield stem + "_balanced", kind(apply_class_balancing=True, alpha=0.4), y_true, y_pred
    for gamma in (0.0, 0.5, 1.0, 3.0, 2.5):
        yield f"{stem}_gamma{gamma}".replace(".", "_"), kind(gamma=gamma), y_true, y_pred
    yield stem + "_label_smoothing", kind(label_smoothing=0.2), y_true, y_pred
    yield stem + "_axis1", kind(axis=1), y_true.reshape(2, 3, 2), y_pred.reshape(2, 3, 2)
    yield (stem + "_from_logits", kind(from_logits=True, apply_class_balancing=True, label_smoothing=0.1), y_true,
           logits, WEIGHTS)
    extreme = np.array([[0, 1], [0, 1], [1, 0], [1, 1]], "float32")
    yield stem + "_extreme", kind(), extreme, EXTREME
    yield stem + "_from_logits_extreme", kind(from_logits=True), extreme, EXTREME_LOGITS
    yield from reductions(stem, kind, y_true, y_pred)

    y_true, y_pred = common.one_hot([3, 0, 4, 1], 5), common.probabilities(rng, 4, 5)
    logits = common.normal(rng, 4, 5, scale=2)
    kind, stem = LOSSES.CategoricalFocalCrossentropy, "categorical_focal_crossentropy"
    yield stem, kind(), y_true, y_pred
    yield stem + "_options", kind(alpha=0.6, gamma=1.5), y_true, 2 * y_pred
    yield stem + "_class_weights", kind(alpha=[0.1, 0.2, 0.3, 0.4, 0.5]), y_true, y_pred
    yield stem + "_label_smoothing", kind(label_smoothing=0.2), y_true, y_pred
    yield (stem + "_axis1", kind(axis=1), y_true.reshape(2, 2, 5).transpose(0, 2, 1).copy(),
           y_pred.reshape(2, 2, 5).transpose(0, 2, 1).copy())
    yield (stem + "_axis1_from_logits", kind(axis=1, from_logits=True, alpha=[0.25, 0.75]),
           y_true.reshape(2, 2, 5).transpose(0, 2, 1).copy(), logits.reshape(2, 2, 5).transpose(0, 2, 1).copy())
    yield stem + "_from_logits", kind(from_logits=True), y_true, logits, WEIGHTS
    yield stem + "_extreme", kind(), common.one_hot([0, 1, 0, 1], 2), EXTREME
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
    # Losses that know no logits, and those that take them for a part of what they compute.
    for form in ("in_dense", "own_layer"):
        yield f"binary_focal_wrong_{form}", "sigmoid", form, "binary_focal_crossentropy", saturated, wrong
    yield "binary_focal_softmax", "softmax", "in_dense", "binary_focal_crossentropy", rows, one_hot
    yield "categorical_focal_wrong", "softmax", "in_dense", "categorical_focal_crossentropy", rows, one_hot
    yield "kl_divergence_wrong", "softmax", "in_dense", "kl_divergence", rows, one_hot
    yield "poisson_wrong", "sigmoid", "in_dense", "poisson", saturated, wrong
    # Asked for logits, Keras takes those before the activation all the same; but the focal one does not.
    yield ("binary_from_logits", "sigmoid", "in_dense", LOSSES.BinaryCrossentropy(from_logits=True), saturated,
           wrong)
    yield ("binary_focal_from_logits", "sigmoid", "in_dense", LOSSES.BinaryFocalCrossentropy(from_logits=True),
           saturated, wrong)
    yield ("sparse_from_logits", "softmax", "in_dense", LOSSES.SparseCategoricalCrossentropy(from_logits=True),
           rows, classes)
    yield ("sparse_ignore_class", "softmax", "in_dense", LOSSES.SparseCategoricalCrossentropy(ignore_class=1),
           rows, classes)


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
        "loss": loss if isinstance(loss, str) else common.serialize(loss),
        "weights": common.named_arrays(model.weights),
        "x": x,
        "y": y,
        "predictions": predictions,
        "evaluate": np.float32(model.evaluate(x, y, verbose=0)),
        "training_loss": common.numpy(training_loss),
        "weight_gradients": [common.numpy(g) for g in gradients],
        "loss_function_on_predictions": common.numpy(keras.losses.get(loss)(y, predictions)),
    })
