"""Files go both ways: real Keras opens ours, we open Keras', and weights, configs, predictions and the state of
training are the same on both sides."""

import pathlib
import tempfile
import unittest
import warnings
import zipfile

import keras
import numpy as np
from keras import layers
from keras.src.applications.convnext import LayerScale

import fovea

# Options that Keras has since later than 3.0 and fovea does not write.
NEW_IN_KERAS = {"quantization_config", "renorm", "renorm_clipping", "renorm_momentum", "ragged", "optional",
                "input_axes", "output_axes"}
# Layers whose call has training=False unless given, which Keras notes.
TRAINING_OFF = {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise"}
# Layers whose call has training=True unless given.
TRAINING_ON = {"RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation",
               "RandomZoom"}
# Keras writes the models with this one, and cannot read them.
NOT_FOR_KERAS = {"shared_by_models"}


@keras.saving.register_keras_serializable("fovea")
class MinPooling2D(layers.MaxPooling2D):
    def call(self, inputs):
        return -super().call(-inputs)


def comparable(config):
    """A config without what has no meaning: numbers of shared objects, new options, what Keras does not read of a
    Sequential, the usual training of a call; [x] for the ends of a model is x, and a tensor by name is the first argument."""
    if isinstance(config, list):
        return [comparable(item) for item in config]
    if not isinstance(config, dict):
        return config
    result = {key: comparable(value) for key, value in config.items()
              if key != "shared_object_id" and key not in NEW_IN_KERAS}
    if result.get("class_name") == "Sequential":
        result["config"].pop("trainable"), result["config"].pop("dtype")
    for node in result.get("inbound_nodes", ()):
        if not node["args"] and "inputs" in node["kwargs"]:
            node["args"] = [node["kwargs"].pop("inputs")]
        for classes, standard in ((TRAINING_OFF, False), (TRAINING_ON, True)):
            if result["class_name"] in classes and node["kwargs"].get("training") is standard:
                del node["kwargs"]["training"]
    if ">" in (result.get("registered_name") or ""):
        result["module"] = None  # the module of this test
    for ends in ("input_layers", "output_layers"):
        if ends in result and len(result[ends]) == 1:
            result[ends] = result[ends][0]
    return result


def departures(ours, theirs, path=""):
    """Where two configs differ, each with what they have there; shorter than what unittest shows of the whole."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        path += f".{theirs['class_name']}" if "class_name" in theirs else ""
        for key in sorted(ours.keys() | theirs.keys()):
            yield from departures(ours.get(key, "nothing"), theirs.get(key, "nothing"), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (a, b) in enumerate(zip(ours, theirs)):
            yield from departures(a, b, f"{path}[{number}]")
    elif ours != theirs:
        yield f"{path}: fovea has {ours}, Keras {theirs}"


def in_bfloat16(model):
    return any(layer.compute_dtype == "bfloat16" for layer in model.layers)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        keras.utils.clear_session()
        keras.utils.set_random_seed(5)

    def load(self, path, **options):
        """Keras' load_model, whose warnings are failures."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return keras.models.load_model(path, **options)

    def save(self, model, name="theirs.keras"):
        path = self.folder / name
        model.save(path)
        return path

    def ours(self, name):
        path = self.folder / f"{name}.keras"
        fovea.run("make", name, path)
        return path

    def resaved(self, path):
        out = self.folder / "resaved.keras"
        fovea.run("resave", path, out)
        return out

    def inputs(self, model, samples=6):
        random = np.random.default_rng(3)
        return [random.uniform(0, 4, (samples, *tensor.shape[1:])).astype(tensor.dtype) for tensor in model.inputs]

    def assert_same_predictions(self, path, model):
        inputs = self.inputs(model)
        theirs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        theirs = theirs if isinstance(theirs, list) else [theirs]
        ours = fovea.predict(path, inputs, [tensor.shape for tensor in model.outputs], self.folder)
        for a, b in zip(ours, theirs):
            b = b.astype("float32")
            # In bfloat16, a few roundings to 8 bits.
            bound = 2**-6 * np.abs(b).max() if in_bfloat16(model) else 1e-5
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=bound)

    def assert_same_weights(self, one, other):
        one, other = fovea.weights(one), fovea.weights(other)
        self.assertEqual(sorted(one), sorted(other))
        for name, value in one.items():
            if isinstance(value, dict):
                self.assertEqual(value, other[name], name)
            else:
                self.assertEqual(value.dtype, other[name].dtype, name)
                np.testing.assert_array_equal(value, other[name], name)

    def assert_same_file(self, one, other):
        self.maxDiff = None
        self.assertEqual(comparable(fovea.config(one)), comparable(fovea.config(other)))
        self.assert_same_weights(one, other)


class OursInKeras(Files):
    def test_it_is_what_keras_would_write(self):
        """Loaded and saved by Keras, config and weights stay as they were."""
        for name in fovea.run("models").split():
            if name in NOT_FOR_KERAS:
                continue
            with self.subTest(name):
                path = self.ours(name)
                model = self.load(path)
                self.assert_same_file(path, self.save(model))
                if name != "calls":  # Keras' predict calls every layer with training=False
                    self.assert_same_predictions(path, model)

    def test_the_order_of_layers_is_keras(self):
        for name in ("branches", "shared", "nested", "several", "options"):
            with self.subTest(name):
                model = self.load(self.ours(name))
                written = [layer["config"]["name"] for layer in fovea.config(self.ours(name))["config"]["layers"]]
                self.assertEqual([layer.name for layer in model.layers], written)

    def test_an_archive_is_four_stored_members(self):
        with zipfile.ZipFile(self.ours("sequential")) as archive:
            self.assertEqual(archive.namelist(), ["metadata.json", "config.json", "model.weights.h5", "fovea.json"])
            self.assertTrue(all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist()))
            self.assertIsNone(archive.testzip())

    def test_a_layer_that_keras_does_not_have_is_named(self):
        path = self.ours("min_pooling")
        registered = keras.saving.get_custom_objects().pop("fovea>MinPooling2D")
        try:
            with self.assertRaisesRegex(TypeError, "MinPooling2D"):
                keras.models.load_model(path)
        finally:
            keras.saving.get_custom_objects()["fovea>MinPooling2D"] = registered

    def test_weights_alone(self):
        path = self.ours("branches")
        fovea.run("save-weights", path, self.folder / "ours.weights.h5")
        model = self.load(path)
        expected = model.get_weights()
        model.set_weights([weight + 1 for weight in expected])
        model.load_weights(self.folder / "ours.weights.h5")
        for a, b in zip(model.get_weights(), expected):
            np.testing.assert_array_equal(a, b)


def block(x, filters, name):
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name + "_conv")(x)
    y = layers.BatchNormalization(name=name + "_norm")(y)
    return layers.ReLU(name=name + "_relu")(y)


def keras_models():
    """As their users write them."""
    image = keras.Input((8, 8, 3))
    yield "sequential", keras.Sequential([
        image, layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"), layers.MaxPooling2D(),
        layers.Conv2D(4, 2), layers.Flatten(), layers.Dropout(0.5, seed=1), layers.Dense(2, activation="softmax")])
    unbuilt = keras.Sequential([layers.Dense(3, activation=keras.activations.relu), layers.Dense(1)])
    unbuilt(np.zeros((6, 4), "float32"))
    yield "built_by_a_call", unbuilt

    image = keras.Input((8, 7, 3))
    yield "separable", keras.Sequential([
        image, layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, use_bias=False),
        layers.BatchNormalization(), layers.ReLU(max_value=6), layers.DepthwiseConv2D((2, 1), activation="relu"),
        layers.SeparableConv2D(5, 2, depthwise_regularizer="l2", depth_multiplier=2, activation="swish"),
        layers.SeparableConv2D(4, 3, padding="same", dilation_rate=2, use_bias=False), layers.Flatten(),
        layers.Dense(2, activation="softmax")])

    yield "rows", keras.Sequential([
        keras.Input((12, 4)), layers.ZeroPadding1D((1, 2)), layers.DepthwiseConv1D(3, depth_multiplier=2, bias_constraint="non_neg"),
        layers.SpatialDropout1D(0.25, seed=3), layers.SeparableConv1D(5, 3, strides=2, padding="same", activation="swish", pointwise_regularizer="l2"),
        layers.UpSampling1D(3), layers.Conv1DTranspose(4, 2, strides=3, output_padding=1, kernel_initializer="he_normal"),
        layers.Cropping1D((2, 1)), layers.GlobalAveragePooling1D(), layers.Dense(2)])

    x = keras.Input((8, 8, 3), name="photo")
    y = block(x, 4, "a")
    shortcut = layers.Conv2D(4, 1)(x)
    y = layers.Add()([shortcut, block(y, 4, "b")])
    y = layers.Concatenate()([y, x, y])
    yield "residual", keras.Model(x, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(y)))

    base = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(),
                             layers.Activation("swish"), layers.Flatten()], name="base")
    base.trainable = False
    base.layers[0].trainable = True
    x = keras.Input((8, 8, 3))
    yield "fine_tuned", keras.Model([x], [layers.Dense(1)(base(x, training=False))])

    base_in = keras.Input((5,))
    base = keras.Model(base_in, [layers.Dense(3)(base_in), layers.Dense(2)(base_in)], name="two_headed")
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    shared = layers.Dense(5, name="shared")
    first = base(shared(b))
    second = base(shared(inputs=a))
    joined = layers.Concatenate()([first[0], second[1]])
    yield "several_heads", keras.Model([a, b], [joined, second[0]])

    other = keras.Model(base_in, base(base_in)[1])
    yield "model_as_output", keras.Model(a, [other(a), keras.Sequential([keras.Input((5,)), layers.Dense(2)])(a)])

    x, y = keras.Input((6, 5, 4)), keras.Input((6, 5, 4))
    inner = keras.Model([x, y], layers.Add()([x, layers.LayerNormalization()(y)]), name="of_two")
    x, y = keras.Input((6, 5, 4)), keras.Input((6, 5, 4))
    z = inner([layers.RandomFlip()(x), layers.GroupNormalization(2, center=False, scale=False)(y)])
    z = layers.PReLU(shared_axes=[1, 2])(layers.GaussianNoise(0.2)(z)) * keras.ops.sigmoid(z)
    z = layers.RandomZoom(0.3)(LayerScale(0.5, 4)(LayerScale(0.5, 4)(z)))
    yield "two_inputs_inside", keras.Model([x, y], z)

    x = keras.Input((None, None, 3))
    yield "open_sizes", keras.Model(x, layers.GlobalMaxPooling2D(keepdims=True)(layers.ZeroPadding2D(((1, 2), 3))(x)))
    yield "float64", keras.Sequential([keras.Input((4,), dtype="float64"),
                                       layers.Dense(3, activation="tanh", dtype="float64"),
                                       layers.Dense(1, dtype="float64")])
    yield "mixed_dtypes", keras.Sequential([keras.Input((4,), dtype="float64"), layers.Dense(3, activation="tanh"),
                                            layers.Dense(2, dtype="float64"), layers.Dense(1)])
    keras.config.set_dtype_policy("mixed_bfloat16")
    x = keras.Input((8, 8, 3))
    y = block(layers.Rescaling(1 / 4)(x), 4, "c")
    y = layers.Add()([layers.Conv2D(4, 1, dtype="float32")(x), block(y, 4, "d")])
    y = layers.Dense(5, activation="relu")(layers.Flatten()(layers.MaxPooling2D()(y)))
    mixed = keras.Model(x, [layers.Dense(3, activation="softmax", dtype="float32")(y), layers.Dense(2)(y)])
    keras.config.set_dtype_policy("float32")
    yield "mixed_bfloat16", mixed
    image = keras.Input((4, 4, 2), dtype="uint8")
    yield "bytes", keras.Sequential([image, layers.Rescaling(1 / 3), layers.Flatten(), layers.Dense(2)])


class KerasInOurs(Files):
    def test_nothing_is_lost(self):
        for name, model in keras_models():
            with self.subTest(name):
                path = self.save(model)
                self.assert_same_file(self.resaved(path), path)
                if "open" not in name:
                    self.assert_same_predictions(path, model)

    def test_trained_models(self):
        optimizers = [keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.RMSprop(0.01, momentum=0.1),
                      keras.optimizers.Adam(0.01, amsgrad=True, weight_decay=0.01), "sgd",
                      keras.optimizers.AdamW(0.01, use_ema=True, ema_overwrite_frequency=2),
                      keras.optimizers.Adagrad(0.01), keras.optimizers.Adadelta(gradient_accumulation_steps=2),
                      keras.optimizers.Adamax(keras.optimizers.schedules.CosineDecay(0.1, 10)),
                      keras.optimizers.Nadam(use_ema=True, gradient_accumulation_steps=2),
                      keras.optimizers.Lion(1e-4), keras.optimizers.Ftrl(0.01)]
        for optimizer in optimizers:
            for name, model in keras_models():
                if name not in ("residual", "fine_tuned", "several_heads"):
                    continue
                with self.subTest(f"{optimizer if isinstance(optimizer, str) else optimizer.name} {name}"):
                    model.compile(keras.optimizers.get(keras.optimizers.serialize(keras.optimizers.get(optimizer))),
                                  ["mse"] * len(model.outputs),
                                  metrics=["mae"] if len(model.outputs) == 1 else [["mae"], [keras.metrics.MeanSquaredError()]],
                                  loss_weights=[0.5] * len(model.outputs))
                    inputs = self.inputs(model)
                    targets = [np.ones((6, *tensor.shape[1:])) for tensor in model.outputs]
                    for _ in range(3):
                        model.train_on_batch(inputs, targets)
                    path = self.save(model)
                    self.assert_same_weights(self.resaved(path), path)
                    again = self.load(self.resaved(path))
                    self.assertEqual(int(again.optimizer._iterations), 3)

    def test_compile_configs(self):
        """What compile was given is read, and Keras reads what is written."""
        x = keras.Input((3,))
        one = keras.Model(x, layers.Dense(1, activation="sigmoid", name="only")(x))
        two = keras.Model(x, [layers.Dense(1, name="p")(x), layers.Dense(4, name="q", activation="softmax")(x)])
        yes = np.array([[0], [1], [1], [0], [1], [0]])
        labels = np.array([0, 1, 3, 1, 0, 3])
        one_hot = keras.utils.to_categorical(labels, 4)
        cases = [
            (one, dict(loss="binary_crossentropy", metrics=["acc", "mse"]), [yes]),
            (one, dict(loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1), weighted_metrics=["accuracy"]), [yes]),
            (one, dict(loss=keras.losses.mean_squared_error, metrics=[keras.metrics.BinaryAccuracy(name="b")]), [yes]),
            (one, dict(loss={"only": "mae"}, metrics={"only": ["acc"]}, loss_weights={"only": 0.5}), [yes]),
            (two, dict(loss="mse", metrics=[["acc"], None]), [yes, one_hot]),
            (two, dict(loss={"p": "mse", "q": keras.losses.SparseCategoricalCrossentropy(ignore_class=2)},
                       metrics={"q": "acc", "p": ["mae"]}, loss_weights={"p": 0.5, "q": 2.0}), [yes, labels]),
            (two, dict(loss=["mae", "categorical_crossentropy"], loss_weights=[1.0, 0.5]), [yes, one_hot]),
            (one, dict(loss=keras.losses.BinaryFocalCrossentropy(gamma=1.5, apply_class_balancing=True),
                       metrics=[keras.metrics.AUC(curve="PR", thresholds=[0.3, 0.6]), "precision", "bce",
                                keras.metrics.RecallAtPrecision(0.5, num_thresholds=5), keras.metrics.BinaryIoU([1])]),
             [yes]),
            (two, dict(loss=["huber", keras.losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2, 0.3, 0.4])],
                       metrics=[["mape", "root_mean_squared_error"],
                                [keras.metrics.F1Score("macro"), keras.metrics.OneHotMeanIoU(4),
                                 keras.metrics.Precision(top_k=2, class_id=1), "kl_divergence"]]), [yes, one_hot]),
            (one, dict(loss="hinge", metrics=["hinge", "true_positives", keras.metrics.LogCoshError()]), [yes]),
        ]
        for number, (model, options, targets) in enumerate(cases):
            with self.subTest(number):
                model.compile(optimizer=keras.optimizers.Adam(0.125, clipvalue=2.0, name="mine"), **options)
                path = self.save(model)
                resaved = self.resaved(path)
                ours = fovea.config(resaved)["compile_config"]
                theirs = fovea.config(path)["compile_config"]
                self.assertEqual(ours["optimizer"], theirs["optimizer"])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # an optimizer that took no step
                    again, original = keras.models.load_model(resaved), keras.models.load_model(path)
                inputs = self.inputs(model)[0]
                self.assertEqual(again.evaluate(inputs, targets, verbose=0, return_dict=True),
                                 original.evaluate(inputs, targets, verbose=0, return_dict=True))

    def test_weights_alone(self):
        models = dict(keras_models())
        path = self.save(models["residual"])
        weights = [np.random.default_rng(1).normal(size=weight.shape) for weight in models["residual"].get_weights()]
        models["residual"].set_weights(weights)
        models["residual"].save_weights(self.folder / "theirs.weights.h5")
        fovea.run("load-weights", path, self.folder / "theirs.weights.h5", self.folder / "ours.keras")
        for a, b in zip(self.load(self.folder / "ours.keras").get_weights(), weights):
            np.testing.assert_array_equal(a, b.astype("float32"))

    def test_what_fovea_does_not_have_is_refused(self):
        x = keras.Input((4,))
        image = keras.Input((4, 4, 3), name="image")
        cases = [
            (keras.Model(x, layers.Lambda(lambda value: value, name="code")(x)), r"layer 'code' \(Lambda\).*never run"),
            (keras.Model(x, layers.RMSNormalization(name="other")(x)), r"'other' \(RMSNormalization\).*register_layer"),
            (keras.Model(x, layers.Dense(2, dtype="mixed_float16", name="half")(x)), r"'half'.*mixed_float16"),
            (keras.Model(x, layers.Dense(2, activation=layers.LeakyReLU(0.3), name="object")(x)), r"'object'.*activation"),
            (keras.Model({"image": image}, layers.Flatten()(image)), "input_layers"),
        ]
        for model, message in cases:
            with self.subTest(message):
                with self.assertRaisesRegex(RuntimeError, "(?s)theirs.keras.*config.json.*" + message):
                    self.resaved(self.save(model))


def double_models():
    """Without dropout, in float64, in which differences of rounding stay small."""
    x = keras.Input((4,))
    yield "plain", keras.Model(x, layers.Dense(2)(layers.Dense(5, activation="tanh")(x)))
    shared = layers.Dense(4, activation="relu")
    y = keras.Input((4,))
    yield "shared", keras.Model([y, x], [layers.Dense(1)(shared(shared(x))), layers.Dense(2)(shared(y))])
    base = keras.Sequential([keras.Input((4,)), layers.Dense(4, activation="relu"), layers.BatchNormalization()])
    frozen = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.BatchNormalization()])
    frozen.trainable = False
    yield "frozen", keras.Model(x, layers.Dense(1)(frozen(base(x))))


class Training(Files):
    def setUp(self):
        super().setUp()
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        self.addCleanup(keras.config.set_floatx, "float32")
        self.addCleanup(keras.config.set_dtype_policy, "float32")

    def test_it_goes_on_on_the_other_side(self):
        """Three steps here and two more there are five here; and the other way round."""
        for how in ("sgd", "momentum", "rmsprop", "adam"):
            for name, model in double_models():
                with self.subTest(f"{how} {name}"):
                    compiled, three, five = (self.folder / f"{word}.keras" for word in ("compiled", "three", "five"))
                    fovea.run("compile", self.save(model), how, compiled)
                    inputs = self.inputs(model)
                    targets = [np.full((6, *tensor.shape[1:]), 0.5, "float32") for tensor in model.outputs]
                    arrays = [array.astype("float32") for array in inputs] + targets
                    fovea.write_arrays(self.folder / "arrays", arrays)
                    inputs = arrays[:len(inputs)]
                    fovea.run("train", compiled, 6, 3, self.folder / "arrays", three)
                    fovea.run("train", three, 6, 2, self.folder / "arrays", five)

                    model = self.load(three)
                    for _ in range(2):
                        model.train_on_batch(inputs, targets)
                    self.assert_close(five, self.save(model))

                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # an optimizer that took no step
                        model = keras.models.load_model(compiled)
                    for _ in range(3):
                        model.train_on_batch(inputs, targets)
                    fovea.run("train", self.save(model), 6, 2, self.folder / "arrays", self.folder / "other.keras")
                    self.assert_close(self.folder / "other.keras", five)

    def assert_close(self, one, other):
        one, other = fovea.weights(one), fovea.weights(other)
        self.assertEqual(sorted(one), sorted(other))
        self.assertEqual(one["optimizer/vars/0"], 5)
        for name, value in one.items():
            if not isinstance(value, dict):
                np.testing.assert_allclose(value, other[name], rtol=1e-6, atol=1e-6, err_msg=name)

    def test_losses_and_metrics_by_output(self):
        path = self.folder / "compiled.keras"
        fovea.run("compile", self.ours("several"), "several", path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimizer that took no step
            model = keras.models.load_model(path)
        logs = model.evaluate(self.inputs(model), [np.ones((6, 1)), np.ones((6, 1))], verbose=0, return_dict=True)
        self.assertEqual(sorted(logs), ["age_loss", "age_mae", "face_acc", "face_binary_accuracy", "face_loss", "loss"])


class TrainingInBfloat16(Files):
    def model(self, policy):
        keras.config.set_dtype_policy(policy)
        self.addCleanup(keras.config.set_dtype_policy, "float32")
        x = keras.Input((8, 8, 3))
        y = block(block(x, 8, "a"), 8, "b")
        y = layers.Dense(6, activation="relu", name="hidden")(layers.Flatten()(layers.AveragePooling2D(2)(y)))
        return keras.Model(x, layers.Dense(2, dtype="float32", name="head")(y))

    def test_steps_go_the_same_way(self):
        """The same steps from the same weights. Roundings to 8 bits drive any two runs apart: ours is no further from
        Keras' than twice as far as that is from Keras in float32. Weights are float32 on both sides."""
        model, precise = self.model("mixed_bfloat16"), self.model("float32")
        precise.set_weights(model.get_weights())
        compiled, ours = self.folder / "compiled.keras", self.folder / "ours.keras"
        fovea.run("compile", self.save(model), "momentum", compiled)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimizer that took no step
            model = keras.models.load_model(compiled)
        precise.compile(keras.optimizers.get(keras.optimizers.serialize(model.optimizer)), "mse")
        inputs, targets = self.inputs(model), [np.full((6, 2), 0.5, "float32")]
        fovea.write_arrays(self.folder / "arrays", inputs + targets)
        fovea.run("train", compiled, 6, 5, self.folder / "arrays", ours)
        for _ in range(5):
            model.train_on_batch(inputs, targets)
            precise.train_on_batch(inputs, targets)
        ours, theirs = fovea.weights(ours), fovea.weights(self.save(model))
        floats = fovea.weights(self.save(precise, "floats.keras"))
        self.assertEqual(sorted(ours), sorted(theirs))
        apart = expected = 0
        for name, value in theirs.items():
            if isinstance(value, dict) or not name.startswith("layers"):
                continue
            self.assertEqual(ours[name].dtype, np.float32, name)
            apart += np.sum((value - ours[name]) ** 2)
            expected += np.sum((value - floats[name]) ** 2)
        self.assertGreater(expected, 0)
        self.assertLess(apart, 2 ** 2 * expected)


if __name__ == "__main__":
    unittest.main()
