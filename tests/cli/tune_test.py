#!/usr/bin/env python3
"""--tune measures kernels, remembers them and uses them; runs and models say which kernels they were made with."""
import json
import os
import subprocess
import unittest
import zipfile

from support import PROGRAM, ProgramTest, read_run, run, write_bmp

SHAPES = "synthetic:shapes?count=20&size=48&classes=2"


def kernels_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("fovea.json")).get("kernels")


class Tune(ProgramTest):
    def setUp(self):
        super().setUp()
        os.environ["FOVEA_CACHE_DIR"] = str(self.folder / "cache")
        self.addCleanup(os.environ.pop, "FOVEA_CACHE_DIR")

    def train_shapes(self, *arguments, output):
        self.ok("train", SHAPES, "--model", "convnet", "--epochs", 1, "--output", output, *arguments)
        return self.folder / output

    def cache(self):
        files = list((self.folder / "cache").iterdir())
        self.assertEqual(len(files), 1)
        return files[0]

    def test_measures_remembers_and_uses(self):
        plain = read_run(self.train_shapes(output="plain"))
        self.assertFalse(plain["settings"]["tune"])
        self.assertLessEqual({choice["why"] for choice in plain["kernels"]["choices"]}, {"order", "table"})
        self.assertFalse((self.folder / "cache").exists())

        folder = self.train_shapes("--tune", output="tuned")
        tuned = read_run(folder)
        self.assertTrue(tuned["settings"]["tune"])
        choices = tuned["kernels"]["choices"]
        self.assertEqual({choice["why"] for choice in choices}, {"measured"})
        self.assertIn("conv2d_1", {choice["layer"] for choice in choices})
        for choice in choices:
            self.assertGreater(choice["milliseconds"], 0)
            self.assertIn("float32 (", choice["shapes"])
        self.assertEqual(kernels_of(folder / "last.keras"), tuned["kernels"])

        # What is remembered decides: the first pass of every layer is direct now.
        text = self.cache().read_text().replace("conv2d:winograd+pool", "conv2d:direct+pool")
        self.cache().write_text(text)
        again = read_run(self.train_shapes("--tune", output="again"))
        forward = [choice for choice in again["kernels"]["choices"] if choice["region"].startswith("Conv2D +")]
        self.assertEqual({choice["kernel"] for choice in forward}, {"conv2d:direct+pool"})
        self.assertEqual(self.cache().read_text(), text)

        # A model goes by its record; with --tune by what is remembered.
        more = self.folder / "again" / "last.keras"
        go_on = ["train", SHAPES, "--epochs", 1, "--model", more]
        self.ok(*go_on, "--output", "resumed")
        self.assertEqual({c["why"] for c in read_run(self.folder / "resumed")["kernels"]["choices"]}, {"record"})
        self.ok(*go_on, "--output", "retuned", "--tune")
        self.assertEqual({c["why"] for c in read_run(self.folder / "retuned")["kernels"]["choices"]}, {"measured"})

    def test_the_plan_says_what_was_chosen(self):
        environment = {**os.environ, "FOVEA_LOG": "plan"}
        command = [PROGRAM, "train", SHAPES, "--model", "convnet", "--epochs", "1", "--output"]
        plain = subprocess.run(
            [*command, "a"], cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        ).stderr
        self.assertRegex(plain, r"  conv2d_1 +Conv2D \+ Binary \+ Pool2D \+ Unary +conv2d:\w+\+pool \[(order|table)")
        tuned = subprocess.run(
            [*command, "b", "--tune"], cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        ).stderr
        self.assertRegex(tuned, r"  conv2d_1 +Conv2D \+ .* conv2d:\w+\+pool \[measured, \d+\.\d+ ms\]")
        self.assertIn("are remembered in", tuned)

    def test_predict_evaluate_and_finetune(self):
        folder = self.train_shapes(output="run")
        self.ok("evaluate", folder / "best.keras", SHAPES, "--tune")
        self.assertIn("Conv2D", self.cache().read_text())
        self.ok("finetune", SHAPES, "--base", folder / "best.keras", "--epochs", 1, "--finetune-epochs", 1, "--tune",
                "--output", "fine")
        choices = read_run(self.folder / "fine")["kernels"]["choices"]
        self.assertEqual({choice["why"] for choice in choices}, {"measured"})
        self.assertTrue(any("Conv2DBackwardFilter" in choice["region"] for choice in choices))
        before = self.cache().read_text()
        write_bmp(self.folder / "image.bmp", 60, 60, lambda x, y: (x, y, 9))
        self.ok("predict", folder / "best.keras", "image.bmp", "--tune")
        self.assertNotEqual(self.cache().read_text(), before)

    def test_a_damaged_file_costs_a_note(self):
        self.train_shapes("--tune", output="one")
        self.cache().write_text("{")
        result = run("train", SHAPES, "--model", "convnet", "--epochs", 1, "--output", "two", "--tune", cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len([line for line in result.stderr.splitlines() if "damaged" in line]), 1)
        self.assertEqual(self.cache().read_text(), "{")


if __name__ == "__main__":
    unittest.main()
