#!/usr/bin/env python3
"""fovea finetune: a new head on a trained base, in two phases."""
import unittest

from support import ProgramTest, read_config, read_history, read_run, write_class_folders


def trainable_layers(model):
    layers = read_config(model)["config"]["layers"]
    return [
        layer["config"]["name"]
        for layer in layers
        if layer["class_name"] in ("Conv2D", "Dense") and layer["config"]["trainable"]
    ]


class Finetune(ProgramTest):
    def setUp(self):
        super().setUp()
        self.base = self.train() / "best.keras"
        write_class_folders(self.folder / "data")

    def finetune(self, *arguments, output="tuned", epochs=1):
        text = self.ok(
            "finetune", "data", "--base", self.base, "--epochs", epochs, "--output", output, *arguments
        )
        return self.folder / output, text

    def test_explains_what_it_does(self):
        _, text = self.finetune("--finetune-epochs", 1)
        flowing = " ".join(text.split())
        for part in (
            "behind its layer 'flatten'; left out: ",
            "left out: dropout, dense, dense_1",
            "one sigmoid unit, on 1,024 features for an image: 1,025 parameters to train; the base is frozen",
            "Phase 1: the new head alone, 1 epoch.",
            "Phase 2: also the last 2 layers of the base (conv2d, conv2d_1)",
            "0.0001",
        ):
            self.assertIn(part, flowing)
        for line in text.splitlines():
            if str(self.folder) not in line:
                self.assert_fits(line)

    def test_the_new_model_has_the_new_classes_and_the_old_images(self):
        run, _ = self.finetune("--finetune-epochs", 1)
        record = read_run(run)
        self.assertEqual(record["data"]["classes"], ["blue", "red"])
        self.assertEqual(record["model"]["input"]["image_size"], [16, 16])
        self.assertEqual(record["settings"]["cut_behind"], "flatten")
        output = read_config(run / "best.keras")["config"]["layers"][-1]["config"]
        self.assertEqual((output["units"], output["activation"]), (1, "sigmoid"))
        self.assertIn("blue", self.ok("predict", run / "best.keras", "data/blue/0.bmp"))

    def test_epochs_and_finetune_epochs(self):
        run, _ = self.finetune("--finetune-epochs", 3, epochs=2)
        self.assertEqual([row["epoch"] for row in read_history(run)], ["0", "1", "2", "3", "4"])
        self.assertEqual(len(read_run(run)["epochs"]), 5)
        run, text = self.finetune("--finetune-epochs", 0, output="head")
        self.assertEqual(len(read_history(run)), 1)
        self.assertNotIn("Phase 2", text)

    def test_unfreeze(self):
        for count, layers in ((0, ["dense"]), (1, ["conv2d_1", "dense"]), (2, ["conv2d", "conv2d_1", "dense"])):
            run, _ = self.finetune("--unfreeze", count, "--finetune-epochs", 1, output=f"unfreeze-{count}")
            self.assertEqual(trainable_layers(run / "last.keras"), layers)
        self.assertIn(
            "2 layers", self.fails(2, "finetune", "data", "--base", self.base, "--unfreeze", "3", "--output", "no")
        )

    def test_tunes_at_a_tenth_of_the_rate(self):
        run, _ = self.finetune("--learning-rate", 0.02, "--finetune-epochs", 1)
        rate = read_config(run / "last.keras")["compile_config"]["optimizer"]["config"]["learning_rate"]
        self.assertAlmostEqual(rate, 0.002)
        run, _ = self.finetune("--learning-rate", 0.02, "--finetune-epochs", 0, output="head")
        rate = read_config(run / "last.keras")["compile_config"]["optimizer"]["config"]["learning_rate"]
        self.assertAlmostEqual(rate, 0.02)

    def test_a_frozen_base_stays_as_it_was(self):
        # A base that is not changed gives the same features, so a head with no learning rate changes nothing.
        run, _ = self.finetune("--finetune-epochs", 0, "--learning-rate", 1e-12, epochs=2)
        first, second = read_history(run)
        self.assertEqual(first["val_loss"], second["val_loss"])

    def test_more_classes(self):
        write_class_folders(self.folder / "three", ("blue", "green", "red"))
        self.ok("finetune", "three", "--base", self.base, "--epochs", 1, "--output", "run3")
        output = read_config(self.folder / "run3" / "best.keras")["config"]["layers"][-1]["config"]
        self.assertEqual((output["units"], output["activation"]), (3, "softmax"))

    def test_wrong_bases(self):
        self.assertIn("no such file", self.fails(1, "finetune", "data", "--base", "missing.keras"))
        self.assertIn("a .keras or .h5 file", self.fails(2, "finetune", "data", "--base", "lenet"))

    def test_shapes_are_drawn_at_the_size_of_the_base(self):
        self.ok("finetune", "synthetic:shapes?count=20", "--base", self.base, "--epochs", 1, "--output", "drawn")
        self.assertEqual(read_run(self.folder / "drawn")["model"]["input"]["image_size"], [16, 16])
        line = self.fails(1, "finetune", "synthetic:shapes?count=20&size=20", "--base", self.base)
        self.assertIn("20x20", line)


if __name__ == "__main__":
    unittest.main()
