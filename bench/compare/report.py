"""From measured seconds to the table: plain arithmetic, and Markdown."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Turn:
    """What one side did in one round."""

    seconds: list[float]  # of each step
    others: float = 0.0  # processors that other processes took meanwhile


def summary_of(name: str, batch: int, turns: list[Turn], operations: float, peak: float) -> dict:
    """Figures of one side; `operations` are those of an image, `peak` the machine's in a second."""
    steps = [seconds for turn in turns for seconds in turn.seconds]
    best, median = batch / min(steps), batch / statistics.median(steps)
    return {
        "side": name,
        "best": best,
        "median": median,
        "peak_share": best * operations / peak,
        "others": statistics.mean(turn.others for turn in turns),
        "rounds": [{"best": batch / min(turn.seconds), "median": batch / statistics.median(turn.seconds),
                    "steps": len(turn.seconds), "others": turn.others} for turn in turns],
    }


def add_ratios(sides: list[dict], own: str = "fovea") -> None:
    """How many times faster `own` is than each other side that ran: by the best step and by the median one."""
    ours = next((side for side in sides if side["side"] == own and "not_run" not in side), None)
    for side in sides:
        if ours is not None and side is not ours and "not_run" not in side:
            side["ratio_best"] = ours["best"] / side["best"]
            side["ratio_median"] = ours["median"] / side["median"]


def best_peer(sides: list[dict], own: str = "fovea") -> dict | None:
    peers = [side for side in sides if side["side"] != own and "not_run" not in side]
    return max(peers, key=lambda side: side["best"], default=None)


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def speed(value: float) -> str:
    return number(value, 0 if value >= 1000 else 1 if value >= 30 else 2)


def table(row: dict) -> str:
    """Markdown of one row: a line a side, what the best peer is, how to repeat it."""
    epochs = any(side.get("first_epoch_seconds") for side in row["sides"])
    head = ["", "images/s, best", "median", "fovea is faster, best", "median", "of the peak", "MB", "first step, s", "others"]
    head += ["first epoch, s"] if epochs else []
    lines = [f"### {row['row']}: {row['title']}", "", "| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for side in row["sides"]:
        if "not_run" in side:
            lines.append(f"| {side['side']} | not run: {side['not_run'].replace('|', '/')}" + " |" * (len(head) - 1))
            continue
        cells = [side["side"], speed(side["best"]), speed(side["median"])]
        cells += [f"{side[key]:.2f}x" if key in side else "" for key in ("ratio_best", "ratio_median")]
        cells += [f"{100 * side['peak_share']:.0f} %", number(side["peak_memory_mb"], 0),
                  number(side["first_step_seconds"], 2), f"{side['others']:.2f}"]
        cells += [number(side.get("first_epoch_seconds"), 1)] if epochs else []
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    peer = best_peer(row["sides"])
    if peer is not None and "ratio_best" in peer:
        lines.append(f"fovea against the best peer, {peer['side']}: {peer['ratio_best']:.2f}x at the best step, "
                     f"{peer['ratio_median']:.2f}x at the median.  ")
    lines += [f"FMA peak in this run: {row['peak_gflops']:.0f} GFLOP/s.  ", f"repeat: {row['repeat']}", ""]
    return "\n".join(lines)


def head(run: dict) -> str:
    """Markdown above the tables: where and what."""
    limit = f", no instruction set above {run['isa']}" if run["isa"] else ""
    return "\n".join([
        "# fovea beside its peers", "",
        f"{run['machine']}; {run['threads']} threads a side{limit}; {run['rounds']} rounds of at least "
        f"{run['seconds']} s, the sides in turn; load {run['load']} before.", "",
        "Best and median are over the steps of all rounds. The share of the peak counts the operations of direct",
        "convolution at the best step. First step and first epoch count from the start of the process. Others: processors",
        "that other processes took during a side's turns; above 0.1, compare again on a quiet machine.", ""])
