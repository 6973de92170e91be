#!/usr/bin/env python3
"""fovea predict and evaluate: what a saved model says of images, from its file alone."""
import csv
import json
import re
import unittest

from support import COLOURS, ProgramTest, read_history, run, write_bmp, write_class_folders, write_idx


class Predict(ProgramTest):
    def setUp(self):
        super().setUp()
        write_class_folders(self.folder / "data", ("blue", "green", "red"), images=10)
        self.model = self.train(data="data", epochs=8) / "best.keras"

    def test_names_the_class_and_its_probability(self):
        text = self.ok("predict", self.model, "data/red/0.bmp", "data/blue/1.bmp")
        first, second = text.splitlines()
        self.assertRegex(first, r"^data/red/0\.bmp: red \d+\.\d %, \w+ \d+\.\d %, \w+ \d+\.\d %$")
        self.assertRegex(second, r"^data/blue/1\.bmp: blue ")

    def test_json(self):
        results = json.loads(self.ok("predict", self.model, "data/green/2.bmp", "data/red/3.bmp", "--json"))
        self.assertEqual([result["class"] for result in results], ["green", "red"])
        self.assertEqual(results[0]["file"], "data/green/2.bmp")
        self.assertEqual(results[0]["label"], 1)
        top = results[0]["top"]
        self.assertEqual(top[0]["probability"], results[0]["probability"])
        self.assertEqual(sorted(entry["class"] for entry in top), ["blue", "green", "red"])
        self.assertAlmostEqual(sum(entry["probability"] for entry in top), 1, places=5)

    def test_top(self):
        self.assertEqual(self.ok("predict", self.model, "data/red/0.bmp", "--top", 1).count("%"), 1)
        results = json.loads(self.ok("predict", self.model, "data/red/0.bmp", "--top", 2, "--json"))
        self.assertEqual(len(results[0]["top"]), 2)

    def test_images_are_resized_as_the_model_was_trained(self):
        red = self.folder / "data" / "red" / "0.bmp"
        pixels = red.read_bytes()[54:]

        def pixel(x, y):
            at = (15 - y // 3) * 48 + 3 * (x // 3)
            return pixels[at + 2], pixels[at + 1], pixels[at]

        write_bmp(self.folder / "large.bmp", 48, 48, pixel)
        results = json.loads(self.ok("predict", self.model, red, "large.bmp", "--json"))
        self.assertEqual(results[1]["class"], "red")
        self.assertAlmostEqual(results[0]["probability"], results[1]["probability"], places=2)

    def test_many_images_at_once_and_alone_give_the_same(self):
        files = [f"data/{name}/{number}.bmp" for name in ("blue", "green", "red") for number in range(10)] * 2
        together = json.loads(self.ok("predict", self.model, *files, "--json"))
        self.assertEqual([result["file"] for result in together], files)
        alone = json.loads(self.ok("predict", self.model, files[37], "--json"))[0]
        self.assertAlmostEqual(together[37]["probability"], alone["probability"], places=6)

    def test_batch_size_changes_nothing(self):
        files = [f"data/red/{number}.bmp" for number in range(5)]
        expected = json.loads(self.ok("predict", self.model, *files, "--json"))
        for size in (1, 2, 100):
            results = json.loads(self.ok("predict", self.model, *files, "--json", "--batch-size", size))
            for one, other in zip(results, expected, strict=True):
                self.assertEqual(one["file"], other["file"])
                self.assertAlmostEqual(one["probability"], other["probability"], places=6)
        self.assertIn("--batch-size", self.fails(2, "predict", self.model, *files, "--batch-size", 0))

    def test_threads(self):
        one = self.ok("predict", self.model, "data/red/0.bmp", "--json", "--threads", 1)
        self.assertEqual(one, self.ok("predict", self.model, "data/red/0.bmp", "--json", "--threads", 3))
        self.assertIn("--threads", self.fails(2, "predict", self.model, "data/red/0.bmp", "--threads", "-1"))

    def test_a_broken_image_is_named_and_the_others_are_classified(self):
        (self.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        result = run("predict", self.model, "broken.png", "data/red/0.bmp", cwd=self.folder)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^fovea: broken\.png: .+\n$")
        self.assertRegex(result.stdout, r"^data/red/0\.bmp: red ")
        result = run("predict", self.model, "broken.png", "missing.png", "data/red/0.bmp", "--json", cwd=self.folder)
        self.assertEqual(result.returncode, 1)
        results = json.loads(result.stdout)
        self.assertIn("broken.png", results[0]["error"])
        self.assertIn("missing.png", results[1]["error"])
        self.assertEqual(results[2]["class"], "red")


class TwoClasses(ProgramTest):
    def test_both_have_a_probability(self):
        write_class_folders(self.folder / "data", images=10)
        model = self.train(data="data", epochs=8) / "best.keras"
        for name in ("blue", "red"):
            result = json.loads(self.ok("predict", model, f"data/{name}/0.bmp", "--json"))[0]
            self.assertEqual(result["class"], name)
            self.assertGreater(result["probability"], 0.5)
            self.assertAlmostEqual(sum(entry["probability"] for entry in result["top"]), 1, places=6)


class Evaluate(ProgramTest):
    def test_agrees_with_the_validation_of_training(self):
        write_class_folders(self.folder / "data" / "train", ("blue", "green", "red"))
        write_class_folders(self.folder / "data" / "val", ("blue", "green", "red"), images=5)
        run_folder = self.train(data="data", epochs=2)
        text = self.ok("evaluate", run_folder / "last.keras", "data")
        row = read_history(run_folder)[-1]
        self.assertIn("15 images of 3 classes (the folder val/)", text)
        self.assertRegex(text, rf"loss +{float(row['val_loss']):.4f}")
        self.assertRegex(text, rf"acc +{float(row['val_acc']):.4f}")

    def test_batch_size_and_threads_do_not_change_the_result(self):
        write_class_folders(self.folder / "data")
        model = self.train(data="data") / "best.keras"

        def figures(*options):
            text = self.ok("evaluate", model, "data", *options)
            return [line for line in text.splitlines() if line.startswith(("  loss", "  acc"))]

        self.assertEqual(figures(), figures("--batch-size", 3, "--threads", 1))
        self.assertIn("--batch-size", self.fails(2, "evaluate", model, "data", "--batch-size", "0"))

    def test_says_what_each_class_was_taken_for(self):
        """Against predict's own answers, for two classes, that share an output, and for three."""
        for names in (("blue", "red"), ("blue", "green", "red, as wine")):
            with self.subTest(names):
                data = write_class_folders(self.folder / f"data{len(names)}", COLOURS if names[2:] else names, images=7)
                if names[2:]:
                    (data / "red").rename(data / names[2])
                model = self.train(data=data, output=f"run{len(names)}") / "best.keras"
                table = self.folder / "confusion.csv"
                text = self.ok("evaluate", model, data, "--confusion-matrix", table)
                with open(table, newline="") as file:
                    head, *rows = csv.reader(file)
                self.assertEqual(head, ["class", *names])
                for name, row in zip(names, rows, strict=True):
                    files = sorted((data / name).iterdir())
                    answers = [answer["class"] for answer in json.loads(self.ok("predict", model, *files, "--json"))]
                    counted = [answers.count(other) for other in names]
                    self.assertEqual(row, [name, *map(str, counted)])
                    share = counted[names.index(name)] / len(files)
                    self.assertRegex(text, rf"(?m)^{re.escape(name)} +{len(files)} +{100 * share:.1f} %")
                for line in text.splitlines():
                    if str(self.folder) not in line:
                        self.assert_fits(line)

    def test_other_classes_are_refused(self):
        write_class_folders(self.folder / "data")
        model = self.train(data="data") / "best.keras"
        write_class_folders(self.folder / "other", ("blue", "green"))
        self.assertIn("blue, green", self.fails(1, "evaluate", model, "other"))

    def test_grayscale_digits(self):
        write_idx(self.folder / "digits")
        model = self.train(data="digits", epochs=5) / "best.keras"
        self.assertIn("acc         1.0000", self.ok("evaluate", model, "digits"))
        write_bmp(self.folder / "one.bmp", 12, 12, lambda x, y: (255,) * 3 if x in (3, 4) else (0,) * 3)
        self.assertEqual(json.loads(self.ok("predict", model, "one.bmp", "--json"))[0]["class"], "1")


if __name__ == "__main__":
    unittest.main()
