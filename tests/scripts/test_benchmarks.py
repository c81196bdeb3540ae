"""The programs that measure speed, tiny, on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TINY = ("--width", "32", "--blocks", "2", "--image-size", "32", "--patch", "8", "--classes", "2")
WORKS = ("plain 2", "bank 3 2", "step isolated 2", "step paper 2")


def printed(program: str, *arguments: str) -> dict[str, Any]:
    """Return the JSON object that a benchmark prints."""
    command = [sys.executable, str(BENCHMARKS / program), *arguments, *TINY]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    values: dict[str, Any] = json.loads(ran.stdout)
    return values


def test_the_program_for_cards() -> None:
    few = ("--device", "cpu", "--dtype", "float32", "--matrix", "64", "--rounds", "1")
    works = ("matrix", *WORKS, "shortlist 40 2", "step lora_head 2", "exact 8")
    found = printed("gpu.py", *few, "--works", *works)
    assert list(found["works"]) == list(works)
    assert found["left out for want of time"] == []
    assert found["works"]["bank 3 2"][": plain pass"] > 0
    assert found["works"]["step isolated 2"][": step of the paper engine"] > 0


def test_two_checkouts_in_one_run() -> None:
    found = printed("compare.py", ".", ".", "--rounds", "2", "--seconds", "0", "--works", *WORKS)
    assert list(found["works"]) == list(WORKS)
    for row in found["works"].values():
        assert 0 < row["lowest"] <= row["after : before"] <= row["highest"]
