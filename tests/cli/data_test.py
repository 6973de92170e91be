#!/usr/bin/env python3
"""Data that is missing, one-sided or broken."""
import unittest

from support import ProgramTest, read_run, run, write_class_folders


class WrongData(ProgramTest):
    def test_a_missing_folder(self):
        self.assertIn("nowhere", self.fails(1, "train", "nowhere"))

    def test_a_file(self):
        (self.folder / "file").write_text("")
        self.assertIn("this is a file", self.fails(1, "train", "file"))

    def test_an_empty_class(self):
        write_class_folders(self.folder / "data", ("blue", "green"))
        (self.folder / "data" / "red").mkdir()
        self.assertIn('"red"', self.fails(1, "train", "data"))

    def test_one_class(self):
        write_class_folders(self.folder / "data", ("blue",))
        self.assertIn("at least two", self.fails(1, "train", "data"))

    def test_too_few_images_to_split(self):
        write_class_folders(self.folder / "data", images=1)
        self.assertIn("validation", self.fails(1, "train", "data"))

    def test_a_split_where_there_is_a_validation_folder(self):
        write_class_folders(self.folder / "data" / "train")
        write_class_folders(self.folder / "data" / "val")
        self.assertIn("--validation-split", self.fails(2, "train", "data", "--validation-split", "0.2"))


class BrokenImages(ProgramTest):
    def setUp(self):
        super().setUp()
        write_class_folders(self.folder / "data")
        self.broken = self.folder / "data" / "red" / "broken.jpg"
        self.broken.write_bytes(b"this is no image")

    def train_with_broken(self, *arguments):
        return run("train", "data", "--epochs", 1, "--output", "run", *arguments, cwd=self.folder)

    def test_are_named_left_out_and_counted(self):
        result = self.train_with_broken()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertRegex(result.stderr, r"^fovea: left out: data/red/broken\.jpg: the content is none of ")
        self.assertIn("1 broken image", result.stdout)
        data = read_run(self.folder / "run")["data"]
        self.assertEqual(data["broken"][0]["file"], "data/red/broken.jpg")
        self.assertIn("none of", data["broken"][0]["reason"])
        self.assertEqual(data["train"]["images"] + data["validation"]["images"], 16)

    def test_strict_stops(self):
        line = self.fails(1, "train", "data", "--epochs", "1", "--output", "run", "--strict")
        self.assertIn("data/red/broken.jpg", line)
        self.assertFalse((self.folder / "run").exists())

    def test_evaluate_and_strict(self):
        self.train_with_broken()
        self.assertIn("1 broken image", self.ok("evaluate", "run/best.keras", "data"))
        self.assertIn("broken.jpg", self.fails(1, "evaluate", "run/best.keras", "data", "--strict"))


if __name__ == "__main__":
    unittest.main()
