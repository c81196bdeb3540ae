"""Two commits side by side in one run: how much longer or shorter the same pieces of work take.

    python benchmarks/compare.py main HEAD
    python benchmarks/compare.py v0.1.0 HEAD --works "plain 128" "bank 100 128" "step isolated 32" --width 768

Each commit is checked out into a folder of its own and works in a process of its own; both do the same work in turn,
`--rounds` times, so that what else the machine does falls on both. Processor seconds are compared on a CPU, seconds on
a GPU. The works are those of `benchmarks/workloads.py` of this checkout. Run by hand before a release.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve()
WORKS = (
    *("plain 1", "plain 128", "bank 8 128", "bank 100 128", "bank 1000 128", "bank 100 1"),
    *("shortlist 1000 128", "step isolated 32", "step isolated 128", "step paper 32", "step lora_head 32"),
)
SHAPE = ("width", "blocks", "image_size", "patch", "classes")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Compare, print one JSON object and return it."""
    args = parsed(arguments)
    if args.worker:
        return work(args)
    with tempfile.TemporaryDirectory() as folder:
        sides = [Side(commit, Path(folder) / str(number), args) for number, commit in enumerate(args.commits)]
        try:
            rows = {name: row(sides, name, args) for name in args.works}
        finally:
            for side in sides:
                side.close()
    ratios = {"before": args.commits[0], "after": args.commits[-1], "threads": args.threads, "works": rows}
    print(json.dumps(ratios, indent=1))
    return ratios


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commits", nargs="*", help="two commits; `.` is this checkout as it is")
    parser.add_argument("--works", nargs="+", default=list(WORKS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="the least time of one measurement")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    for name, value in (("width", 192), ("blocks", 12), ("image-size", 96), ("patch", 16), ("classes", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.worker is None and len(args.commits) != 2:
        parser.error("give two commits")
    return args


class Side:
    """One commit: its checkout, and a process in which it works."""

    def __init__(self, commit: str, folder: Path, args: argparse.Namespace) -> None:
        self.name = commit
        root = HERE.parents[1]
        source = root / "src" if commit == "." else checked_out(root, commit, folder) / "src"
        shape = [text for name in SHAPE for text in (f"--{name.replace('_', '-')}", str(getattr(args, name)))]
        same = ["--device", args.device, "--dtype", args.dtype, "--threads", str(args.threads)]
        command = [sys.executable, str(HERE), *shape, *same, "--seconds", str(args.seconds)]
        self._process = subprocess.Popen(
            [*command, "--worker", str(folder / "backbone")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": str(args.threads)},
        )

    def seconds(self, name: str) -> float:
        """Return the seconds of one piece of work."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        asked.write(name + "\n")
        asked.flush()
        line = told.readline()
        if not line:
            raise SystemExit(f"{self.name}: the process ended while it did {name!r}")
        return float(line)

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=60)


def checked_out(root: Path, commit: str, folder: Path) -> Path:
    """Write the files of a commit into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(
        ["git", "-C", str(root), "archive", commit, "src"], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def row(sides: Sequence[Side], name: str, args: argparse.Namespace) -> dict[str, float]:
    """Return the median milliseconds of each side, and the median, lowest and highest ratio of a round."""
    for side in sides:
        side.seconds(name)  # to warm up
    rounds = [[side.seconds(name) for side in sides] for _ in range(args.rounds)]
    before, after = ([one[number] for one in rounds] for number in (0, -1))
    ratios = [new / old for old, new in zip(before, after, strict=True)]
    figures = {
        "before ms": 1e3 * statistics.median(before),
        "after ms": 1e3 * statistics.median(after),
        "after : before": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
    }
    print(name, json.dumps(figures), file=sys.stderr, flush=True)
    return figures


def work(args: argparse.Namespace) -> dict[str, Any]:
    """Do what is asked on standard input until it ends: one name a line, answered by seconds."""
    import torch

    from workloads import Shape, Workloads

    torch.set_num_threads(args.threads)
    shape = Shape(**{name: getattr(args, name) for name in SHAPE})
    loads = Workloads.load(shape.write(args.worker), shape, args.device, args.dtype)
    works: dict[str, Any] = {}
    for name in map(str.strip, sys.stdin):
        if name not in works:
            works[name] = loads.work(name)
        answer(sys.stdout, seconds_of(works[name], args.seconds, args.device))
    return asdict(shape)


def seconds_of(work: Any, least: float, device: str) -> float:
    """Return the seconds of one call, from as many as take `least` seconds together."""
    import torch

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    wait()
    start, calls = clock(), 0
    while calls == 0 or clock() - start < least:
        work()
        wait()
        calls += 1
    return (clock() - start) / calls


def answer(out: IO[str], seconds: float) -> None:
    """Write one line at once."""
    out.write(f"{seconds!r}\n")
    out.flush()


if __name__ == "__main__":
    main()
