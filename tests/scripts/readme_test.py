#!/usr/bin/env python3
"""README.md shows what is there: its C++ is an example that is built and run, its commands are known."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Readme(unittest.TestCase):
    def test_the_cpp_is_the_example(self):
        blocks = re.findall(r"```cpp\n(.*?)```", README, re.DOTALL)
        self.assertEqual(blocks, [(ROOT / "examples" / "shapes.cpp").read_text(encoding="utf-8")])

    def test_the_commands_of_dev_exist(self):
        dev = (ROOT / "dev").read_text(encoding="utf-8")
        commands = set(re.findall(r"\./dev (\w+)", README))
        self.assertIn("demo", commands)
        for command in commands:
            self.assertRegex(dev, rf"\n  {command}( \||\))")

    def test_linked_files_exist(self):
        for target in re.findall(r"\]\(([^):]+)\)", README):
            self.assertTrue((ROOT / target).exists(), target)


if __name__ == "__main__":
    unittest.main()
