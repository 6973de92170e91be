#!/usr/bin/env python3
"""fovea train: what it chooses for each kind of data, and what a run's folder holds."""
import unittest

from support import (
    SHAPES,
    ProgramTest,
    read_config,
    read_history,
    read_run,
    write_cifar,
    write_class_folders,
    write_idx,
)


def output_layer(run):
    return read_config(run / "best.keras")["config"]["layers"][-1]["config"]


class Choices(ProgramTest):
    def test_two_classes_share_one_sigmoid(self):
        write_class_folders(self.folder / "data")
        run = self.train(data="data")
        self.assertEqual(read_run(run)["settings"]["loss"], "binary_crossentropy")
        self.assertEqual((output_layer(run)["units"], output_layer(run)["activation"]), (1, "sigmoid"))
        self.assertEqual(set(read_history(run)[0]), {"epoch", "acc", "loss", "val_acc", "val_loss"})

    def test_more_classes_get_a_softmax(self):
        write_class_folders(self.folder / "data", ("blue", "green", "red"))
        run = self.train(data="data")
        self.assertEqual(read_run(run)["settings"]["loss"], "sparse_categorical_crossentropy")
        self.assertEqual((output_layer(run)["units"], output_layer(run)["activation"]), (3, "softmax"))

    def test_the_first_layers_are_input_and_rescaling(self):
        layers = read_config(self.train() / "best.keras")["config"]["layers"]
        self.assertEqual([layer["class_name"] for layer in layers[:2]], ["InputLayer", "Rescaling"])
        self.assertAlmostEqual(layers[1]["config"]["scale"], 1 / 255)

    def test_small_images_keep_their_size_and_get_lenet(self):
        write_class_folders(self.folder / "data", side=20)
        record = read_run(self.train(data="data"))
        self.assertEqual(record["model"]["name"], "lenet")
        self.assertEqual(record["settings"]["image_size"], [20, 20])

    def test_larger_images_are_resized_for_the_convnet(self):
        write_class_folders(self.folder / "data", images=2, side=80)
        text = self.ok("train", "data", "--epochs", 1, "--validation-split", 0.5, "--output", "run")
        self.assertIn("150x150, rgb (photographs are resized)", text)
        self.assertIn("convnet, 3,453,121 parameters", text)
        record = read_run(self.folder / "run")
        self.assertEqual(record["model"]["name"], "convnet")
        self.assertEqual(record["settings"]["image_size"], [150, 150])

    def test_idx_files(self):
        write_idx(self.folder / "data")
        record = read_run(self.train(data="data"))
        self.assertEqual(record["model"]["input"]["color_mode"], "grayscale")
        self.assertEqual(record["settings"]["image_size"], [12, 12])
        self.assertEqual(record["data"]["classes"], ["0", "1", "2"])
        self.assertEqual(record["data"]["train"], {"images": 40, "per_class": {"0": 14, "1": 13, "2": 13}})
        self.assertEqual(record["data"]["validation"]["from"], "the data's own test part")

    def test_idx_files_without_a_test_part_are_split(self):
        write_idx(self.folder / "data", parts=("train",))
        record = read_run(self.train(data="data"))
        self.assertEqual((record["data"]["train"]["images"], record["data"]["validation"]["images"]), (32, 8))

    def test_cifar_batches(self):
        write_cifar(self.folder / "data")
        record = read_run(self.train(data="data"))
        self.assertEqual(record["settings"]["image_size"], [32, 32])
        self.assertEqual(record["data"]["classes"][:3], ["airplane", "automobile", "bird"])

    def test_the_parts_of_a_folder(self):
        for part in ("validation", "val", "test"):
            with self.subTest(part=part):
                root = self.folder / f"with-{part}"
                write_class_folders(root / "train", images=6)
                write_class_folders(root / part, images=3)
                data = read_run(self.train(data=root, output=f"run-{part}"))["data"]
                self.assertEqual(data["train"]["per_class"], {"blue": 6, "red": 6})
                self.assertEqual(data["validation"]["per_class"], {"blue": 3, "red": 3})
                self.assertEqual(data["validation"]["from"], f"the folder {part}/")

    def test_it_learns(self):
        write_class_folders(self.folder / "data", images=12)
        run = self.train(data="data", epochs=6)
        self.assertEqual(float(read_history(run)[-1]["val_acc"]), 1)


class RunFolder(ProgramTest):
    def test_holds_everything(self):
        run = self.train(epochs=2)
        names = sorted(path.name for path in run.iterdir())
        self.assertEqual(names, ["best.keras", "history.csv", "last.keras", "run.json", "tensorboard"])
        for part in ("train", "validation"):
            self.assertEqual(len(list((run / "tensorboard" / part).iterdir())), 1)
        self.assertEqual([row["epoch"] for row in read_history(run)], ["0", "1"])

    def test_run_json_is_complete(self):
        record = read_run(self.train("--seed", 3, epochs=2))
        self.assertRegex(record["fovea"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(record["command"][1:3], ["train", SHAPES])
        self.assertEqual(record["status"], "finished")
        settings = record["settings"]
        self.assertEqual(settings["optimizer"]["class_name"], "Adam")
        self.assertAlmostEqual(settings["optimizer"]["config"]["learning_rate"], 1e-3, places=6)
        settings.pop("optimizer")
        self.assertGreaterEqual(settings.pop("threads"), 1)
        self.assertEqual(
            settings,
            {
                "data": SHAPES,
                "model": "lenet",
                "image_size": [16, 16],
                "dtype_policy": "float32",
                "epochs": 2,
                "batch_size": 32,
                "patience": 5,
                "loss": "sparse_categorical_crossentropy",
                "metrics": ["acc"],
                "validation": None,
                "validation_split": 0.2,
                "seed": 3,
                "strict": False,
                "tune": False,
                "output": "run",
            },
        )
        data = record["data"]
        self.assertEqual(data["classes"], ["circle", "square", "triangle"])
        self.assertEqual((data["train"]["images"], data["validation"]["images"]), (32, 8))
        for part in ("train", "validation"):
            self.assertEqual(sum(data[part]["per_class"].values()), data[part]["images"])
        self.assertEqual(data["broken"], [])
        self.assertGreater(record["memory"]["training_bytes"], 100000)
        self.assertEqual(record["memory"]["data_bytes"], 40 * 16 * 16 * 3)
        self.assertEqual([epoch["epoch"] for epoch in record["epochs"]], [1, 2])
        for epoch in record["epochs"]:
            self.assertGreaterEqual(epoch["seconds"], epoch["training_seconds"])
            self.assertGreater(epoch["images_per_second"], 0)
            self.assertLessEqual({"loss", "acc", "val_loss", "val_acc"}, set(epoch))

    def test_the_figures_agree(self):
        run = self.train(epochs=2)
        for row, epoch in zip(read_history(run), read_run(run)["epochs"]):
            for name in ("loss", "acc", "val_loss", "val_acc"):
                self.assertAlmostEqual(float(row[name]), epoch[name], places=6)

    def test_default_folders_are_numbered(self):
        for number in (1, 2):
            self.assertIn(f"runs/{number}", self.ok("train", SHAPES, "--epochs", 1))
            self.assertTrue((self.folder / "runs" / str(number) / "best.keras").exists())

    def test_a_folder_that_is_not_empty_is_refused(self):
        self.train()
        before = (self.folder / "run" / "run.json").read_text()
        self.assertIn("not empty", self.fails(1, "train", SHAPES, "--epochs", 1, "--output", "run"))
        self.assertEqual((self.folder / "run" / "run.json").read_text(), before)
        (self.folder / "file").write_text("")
        self.assertIn("file", self.fails(1, "train", SHAPES, "--epochs", 1, "--output", "file"))

    def test_an_empty_folder_is_taken(self):
        (self.folder / "run").mkdir()
        self.train()

    def test_best_is_the_model_of_the_best_epoch(self):
        write_class_folders(self.folder / "validation", ("blue", "green", "red"), images=4)
        write_class_folders(self.folder / "data", ("blue", "green", "red"), images=4)
        run = self.train("--validation", "validation", data="data", epochs=4)
        losses = [float(row["val_loss"]) for row in read_history(run)]
        for name, loss in (("best", min(losses)), ("last", losses[-1])):
            text = self.ok("evaluate", run / f"{name}.keras", "validation")
            self.assertIn(f"{loss:.4f}", text)


class Report(ProgramTest):
    def test_says_what_it_chose_and_fits_80_columns(self):
        text = self.ok("train", SHAPES, "--epochs", 1, "--output", "run")
        self.assert_fits(text)
        flowing = " ".join(text.split())
        for part in (
            "40 images of 3 classes",
            "circle (14), square (13), triangle (13)",
            "32 to train; 8 to validate (20 % of the images)",
            "16x16, rgb (as they are)",
            "lenet, ",
            "(images up to 64x64)",
            "sparse_categorical_crossentropy (3 classes: an output for each)",
            "adam, learning rate 0.001",
            "32 images",
            "1 at most",
            "for a training step",
            "5 images that it was not trained on",
            "Everything is in run:",
            "best.keras",
        ):
            self.assertIn(part, flowing)

    def test_what_does_not_fit_the_machine_is_refused(self):
        line = self.fails(1, "train", "synthetic:shapes?count=2000000&size=64", "--batch-size", "2000000")
        self.assertIn("try a smaller --batch-size", line)
        self.assertFalse((self.folder / "runs").exists())

    def test_examples_name_the_files(self):
        write_class_folders(self.folder / "data")
        text = self.ok("train", "data", "--epochs", 1, "--output", "run")
        self.assertRegex(text, r"data/(blue|red)/\d\.bmp: (blue|red), (wrongly )?taken for (blue|red) \(\d+\.\d %\)")


if __name__ == "__main__":
    unittest.main()
