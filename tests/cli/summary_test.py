#!/usr/bin/env python3
"""fovea summary: the reference net's numbers, explained, at any width."""
import json
import os
import pty
import struct
import subprocess
import termios
import unittest
from fcntl import ioctl

from support import PROGRAM, ProgramTest, read_config


def run_on_terminal(*arguments, columns=80):
    """Runs the program on a terminal of that width; returns what it showed."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = bytearray()
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


class Summary(ProgramTest):
    def test_the_numbers_of_the_reference_net(self):
        text = self.ok("summary", "convnet")
        self.assertRegex(text, r"conv2d \(Conv2D\) +│ \(None, 148, 148, 32\) +│ +896 │")
        self.assertRegex(text, r"conv2d_1 \(Conv2D\) +│ \(None, 72, 72, 64\) +│ +18,496 │")
        self.assertIn("Total params: 3,453,121", text)
        self.assert_fits(text)

    def test_explain_derives_them(self):
        sentence = (
            "((3*3)*3 + 1)*32 = 896: a 3x3 kernel over 3 channels, one bias, for each of 32 filters"
        )
        self.assertIn(sentence, self.ok("summary", "convnet", "--explain"))
        self.assertNotIn(sentence, self.ok("summary", "convnet"))

    def test_fits_the_terminal(self):
        text = run_on_terminal("summary", "convnet", "--explain")
        self.assertIn("Total params: 3,453,121", text)
        self.assertIn("for each of 32 filters", text.replace("\n" + " " * 16, " "))
        self.assert_fits(text)
        widest = max(len(line) for line in run_on_terminal("summary", "convnet", columns=200).splitlines())
        self.assertEqual(widest, 88)

    def test_lenet(self):
        self.assertIn("Total params: 857,738", self.ok("summary", "lenet"))

    def test_of_a_saved_model_says_its_classes_and_images(self):
        best = self.train() / "best.keras"
        text = self.ok("summary", best)
        self.assertIn("circle, square, triangle", text)
        self.assertIn("16x16, rgb, bilinear", text)

    def test_of_a_config(self):
        config = read_config(self.train() / "best.keras")
        (self.folder / "config.json").write_text(json.dumps(config))
        self.assertIn("max_pooling2d_1", self.ok("summary", "config.json"))

    def test_files_that_are_no_model(self):
        self.assertIn("no such file", self.fails(1, "summary", "missing.keras"))
        (self.folder / "broken.keras").write_text("no archive")
        self.assertIn("broken.keras", self.fails(1, "summary", "broken.keras"))
        (self.folder / "broken.json").write_text("{")
        self.assertIn("broken.json", self.fails(1, "summary", "broken.json"))


if __name__ == "__main__":
    unittest.main()
