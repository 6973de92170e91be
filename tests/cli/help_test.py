#!/usr/bin/env python3
"""Help, version, and what is said to wrong arguments."""
import unittest

from support import ProgramTest, run

COMMANDS = ("train", "finetune", "evaluate", "predict", "summary", "convert", "compare")


class Help(ProgramTest):
    def test_the_program_lists_its_commands(self):
        text = self.ok("--help")
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", text)
        self.assertIn("Example: fovea ", text)
        self.assert_fits(text)

    def test_each_command_has_help_with_an_example(self):
        for command in COMMANDS:
            text = self.ok(command, "--help")
            self.assertIn(f"Usage: fovea {command} ", text)
            self.assertIn(f"Example: fovea {command} ", text)
            self.assert_fits(text)

    def test_version(self):
        self.assertRegex(self.ok("--version"), r"^fovea \d+\.\d+\.\d+\n$")


class WrongArguments(ProgramTest):
    def test_exit_2_with_one_line_that_names_the_argument(self):
        data = "synthetic:shapes?count=20&size=16"
        for arguments, part in [
            ((), "a command is needed"),
            (("trian", data), "unknown command trian"),
            (("train",), "DATA is required"),
            (("train", data, "--bar", "3"), "unknown argument --bar"),
            (("train", data, "more"), "unknown argument more"),
            (("train", data, "--epochs"), "--epochs needs a value"),
            (("train", data, "--epochs", "0"), "--epochs: must be a whole number from 1"),
            (("train", data, "--epochs", "2.5"), "Received: 2.5"),
            (("train", data, "--batch-size", "-1"), "--batch-size: must be"),
            (("train", data, "--patience", "x"), "--patience: must be"),
            (("train", data, "--seed", "x"), "--seed: must be"),
            (("train", data, "--threads", "5000"), "--threads: must be a whole number from 0 to 1024"),
            (("train", data, "--learning-rate", "0"), "--learning-rate: must be a number above 0"),
            (("train", data, "--learning-rate", "nan"), "--learning-rate: must be a number above 0"),
            (("train", data, "--validation-split", "1"), "--validation-split: must be a share"),
            (("train", data, "--optimizer", "foo"), "'foo'"),
            (("train", data, "--loss", "foo"), "'foo'"),
            (("train", data, "--metrics", "acc,foo"), "'foo'"),
            (("train", data, "--model", "foo"), "convnet or lenet"),
            (("train", data, "--image-size", "20x"), "--image-size"),
            (("train", "synthetic:shapes", "--image-size", "20x30"), "square"),
            (("train", data, "--image-size", "20"), "size=16"),
            (("train", data, "--model", "convnet"), "at least 46x46"),
            (("train", data, "--loss", "binary_crossentropy"), "for two classes"),
            (("train", data, "--validation", ".", "--validation-split", "0.3"), "not both"),
            (("train", "synthetic:spheres"), "synthetic:shapes"),
            (("train", "synthetic:shapes?depth=3"), "'depth'"),
            (("train", "synthetic:shapes?count=many"), "'many'"),
            (("finetune", data), "--base is required"),
            (("finetune", data, "--base", "convnet"), "a .keras or .h5 file"),
            (("evaluate", "model.keras"), "DATA is required"),
            (("predict", "model.keras"), "IMAGE is required"),
            (("predict", "model.keras", "a.png", "--top", "0"), "--top: must be"),
            (("predict", "model.keras", "a.png", "--output", "y.npy"), "--output goes with arrays"),
            (("predict", "model.keras", "x.npy"), "--output says where"),
            (("predict", "model.keras", "x.npy", "--output", "y.txt"), "--output: must end in .npy or .npz"),
            (("predict", "model.keras", "x.npy", "a.png", "--output", "y.npy"), "one file of arrays"),
            (("predict", "model.keras", "x.npy", "--output", "y.npy", "--top", "2"), "--top goes with images"),
            (("predict", "model.keras", "x.npy", "--output", "y.npy", "--json"), "--json goes with images"),
            (("convert", "model.keras"), "OUT is required"),
            (("convert", "model.keras", "model.pb"), "model.pb: must end in .keras, .h5"),
            (("convert", "model.onnx", "model.keras"), "model.onnx: must end in .keras, .h5"),
            (("convert", "a.weights.h5", "model.keras"), "--model says which model"),
            (("convert", "a.json", "b.keras", "--model", "c.json"), "--model goes with a file of weights"),
            (("convert", "a.h5", "b.keras", "--model", "c.weights.h5"), "--model: must be a whole model"),
            (("compare",), "MODEL is required"),
            (("compare", "foo"), "convnet or lenet"),
            (("compare", "lenet", "--tolerance", "-1"), "--tolerance: must be a number from 0"),
            (("compare", "lenet", "--samples", "0"), "--samples: must be"),
            (("compare", "lenet", "--seed", "-1"), "--seed: must be"),
            (("compare", "lenet", "--against", "a.npz", "--input", "b.npz"), "--against or --input, not both"),
            (("compare", "lenet", "--against", "a.npz", "--samples", "2"), "--against or --samples, not both"),
            (("compare", "lenet", "--against", "a.npz", "--seed", "2"), "--against or --seed, not both"),
            (("compare", "lenet", "--input", "b.npz", "--samples", "2"), "--input or --samples, not both"),
            (("summary",), "MODEL is required"),
            (("summary", "foo"), "convnet or lenet"),
        ]:
            with self.subTest(arguments=arguments):
                self.assertIn(part, self.fails(2, *arguments))

    def test_nothing_is_written(self):
        run("train", "synthetic:shapes?count=20&size=16", "--loss", "binary_crossentropy", cwd=self.folder)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
