"""What every peer's process does: read its job, make a first step, then step as it is told."""

import json
import os
import sys
import time
from collections.abc import Callable

# Answers go to the true standard output; what libraries print goes with the errors.
_answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.stdout = sys.stderr


def job() -> dict:
    """The options of this process, see compare.py: model, mode, batch, threads, optimizer, pixels, dtype, setting, ..."""
    return json.loads(sys.argv[1])


def _answer(**values: object) -> None:
    print(json.dumps(values), file=_answers, flush=True)


def serve(step: Callable[[], object], version: str) -> None:
    """Reads `run SECONDS STEPS`, whichever takes longer, or `steps N`, and answers with the seconds of each step."""
    step()
    _answer(seconds=[], version=version)
    for line in sys.stdin:
        command, *numbers = line.split()
        limit = float(numbers[0]) if command == "run" else 0.0
        least = int(numbers[-1])
        seconds: list[float] = []
        begin = time.perf_counter()
        while len(seconds) < least or time.perf_counter() - begin < limit:
            before = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - before)
        _answer(seconds=seconds)
