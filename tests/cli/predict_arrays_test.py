#!/usr/bin/env python3
"""fovea predict with NumPy arrays: exactly what the model computes, and what is said of arrays that do not fit."""
import os
import re
import subprocess
import unittest

from support import PROGRAM, ProgramTest, layer_config, npy, read_npy, read_npz, write_config, write_npz

ONES = {"class_name": "Ones", "config": {}, "module": "keras.initializers", "registered_name": None}


class Arrays(ProgramTest):
    def setUp(self):
        super().setUp()
        # Sums whose values can be told: both of the four pixels, and the first plus twice the second input.
        write_config(
            self.folder / "sum.json",
            [
                layer_config("InputLayer", "pixels", [], batch_shape=[None, 2, 2, 1]),
                layer_config("Flatten", "flat", ["pixels"]),
                layer_config("Dense", "sum", ["flat"], units=2, kernel_initializer=ONES),
            ],
            ["pixels"],
            ["sum"],
        )
        write_config(
            self.folder / "two.json",
            [
                layer_config("InputLayer", "a", [], batch_shape=[None, 2]),
                layer_config("InputLayer", "b", [], batch_shape=[None, 2]),
                layer_config("Rescaling", "twice", ["b"], scale=2.0),
                layer_config("Add", "sum", ["a", "twice"]),
            ],
            ["a", "b"],
            ["sum", "twice"],
        )
        write_config(
            self.folder / "whole.json",
            [
                layer_config("InputLayer", "number", [], batch_shape=[None, 1], dtype="int32"),
                layer_config("Rescaling", "same", ["number"], scale=1.0),
            ],
            ["number"],
            ["same"],
        )

    def write(self, name, *arguments):
        (self.folder / name).write_bytes(npy(*arguments))

    def predicted(self, *arguments):
        self.ok("predict", *arguments, "--output", "y.npy")
        return read_npy((self.folder / "y.npy").read_bytes())

    def test_the_output_is_exactly_the_models(self):
        self.write("x.npy", range(12), (3, 2, 2, 1))
        text = self.ok("predict", "sum.json", "x.npy", "--output", "y.npy")
        self.assertRegex(text, r"input +pixels: float32 \(3, 2, 2, 1\)")
        self.assertRegex(text, r"output +sum: float32 \(3, 2\)")
        self.assert_fits(text)
        self.assertEqual(read_npy((self.folder / "y.npy").read_bytes()), ([6, 6, 22, 22, 38, 38], (3, 2)))

    def test_other_types_are_cast_as_in_keras(self):
        for kind in ("|u1", "<i4", "<i8", "<f8"):
            self.write("x.npy", [1, 2, 3, 250], (1, 2, 2, 1), kind)
            self.assertEqual(self.predicted("sum.json", "x.npy")[0], [256, 256], kind)
        # Cut to whole numbers by way of float32, in which the second one is 3.
        self.write("x.npy", [2.75, 2.9999999999], (2, 1), "<f8")
        self.assertEqual(self.predicted("whole.json", "x.npy")[0], [2, 3])

    def test_bytes_stay_bytes_where_keras_keeps_them(self):
        write_config(
            self.folder / "bytes.json",
            [
                layer_config("InputLayer", "pixels", [], batch_shape=[None, 2, 2, 1], dtype="uint8"),
                layer_config("Add", "double", ["pixels", "pixels"]),
                layer_config("GlobalMaxPooling2D", "largest", ["double"]),
            ],
            ["pixels"],
            ["largest"],
        )
        for kind in ("|u1", "<i4", "<f4"):
            self.write("x.npy", [1, 2, 100, 250], (1, 2, 2, 1), kind)
            text = self.ok("predict", "bytes.json", "x.npy", "--output", "y.npy")
            self.assertRegex(text, r"output +largest: uint8 \(1, 1\)")
            self.assertEqual(read_npy((self.folder / "y.npy").read_bytes()), ([244], (1, 1)), kind)  # 2 * 250 - 256

    def test_a_layer_that_takes_floats_says_so(self):
        write_config(
            self.folder / "bytes.json",
            [
                layer_config("InputLayer", "pixels", [], batch_shape=[None, 2, 2, 1], dtype="uint8"),
                layer_config("Conv2D", "edges", ["pixels"], filters=1, kernel_size=[2, 2]),
            ],
            ["pixels"],
            ["edges"],
        )
        self.write("x.npy", [1, 2, 3, 4], (1, 2, 2, 1), "|u1")
        message = self.fails(1, "predict", "bytes.json", "x.npy", "--output", "y.npy")
        self.assertIn("(Conv2D): takes floats, no whole numbers.", " ".join(message.split()))

    def test_a_last_size_of_one_comes_and_goes(self):
        self.write("x.npy", range(4), (1, 2, 2))
        self.assertEqual(self.predicted("sum.json", "x.npy")[0], [6, 6])
        self.write("x.npy", range(4), (1, 2, 2, 1, 1))
        self.assertEqual(self.predicted("sum.json", "x.npy")[0], [6, 6])
        self.write("x.npy", [5, 7], (2,))
        self.assertEqual(self.predicted("whole.json", "x.npy"), ([5, 7], (2, 1)))

    def test_several_inputs_and_outputs_go_by_name(self):
        write_npz(self.folder / "x.npz", {"b": npy([10, 20], (1, 2)), "a": npy([1, 2], (1, 2))})
        self.ok("predict", "two.json", "x.npz", "--output", "y.npz")
        self.assertEqual(read_npz(self.folder / "y.npz"), {"sum": ([21, 42], (1, 2)), "twice": ([20, 40], (1, 2))})
        # One of one: whatever it is called.
        write_npz(self.folder / "x.npz", {"arr_0": npy(range(4), (1, 2, 2, 1))})
        self.ok("predict", "sum.json", "x.npz", "--output", "y.npz")
        self.assertEqual(read_npz(self.folder / "y.npz"), {"sum": ([6, 6], (1, 2))})

    def test_batches_and_threads_change_nothing(self):
        self.write("x.npy", range(40), (10, 2, 2, 1))
        expected = self.predicted("sum.json", "x.npy")
        self.assertEqual(expected, self.predicted("sum.json", "x.npy", "--batch-size", 3, "--threads", 1))
        self.assertIn("--batch-size", self.fails(2, "predict", "sum.json", "x.npy", "--output", "y.npy",
                                                 "--batch-size", "0"))

    def test_no_prepacking_keeps_no_forms_of_the_weights(self):
        write_config(
            self.folder / "wide.json",
            [
                layer_config("InputLayer", "pixels", [], batch_shape=[None, 12, 12, 16]),
                layer_config("Conv2D", "conv", ["pixels"], filters=64, kernel_size=3, kernel_initializer=ONES),
                layer_config("GlobalAveragePooling2D", "mean", ["conv"]),
            ],
            ["pixels"],
            ["mean"],
        )
        self.write("x.npy", [i % 7 for i in range(12 * 12 * 16)], (1, 12, 12, 16))
        kept, results = [], []
        for option in ([], ["--no-prepacking"]):
            command = [PROGRAM, "predict", "wide.json", "x.npy", "--output", "y.npy", *option]
            text = subprocess.run(command, cwd=self.folder, env={**os.environ, "FOVEA_LOG": "plan"},
                                  capture_output=True, text=True, check=True).stderr
            kept.append(float(re.search(r"derived weights ([\d.]+) MB", text)[1]))
            results.append(read_npy((self.folder / "y.npy").read_bytes())[0])
        self.assertGreaterEqual(kept[0], 0.1)
        self.assertEqual(kept[1], 0)
        for a, b in zip(*results, strict=True):
            self.assertAlmostEqual(a, b, delta=1e-5 * abs(a))

    def test_what_does_not_fit_is_said_in_one_line(self):
        def error(model, file, code=1, output="y.npz"):
            message = self.fails(code, "predict", model, file, "--output", output)
            self.assertFalse((self.folder / output).exists())
            return message

        self.write("x.npy", range(9), (1, 3, 3, 1))
        self.assertIn("x.npy: input 'pixels' of the model takes an array of shape (None, 2, 2, 1). Received: (1, 3, 3, 1)",
                      error("sum.json", "x.npy"))
        self.write("x.npy", [1], ())
        self.assertIn("Received: ()", error("sum.json", "x.npy"))
        self.write("x.npy", [], (0, 2, 2, 1))
        self.assertIn("holds no samples for input 'pixels'", error("sum.json", "x.npy"))
        self.assertIn("the model has 2 inputs; give a .npz file with an array for each, named 'a', 'b'",
                      error("two.json", "x.npy"))
        self.assertIn("there is no such file", error("sum.json", "missing.npy"))
        for arrays in ({"a": npy([1, 2], (1, 2))}, {"a": npy([1, 2], (1, 2)), "c": npy([1, 2], (1, 2))},
                       {name: npy([1, 2], (1, 2)) for name in "abc"}):
            write_npz(self.folder / "x.npz", arrays)
            self.assertIn("must have an array for each input of the model, named 'a', 'b'. Received: 'a'",
                          error("two.json", "x.npz"))
        write_npz(self.folder / "x.npz", {"a": npy([1, 2], (1, 2)), "b": npy([1, 2, 3, 4], (2, 2))})
        self.assertIn("Received: 1 for 'a' and 2 for 'b'", error("two.json", "x.npz"))
        self.assertIn("the model has 2 outputs", error("two.json", "x.npz", 2, "y.npy"))
        self.assertIn("there is no folder", error("two.json", "x.npz", 1, "none/y.npz"))

    def test_the_input_is_not_replaced(self):
        self.write("x.npy", range(4), (1, 2, 2, 1))
        before = (self.folder / "x.npy").read_bytes()
        self.assertIn("would replace", self.fails(2, "predict", "sum.json", "x.npy", "--output", "./x.npy"))
        self.assertEqual((self.folder / "x.npy").read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
