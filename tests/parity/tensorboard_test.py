"""Event files of the TensorBoard callback: what TensorBoard's own reader finds in them is what was trained, and the
tags, steps and shapes are those of a real Keras that trains the same model.

bin/tensorboard_tool writes the files and says what must be in them.
"""

import collections
import glob
import json
import os
import subprocess
import tempfile
import unittest

import keras
import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.histogram import summary_v2 as histogram_summary

from fovea import BIN

PARTS = ("train", "validation")
WEIGHTS = [
    "sequential/dense/kernel", "sequential/dense/bias",
    "sequential/batch_normalization/gamma", "sequential/batch_normalization/beta",
    "sequential/batch_normalization/moving_mean", "sequential/batch_normalization/moving_variance",
    "sequential/last/kernel", "sequential/last/bias",
]


def train_ours(log_dir, update_freq):
    """Returns what tensorboard_tool says about the training."""
    tool = subprocess.run([BIN / "tensorboard_tool", log_dir, str(update_freq)], check=True, capture_output=True)
    return json.loads(tool.stdout)


def train_keras(log_dir, update_freq):
    keras.utils.clear_session()
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="relu"),
                              keras.layers.BatchNormalization(), keras.layers.Dense(1, name="last")])
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
    x, y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
    model.fit(x, y, batch_size=2, epochs=3, validation_data=(x, y), verbose=0, callbacks=[
        keras.callbacks.TensorBoard(log_dir, histogram_freq=2, write_graph=False, update_freq=update_freq)])


def tensors(log_dir, part):
    """{tag: [(step, plugin, array)]}, read by TensorBoard."""
    accumulator = event_accumulator.EventAccumulator(os.path.join(log_dir, part), size_guidance={"tensors": 0})
    accumulator.Reload()
    found = {}
    for tag in accumulator.Tags()["tensors"]:
        plugin = accumulator.SummaryMetadata(tag).plugin_data.plugin_name
        found[tag] = [(event.step, plugin, tf.make_ndarray(event.tensor_proto)) for event in accumulator.Tensors(tag)]
    return found


def layout(log_dir):
    """{(part, tag): [(step, plugin, dtype, shape)]}"""
    return {(part, tag): [(step, plugin, str(array.dtype), array.shape) for step, plugin, array in points]
            for part in PARTS for tag, points in tensors(log_dir, part).items()}


class TensorBoardTest(unittest.TestCase):
    def test_holds_what_was_trained(self):
        with tempfile.TemporaryDirectory() as log_dir:
            record = train_ours(log_dir, 2)
            expected = {part: collections.defaultdict(list) for part in PARTS}
            for number, logs in enumerate(record["batches"], 1):
                for name, value in logs.items() if number % 2 == 0 else ():
                    expected["train"]["batch_" + name].append((number, value))
            for evaluation in record["evaluations"]:
                for name, value in evaluation["logs"].items():
                    expected["validation"][f"evaluation_{name}_vs_iterations"].append((evaluation["iterations"], value))
            for epoch in record["epochs"]:
                figures = {**epoch["logs"], "learning_rate": epoch["learning_rate"]}
                for name, value in figures.items():
                    part = "validation" if name.startswith("val_") else "train"
                    expected[part]["epoch_" + name.removeprefix("val_")].append((epoch["epoch"], value))
            self.assertEqual(record["epochs"][-1]["learning_rate"], float(np.float32(0.0125)))
            for part in PARTS:
                found = {tag: points for tag, points in tensors(log_dir, part).items() if points[0][1] == "scalars"}
                self.assertEqual(sorted(found), sorted(expected[part]))
                for tag, points in expected[part].items():
                    self.assertEqual([(step, float(array)) for step, _, array in found[tag]],
                                     [(step, float(np.float32(value))) for step, value in points], tag)

    def test_histograms_are_tensorboards(self):
        with tempfile.TemporaryDirectory() as log_dir:
            record = train_ours(log_dir, 0)
            found = tensors(log_dir, "train")
            self.assertEqual(sorted(tag for tag in found if tag.endswith("/histogram")),
                             sorted(name + "/histogram" for name in WEIGHTS))
            epochs = [epoch for epoch in record["epochs"] if epoch["epoch"] % 2 == 0]
            for index, name in enumerate(WEIGHTS):
                points = found[name + "/histogram"]
                self.assertEqual([step for step, _, _ in points], [epoch["epoch"] for epoch in epochs])
                for (_, plugin, buckets), epoch in zip(points, epochs):
                    values = np.array(epoch["weights"][index], "float32")
                    self.assertEqual(plugin, "histograms")
                    np.testing.assert_array_equal(buckets, histogram_summary._buckets(values).numpy(), name)

    def test_has_the_layout_of_keras(self):
        for ours, theirs in ((0, "epoch"), (1, 1)):
            with tempfile.TemporaryDirectory() as our_dir, tempfile.TemporaryDirectory() as their_dir:
                train_ours(our_dir, ours)
                train_keras(their_dir, theirs)
                self.assertEqual(layout(our_dir), layout(their_dir))

    def test_every_record_can_be_read(self):
        """The accumulator stops at a broken record in silence; the plain reader raises."""
        with tempfile.TemporaryDirectory() as log_dir:
            train_ours(log_dir, 1)
            files = glob.glob(os.path.join(log_dir, "*", "events.out.tfevents.*.v2"))
            self.assertEqual(len(files), 2)
            for path in files:
                events = list(tf.compat.v1.train.summary_iterator(path))
                self.assertEqual(events[0].file_version, "brain.Event:2")
                self.assertTrue(all(len(event.summary.value) == 1 for event in events[1:]))


if __name__ == "__main__":
    unittest.main()
