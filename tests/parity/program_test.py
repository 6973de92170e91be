"""The program beside Keras: fovea predict on arrays, fovea convert, and fovea compare with records of Keras."""

import contextlib
import importlib.util
import io
import pathlib
import re
import subprocess
import sys
import warnings

import keras
import numpy as np
from keras import layers
from keras.applications import imagenet_utils

import fovea
import legacy_h5_test
import saving_test

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "record_keras.py"
SPEC = importlib.util.spec_from_file_location("record_keras", SCRIPT)
record_keras = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record_keras)


class Program(saving_test.Files):
    def program(self, *words, code=0):
        returned, text = fovea.program(*words)
        self.assertEqual(returned, code, text)
        return text

    def scatter(self, model):
        """Weights that a new model has as 0 or 1 get other values, so that each of them counts."""
        random = np.random.default_rng(9)
        model.set_weights([weight if weight.ndim != 1 else random.uniform(0.25, 1, weight.shape).astype(weight.dtype)
                           for weight in model.get_weights()])
        return model

    def record(self, path, *options):
        output = self.folder / "record.npz"
        with contextlib.redirect_stdout(io.StringIO()):
            record_keras.main([str(path), "--output", str(output), *map(str, options)])
        return output

    def compare(self, path, record, *options, code=0):
        text = self.program("compare", path, "--against", record, *options, code=code)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return text


class Predict(Program):
    def assert_same(self, model, arrays):
        """What the program writes for the arrays is what Keras' predict gives."""
        model.predict_function = None  # one that has seen another rank knows none
        theirs = model.predict(list(arrays.values()) if len(arrays) > 1 else next(iter(arrays.values())), verbose=0)
        np.savez_compressed(self.folder / "x.npz", **arrays)
        self.program("predict", self.save(model), self.folder / "x.npz", "--output", self.folder / "y.npz")
        with np.load(self.folder / "y.npz", allow_pickle=False) as file:
            ours = [file[name] for name in file.files]
        for a, b in zip(ours, theirs if isinstance(theirs, list) else [theirs], strict=True):
            self.assertEqual(a.shape, b.shape)
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())

    def test_every_type_of_numbers(self):
        image = keras.Input((4, 4, 1))
        model = self.scatter(keras.Sequential([image, layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(2)]))
        pixels = np.random.default_rng(1).integers(0, 100, (70, 4, 4, 1))
        for kind in ("f2", "f4", ">f4", "f8", "i1", "i2", ">i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
            with self.subTest(kind):
                self.assert_same(model, {"x": pixels.astype(kind)})
        self.assert_same(model, {"x": np.asfortranarray(pixels.astype("f4"))})
        self.assert_same(model, {"x": pixels[..., 0].astype("f4")})  # the last size of 1 is added
        self.assert_same(model, {"x": pixels[..., None].astype("f4")})

    def test_npy_files(self):
        model = self.scatter(keras.Sequential([keras.Input((3,)), layers.Dense(2)]))
        x = np.random.default_rng(1).normal(size=(5, 3)).astype("f4")
        np.save(self.folder / "x.npy", x)
        self.program("predict", self.save(model), self.folder / "x.npy", "--output", self.folder / "y.npy")
        ours = np.load(self.folder / "y.npy", allow_pickle=False)
        np.testing.assert_allclose(ours, model.predict(x, verbose=0), rtol=1e-6)
        self.assertEqual(ours.dtype, np.dtype("float32"))

    def test_several_inputs_and_outputs(self):
        models = dict(saving_test.keras_models())
        for name in ("several_heads", "bytes", "mixed_dtypes", "fine_tuned"):
            with self.subTest(name):
                model = self.scatter(models[name])
                arrays = dict(zip((tensor.name for tensor in model.inputs), self.inputs(model)))
                # The order in the file is not the model's.
                self.assert_same(model, arrays)
        x = keras.Input((2,), name="x")
        model = keras.Model(x, [layers.Dense(1, name="left")(x), layers.Dense(1, name="right")(x)])
        np.savez(self.folder / "x.npz", x=np.ones((2, 2)))
        self.program("predict", self.save(model), self.folder / "x.npz", "--output", self.folder / "y.npz")
        self.assertEqual(np.load(self.folder / "y.npz").files, ["left", "right"])


class Convert(Program):
    def test_keras_opens_what_is_written(self):
        for name, model in saving_test.keras_models():
            if "open" in name:
                continue
            with self.subTest(name):
                inputs = self.inputs(model)
                inputs = inputs if len(inputs) > 1 else inputs[0]
                source = self.save(self.scatter(model))
                for ending in ("h5", "hdf5", "keras", "json", "weights.h5"):
                    self.program("convert", source, self.folder / f"ours.{ending}")
                if name == "model_as_output":  # Keras does not read the like that it wrote itself
                    continue
                expected = model.predict(inputs, verbose=0)
                # Recorded operations are nothing that Keras reads from its older format.
                for ending in ("keras",) if name == "two_inputs_inside" else ("h5", "hdf5", "keras"):
                    again = keras.models.load_model(self.folder / f"ours.{ending}", compile=False)
                    found = again.predict(inputs, verbose=0)
                    for a, b in zip(*([x] if isinstance(x, np.ndarray) else x for x in (found, expected)), strict=True):
                        np.testing.assert_array_equal(a, b)
                again = keras.models.model_from_json((self.folder / "ours.json").read_text())
                again.load_weights(self.folder / "ours.weights.h5")
                for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
                    np.testing.assert_array_equal(a, b)
                again.set_weights([weight + 1 for weight in model.get_weights()])
                again.load_weights(self.folder / "ours.h5")
                for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
                    np.testing.assert_array_equal(a, b)

    def test_h5_files_of_keras_become_archives(self):
        model = self.scatter(dict(saving_test.keras_models())["residual"])
        self.program("convert", self.save(model, "theirs.h5"), self.folder / "ours.keras")
        self.program("convert", self.folder / "ours.keras", self.folder / "ours.h5")
        for name in ("ours.keras", "ours.h5"):
            again = keras.models.load_model(self.folder / name, compile=False)
            for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)

    def test_compiled_models_evaluate_as_they_did(self):
        x = keras.Input((3,), name="x")
        model = keras.Model(x, [layers.Dense(1, name="p")(x), layers.Dense(2, name="q", activation="softmax")(x)])
        inputs = np.random.default_rng(1).normal(size=(6, 3))
        targets = [np.ones((6, 1)), np.eye(2)[[0, 1, 0, 1, 1, 0]]]
        for loss in (["mse", "categorical_crossentropy"], {"p": "mae", "q": keras.losses.CategoricalCrossentropy(
                label_smoothing=0.1)}):
            model.compile(keras.optimizers.Adam(0.125), loss, metrics={"p": ["mae"], "q": ["acc"]},
                          loss_weights={"p": 0.5, "q": 2.0} if isinstance(loss, dict) else [0.5, 2.0])
            for _ in range(3):
                model.train_on_batch(inputs, targets)
            self.program("convert", self.save(model), self.folder / "ours.h5")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                again = keras.models.load_model(self.folder / "ours.h5")
            # Not by name: of an .h5 file, Keras calls the metric mae by its long name.
            np.testing.assert_array_equal(again.evaluate(inputs, targets, verbose=0),
                                          model.evaluate(inputs, targets, verbose=0))
            self.assertEqual(float(again.optimizer.learning_rate), 0.125)
            # Keras restores the iteration of an .h5 file and not the slots; fovea reads all of it.
            self.assertEqual(int(again.optimizer.iterations), int(model.optimizer.iterations))
            self.program("convert", self.folder / "ours.h5", self.folder / "again.keras")
            for a, b in zip(keras.models.load_model(self.folder / "again.keras").optimizer.variables,
                            model.optimizer.variables, strict=True):
                np.testing.assert_array_equal(a, b)


class Preprocessing(Program):
    def test_what_is_put_in_front_is_preprocess_input(self):
        image = keras.Input((9, 7, 3))
        x = layers.Conv2D(4, 3, activation="relu", padding="same")(image)
        x = layers.add([x, layers.Conv2D(4, 3, padding="same")(x)])
        model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
        model.compile("adam", "categorical_crossentropy")
        random = np.random.default_rng(2)
        pixels = random.integers(0, 256, (8, 9, 7, 3)).astype("float32")
        model.fit(pixels / 255, np.eye(3)[random.integers(0, 3, 8)], verbose=0)
        model.save(self.folder / "raw.keras")
        np.save(self.folder / "x.npy", pixels)
        for mode in ("tf", "torch", "caffe", "unit"):
            with self.subTest(mode):
                path = self.folder / f"{mode}.keras"
                self.program("convert", self.folder / "raw.keras", path, "--preprocessing", mode)
                self.program("predict", path, self.folder / "x.npy", "--output", self.folder / "y.npy")
                fed = pixels / 255 if mode == "unit" else imagenet_utils.preprocess_input(pixels.copy(), mode=mode)
                expected = model.predict(fed, verbose=0)
                self.assertGreater(np.ptp(expected), 0.1)
                again = keras.models.load_model(path)
                for found in (np.load(self.folder / "y.npy"), again.predict(pixels, verbose=0)):
                    np.testing.assert_allclose(found, expected, atol=2e-6)
                for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
                    np.testing.assert_array_equal(ours, theirs)


class Compare(Program):
    def test_every_layer_and_gradient_is_keras(self):
        for name, model in saving_test.keras_models():
            if "open" in name:
                continue
            with self.subTest(name):
                path = self.save(self.scatter(model))
                text = self.compare(path, self.record(path, "--samples", 3),
                                    *(["--tolerance", 0.05] if "bfloat16" in name else []))
                counts = re.search(r"(\d+) outputs? and (\d+) gradients? agree", text)
                self.assertGreaterEqual(int(counts[2]), len(model.trainable_weights))
                self.assertGreaterEqual(int(counts[1]), len(model.layers) - len(model.inputs))

    def test_several_calls_nested_models_and_outputs(self):
        text = self.compare(self.ours("nested"), self.record(self.ours("nested"), "--seed", 4))
        self.assertIn("Functional", text)

    def test_bytes_among_the_outputs(self):
        """As predict gives them: Resizing turns bytes into floats there, and keeps them where it is called directly."""
        image = keras.Input((9, 8, 3), dtype="uint8", name="image")
        sized = layers.Resizing(5, 6)(image)
        model = keras.Model(image, [layers.MaxPooling2D(2)(image * 3), sized, layers.Conv2D(2, 3)(layers.Rescaling(1 / 255)(sized)),
                                    layers.UpSampling2D(3, interpolation="bilinear")(image)])
        path = self.save(self.scatter(model))
        record = self.record(path)
        with np.load(record) as arrays:
            self.assertEqual({str(array.dtype) for name, array in arrays.items() if name.startswith("layers/")},
                             {"uint8", "float32"})
        self.assertIn("6 outputs and 2 gradients agree", self.compare(path, record))
        x = np.random.default_rng(1).integers(0, 256, (3, 9, 8, 3)).astype("uint8")
        theirs = model.predict(x, verbose=0)
        np.save(self.folder / "x.npy", x)
        self.program("predict", path, self.folder / "x.npy", "--output", self.folder / "y.npz")
        with np.load(self.folder / "y.npz", allow_pickle=False) as file:
            for name, expected in zip(file.files, theirs, strict=True):
                self.assertEqual(file[name].dtype, expected.dtype)
                np.testing.assert_allclose(file[name], expected, rtol=1e-5, atol=1e-4)

    def test_a_layer_that_computes_something_else_is_named(self):
        model = self.scatter(dict(saving_test.keras_models())["residual"])
        record = self.record(self.save(model), "--no-gradients")
        layer = model.get_layer("a_norm")
        layer.set_weights([layer.get_weights()[0] * 1.01, *layer.get_weights()[1:]])
        text = self.compare(self.save(model), record, code=1)
        self.assertIn("The first layer that departs is a_norm (BatchNormalization)", text)
        self.assertRegex(text, r"\n  a_conv .*\n! a_norm ")
        self.assertNotIn("gradient", text)

    def test_the_script_by_itself(self):
        path = self.save(keras.Sequential([keras.Input((3,)), layers.Dense(2)]), "net.keras")
        result = subprocess.run([sys.executable, SCRIPT, path, "--samples", "5"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("net.npz: 1 outputs of layers, 3 gradients", result.stdout)
        self.assertRegex(self.compare(path, self.folder / "net.npz"), r"samples +5\n")

    def test_own_inputs(self):
        models = dict(saving_test.keras_models())
        random = np.random.default_rng(2)
        np.savez(self.folder / "x.npz", a=random.normal(size=(4, 5)), b=random.normal(size=(4, 5)))
        path = self.save(models["several_heads"])
        self.assertRegex(self.compare(path, self.record(path, "--input", self.folder / "x.npz")), r"samples +4\n")
        np.save(self.folder / "x.npy", random.normal(size=(1, 5, 6, 3)))
        path = self.save(models["open_sizes"])
        self.assertIn("1 gradient", self.compare(path, self.record(path, "--input", self.folder / "x.npy")))


class ShippedModel(Program):
    def test_its_layers_compute_what_they_do_in_keras(self):
        """From the .h5 file, and as an archive."""
        path = legacy_h5_test.ShippedModel.fetch(self)
        record = self.record(path)
        self.compare(path, record)
        self.program("convert", path, self.folder / "emotion.keras")
        self.compare(self.folder / "emotion.keras", record)
        self.compare(self.folder / "emotion.keras", self.record(self.folder / "emotion.keras"))
