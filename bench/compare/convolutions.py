#!/usr/bin/env python3
"""Every convolution of bench/shapes/conv2d.txt, pass by pass: ours, oneDNN's and PyTorch's, shape after shape.

bench_kernels measures ours and, where it was built with it, oneDNN's; a process of the peers' Python follows with PyTorch
(its oneDNN is a later one), in both layouts, NCHW and channels_last, the better of which is printed. Speeds are GFLOP/s of the
direct formula, the best of the rounds. Prints Markdown.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSES = ("forward", "backward_input", "backward_filter")

TORCH = """
import sys, time
import torch
name, *numbers = sys.argv[1:]
b, h, w, ci, f, kh, kw, sh, sw, top, left, bottom, right, dh, dw, groups, threads, rounds = map(int, numbers)
torch.set_num_threads(threads)
torch.manual_seed(1)
best = {}
for layout in (torch.contiguous_format, torch.channels_last):
    padded = (h + top + bottom, w + left + right) if (top, left) != (bottom, right) else (h, w)
    padding = [0, 0] if (top, left) != (bottom, right) else [top, left]
    x = torch.rand(b, ci, *padded).to(memory_format=layout)
    k = torch.rand(f, ci // groups, kh, kw).to(memory_format=layout)
    bias = torch.rand(f)
    def forward():
        with torch.no_grad():
            return torch.relu_(torch.nn.functional.conv2d(x, k, bias, (sh, sw), padding, (dh, dw), groups))
    dy = forward()
    def backward(mask):
        return torch.ops.aten.convolution_backward(dy, x, k, [f], [sh, sw], padding, [dh, dw], False, [0, 0], groups, mask)
    runs = {"forward": forward, "backward_input": lambda: backward([True, False, False]),
            "backward_filter": lambda: backward([False, True, True])}
    for run in runs.values(): run()
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best.get(name, 1e9), time.perf_counter() - start)
print(*best.values())
"""


def shapes(path: pathlib.Path) -> list[list[str]]:
    rows = [line.split() for line in path.read_text().splitlines() if line.startswith("bench")]
    return [row[1:] for row in rows]


def ours(options: argparse.Namespace, name: str) -> dict[str, float]:
    """GFLOP/s of each row of bench_kernels, by the part of its name behind the shape's."""
    command = [options.build / "bin" / "bench_kernels", "--filter", f"conv2d/{name}/", "--threads", str(options.threads),
               "--rounds", str(options.rounds), "--shapes", options.shapes]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {row: float(speed) for row, speed in
            re.findall(rf"^conv2d/{re.escape(name)}/(\S+)\s+\S+\s+(\S+) GFLOP/s", text, re.MULTILINE)}


def operations(numbers: list[int]) -> float:
    b, h, w, ci, f, kh, kw, sh, sw, top, left, bottom, right, dh, dw, groups = numbers
    out_h = (h + top + bottom - (kh - 1) * dh - 1) // sh + 1
    out_w = (w + left + right - (kw - 1) * dw - 1) // sw + 1
    return 2.0 * b * out_h * out_w * f * kh * kw * ci / groups


def torchs(options: argparse.Namespace, shape: list[str]) -> dict[str, float]:
    if options.python is None:
        return {}
    command = [options.python, "-c", TORCH, *shape, str(options.threads), str(options.rounds)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        print(f"PyTorch did not run: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    work = operations([int(number) for number in shape[1:]])
    return {name: work / float(seconds) / 1e9 for name, seconds in zip(PASSES, done.stdout.split())}


def cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="a Python with PyTorch; without it, PyTorch's column stays empty")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--shapes", type=pathlib.Path, default=ROOT / "bench" / "shapes" / "conv2d.txt")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--filter", default="", help="only shapes whose name contains this")
    options = parser.parse_args()
    print("| shape | pass | direct | Winograd | oneDNN | its Winograd | PyTorch | ours / best peer |")
    print("|---|---|---|---|---|---|---|---|")
    for shape in shapes(options.shapes):
        name = shape[0]
        if options.filter not in name:
            continue
        rows, torch_rows = ours(options, name), torchs(options, shape)
        for step in PASSES:
            own = [rows.get(step), rows.get(f"{step}_winograd")]
            peers = [rows.get(f"{step}_onednn"), rows.get(f"{step}_onednn_winograd"), torch_rows.get(step)]
            best_peer = max((value for value in peers if value is not None), default=None)
            best_own = max(value for value in own if value is not None)
            ratio = "-" if best_peer is None else f"{best_own / best_peer:.2f}"
            print(f"| {name} | {step} | {' | '.join(cell(v) for v in own + peers)} | {ratio} |", flush=True)
    print(f"\nrepeat a row: {sys.argv[0]} --filter NAME --threads {options.threads}")


if __name__ == "__main__":
    main()
