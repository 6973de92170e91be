#!/usr/bin/env python3
"""fovea and Keras in turn on the same photographs, same splits, same net: accuracy, wall time, peak memory.

usage: photographs.py DATA [--fovea PROGRAM] [--python PYTHON] [--seeds 1,2,3] [--epochs 10] [--json FILE]

DATA holds a folder of JPEG files for each of two classes. For each seed a fifth of the files validates; both systems
train the reference convnet (150x150, batch 32, Adam) on the rest. PYTHON is one that has Keras.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def make_split(data, seed, folder):
    """Links every file into folder/train or folder/validation, a fifth of each class into the latter."""
    for name in sorted(os.listdir(data)):
        files = sorted(os.listdir(os.path.join(data, name)))
        random.Random(f"{seed}/{name}").shuffle(files)
        count = len(files) // 5
        for part, chosen in (("validation", files[:count]), ("train", files[count:])):
            target = os.path.join(folder, part, name)
            os.makedirs(target)
            for file in chosen:
                os.symlink(os.path.abspath(os.path.join(data, name, file)), os.path.join(target, file))


def measured(command):
    """Runs it; (its standard output, seconds from start to end, peak memory in MB)."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{errors.read()[-2000:]}")
        output.seek(0)
        return output.read(), seconds, usage.ru_maxrss / 1024


def run_fovea(program, split, seed, epochs, folder):
    command = [program, "train", split, "--model", "convnet", "--image-size", "150", "--batch-size", "32", "--epochs",
               str(epochs), "--patience", "0", "--seed", str(seed), "--output", folder]
    _, seconds, memory = measured(command)
    with open(os.path.join(folder, "history.csv"), encoding="utf-8") as file:
        accuracies = [float(row["val_acc"]) for row in csv.DictReader(file)]
    return {"val_acc": accuracies, "seconds": seconds, "memory_mb": memory}


def run_keras(python, split, seed, epochs):
    output, seconds, memory = measured([python, os.path.join(HERE, "keras_photographs.py"), split, str(epochs), str(seed)])
    result = json.loads(output.strip().splitlines()[-1])
    return {"val_acc": result["history"]["val_acc"], "seconds": seconds, "memory_mb": memory}


def mean(values):
    return sum(values) / len(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--fovea", default="build/release/bin/fovea")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    runs = []
    print(f"{'seed':>4} {'system':<6} {'last acc':>8} {'best acc':>8} {'seconds':>8} {'MB':>6}", flush=True)
    for seed in [int(text) for text in arguments.seeds.split(",")]:
        with tempfile.TemporaryDirectory() as folder:
            split = os.path.join(folder, "split")
            make_split(arguments.data, seed, split)
            for system in ("fovea", "keras"):
                if system == "fovea":
                    run = run_fovea(arguments.fovea, split, seed, arguments.epochs, os.path.join(folder, "run"))
                else:
                    run = run_keras(arguments.python, split, seed, arguments.epochs)
                runs.append({"seed": seed, "system": system, **run})
                print(f"{seed:>4} {system:<6} {run['val_acc'][-1]:8.4f} {max(run['val_acc']):8.4f} "
                      f"{run['seconds']:8.1f} {run['memory_mb']:6.0f}", flush=True)
    for system in ("fovea", "keras"):
        own = [run for run in runs if run["system"] == system]
        print(f"mean {system:<6} {mean([r['val_acc'][-1] for r in own]):8.4f} {mean([max(r['val_acc']) for r in own]):8.4f} "
              f"{mean([r['seconds'] for r in own]):8.1f} {max(r['memory_mb'] for r in own):6.0f}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(runs, file, indent=1)


if __name__ == "__main__":
    main()
