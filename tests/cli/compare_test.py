#!/usr/bin/env python3
"""fovea compare: what is fast beside what is slow, layer by layer, and a record's first layer that departs."""
import json
import unittest

from support import ProgramTest, layer_config, npy, run, write_config, write_npz

ONES = {"class_name": "Ones", "config": {}, "module": "keras.initializers", "registered_name": None}


class AgainstTheReference(ProgramTest):
    def test_the_layers_of_a_net_in_their_order(self):
        text = self.ok("compare", "lenet", "--samples", 1)
        self.assert_fits(text)
        rows = [line.split() for line in text.splitlines()]
        layers = [row[0] for row in rows if len(row) > 2 and row[1] in ("Conv2D", "MaxPooling2D", "Dense", "Flatten")]
        self.assertEqual(layers[:2], ["conv2d", "max_pooling2d"])
        self.assertIn("conv2d/kernel", text)
        self.assertRegex(text, r"\d+ outputs and \d+ gradients agree within 0\.0001 of\s+their largest values")

    def test_tolerance(self):
        result = run("compare", "lenet", "--samples", 1, "--tolerance", 0, cwd=self.folder)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"The first (layer|gradient) that departs is \S+")
        self.assertRegex(result.stdout, r"\n! \S+")

    def test_seed_samples_and_gradients(self):
        def figures(*options):
            text = self.ok("compare", "lenet", *options)
            return text[text.index("\n\n"):]

        one = figures("--samples", 1)
        self.assertEqual(one, figures("--samples", 1, "--seed", 0))
        self.assertNotEqual(one, figures("--samples", 1, "--seed", 1))
        self.assertIn("(2, 28, 28, 32)", figures())
        alone = figures("--samples", 1, "--no-gradients")
        self.assertNotIn("gradient", alone)
        self.assertTrue(one.startswith(alone[: alone.index("\n\n", 2)]))
        self.assertEqual(one, figures("--samples", 1, "--threads", 1))


class AgainstARecord(ProgramTest):
    def setUp(self):
        super().setUp()
        write_config(
            self.folder / "net.json",
            [
                layer_config("InputLayer", "x", [], batch_shape=[None, 2]),
                layer_config("Dense", "first", ["x"], units=2, kernel_initializer=ONES, use_bias=False),
                layer_config("Rescaling", "second", ["first"], scale=2.0),
            ],
            ["x"],
            ["second"],
        )
        self.layers = [("second", "Rescaling", [6, 6]), ("first", "Dense", [3, 3])]
        self.gradients = [("first/kernel", [2, 4, 4, 8], (2, 2)), ("x", [6, 6], (1, 2))]

    def write(self, **changes):
        record = {"format": 1, "keras_version": "3.15.1", "inputs": ["x"], "factors": 1,
                  "layers": [{"path": path, "class_name": kind} for path, kind, _ in self.layers],
                  "gradients": [name for name, _, _ in self.gradients], **changes}
        arrays = {"record": npy(json.dumps(record).encode(), (len(json.dumps(record)),), "|u1"),
                  "inputs/0": npy([1, 2], (1, 2)), "factors/0": npy([1, 2], (1, 2))}
        arrays.update((f"layers/{i}", npy(values, (1, len(values)))) for i, (_, _, values) in enumerate(self.layers))
        arrays.update((f"gradients/{i}", npy(*rest)) for i, (_, *rest) in enumerate(self.gradients))
        write_npz(self.folder / "net.npz", arrays)

    def compare(self, code=0, *options):
        result = run("compare", "net.json", "--against", "net.npz", *options, cwd=self.folder)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def test_equal(self):
        self.write()
        text = self.compare()
        self.assertRegex(text, r"against +net\.npz, of Keras 3\.15\.1")
        self.assertLess(text.index("\n  first "), text.index("\n  second "))
        self.assertIn("2 outputs and 2 gradients agree", text)

    def test_the_first_that_departs_is_named(self):
        self.layers = [("second", "Rescaling", [6, 8]), ("first", "Dense", [3, 4])]
        self.write()
        text = self.compare(1)
        self.assertIn("The first layer that departs is first (Dense): by 2.5e-01 of its largest value", text)
        self.assertNotIn("All outputs agree.", text)
        self.assertIn("2 outputs and 2 gradients agree", self.compare(0, "--tolerance", 0.25))

    def test_a_gradient_that_departs_is_named(self):
        self.gradients[0] = ("first/kernel", [2, 4, 4, 16], (2, 2))
        self.write()
        text = self.compare(1)
        self.assertIn("The first gradient that departs is first/kernel: by 5.0e-01", text)
        self.assertIn("All outputs agree.", text)
        self.assertIn("2 outputs agree", self.compare(0, "--no-gradients"))

    def test_gradients_of_nothing_but_rounding_may_depart(self):
        write_config(
            self.folder / "net.json",
            [
                layer_config("InputLayer", "x", [], batch_shape=[None, 2]),
                layer_config("Dense", "first", ["x"], units=2, kernel_initializer=ONES),
                layer_config("Rescaling", "second", ["first"], scale=2.0),
            ],
            ["x"],
            ["second"],
        )
        # Of the bias they are 2 and 4: as small as that beside what the record has for the kernel, or not.
        self.gradients = [("first/kernel", [2e6, 4, 4, 8], (2, 2)), ("first/bias", [-3, 3], (2,)), ("x", [6, 6], (1, 2))]
        self.write()
        text = self.compare(1)
        self.assertIn("The first gradient that departs is first/kernel", text)
        self.assertRegex(text, r"\n! first/kernel .*\n~ first/bias .*\n  x ")
        self.assertIn("~: nothing but rounding", text)
        self.assertIn("2 outputs and 2 gradients agree", self.compare(0, "--tolerance", 1))
        self.gradients[0] = ("first/kernel", [2e5, 4, 4, 8], (2, 2))
        self.write()
        text = self.compare(1)
        self.assertRegex(text, r"\n! first/bias ")
        self.assertNotIn("~", text)
        self.gradients[:2] = [("first/kernel", [2e6, 4, 4, 8], (2, 2)), ("first/bias", [2, float("nan")], (2,))]
        self.write()
        self.assertRegex(self.compare(1), r"\n! first/bias .* inf\n")
        # An input has no layer beside it.
        self.gradients = [("first/kernel", [2, 4, 4, 8], (2, 2)), ("first/bias", [2, 4], (2,)), ("x", [1e-9, 6], (1, 2))]
        self.write()
        self.assertRegex(self.compare(1), r"\n! x ")

    def test_numbers_that_are_not_finite(self):
        self.layers = [("second", "Rescaling", [6, 6]), ("first", "Dense", [3, float("nan")])]
        self.write()
        self.assertIn("is first (Dense): by inf", self.compare(1))

    def test_records_of_other_models(self):
        layers = self.layers
        self.layers = layers[:1]
        self.write()
        self.assertIn("fovea: net.npz: 'first' of the model is not among the layers of the record", self.compare(1))
        self.layers = layers + [("third", "Dense", [1])]
        self.write()
        self.assertIn("'third' of the record is not among the layers of the model", self.compare(1))
        self.layers = [layers[0], ("first", "Dense", [3, 3, 3])]
        self.write()
        self.assertIn("'first' has shape (1, 2) in the model and (1, 3) in the record", self.compare(1))
        self.layers = layers
        self.write(format=2)
        self.assertIn("is a record of format 2, and 1 is known", self.compare(1))
        self.write(inputs=["x", "y"])
        self.assertIn("net.npz: has no array 'inputs/1'", self.compare(1))
        write_npz(self.folder / "net.npz", {"arr_0": npy([1], (1,))})
        self.assertIn("net.npz: has no array 'record'", self.compare(1))

    def test_own_inputs(self):
        (self.folder / "x.npy").write_bytes(npy(range(6), (3, 2)))
        self.assertRegex(self.ok("compare", "net.json", "--input", "x.npy"), r"samples +3\n")
        (self.folder / "x.npy").write_bytes(npy(range(6), (2, 3)))
        self.assertIn("takes an array of shape (None, 2)", self.fails(1, "compare", "net.json", "--input", "x.npy"))


if __name__ == "__main__":
    unittest.main()
