"""trajectories/: twenty training steps of four small nets, in float32 with every state and in float64; five under
the policy mixed_bfloat16."""

import json

import common
from common import keras, np

STEPS, BATCH = 20, 6
MIXED_STEPS = 5
L = keras.layers


def write_all(folder):
    for case in (("convnet_adam", convnet, binary_batches), ("batch_normalized_nesterov", normalized, class_batches),
                 ("mlp_rmsprop", mlp, value_batches), ("constrained_adam", constrained, value_batches)):
        write_case(folder, *case)


def write_case(folder, name, build, batches):
    rng = common.start_case("trajectories/" + name)
    batches = [batches(rng) for _ in range(STEPS)]
    model = build()
    # Every weight random, so that none can be mistaken for another; batch statistics stay at their start.
    model.set_weights([w + common.normal(rng, *w.shape, scale=0.05) if v.trainable else w
                       for v, w in zip(model.weights, model.get_weights())])
    initial = common.named_arrays(model.weights)
    case = {
        "model": json.loads(model.to_json()),
        "compile": model.get_compile_config(),
        "initial_weights": initial,
        "batches": [{"x": x, "y": y} for x, y in batches],
        "float32": train(model, batches, keep_states=True),
    }
    case["float64"] = in_float64(build, [w["array"] for w in initial], batches)
    # Keras cannot add up penalties in bfloat16 and a loss in float32.
    if not any(layer.activity_regularizer for layer in model.layers):
        case["mixed_bfloat16"] = in_mixed_bfloat16(build, [w["array"] for w in initial], batches)
    common.write(folder, name, case)


def in_float64(build, initial, batches):
    keras.backend.clear_session()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        model = build()
        model.set_weights(initial)
        return train(model, [(x.astype("float64"), y.astype("float64") if y.dtype == "float32" else y)
                             for x, y in batches], keep_states=False)
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def in_mixed_bfloat16(build, initial, batches):
    keras.backend.clear_session()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build()
        model.set_weights(initial)
        predictions = common.numpy(keras.ops.cast(model(batches[0][0], training=False), "float32"))
        return {"model": json.loads(model.to_json()), "predictions": predictions,
                **train(model, batches[:MIXED_STEPS], keep_states=True)}
    finally:
        keras.config.set_dtype_policy("float32")


def train(model, batches, keep_states):
    """The loss of a step is that of its batch, before its update."""
    losses, states = [], []
    for x, y in batches:
        model.reset_metrics()
        losses.append(model.train_on_batch(x, y))
        if keep_states:
            states.append({"weights": [common.numpy(w) for w in model.weights],
                           "optimizer": common.named_arrays(model.optimizer.variables)})
    result = {"losses": np.array(losses, keras.config.floatx())}
    if keep_states:
        return {**result, "states": states}
    return {**result, "weights": [common.numpy(w) for w in model.weights],
            "optimizer": common.named_arrays(model.optimizer.variables)}


def images(rng):
    return common.coarse(rng, BATCH, 8, 8, 3)


def binary_batches(rng):
    return images(rng), rng.integers(0, 2, (BATCH, 1)).astype("float32")


def class_batches(rng):
    return images(rng), rng.integers(0, 3, BATCH).astype("int32")


def value_batches(rng):
    return images(rng), common.coarse(rng, BATCH, 2)


def convnet():
    model = keras.Sequential([
        L.Input((8, 8, 3)),
        L.Conv2D(4, 3, padding="same", activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(4, 3, strides=2, activation="relu"),
        L.Flatten(),
        L.Dense(4, activation="relu"),
        L.Dense(1, activation="sigmoid"),
    ])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", jit_compile=False)
    return model


def normalized():
    model = keras.Sequential([
        L.Input((8, 8, 3)),
        L.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
        L.BatchNormalization(),
        L.Activation("relu"),
        L.Conv2D(5, (3, 2)),
        L.BatchNormalization(momentum=0.9, epsilon=1e-5),
        L.ReLU(),
        L.GlobalAveragePooling2D(),
        L.Dense(3, activation="softmax"),
    ])
    model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
                  loss="sparse_categorical_crossentropy", jit_compile=False)
    return model


def mlp():
    model = keras.Sequential([
        L.Input((8, 8, 3)),
        L.AveragePooling2D(3, strides=3, padding="same"),
        L.Flatten(),
        L.Dense(7, activation="tanh"),
        L.Dense(5, activation="relu"),
        L.Dense(2),
    ])
    model.compile(optimizer=keras.optimizers.RMSprop(0.005, momentum=0.5), loss="mean_squared_error", jit_compile=False)
    return model


def constrained():
    """Every constraint, and penalties on what layers give, by factors that Keras does not round in float64."""
    model = keras.Sequential([
        L.Input((8, 8, 3)),
        L.Conv2D(4, 3, strides=2, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(0.75, axis=[0, 1, 2]),
                 bias_constraint="non_neg", activity_regularizer=keras.regularizers.L1L2(2**-10, 2**-9)),
        L.ActivityRegularization(l1=2**-9),
        L.Conv2DTranspose(3, 3, strides=2, activation="tanh", kernel_constraint=keras.constraints.UnitNorm(axis=[0, 1, 3])),
        L.GroupNormalization(3, gamma_constraint=keras.constraints.MinMaxNorm(0.5, 1.25, rate=0.5)),
        L.MaxPooling2D(3),
        L.Flatten(),
        L.Dense(6, activation="tanh", activity_regularizer=keras.regularizers.L2(2**-7), kernel_constraint=keras.constraints.MinMaxNorm(0.2, 0.9)),
        L.Dense(2),
    ])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mean_squared_error", jit_compile=False)
    return model
