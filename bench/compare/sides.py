"""The systems that are compared, and a process of one of them that measures its own steps."""

import contextlib
import dataclasses
import json
import os
import pathlib
import select
import subprocess
import tempfile
import time

from workloads import Workload

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
LONGEST_ANSWER = 900  # seconds; compilers take their time


class NotRun(Exception):
    """Why a side has no figures."""


@dataclasses.dataclass(frozen=True)
class Side:
    """A system in one setting."""

    name: str
    script: str = ""  # in peers/; none: fovea's own program
    setting: str = ""
    modes: tuple[str, ...] = ("train", "predict")
    short: bool = False  # in --short runs too
    without: tuple[str, ...] = ()  # models that it is hopeless with
    onnx: bool = False  # reads the model as ONNX, exported from PyTorch
    bfloat16: bool = True
    limits: tuple[str, ...] = ("", "avx2")  # instruction sets that it can be held to

    def why_not(self, row: Workload, isa: str) -> str:
        """Why it does not run such a row; empty when it does."""
        if isa not in self.limits:
            return f"nothing limits it to {isa}"
        if row.dtype != "float32" and not self.bfloat16:
            return f"no {row.dtype} here"
        if row.model in self.without:
            return "several times slower with this model than in its other setting"
        return ""


SIDES = [
    Side("fovea", short=True),
    Side("keras", "keras_side.py", "plain", short=True),
    # XLA has no fast depthwise convolution for processors: 4 times slower in training, 9 times in prediction.
    Side("keras-xla", "keras_side.py", "xla", without=("mobilenet_v2",)),
    Side("torch", "torch_side.py", "nchw"),
    Side("torch-channels-last", "torch_side.py", "channels_last", short=True),
    Side("torch-compile", "torch_side.py", "compile"),
    Side("onnxruntime", "onnx_side.py", "onnxruntime", ("predict",), short=True, onnx=True, bfloat16=False, limits=("",)),
    Side("openvino", "onnx_side.py", "openvino", ("predict",), onnx=True),
]


def environment(threads: int, isa: str, folder: pathlib.Path) -> dict[str, str]:
    """For all sides: so many threads, no more than this instruction set, caches below `folder`."""
    values = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), TF_CPP_MIN_LOG_LEVEL="3",
                  CUDA_VISIBLE_DEVICES="", TORCHINDUCTOR_CACHE_DIR=str(folder / "inductor"), PYTHONDONTWRITEBYTECODE="1")
    if isa:
        values |= {"FOVEA_MAX_ISA": isa, "ATEN_CPU_CAPABILITY": isa, "ONEDNN_MAX_CPU_ISA": isa.upper(),
                   "DNNL_MAX_CPU_ISA": isa.upper(), "MKL_ENABLE_INSTRUCTIONS": isa.upper(),
                   "XLA_FLAGS": f"--xla_cpu_max_isa={isa.upper()}"}
    return values


def machine_seconds() -> float:
    """Processor time that all processes have used."""
    user, nice, system, _, _, *interrupts = [int(field) for field in
                                             pathlib.Path("/proc/stat").read_text(encoding="utf-8").split()[1:9]]
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(longest: float) -> None:
    """Until others leave the processors alone: until they take less than a tenth of one for a third of a second."""
    end = time.monotonic() + longest
    while time.monotonic() < end:
        before = machine_seconds()
        time.sleep(0.33)
        if machine_seconds() - before < 0.1 * 0.33:
            return


class Process:
    """One side at work: it makes its first step at once, then steps when told to, and says what each took."""

    def __init__(self, command: list[str], values: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")
        started = time.monotonic()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                                         env=values, text=True)
        try:
            answer = self._answer()
        except NotRun:
            self.close()
            raise
        self.first_step_seconds = time.monotonic() - started
        self.version: str = answer.get("version", "")
        self.first_epoch_seconds: float | None = None

    def finish_epoch(self, steps: int) -> None:
        """Those of the first epoch that come after the first one."""
        begin = time.monotonic()
        self._ask(f"steps {steps - 1}")
        self.first_epoch_seconds = self.first_step_seconds + time.monotonic() - begin

    def run(self, seconds: float, steps: int) -> list[float]:
        """Seconds of each step: as many as `steps`, and on until `seconds` have passed."""
        return self._ask(f"run {seconds} {steps}")

    def processor_seconds(self) -> float:
        """That it has used since it started."""
        fields = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_memory(self) -> int:
        """In bytes."""
        for line in pathlib.Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def close(self) -> None:
        """Ends it."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _ask(self, command: str) -> list[float]:
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise NotRun(self._last_words()) from None
        return self._answer()["seconds"]

    def _answer(self) -> dict:
        ready, _, _ = select.select([self._process.stdout], [], [], LONGEST_ANSWER)
        if not ready:
            self._process.kill()
            raise NotRun(f"no answer within {LONGEST_ANSWER} seconds")
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise NotRun(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        return lines[-1][:300] if lines else f"it ended with {self._process.poll()}"
