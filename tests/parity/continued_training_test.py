"""Training goes on from real Keras' checkpoints in step with Keras, and Keras goes on from ours.

Rounding drives any two runs in float32 apart, Keras' own too. So every step is compared from Keras' state; whole runs
are compared in float64; and in float32 ours must stay about as close to the run in float64 as Keras does."""

import pathlib
import tempfile
import unittest
import warnings

import keras
import numpy as np

import continued_training as nets
import fovea

BEFORE, STEPS = 5, 100


class Continued:
    """Keras trains `net` some steps and saves it; then both train it on, on the same batches."""

    furthest = 1e-3  # of any step in float32, from Keras' state

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        keras.utils.clear_session()
        keras.utils.set_random_seed(5)
        batches = nets.batches(cls.net, BEFORE + STEPS + 1)
        cls.batches, cls.next = batches[BEFORE:-1], batches[-1:]
        cls.model = cls.net()
        nets.train(cls.model, batches[:BEFORE])
        cls.checkpoint = cls.folder / "checkpoint.keras"
        cls.model.save(cls.checkpoint)
        cls.start = [np.array(variable) for variable in cls.variables()]
        cls.train_in_float64()

    @classmethod
    def train_in_float64(cls):
        cls.checkpoint64 = cls.folder / "checkpoint64.keras"
        with nets.floatx("float64"):
            model = nets.in_float64(cls.net, cls.model)
            model.save(cls.checkpoint64)
            cls.logs64 = nets.train(model, map(nets.as_float64, cls.batches))
            model.save(cls.folder / "keras64.keras")
        cls.exact, cls.exact_optimizer = nets.read(cls.folder / "keras64.keras")

    @classmethod
    def variables(cls):
        return cls.model.weights + cls.model.optimizer.variables

    @classmethod
    def back_to_the_checkpoint(cls):
        for variable, value in zip(cls.variables(), cls.start, strict=True):
            variable.assign(value)

    def ours(self, checkpoint, batches, name, *folders):
        """fovea's logs of a step on each batch; <name>.keras is what came of them."""
        np.savez(self.folder / "batches.npz", *(array for batch in batches for array in batch))
        logs = self.folder / "logs.npz"
        fovea.run("steps", checkpoint, self.folder / "batches.npz", logs, self.folder / f"{name}.keras", *folders)
        with np.load(logs) as file:
            return dict(file)

    def assert_same_logs(self, ours, theirs, bound):
        """The loss of each step, relative to itself; its parts and metrics, some of them near 0, to their largest."""
        self.assertEqual(sorted(ours), sorted(theirs))
        np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=bound, atol=0)
        for name, values in theirs.items():
            np.testing.assert_allclose(ours[name], values, rtol=0, atol=bound * np.abs(values).max(), err_msg=name)

    # Updates are compared in proportion to their lengths, and the optimizer's variables to their own.
    def test_every_step_from_kerass_state(self):
        states, results = self.folder / "states", self.folder / "results"
        states.mkdir(), results.mkdir()
        self.back_to_the_checkpoint()
        recorded = nets.States(self.model, states)
        theirs = nets.train(self.model, self.batches, recorded)
        self.assert_same_logs(self.ours(self.checkpoint, self.batches, "forced", states, results), theirs, 1e-5)
        apart, slots_apart = [], []
        before, _ = nets.split(recorded.values[0])
        for step in range(STEPS):
            ours, our_slots = nets.read(results / f"{step}.weights.h5")
            weights, slots = nets.split(recorded.values[step + 1])
            apart.append(nets.distance(ours, weights) / nets.distance(weights, before))
            self.assertEqual(our_slots.keys(), slots.keys())
            slots_apart.append([np.linalg.norm(our_slots[name] - slots[name]) / np.linalg.norm(slots[name])
                                for name in slots])
            before = weights
        for part in np.array(apart), np.array(slots_apart).max(1):
            self.assertLess(np.quantile(part, 0.75), 5e-5)
            self.assertLess(part.max(), self.furthest)

    def test_a_run_in_float64(self):
        logs = self.ours(self.checkpoint64, map(nets.as_float64, self.batches), "ours64")
        self.assert_same_logs(logs, self.logs64, 1e-8)
        weights, optimizer = nets.read(self.folder / "ours64.keras")
        self.assertTrue(all(value.dtype == "float64" for value in weights.values()))
        self.assertLess(nets.distance(weights, self.exact), 1e-8 * nets.length(self.exact))
        for name, value in self.exact_optimizer.items():
            self.assertLess(np.linalg.norm(optimizer[name] - value), 1e-8 * np.linalg.norm(value), name)
        self.assert_keras_goes_on("ours64", self.checkpoint64, "float64", 1e-9)

    # No further from the run in float64 than three times as far as Keras is. How far that is depends on the order of
    # sums; of three runs, with the samples in other orders, the middle ones are compared.
    def test_runs_in_float32(self):
        random = np.random.default_rng(8)
        apart = {"ours": [], "Keras": []}
        for number in range(3):
            order = random.permutation(nets.BATCH) if number else np.arange(nets.BATCH)
            batches = [nets.reordered(batch, order) for batch in self.batches]
            self.back_to_the_checkpoint()
            theirs = nets.train(self.model, batches)
            self.model.save_weights(self.folder / "keras.weights.h5")
            ours = self.ours(self.checkpoint, batches, "ours")
            for who, logs, path in (("ours", ours, "ours.keras"), ("Keras", theirs, "keras.weights.h5")):
                apart[who].append((nets.distance(nets.read(self.folder / path)[0], self.exact),
                                   np.linalg.norm(logs["loss"] - self.logs64["loss"])))
        ours, theirs = (np.median(apart[who], 0) for who in ("ours", "Keras"))
        self.assertTrue(np.all(ours <= 3 * theirs), f"from the weights and losses in float64: {apart}")
        self.assert_keras_goes_on("ours", self.checkpoint, "float32", self.furthest)

    def assert_keras_goes_on(self, name, checkpoint, dtype, bound):
        """Keras opens what fovea has trained and saved, compiled as it was, and takes the next step as fovea does."""
        path, again, stepped = (self.folder / f"{name}{part}.keras" for part in ("", "_again", "_stepped"))
        batches = [nets.as_float64(batch) if dtype == "float64" else batch for batch in self.next]
        ours = self.ours(path, batches, f"{name}_next")
        self.assertEqual(fovea.config(path)["compile_config"], fovea.config(checkpoint)["compile_config"])
        with nets.floatx(dtype):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model = keras.models.load_model(path)
            self.assertEqual(int(model.optimizer.iterations), BEFORE + STEPS)
            model.save(again)
            model.run_eagerly = True  # For one step that is faster than to make a graph.
            theirs = nets.train(model, batches)
            model.save(stepped)
        saved, read = nets.read(path), nets.read(again)
        for one, other in zip(saved, read):
            self.assertEqual(nets.distance(one, other), 0)
        self.assert_same_logs(ours, theirs, min(bound, 1e-5))
        (weights, slots), (mine, my_slots) = nets.read(stepped), nets.read(self.folder / f"{name}_next.keras")
        self.assertLess(nets.distance(mine, weights), bound * nets.distance(weights, read[0]))
        for slot, value in slots.items():
            self.assertLessEqual(np.linalg.norm(my_slots[slot] - value), bound * np.linalg.norm(value), slot)


class BatchNormalization(Continued, unittest.TestCase):
    net = staticmethod(nets.batch_normalization)


class SeparableConvolutions(Continued, unittest.TestCase):
    net = staticmethod(nets.separable_convolutions)


class Residuals(Continued, unittest.TestCase):
    net = staticmethod(nets.residuals)


class SqueezeAndExcite(Continued, unittest.TestCase):
    net = staticmethod(nets.squeeze_and_excite)


class TwoOutputs(Continued, unittest.TestCase):
    net = staticmethod(nets.two_outputs)


class Kinks(Continued, unittest.TestCase):
    net = staticmethod(nets.kinks)
    furthest = 2e-2
    test_runs_in_float32 = None


if __name__ == "__main__":
    unittest.main()
