"""Random models: predictions, files and gradients of each are Keras'.

FOVEA_RANDOM_MODELS_SEED repeats a run, or, with FOVEA_RANDOM_MODELS=1, a model; FOVEA_RANDOM_MODELS is how many models
there are, with seeds that follow each other. Without a seed, every run has other models."""

import os
import secrets
import unittest
import warnings

import keras
import numpy as np

import fovea
import program_test
import random_models
import saving_test
from random_models import difference

COUNT = int(os.environ.get("FOVEA_RANDOM_MODELS", 40))
# As shares of an array's largest element.
OUTPUTS, GRADIENTS = 1e-4, 1e-3
# Every how many models gradients are compared, and with how many inputs at most until they are steady.
WITH_GRADIENTS, TRIES = 4, 4


def gradients_of(path):
    with np.load(path, allow_pickle=False) as record:
        return [record[name] for name in record.files if name.startswith("gradients/")]


def shaken(arrays, random, share):
    """Floats moved by about that share of them; whole numbers as they are."""
    return [array if array.dtype.kind in "iu" else
            (array * (1 + random.normal(0, share, array.shape))).astype(array.dtype) for array in arrays]


class RandomModels(program_test.Program):
    def test_each_is_keras(self):
        first = int(os.environ.get("FOVEA_RANDOM_MODELS_SEED") or secrets.randbelow(10**9))
        print(f"\nFOVEA_RANDOM_MODELS_SEED={first} FOVEA_RANDOM_MODELS={COUNT}", flush=True)
        with_gradients = unsteady = 0
        for seed in range(first, first + COUNT):
            with self.subTest(f"repeat with FOVEA_RANDOM_MODELS_SEED={seed} FOVEA_RANDOM_MODELS=1; "
                              f"random_models.py {seed} OUT.keras writes the model"):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # softmax of one element, for one
                    built = random_models.build(seed)
                path = self.save(built.model)
                self.assert_alike(path, built)
                due = COUNT == 1 or with_gradients + unsteady < (seed - first) / WITH_GRADIENTS
                if due and built.differentiable:
                    steady = self.assert_gradients(path, built, seed)
                    with_gradients, unsteady = with_gradients + steady, unsteady + (not steady)
        print(f"{with_gradients} models with gradients, {unsteady} with none that are steady", flush=True)

    def assert_alike(self, path, built):
        theirs = [np.asarray(tensor) for tensor in random_models.predicted(built.model, built.inputs)]
        ours = fovea.predict(path, built.inputs, [tensor.shape for tensor in theirs], self.folder)
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if difference(a, b) > OUTPUTS:
                self.assertLess(difference(a, b), self.moved(built, theirs, number), f"output {number} of fovea")
        resaved = self.resaved(path)
        configs = [saving_test.comparable(fovea.config(file)) for file in (resaved, path)]
        self.assertEqual(list(saving_test.departures(*configs)), [])
        self.assert_same_weights(resaved, path)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="You are using a softmax over axis")
            again = keras.models.load_model(resaved)
        for number, (a, b) in enumerate(zip(random_models.predicted(again, built.inputs), theirs, strict=True)):
            self.assertLess(difference(np.asarray(a), b), 1e-6, f"output {number} of Keras with fovea's file")

    def moved(self, built, theirs, number):
        """How far an output of Keras itself moves with inputs that move by 1e-5 of them, or what is allowed anyhow."""
        random, most = np.random.default_rng(1), OUTPUTS
        for _ in range(3):
            inputs = shaken(built.inputs, random, 1e-5)
            found = random_models.as_list(built.model(inputs if len(inputs) > 1 else inputs[0], training=False))
            most = max(most, difference(np.asarray(found[number]), theirs[number]))
        return most

    def assert_gradients(self, path, built, seed):
        """Whether there were inputs at which Keras' gradients are steady. At a kink, such as a tie in a window, a
        rounding decides which way they go: where Keras' own change by as much when inputs move by a few roundings,
        other inputs are drawn."""
        random = np.random.default_rng(seed)
        arrays = built.inputs
        for _ in range(TRIES):
            code, text = fovea.program("compare", path, "--against", self.recorded(path, built, arrays),
                                       "--tolerance", GRADIENTS)
            if code == 0:
                return True
            if self.steady(path, built, arrays, random):
                self.fail(text)
            arrays = [array if array.dtype.kind in "iu" else random.normal(0, 1, array.shape).astype(array.dtype)
                      for array in arrays]
        return False

    def recorded(self, path, built, arrays):
        np.savez(self.folder / "x.npz", **{tensor.name: array for tensor, array in zip(built.model.inputs, arrays)})
        return self.record(path, "--input", self.folder / "x.npz")

    def steady(self, path, built, arrays, random):
        expected = gradients_of(self.recorded(path, built, arrays))
        for _ in range(3):
            found = gradients_of(self.recorded(path, built, shaken(arrays, random, 3e-6)))
            if any(difference(a, b) > GRADIENTS / 2 for a, b in zip(found, expected)):
                return False
        return True


if __name__ == "__main__":
    unittest.main()
