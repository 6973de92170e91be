#!/usr/bin/env python3
"""Ctrl-C: the first ends the run in good order, the second at once."""
import signal
import subprocess
import time
import unittest

from support import PROGRAM, ProgramTest, read_run


class Interrupt(ProgramTest):
    def start(self, data="synthetic:shapes?count=400&size=32", *options):
        process = subprocess.Popen(
            [PROGRAM, "train", data, "--epochs", "10000", "--patience", "0", "--output", "run", *options],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def wait_for(self, condition):
        end = time.monotonic() + 120
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def epochs(self):
        path = self.folder / "run" / "run.json"
        return len(read_run(self.folder / "run")["epochs"]) if path.exists() else -1

    def test_keeps_the_best_and_the_last_model(self):
        process = self.start()
        self.wait_for(lambda: self.epochs() >= 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertIn("stopping after this batch", err)
        self.assertIn("run/last.keras", out)
        self.assertIn("run/best.keras", out)
        record = read_run(self.folder / "run")
        self.assertEqual(record["status"], "interrupted")
        self.assertGreaterEqual(len(record["epochs"]), 2)
        for name in ("best", "last"):
            self.ok("evaluate", f"run/{name}.keras", "synthetic:shapes?count=20&size=32")

    def test_in_the_first_epoch_there_are_both_models_too(self):
        process = self.start("synthetic:shapes?count=20000&size=32")
        self.wait_for(lambda: self.epochs() == 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertIn("no epoch was finished", " ".join(out.split()))
        for name in ("best", "last"):
            self.ok("summary", f"run/{name}.keras")

    def test_the_second_ends_at_once(self):
        # One batch of so many images takes seconds: it still runs when the second signal comes.
        process = self.start("synthetic:shapes?count=400&size=100", "--batch-size", "320")
        self.wait_for(lambda: self.epochs() == 0)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.stderr.readline(), "\n")
        self.assertIn("Ctrl-C again ends at once", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)


if __name__ == "__main__":
    unittest.main()
