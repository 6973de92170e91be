"""bench/compare's arithmetic, its table and its choice of rows, without any peer."""
import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "compare"))
import convolutions  # noqa: E402
import report  # noqa: E402
import workloads  # noqa: E402
from report import Turn  # noqa: E402
from sides import NotRun, Process  # noqa: E402


def side(name, *rounds, **more):
    made = report.summary_of(name, 10, [Turn(list(seconds), 0.5) for seconds in rounds], 4e9, 100e9)
    return made | {"peak_memory_mb": 1234.5, "first_step_seconds": 0.5, "first_epoch_seconds": None} | more


def row_of(*sides):
    return {"row": "train-x", "title": "train x", "peak_gflops": 100.0, "repeat": "compare.py --rows train-x",
            "sides": list(sides)}


class Figures(unittest.TestCase):
    def test_best_and_median_are_over_all_rounds(self):
        made = side("a", [1.0, 2.0], [0.5, 4.0, 5.0])
        self.assertEqual((made["best"], made["median"]), (20.0, 5.0))
        self.assertEqual([(own["best"], own["median"], own["steps"]) for own in made["rounds"]],
                         [(10.0, 10 / 1.5, 2), (20.0, 2.5, 3)])
        self.assertEqual(made["others"], 0.5)

    def test_share_of_the_peak_is_that_of_the_best_step(self):
        self.assertAlmostEqual(side("a", [1.0, 0.5])["peak_share"], 20 * 4e9 / 100e9)

    def test_ratios_say_how_much_faster_fovea_is(self):
        sides = [side("fovea", [0.5, 1.0, 1.0]), side("slow", [1.0, 4.0, 4.0]), side("fast", [0.25, 2.0, 2.0]),
                 {"side": "absent", "not_run": "why"}]
        report.add_ratios(sides)
        self.assertEqual([(own.get("ratio_best"), own.get("ratio_median")) for own in sides],
                         [(None, None), (2.0, 4.0), (0.5, 2.0), (None, None)])
        self.assertEqual(report.best_peer(sides)["side"], "fast")

    def test_without_fovea_there_are_no_ratios(self):
        sides = [{"side": "fovea", "not_run": "why"}, side("peer", [1.0])]
        report.add_ratios(sides)
        self.assertNotIn("ratio_best", sides[1])


class Table(unittest.TestCase):
    def test_a_row(self):
        sides = [side("fovea", [0.5], first_epoch_seconds=12.34), side("peer", [1.0]),
                 {"side": "absent", "not_run": "no module | here"}]
        report.add_ratios(sides)
        lines = report.table(row_of(*sides)).splitlines()
        self.assertEqual(lines[0], "### train-x: train x")
        self.assertEqual(lines[4], "| fovea | 20.00 | 20.00 |  |  | 80 % | 1,234 | 0.50 | 0.50 | 12.3 |")
        self.assertEqual(lines[5], "| peer | 10.00 | 10.00 | 2.00x | 2.00x | 40 % | 1,234 | 0.50 | 0.50 |  |")
        self.assertTrue(lines[6].startswith("| absent | not run: no module / here |"))
        self.assertEqual(len({line.count("|") for line in lines[2:7]}), 1, lines)
        self.assertIn("against the best peer, peer: 2.00x at the best step", lines[8])
        self.assertEqual(lines[-1], "repeat: compare.py --rows train-x")

    def test_epochs_have_no_column_where_nobody_has_one(self):
        self.assertNotIn("epoch", report.table(row_of(side("fovea", [0.5]))))

    def test_nobody_ran(self):
        self.assertIn("not run: why", report.table(row_of({"side": "fovea", "not_run": "why"})))


class Rows(unittest.TestCase):
    def test_patterns_choose_in_the_order_of_the_list(self):
        names = [row.name for row in workloads.chosen(["predict-*-1", "train-mnist"], False)]
        self.assertEqual(names, ["train-mnist", "predict-resnet50-1", "predict-mobilenet_v2-1"])

    def test_an_unknown_row_is_named(self):
        with self.assertRaisesRegex(ValueError, "train-nothing"):
            workloads.chosen(["train-nothing"], False)

    def test_bfloat16_is_asked_for(self):
        self.assertEqual({row.dtype for row in workloads.chosen([], False)}, {"float32"})
        self.assertEqual({row.dtype for row in workloads.chosen([], True)}, {"float32", "bfloat16"})
        self.assertEqual([row.name for row in workloads.chosen(["train-mnist-bf16"], False)], ["train-mnist-bf16"])

    def test_every_row_has_its_model_and_operations(self):
        for row in workloads.ROWS:
            self.assertIn("layers", json.loads((workloads.MODELS / f"{row.model}.json").read_text("utf-8"))["config"])
            self.assertGreater(row.operations, 0)
        self.assertLessEqual(set(workloads.SHORT), {row.name for row in workloads.ROWS})

    def test_the_reference_net_costs_what_the_documentation_says(self):
        (row,) = workloads.chosen(["train-convnet"], False)
        self.assertAlmostEqual(row.operations / 1e9, 1.38, places=2)

    def test_bfloat16_changes_every_policy_of_the_model(self):
        (row,) = workloads.chosen(["train-convnet-bf16"], False)
        with tempfile.TemporaryDirectory() as folder:
            layers = json.loads(workloads.model_file(row, pathlib.Path(folder)).read_text("utf-8"))["config"]["layers"]
        self.assertEqual({layer["config"]["dtype"]["config"]["name"] for layer in layers[1:]}, {"mixed_bfloat16"})


SERVING = """
import sys
sys.path.insert(0, sys.argv[2])
import serving
print("noise of a library")
count = 0
def step():
    global count
    count += 1
    if count > serving.job()["steps"]:
        sys.exit("ran out of steps")
serving.serve(step, "test 1")
"""


class Processes(unittest.TestCase):
    def start(self, steps):
        peers = str(ROOT / "bench" / "compare" / "peers")
        return Process([sys.executable, "-Bc", SERVING, json.dumps({"steps": steps}), peers], {})

    def test_it_steps_as_it_is_told(self):
        process = self.start(100)
        self.assertEqual(process.version, "test 1")
        self.assertEqual(len(process.run(0, 7)), 7)
        process.finish_epoch(5)
        self.assertGreater(process.first_epoch_seconds, process.first_step_seconds)
        self.assertGreater(process.peak_memory(), 0)
        process.close()

    def test_one_that_ends_says_why(self):
        process = self.start(3)
        with self.assertRaisesRegex(NotRun, "ran out of steps"):
            process.run(0, 10)
        process.close()
        with self.assertRaisesRegex(NotRun, "ran out of steps"):
            self.start(0)


class ConvolutionTest(unittest.TestCase):
    def test_operations_are_those_of_the_direct_formula(self):
        # 3x3 with stride 2 on 8x8x4, padded below and right, two groups: 4x4 outputs of 6 filters.
        self.assertEqual(convolutions.operations([2, 8, 8, 4, 6, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1, 2]),
                         2 * 2 * 16 * 6 * 9 * 2)
        # Dilation 2 makes a 3x3 kernel reach over 5x5.
        self.assertEqual(convolutions.operations([1, 9, 9, 1, 1, 3, 3, 1, 1, 0, 0, 0, 0, 2, 2, 1]), 2 * 25 * 9)

    def test_shapes_are_the_measured_lines(self):
        rows = convolutions.shapes(ROOT / "bench" / "shapes" / "conv2d.txt")
        self.assertIn("layer1", [row[0] for row in rows])
        self.assertNotIn("tails", [row[0] for row in rows])
        self.assertTrue(all(len(row) == 17 for row in rows))


if __name__ == "__main__":
    unittest.main()
