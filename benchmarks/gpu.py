"""What a card takes for a plain pass, banks, steps of learning and exact learning, in at most three minutes.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --device cpu --width 192 --image-size 96 --works "bank 100 32" "step isolated 32"

A ViT-B/16 at 224 px with random weights and images of noise, since speed doesn't depend on what either holds; pixels
are on the device, hidden states are read already. Every figure stands beside a plain pass of the same batch, the paper
engine's step of the same batch, and the rate of a matrix product in the same number format. Works are measured in turn,
`--rounds` times or until `--limit` seconds are over; what didn't fit is named. There are no CUDA graphs in preforget:
all works run as they do for users. `benchmarks/compare.py --device cuda` sets two commits side by side.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from workloads import Shape, Workloads

WORKS = (
    "matrix",
    *(f"plain {batch}" for batch in (1, 32, 128)),
    *(f"bank {classes} {batch}" for classes in (8, 100, 1000) for batch in (1, 32, 128)),
    *(f"step {learner} {batch}" for learner in ("isolated", "paper", "lora_head") for batch in (32, 128)),
    "exact 256",
)
SCORING, LEARNING = ("bank", "shortlist"), "step"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print one JSON object and return it; a line for each work on stderr as soon as it is known."""
    args = parsed(arguments)
    end = time.perf_counter() + args.limit
    shape = Shape(args.width, args.blocks, args.image_size, args.patch, args.classes, args.matrix)
    with tempfile.TemporaryDirectory() as folder:
        loads = Workloads.load(shape.write(Path(folder) / "backbone"), shape, args.device, args.dtype)
    seconds, left_out = measured(loads, args.works, args.rounds, end)
    card = torch.cuda.get_device_name() if loads.encoder.device.type == "cuda" else "CPU"
    figures = {"device": card, "torch": torch.__version__, "dtype": str(loads.encoder.dtype)}
    sizes = {"tokens": loads.encoder.tokens, "width": loads.encoder.dim, "blocks": loads.encoder.depth}
    rows = {name: beside(name, seconds, shape.matrix) for name in seconds}
    result = {**figures, **sizes, "works": rows, "left out for want of time": left_out}
    print(json.dumps(result, indent=1))
    return result


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--works", nargs="+", default=list(WORKS), help="names, see benchmarks/workloads.py")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=170, help="seconds after which nothing more is begun")
    sizes = {"width": 768, "blocks": 12, "image-size": 224, "patch": 16, "classes": 8, "matrix": 8192}
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args(arguments)


def measured(
    loads: Workloads, names: Sequence[str], rounds: int, end: float
) -> tuple[dict[str, list[float]], list[str]]:
    """Return the seconds of each work in each round, and the names of works that there was no time for."""
    works: dict[str, Callable[[], Any]] = {}
    for name in names:
        if time.perf_counter() < end:
            works[name] = loads.work(name)
            clocked(loads, works[name])  # to warm up
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            if time.perf_counter() < end:
                seconds[name].append(clocked(loads, work))
    for name, taken in seconds.items():
        print(name, taken, file=sys.stderr, flush=True)
    return {name: taken for name, taken in seconds.items() if taken}, [n for n in names if not seconds.get(n)]


def clocked(loads: Workloads, work: Callable[[], Any]) -> float:
    """Return the seconds of one call, all work of the device done."""

    def wait() -> None:
        if loads.encoder.device.type == "cuda":
            torch.cuda.synchronize()

    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def beside(name: str, seconds: dict[str, list[float]], matrix: int) -> dict[str, float]:
    """Return a work's median milliseconds and its ratios to what it is compared with, where that was measured too."""
    middle = {other: statistics.median(taken) for other, taken in seconds.items()}
    kind, batch = name.split()[0], name.split()[-1]
    row = {"ms": 1e3 * middle[name], "lowest ms": 1e3 * min(seconds[name])}
    if kind in SCORING and f"plain {batch}" in middle:
        row[": plain pass"] = middle[name] / middle[f"plain {batch}"]
    if kind == LEARNING and f"step paper {batch}" in middle:
        row[": step of the paper engine"] = middle[name] / middle[f"step paper {batch}"]
    if name == "matrix":
        row["TFLOP/s"] = 2 * matrix**3 / middle[name] / 1e12
    elif "matrix" in middle:
        row["TFLOP that the matrix product makes meanwhile"] = (
            2 * matrix**3 / 1e12 * middle[name] / middle["matrix"]
        )
    return row


if __name__ == "__main__":
    main()
