#!/usr/bin/env python3
"""Every convolutional network of keras.applications in fovea and in Keras: differences, loading, memory, speed.

    python bench/compare/applications.py --rows applications.json [NAME ...]

Networks have random weights that tell inputs apart (tests/parity/applications.py) and their own sizes. Each row runs
in a process of its own; both systems predict batches of 1 in turn, after one that does not count. What fovea writes of
a network must open in Keras, compiled, with nothing lost, or there is no row. Rows that stand in the output's JSON
already are kept, so that a run can go on."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FOVEA_BIN_DIR", ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "parity"))


def loaded(path, *options):
    """What bench_load says of a file, and the largest arena of the plans that it made."""
    result = subprocess.run([BIN / "bench_load", path, "4", *options], check=True, capture_output=True, text=True,
                            env={**os.environ, "FOVEA_LOG": "plan"})
    arenas = [float(size) * 1e6 for size in re.findall(r"^plan .*: arena ([\d.]+) MB", result.stderr, re.MULTILINE)]
    return {**json.loads(result.stdout), "arena": max(arenas)}


def measure(name, folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import applications
    import numpy as np

    model = applications.compiled(applications.with_features(applications.build(name, classes=1000)))
    path, fed, back = folder / "model.keras", folder / "x.npy", folder / "back.keras"
    inputs = applications.images(3, model.input_shape[1:], seed=3)
    np.save(fed, inputs)
    model.save(path)
    theirs = model.predict(inputs, verbose=0, batch_size=1)
    for words in (["predict", path, fed, "--output", folder / "y.npz"], ["convert", path, back]):
        subprocess.run([BIN / "fovea", *words], check=True, capture_output=True)
    ours = list(np.load(folder / "y.npz").values())
    ours.sort(key=lambda y: -y.ndim)
    differences = [applications.difference(a, b) for a, b in zip(ours, theirs)]
    spreads = [applications.spread(b) for b in theirs]
    reads = []
    for _ in range(3):
        start = time.perf_counter()
        path.read_bytes()
        reads.append(time.perf_counter() - start)
    one = model.input_shape[1:]
    x = inputs[:1]
    compiled = model.make_predict_function()
    results, lean, keras_rates = [], [], []
    for _ in range(3):
        results.append(loaded(path))
        lean.append(loaded(path, "--no-prepacking"))
        model.predict(x, verbose=0)
        begin = time.perf_counter()
        for _ in range(4):
            model.predict_on_batch(x)
        keras_rates.append(4 / (time.perf_counter() - begin))
    counted = re.search(r"Total params: ([\d,]+)", subprocess.run([BIN / "fovea", "summary", path], check=True,
                                                                 capture_output=True, text=True).stdout)[1]
    parameters = model.count_params()
    del compiled, model
    lost = list(applications.lost(path, back, inputs, theirs))
    if counted.replace(",", "") != str(parameters):
        lost.append(f"fovea counts {counted} parameters, Keras {parameters}")
    if min(spreads) < 0.01:
        lost.append(f"the outputs of different inputs are within {min(spreads):.1e}")
    if lost:
        raise RuntimeError("; ".join(lost))
    return {"name": name, "parameters": parameters, "size": list(one[:2]), "features": differences[0],
            "top": differences[1], "spread": min(spreads), "read": min(reads), "keras": max(keras_rates),
            "load": min(result["load_seconds"] for result in results),
            "fovea": max(result["images_per_second"] for result in results),
            "memory": memory_of(results[0]), "weights": results[0]["weight_bytes"], "lean": memory_of(lean[0]),
            "lean_rate": max(result["images_per_second"] for result in lean)}


def memory_of(result):
    return {key: value for key, value in result.items() if key.startswith("peak") or key == "arena"}


def held(memory, until, weights):
    """Sizes of the weights that the process held more at most, the arena left out where it was there."""
    arena = memory["arena"] if until == "peak_at_end" else 0
    return (memory[until] - memory["peak_before"] - arena) / weights


def table(rows):
    yield ("| network | parameters | features | top | load (s) | read (s) | memory loaded | packed | not | arena (MB) | "
           "packed (images/s) | not | Keras | ratio |")
    yield "|---" * 14 + "|"
    for row in rows:
        sizes = [held(row["memory"], "peak_after_load", row["weights"]),
                 held(row["memory"], "peak_at_end", row["weights"]), held(row["lean"], "peak_at_end", row["weights"])]
        yield (f"| {row['name']} {row['size'][0]}x{row['size'][1]} | {row['parameters']:,} | {row['features']:.1e} | "
               f"{row['top']:.1e} | {row['load']:.2f} | {row['read']:.2f} | "
               f"{' | '.join(f'{size:.2f}' for size in sizes)} | {row['lean']['arena'] / 1e6:.0f} | "
               f"{row['fovea']:.1f} | {row['lean_rate']:.1f} | {row['keras']:.1f} | {row['fovea'] / row['keras']:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=pathlib.Path, default=pathlib.Path("applications.json"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(arguments.one, pathlib.Path(folder))))
        return
    import applications
    rows = json.loads(arguments.rows.read_text()) if arguments.rows.exists() else []
    for name in arguments.names or applications.ALL:
        if any(row["name"] == name for row in rows):
            continue
        result = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True)
        if result.returncode != 0:
            print(f"{name}: {result.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            continue
        rows.append(json.loads(result.stdout.strip().splitlines()[-1]))
        arguments.rows.write_text(json.dumps(rows, indent=1))
        print(list(table(rows[-1:]))[-1], flush=True)
    rows.sort(key=lambda row: applications.ALL.index(row["name"]))
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
