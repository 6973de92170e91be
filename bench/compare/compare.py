#!/usr/bin/env python3
"""fovea and its peers in turn, in one run: speed, memory, start. Writes compare.md and compare.json, row by row.

The peers' Python has Keras 3 on TensorFlow, PyTorch, ONNX, ONNX Runtime and OpenVINO; what it lacks is reported as not
run. fovea's programs are bench_model and bench_fma_peak of the build folder.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

import report
import workloads
from sides import SIDES, NotRun, Process, Side, environment, machine_seconds, wait_for_quiet
from report import Turn
from workloads import Workload

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Comparison:
    def __init__(self, options: argparse.Namespace, folder: pathlib.Path) -> None:
        self.options = options
        self.folder = folder
        self.environment = environment(options.threads, options.isa, folder)

    def peak(self) -> float:
        """GFLOP/s of all threads."""
        program = self.options.build / "bin" / "bench_fma_peak"
        done = subprocess.run([program, str(self.options.threads)], check=True, stdout=subprocess.PIPE,
                              env=self.environment)
        return json.loads(done.stdout)["gflops"]

    def command(self, side: Side, row: Workload) -> list[str]:
        model = workloads.model_file(row, self.folder)
        if not side.script:
            command = [self.options.build / "bin" / "bench_model", "--serve", "--model", model, "--mode", row.mode,
                       "--batch", row.batch, "--threads", self.options.threads, "--pixels", row.pixels]
            return [str(word) for word in command + (["--optimizer", row.optimizer] if row.optimizer else [])]
        job = {"model": str(model), "mode": row.mode, "batch": row.batch, "threads": self.options.threads,
               "optimizer": row.optimizer, "pixels": row.pixels, "dtype": row.dtype, "setting": side.setting,
               "isa": self.options.isa}
        if side.onnx:
            job["onnx"] = str(self.onnx_file(row))
        return [self.options.python, str(ROOT / "bench/compare/peers" / side.script), json.dumps(job)]

    def onnx_file(self, row: Workload) -> pathlib.Path:
        path = self.folder / f"{row.model}-{row.batch}.onnx"
        if not path.exists():
            script = ROOT / "bench/compare/peers/onnx_export.py"
            done = subprocess.run([self.options.python, script, workloads.MODELS / f"{row.model}.json", str(row.batch), path],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                                  env=self.environment)
            if done.returncode != 0:
                raise NotRun("export to ONNX: " + done.stdout.strip().splitlines()[-1])
        return path

    def start(self, side: Side, row: Workload) -> Process:
        why = side.why_not(row, self.options.isa)
        if why:
            raise NotRun(why)
        process = Process(self.command(side, row), self.environment)
        try:
            if row.epoch_steps and not self.options.short:
                process.finish_epoch(row.epoch_steps)
            process.run(0, 2)  # warm
        except BaseException:
            process.close()
            raise
        return process

    def turn(self, process: Process) -> Turn:
        wait_for_quiet(self.options.patience)
        begin, all_before, own_before = time.monotonic(), machine_seconds(), process.processor_seconds()
        steps = process.run(self.options.seconds, self.options.steps)
        others = (machine_seconds() - all_before) - (process.processor_seconds() - own_before)
        return Turn(steps, max(0.0, others / (time.monotonic() - begin)))

    def measure(self, row: Workload) -> dict:
        """Starts every side, lets them step in turns, and ends them."""
        sides = [side for side in SIDES if row.mode in side.modes and side.name in self.options.sides]
        processes: dict[str, Process] = {}
        reasons: dict[str, str] = {}
        turns: dict[str, list[Turn]] = {side.name: [] for side in sides}
        peak = 0.0

        def attempt(side: Side, action) -> None:
            try:
                action()
            except NotRun as error:
                reasons[side.name] = str(error)
                if side.name in processes:
                    processes.pop(side.name).close()

        try:
            for side in sides:
                print(f"{row.name}: starting {side.name}", file=sys.stderr, flush=True)
                attempt(side, lambda: processes.update({side.name: self.start(side, row)}))
            for turn in range(self.options.rounds):
                peak = max(peak, self.peak())
                for side in sides[turn % len(sides):] + sides[:turn % len(sides)]:
                    if side.name in processes:
                        attempt(side, lambda: turns[side.name].append(self.turn(processes[side.name])))
            return self.result(row, sides, processes, reasons, turns, peak)
        finally:
            for process in processes.values():
                process.close()

    def result(self, row: Workload, sides: list[Side], processes: dict[str, Process], reasons: dict[str, str],
               turns: dict[str, list[Turn]], peak: float) -> dict:
        lines = []
        for side in sides:
            if side.name not in processes:
                lines.append({"side": side.name, "not_run": reasons[side.name]})
                continue
            process = processes[side.name]
            line = report.summary_of(side.name, row.batch, turns[side.name], row.operations, peak * 1e9)
            line |= {"peak_memory_mb": process.peak_memory() / 1e6, "first_step_seconds": process.first_step_seconds,
                     "first_epoch_seconds": process.first_epoch_seconds, "version": process.version}
            lines.append(line)
        report.add_ratios(lines)
        return {"row": row.name, "title": row.title, "batch": row.batch, "peak_gflops": peak, "sides": lines,
                "repeat": self.repeat(row)}

    def repeat(self, row: Workload) -> str:
        o = self.options
        words = ["bench/compare/compare.py", "--rows", row.name, "--python", o.python, "--rounds", o.rounds, "--seconds",
                 o.seconds, "--steps", o.steps, "--threads", o.threads]
        words += [] if o.sides == [side.name for side in SIDES] else ["--sides", *o.sides]
        words += ["--patience", o.patience] if o.patience else []
        words += ["--isa", o.isa] if o.isa else []
        words += ["--short"] if o.short else []
        return shlex.join(str(word) for word in words)


def machine() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return f"{os.cpu_count()} cores"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    peers = os.environ.get("FOVEA_PEERS")
    parser.add_argument("--python", default=f"{peers}/bin/python" if peers else None,
                        help="one that has the peers (that of the environment $FOVEA_PEERS)")
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME", help="names or patterns, see --list (all)")
    parser.add_argument("--sides", nargs="+", default=[], metavar="NAME", help="(all; fewer with --short)")
    parser.add_argument("--rounds", type=int, help="turns of each side (5; 2 with --short)")
    parser.add_argument("--seconds", type=float, help="of a turn, at least (3; 0.5 with --short)")
    parser.add_argument("--steps", type=int, help="of a turn, at least (3; 2 with --short)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--patience", type=float, default=0,
                        help="seconds to wait before a turn until others leave the processors alone (0)")
    parser.add_argument("--isa", choices=["avx2"], default="", help="hold every side to this instruction set")
    parser.add_argument("--bf16", action="store_true", help="rows in bfloat16 too")
    parser.add_argument("--short", action="store_true", help="few rows, sides and steps, no epochs")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/compare", metavar="DIR")
    parser.add_argument("--list", action="store_true", help="print rows and sides, and end")
    options = parser.parse_args()
    if options.list:
        for row in workloads.ROWS:
            print(f"{row.name:<26} {row.title}")
        print("\nsides: " + " ".join(side.name for side in SIDES))
        sys.exit(0)
    unknown = set(options.sides) - {side.name for side in SIDES}
    if unknown:
        parser.error(f"no side is named {' '.join(unknown)}. There are: {' '.join(side.name for side in SIDES)}")
    if not options.python:
        parser.error("--python: which Python has the peers? Or set FOVEA_PEERS to their environment")
    if not (options.build / "bin/bench_model").exists():
        parser.error(f"there is no {options.build}/bin/bench_model: build it first, ./dev build")
    defaults = (2, 0.5, 2) if options.short else (5, 3.0, 3)
    for name, value in zip(("rounds", "seconds", "steps"), defaults):
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.sides = options.sides or [side.name for side in SIDES if side.short or not options.short]
    try:
        options.rows = workloads.chosen(options.rows or (workloads.SHORT if options.short else []), options.bf16)
    except ValueError as error:
        parser.error(str(error))
    return options


def main() -> None:
    options = parse()
    options.output.mkdir(parents=True, exist_ok=True)
    run = {"machine": machine(), "threads": options.threads, "isa": options.isa, "rounds": options.rounds,
           "seconds": options.seconds, "load": f"{os.getloadavg()[0]:.1f}", "rows": []}
    print(report.head(run), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options, pathlib.Path(folder))
        for row in options.rows:
            run["rows"].append(comparison.measure(row))
            print(report.table(run["rows"][-1]), flush=True)
            text = report.head(run) + "\n" + "\n".join(report.table(row) for row in run["rows"])
            (options.output / "compare.md").write_text(text, encoding="utf-8")
            (options.output / "compare.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
