#!/usr/bin/env python3
"""--scaled-decoding is a part of the model: it is recorded, shown, and what predict and evaluate go by."""
import base64
import json
import unittest
import zipfile

from support import SHAPES, ProgramTest, read_run, write_bmp, write_class_folders

# A grey JPEG of 64x64 pixels: columns are black and white in turn. At a fraction of its size it is grey all over.
STRIPES = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGB"
    "YUGBIUFRT/wAALCABAAEABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAH/xAAYEAACAwAAAAAAAAAAAAAAAAAAB0eGx//aAAgBAQAAPwCKON6t"
    "mQUcb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyCjjerZ"
    "kFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2Z"
    "BRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQ"
    "Ucb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyCjjerZkFHG9WzIKON6tmQUcb1bMgo43q2ZBRxvVsyP//Z"
)


class ScaledDecoding(ProgramTest):
    def setUp(self):
        super().setUp()
        for name in ("red", "blue"):
            (self.folder / "jpeg" / name).mkdir(parents=True)
            (self.folder / "jpeg" / name / "0.jpg").write_bytes(STRIPES)
        write_class_folders(self.folder / "data")
        write_bmp(self.folder / "grey.bmp", 64, 64, lambda x, y: (127, 127, 127))

    def probability(self, model, image):
        result = json.loads(self.ok("predict", model, image, "--json", "--top", 2))[0]
        return next(entry["probability"] for entry in result["top"] if entry["class"] == "blue")

    def without_scaling(self, model):
        """The same model, whose file says that images are decoded at their own size."""
        other = self.folder / "other.keras"
        with zipfile.ZipFile(model) as archive, zipfile.ZipFile(other, "w") as copy:
            for name in archive.namelist():
                content = archive.read(name)
                if name == "fovea.json":
                    info = json.loads(content)
                    self.assertIs(info["preprocessing"]["scaled_decoding"], True)
                    info["preprocessing"]["scaled_decoding"] = False
                    content = json.dumps(info)
                copy.writestr(name, content)
        return other

    def test_is_recorded_shown_and_used(self):
        printed = self.ok(
            "train", "data", "--epochs", 3, "--image-size", 32, "--scaled-decoding", "--output", "run"
        )
        self.assertIn("JPEG files decoded scaled", printed)
        self.assertIs(read_run(self.folder / "run")["model"]["input"]["scaled_decoding"], True)
        model = self.folder / "run" / "best.keras"
        self.assertIn("JPEG files decoded scaled", self.ok("summary", model))
        (self.folder / "stripes.jpg").write_bytes(STRIPES)
        scaled = self.probability(model, "stripes.jpg")
        self.assertAlmostEqual(scaled, self.probability(model, "grey.bmp"), delta=0.02)
        other = self.without_scaling(model)
        self.assertNotEqual(self.probability(other, "stripes.jpg"), scaled)
        self.assertNotIn("decoded scaled", self.ok("summary", other))
        losses = [
            [line for line in self.ok("evaluate", file, "jpeg").splitlines() if "loss" in line]
            for file in (model, other)
        ]
        self.assertNotEqual(*losses)
        # Trained on, it stays so.
        self.ok("train", "data", "--model", model, "--epochs", 1, "--output", "more")
        self.assertIs(read_run(self.folder / "more")["model"]["input"]["scaled_decoding"], True)
        self.assertIn(
            "leave the option out", self.fails(1, "train", "data", "--model", other, "--scaled-decoding")
        )

    def test_changes_what_is_trained_on(self):
        for name in ("red", "blue"):
            for number in range(1, 4):
                (self.folder / "jpeg" / name / f"{number}.jpg").write_bytes(STRIPES)
        runs = []
        for option in ([], ["--scaled-decoding"]):
            output = f"run{len(option)}"
            self.ok("train", "jpeg", "--epochs", 1, "--image-size", 32, "--output", output, *option)
            runs.append(read_run(self.folder / output))
        self.assertIs(runs[0]["model"]["input"]["scaled_decoding"], False)
        self.assertNotEqual(runs[0]["epochs"][0]["loss"], runs[1]["epochs"][0]["loss"])

    def test_is_for_files(self):
        self.assertIn("folders of JPEG files", self.fails(2, "train", SHAPES, "--scaled-decoding"))


if __name__ == "__main__":
    unittest.main()
