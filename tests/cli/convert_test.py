#!/usr/bin/env python3
"""fovea convert: the same model in every format; nothing that is read is replaced."""
import json
import unittest
import zipfile

from support import SHAPES, ProgramTest, layer_config, npy, read_config, read_npy, run, write_bmp, write_config


class Convert(ProgramTest):
    def setUp(self):
        super().setUp()
        self.best = self.train() / "best.keras"
        (self.folder / "x.npy").write_bytes(npy([(7 * i) % 256 for i in range(2 * 16 * 16 * 3)], (2, 16, 16, 3)))

    def outputs(self, model):
        self.ok("predict", model, "x.npy", "--output", "y.npy")
        return read_npy((self.folder / "y.npy").read_bytes())

    def test_every_format_has_the_same_model(self):
        expected = self.outputs(self.best)
        text = self.ok("convert", self.best, "a.h5")
        self.assertRegex(text, r"written +a\.h5")
        self.assertRegex(text, r"model +lenet, \d+ layers, [\d,]+ parameters")
        self.assertRegex(text, r"training +compiled, optimizer adam")
        self.assert_fits(text)
        self.assertEqual(self.outputs("a.h5"), expected)
        self.ok("convert", "a.h5", "b.hdf5")
        self.ok("convert", "b.hdf5", "c.keras")
        self.assertEqual(self.outputs("c.keras"), expected)
        self.assertEqual(read_config(self.folder / "c.keras"), read_config(self.best))
        # Classes, preprocessing and the optimizer's state came along.
        summary = self.ok("summary", "c.keras")
        self.assertEqual(summary.replace("c.keras", ""), self.ok("summary", self.best).replace(str(self.best), ""))
        self.assertIn("circle, square, triangle", summary)

    def test_weights_and_architecture_go_apart_and_together_again(self):
        expected = self.outputs(self.best)
        result = run("convert", self.best, "net.json", cwd=self.folder)
        self.assertIn("the names of the classes and the preprocessing have no place in net.json", result.stderr)
        self.ok("convert", self.best, "net.weights.h5")
        self.assertEqual(json.loads((self.folder / "net.json").read_text()), read_config(self.best))
        self.ok("convert", "net.weights.h5", "again.keras", "--model", "net.json")
        self.assertEqual(self.outputs("again.keras"), expected)
        self.ok("convert", self.best, "weights.h5")
        self.ok("convert", "weights.h5", "again.h5", "--model", "net.json")
        self.assertEqual(self.outputs("again.h5"), expected)

    def test_an_architecture_alone_gets_new_weights_and_a_note(self):
        self.ok("convert", self.best, "net.json")
        result = run("convert", "net.json", "new.keras", cwd=self.folder)
        self.assertEqual(result.returncode, 0)
        self.assertIn("net.json has no weights; new ones were drawn", result.stderr)
        self.assertEqual(run("convert", "net.json", "other.json", cwd=self.folder).stderr, "")

    def test_without_the_training(self):
        for name in ("a.keras", "a.h5", "a.json"):
            self.assertRegex(self.ok("convert", self.best, name, "--no-compile"), r"training +not compiled")
        self.assertEqual(read_config(self.folder / "a.keras")["compile_config"], {})
        self.ok("convert", self.best, "compiled.json")
        self.ok("convert", "compiled.json", "b.json", "--no-compile")
        self.assertEqual(json.loads((self.folder / "b.json").read_text())["compile_config"], {})

    def test_a_training_that_is_not_known_can_be_left_out(self):
        with zipfile.ZipFile(self.best) as old, zipfile.ZipFile(self.folder / "own.keras", "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "config.json":
                    config = json.loads(content)
                    config["compile_config"]["loss"] = "own_loss"
                    content = json.dumps(config)
                new.writestr(name, content)
        message = self.fails(1, "convert", "own.keras", "a.keras")
        self.assertIn("own_loss", message)
        self.assertIn("--no-compile", message)
        self.ok("convert", "own.keras", "a.keras", "--no-compile")
        (self.folder / "broken.keras").write_text("no archive")
        self.assertNotIn("--no-compile", self.fails(1, "convert", "broken.keras", "a.keras"))

    def test_preprocessing_becomes_layers(self):
        self.ok("convert", self.best, "net.keras")
        pixels = [(7 * i) % 256 for i in range(2 * 16 * 16 * 3)]
        for mode, scaled in (("tf", [value / 127.5 - 1 for value in pixels]), ("unit", [value / 255 for value in pixels])):
            (self.folder / "x.npy").write_bytes(npy(scaled, (2, 16, 16, 3)))
            expected = self.outputs("net.keras")[0]
            (self.folder / "x.npy").write_bytes(npy(pixels, (2, 16, 16, 3)))
            for name in ("ready.keras", "ready.h5"):
                text = self.ok("convert", "net.keras", name, "--preprocessing", mode)
                self.assertRegex(text, r"training +compiled, optimizer adam")
                for a, b in zip(self.outputs(name)[0], expected, strict=True):
                    self.assertAlmostEqual(a, b, delta=1e-5)
        self.assertIn("circle, square, triangle", self.ok("summary", "ready.keras"))
        self.ok("convert", "net.keras", "net.json")
        self.ok("convert", "net.json", "bgr.json", "--preprocessing", "caffe")
        classes = [layer["class_name"] for layer in json.loads((self.folder / "bgr.json").read_text())["config"]["layers"]]
        self.assertEqual(classes[:3], ["InputLayer", "GetItem", "Rescaling"])
        self.assertIn("tf,torch,caffe,unit", self.fails(2, "convert", "net.keras", "a.keras", "--preprocessing", "bgr"))
        self.assertIn("go with a whole model", self.fails(2, "convert", "net.keras", "a.weights.h5", "--preprocessing", "tf"))

    def test_preprocessing_of_arrays_that_are_no_images(self):
        layers = [layer_config("InputLayer", "bands", [], batch_shape=[None, 2, 1, 5]),
                  layer_config("Flatten", "flat", ["bands"])]
        write_config(self.folder / "bands.json", layers, ["bands"], ["flat"])
        self.ok("convert", "bands.json", "bands.keras", "--preprocessing", "unit")
        self.assertNotIn("images ", self.ok("summary", "bands.keras"))
        (self.folder / "x.npy").write_bytes(npy([51 * i for i in range(10)], (1, 2, 1, 5)))
        for i, value in enumerate(self.outputs("bands.keras")[0]):
            self.assertAlmostEqual(value, 0.2 * i, delta=1e-6)

    def test_a_foreign_model_gets_preprocessing_and_names(self):
        self.ok("convert", self.best, "net.json")
        self.ok("convert", "net.json", "foreign.keras")
        write_bmp(self.folder / "image.bmp", 16, 16, lambda x, y: (9 * x, 9 * y, 9))
        note = run("predict", "foreign.keras", "image.bmp", cwd=self.folder).stderr
        self.assertIn("keeps no preprocessing; images are resized to 16x16, rgb, with values from 0 to 255", note)
        self.assertIn("convert --preprocessing", note)
        for command in (("evaluate", "foreign.keras", SHAPES), ("finetune", SHAPES, "--base", "foreign.keras",
                                                                "--epochs", 1, "--output", "tuned")):
            self.assertIn("keeps no preprocessing", run(*command, cwd=self.folder).stderr)
        (self.folder / "names.txt").write_text("round\r\nsquare\nflat\n")
        self.ok("convert", "foreign.keras", "known.keras", "--preprocessing", "tf", "--class-names", "names.txt")
        result = run("predict", "known.keras", "image.bmp", cwd=self.folder)
        self.assertEqual(result.stderr, "")
        for name in ("round", "square", "flat"):
            self.assertIn(name, result.stdout)
        for content, message in (("round\nsquare\n", "each of the model's 3 classes. Received: 2 lines"),
                                 ("round\n\nflat\n", "has an empty line")):
            (self.folder / "names.txt").write_text(content)
            self.assertIn(message, self.fails(1, "convert", "foreign.keras", "a.keras", "--class-names", "names.txt"))
        self.assertIn("cannot be read", self.fails(1, "convert", "foreign.keras", "a.keras", "--class-names", "none.txt"))
        self.assertFalse((self.folder / "a.keras").exists())

    def test_what_is_read_is_not_replaced(self):
        self.ok("convert", self.best, "net.keras")
        self.ok("convert", self.best, "net.json")
        self.ok("convert", self.best, "net.weights.h5")
        before = (self.folder / "net.keras").read_bytes()
        (self.folder / "link.keras").symlink_to("net.keras")
        for output in ("net.keras", "./net.keras", "link.keras"):
            self.assertIn("would replace what is read", self.fails(2, "convert", "net.keras", output))
        self.assertIn("would replace", self.fails(2, "convert", "net.weights.h5", "net.json", "--model", "net.json"))
        self.assertEqual((self.folder / "net.keras").read_bytes(), before)

    def test_what_cannot_be_read_leaves_the_old_file(self):
        (self.folder / "old.keras").write_text("old")
        (self.folder / "broken.h5").write_text("no HDF5")
        self.assertIn("broken.h5", self.fails(1, "convert", "broken.h5", "old.keras"))
        self.assertIn("no such file", self.fails(1, "convert", "none.keras", "old.keras"))
        self.assertIn("there is no folder", self.fails(1, "convert", self.best, "none/a.keras"))
        self.assertEqual((self.folder / "old.keras").read_text(), "old")


if __name__ == "__main__":
    unittest.main()
