#!/usr/bin/env python3
"""Training steps of the reference convnet (150x150x3, Adam) in fovea and Keras, in turn: images a second, memory.

usage: training_speed.py [--program PROGRAM] [--python PYTHON] [--batch 32] [--steps 30] [--rounds 3] [--json FILE]

Both train on one batch in memory, with all cores. PYTHON is one that has Keras on TensorFlow. Of each system the best and
the median step of all rounds count.
"""

import argparse
import json
import os
import re
import statistics
import sys

from photographs import measured

HERE = os.path.dirname(os.path.abspath(__file__))


def fovea_steps(program, batch, steps):
    output, _, memory = measured([program, "--batch", str(batch), "--steps", str(steps), "--threads", str(os.cpu_count())])
    median, best = re.search(r"train_on_batch +([\d.]+) ms median +([\d.]+) ms best", output).groups()
    return float(best) / 1e3, float(median) / 1e3, memory


def keras_steps(python, batch, steps):
    output, _, memory = measured([python, os.path.join(HERE, "keras_training_speed.py"), str(batch), str(steps)])
    seconds = json.loads(output.strip().splitlines()[-1])
    return min(seconds), statistics.median(seconds), memory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/bench_train_step")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    runs = {"fovea": [], "keras": []}
    for _ in range(arguments.rounds):
        runs["fovea"].append(fovea_steps(arguments.program, arguments.batch, arguments.steps))
        runs["keras"].append(keras_steps(arguments.python, arguments.batch, arguments.steps))
    rows = []
    for system, own in runs.items():
        best, median = min(run[0] for run in own), statistics.median(run[1] for run in own)
        rows.append({"system": system, "best": arguments.batch / best, "median": arguments.batch / median,
                     "memory_mb": max(run[2] for run in own)})
    peer = next(row for row in rows if row["system"] == "keras")
    print("| system | images/s, best | ratio | images/s, median | ratio | peak MB |\n|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['system']} | {row['best']:.1f} | {row['best'] / peer['best']:.2f} | {row['median']:.1f} | "
              f"{row['median'] / peer['median']:.2f} | {row['memory_mb']:.0f} |")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
