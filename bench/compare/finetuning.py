#!/usr/bin/env python3
"""What fine-tuning gains on few photographs: a net pretrained on other classes against the same net from nothing.

usage: finetuning.py CIFAR [--fovea PROGRAM] [--seeds 1,2,3] [--rates 0.003,0.001,0.0003] [--base-epochs 6] [--epochs 20]

CIFAR holds train/ and test/ with a folder of JPEG files for each of CIFAR-10's classes. A small net is trained on the eight
classes that are neither cat nor dog. Then, for each seed, on 250 cats and 250 dogs: `fovea finetune` from it, and
`fovea train` of the same net from nothing, for the same number of steps, at each rate; both are judged on the 2,000 test
images of the two classes, by the accuracy after the last epoch at the best of their rates.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile

PAIR = ("cat", "dog")


def layer(class_name, **config):
    return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}


def small_net(path, outputs):
    """As Keras' config.json: three blocks of convolutions, global pooling, dropout, one Dense layer."""
    layers = [layer("InputLayer", batch_shape=[None, 32, 32, 3]), layer("Rescaling", scale=1 / 255, offset=0.0)]
    for filters in (32, 64, 128):
        for _ in range(2):
            layers.append(layer("Conv2D", filters=filters, kernel_size=[3, 3], padding="same", activation="relu"))
        if filters < 128:
            layers.append(layer("MaxPooling2D", pool_size=[2, 2]))
    layers += [layer("GlobalAveragePooling2D"), layer("Dropout", rate=0.2),
               layer("Dense", units=outputs, activation="sigmoid" if outputs == 1 else "softmax")]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"module": "keras", "class_name": "Sequential", "config": {"name": "small", "layers": layers},
                   "registered_name": None}, file)


def link(files, folder):
    os.makedirs(folder)
    for file in files:
        os.symlink(os.path.abspath(file), os.path.join(folder, os.path.basename(file)))


def files_of(folder):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def run(program, *arguments):
    result = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"fovea {' '.join(arguments)} ended with {result.returncode}:\n{result.stdout[-2000:]}")


def last_accuracy(folder):
    with open(os.path.join(folder, "history.csv"), encoding="utf-8") as file:
        return float(list(csv.DictReader(file))[-1]["val_acc"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cifar")
    parser.add_argument("--fovea", default="build/release/bin/fovea")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--rates", default="0.003,0.001,0.0003")
    parser.add_argument("--base-epochs", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=20, help="of each run on cats and dogs; half of them with the base frozen")
    parser.add_argument("--unfreeze", default="6")
    arguments = parser.parse_args()
    fovea = arguments.fovea
    train, test = os.path.join(arguments.cifar, "train"), os.path.join(arguments.cifar, "test")
    with tempfile.TemporaryDirectory() as folder:
        at = lambda *parts: os.path.join(folder, *parts)
        small_net(at("eight.json"), 8)
        small_net(at("pair.json"), 1)
        for name in sorted(os.listdir(train)):
            if name not in PAIR:
                link(files_of(os.path.join(train, name)), at("eight", "train", name))
                link(files_of(os.path.join(test, name)), at("eight", "validation", name))
        run(fovea, "train", at("eight"), "--model", at("eight.json"), "--image-size", "32", "--batch-size", "64", "--epochs",
            str(arguments.base_epochs), "--patience", "0", "--output", at("base"))
        print(f"base: {last_accuracy(at('base')):.4f} on the eight other classes", flush=True)
        best = {"finetune": [], "train": []}
        for seed in [int(text) for text in arguments.seeds.split(",")]:
            data = at(f"pair{seed}")
            for name in PAIR:
                chosen = random.Random(f"{seed}/{name}").sample(files_of(os.path.join(train, name)), 250)
                link(chosen, os.path.join(data, "train", name))
                link(files_of(os.path.join(test, name)), os.path.join(data, "validation", name))
            common = ["--patience", "0", "--seed", str(seed)]
            half = str(arguments.epochs // 2)
            accuracies = {"finetune": [], "train": []}
            for rate in arguments.rates.split(","):
                output = at(f"finetune{seed}-{rate}")
                run(fovea, "finetune", data, "--base", at("base", "last.keras"), "--unfreeze", arguments.unfreeze, "--epochs",
                    half, "--finetune-epochs", half, "--learning-rate", rate, "--output", output, *common)
                accuracies["finetune"].append(last_accuracy(output))
                output = at(f"train{seed}-{rate}")
                run(fovea, "train", data, "--model", at("pair.json"), "--image-size", "32", "--epochs",
                    str(arguments.epochs), "--learning-rate", rate, "--output", output, *common)
                accuracies["train"].append(last_accuracy(output))
            for way, values in accuracies.items():
                best[way].append(max(values))
                print(f"seed {seed} {way:<8} " + " ".join(f"{rate}: {value:.4f}" for rate, value in
                                                        zip(arguments.rates.split(","), values)), flush=True)
        for way, values in best.items():
            print(f"mean {way:<8} {sum(values) / len(values):.4f}  (best rate of each seed: "
                  + ", ".join(f"{value:.4f}" for value in values) + ")")


if __name__ == "__main__":
    main()
