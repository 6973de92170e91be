#!/usr/bin/env python3
"""Every option of fovea train changes what it says it changes."""
import json
import pathlib
import subprocess
import time
import unittest

from support import (
    PROGRAM,
    SHAPES,
    ProgramTest,
    read_config,
    read_history,
    read_run,
    write_class_folders,
    write_idx,
)


def losses(run):
    return [row["loss"] for row in read_history(run)]


def compile_config(run):
    return read_config(run / "best.keras")["compile_config"]


class Options(ProgramTest):
    def test_model(self):
        run = self.train("--model", "convnet", data="synthetic:shapes?count=10&size=48&classes=2")
        self.assertEqual(read_run(run)["model"]["name"], "convnet")
        self.assertIn("conv2d_3", json.dumps(read_config(run / "best.keras")))
        run = self.train("--model", "lenet", data="synthetic:shapes?count=10&size=70&classes=2", output="other")
        self.assertEqual(read_run(run)["model"]["name"], "lenet")

    def test_model_from_a_config(self):
        config = read_config(self.train() / "best.keras")
        config["config"]["name"] = "mine"
        config["config"]["layers"][2]["config"]["filters"] = 5
        (self.folder / "mine.json").write_text(json.dumps(config))
        run = self.train("--model", "mine.json", output="other")
        self.assertEqual(read_run(run)["model"]["name"], "mine")
        self.assertEqual(read_config(run / "best.keras")["config"]["layers"][2]["config"]["filters"], 5)

    def test_model_from_a_keras_file_trains_on(self):
        first = self.train(epochs=8)
        more = self.train("--model", first / "last.keras", "--learning-rate", 1e-9, output="more")
        self.assertAlmostEqual(
            float(read_history(more)[0]["val_loss"]), float(read_history(first)[-1]["val_loss"]), places=4
        )
        # Adam's state came along: its steps are counted on, but the rate is the new one.
        self.assertAlmostEqual(compile_config(more)["optimizer"]["config"]["learning_rate"], 1e-9)

    def test_a_model_that_does_not_suit_the_data(self):
        first = self.train()
        self.assertIn(
            "3 outputs",
            self.fails(1, "train", SHAPES.replace("classes=3", "classes=4"), "--model", first / "last.keras"),
        )
        write_idx(self.folder / "digits")
        self.assertIn("12x12", self.fails(1, "train", "digits", "--model", first / "last.keras"))

    def test_image_size(self):
        write_class_folders(self.folder / "data", side=20)
        run = self.train("--image-size", "18x24", data="data")
        self.assertEqual(read_run(run)["settings"]["image_size"], [18, 24])
        shape = read_config(run / "best.keras")["config"]["layers"][0]["config"]["batch_shape"]
        self.assertEqual(shape, [None, 18, 24, 3])
        run = self.train("--image-size", "32", data="synthetic:shapes?count=10", output="shapes")
        self.assertEqual(read_run(run)["settings"]["image_size"], [32, 32])
        write_idx(self.folder / "digits")
        self.assertIn("not resized", self.fails(2, "train", "digits", "--image-size", "32"))

    def test_dtype_policy(self):
        run = self.train("--dtype-policy", "mixed_bfloat16")
        self.assertEqual(read_run(run)["settings"]["dtype_policy"], "mixed_bfloat16")
        layers = {layer["class_name"]: layer["config"] for layer in read_config(run / "best.keras")["config"]["layers"]}
        self.assertEqual(layers["Conv2D"]["dtype"]["config"]["name"], "mixed_bfloat16")
        # The last Dense, whose probabilities are precise.
        self.assertEqual(layers["Dense"]["dtype"]["config"]["name"], "float32")
        self.assertIn("mixed_bfloat16", self.fails(2, "train", SHAPES, "--dtype-policy", "mixed_float16"))
        self.assertIn(
            "new architectures",
            self.fails(2, "train", SHAPES, "--model", run / "best.keras", "--dtype-policy", "float32"),
        )
        # It trains on as it was made.
        more = self.train("--model", run / "best.keras", output="more")
        self.assertEqual(read_run(more)["settings"]["dtype_policy"], "mixed_bfloat16")

    def test_epochs(self):
        self.assertEqual(len(read_history(self.train(epochs=3))), 3)

    def test_batch_size(self):
        small, large = self.train("--batch-size", 4), self.train("--batch-size", 32, output="large")
        self.assertNotEqual(losses(small), losses(large))
        self.assertLess(read_run(small)["memory"]["training_bytes"], read_run(large)["memory"]["training_bytes"])

    def test_patience(self):
        # At such a rate nothing improves after the first epoch.
        still = ("--learning-rate", 1e-12, "--epochs", 9)
        run = self.train("--patience", 2, *still[:2], epochs=9)
        self.assertEqual(len(read_history(run)), 3)
        self.assertEqual(read_run(run)["status"], "stopped early")
        run = self.train("--patience", 0, *still[:2], epochs=9, output="patient")
        self.assertEqual(len(read_history(run)), 9)
        self.assertEqual(read_run(run)["status"], "finished")

    def test_validation(self):
        write_class_folders(self.folder / "data", images=6)
        write_class_folders(self.folder / "other", images=4)
        data = read_run(self.train("--validation", "other", data="data"))["data"]
        self.assertEqual((data["train"]["images"], data["validation"]["images"]), (12, 8))
        self.assertEqual(data["validation"]["from"], "other")
        write_class_folders(self.folder / "green", ("blue", "green"))
        self.assertIn("same classes", self.fails(1, "train", "data", "--validation", "green"))

    def test_validation_split(self):
        data = read_run(self.train("--validation-split", 0.5))["data"]
        self.assertEqual((data["train"]["images"], data["validation"]["images"]), (20, 20))
        run = self.train("--validation-split", 0, output="none")
        self.assertIsNone(read_run(run)["data"]["validation"])
        self.assertEqual(read_history(run)[0]["val_loss"], "NA")  # as Keras writes it
        self.assertTrue((run / "best.keras").exists())

    def test_optimizer_and_learning_rate(self):
        config = compile_config(self.train("--optimizer", "rmsprop"))["optimizer"]
        self.assertEqual(config["class_name"], "RMSprop")
        self.assertAlmostEqual(config["config"]["learning_rate"], 1e-3, places=6)
        config = compile_config(self.train("--optimizer", "sgd", "--learning-rate", 0.25, output="sgd"))["optimizer"]
        self.assertEqual((config["class_name"], config["config"]["learning_rate"]), ("SGD", 0.25))

    def test_loss(self):
        run = self.train("--loss", "categorical_crossentropy")
        self.assertEqual(compile_config(run)["loss"], "categorical_crossentropy")
        two = SHAPES.replace("classes=3", "classes=2")
        run = self.train("--loss", "sparse_categorical_crossentropy", data=two, output="two")
        self.assertEqual(read_config(run / "best.keras")["config"]["layers"][-1]["config"]["units"], 2)
        run = self.train("--loss", "mse", data=two, output="mse")
        self.assertEqual(read_config(run / "best.keras")["config"]["layers"][-1]["config"]["units"], 1)

    def test_the_same_labels_in_another_form_train_alike(self):
        sparse = self.train("--loss", "sparse_categorical_crossentropy")
        one_hot = self.train("--loss", "categorical_crossentropy", output="one-hot")
        self.assertAlmostEqual(float(losses(sparse)[0]), float(losses(one_hot)[0]), places=5)

    def test_metrics(self):
        two = SHAPES.replace("classes=3", "classes=2")
        run = self.train("--metrics", "mae,accuracy", data=two)
        self.assertEqual(
            set(read_history(run)[0]),
            {"epoch", "loss", "mae", "accuracy", "val_loss", "val_mae", "val_accuracy"},
        )

    def test_seed(self):
        first, again = self.train("--seed", 1), self.train("--seed", 1, output="again")
        other = self.train("--seed", 2, output="other")
        self.assertEqual(losses(first), losses(again))
        self.assertNotEqual(losses(first), losses(other))

    def test_output(self):
        self.assertTrue((self.train(output="some/where") / "best.keras").exists())

    def most_threads(self, threads):
        """How many threads the program has while it trains."""
        command = [PROGRAM, "train", SHAPES, "--epochs", "400", "--patience", "0", "--threads", str(threads)]
        with subprocess.Popen(
            [*command, "--output", f"threads-{threads}"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            most = 0
            end = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < end:
                try:
                    most = max(most, len(list(pathlib.Path(f"/proc/{process.pid}/task").iterdir())))
                except FileNotFoundError:
                    break
                if (self.folder / f"threads-{threads}" / "history.csv").exists() and most > 0:
                    end = min(end, time.monotonic() + 1)
                time.sleep(0.01)
            process.kill()
        return most

    def test_threads(self):
        self.assertEqual(self.most_threads(7) - self.most_threads(2), 5)


if __name__ == "__main__":
    unittest.main()
