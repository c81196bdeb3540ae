"""Models to serve and services to ask, for the measurements of the service; nothing leaves this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import preforget as pf
from preforget.serve.tokens import Tokens

CLASSES, WIDTH, EACH = 30, 16, 40
"""Of the model of rows of numbers: classes, numbers in a row, rows of each class."""


def rows_of(number: int, count: int, seed: int = 0) -> np.ndarray:
    """Return rows of one class."""
    centre = np.random.default_rng(1000 + number).normal(size=WIDTH) * 6
    noise = np.random.default_rng([seed, number]).normal(size=(count, WIDTH))
    return np.asarray(centre + noise, dtype=np.float32)


def name_of(number: int) -> str:
    """Return a name that can't stand in an answer by chance."""
    return f"Person-{number:03}-Qx"


def make_model(path: Path) -> None:
    """Learn and save a model of rows of numbers."""
    X = np.concatenate([rows_of(n, EACH) for n in range(CLASSES)])
    y = np.repeat([name_of(n) for n in range(CLASSES)], EACH)
    pf.PreForgettableClassifier("features", "exact", device="cpu").fit(X, y).save_pretrained(path)


class Running:
    """`preforget serve` in a process of its own, on one port, with the tokens of one file."""

    def __init__(self, models: list[Path], folder: Path, port: int, *options: str) -> None:
        self.models, self.folder, self.port, self.options = models, folder, port, options
        self.url = f"http://127.0.0.1:{port}"
        tokens = Tokens()
        tokens.path = folder / "tokens.json"
        self.officer, self.predictor = tokens.add("officer"), tokens.add("predictor")
        self.log = (folder / "serve.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it and wait until it is ready; raises `RuntimeError` if it ends instead."""
        command = [
            sys.executable,
            "-c",
            "from preforget.cli.main import main; raise SystemExit(main())",
            "serve",
        ]
        command += [
            *map(str, self.models),
            "--port",
            str(self.port),
            "--tokens",
            str(self.folder / "tokens.json"),
        ]
        self.process = subprocess.Popen(
            [*command, *self.options], stdout=self.log, stderr=self.log, env=os.environ.copy()
        )
        self.starts += 1
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended by itself; see {self.log.name}")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        """Tell whether it answers."""
        import requests

        try:
            return requests.get(f"{self.url}/v2/health/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """Kill it without a warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Let it drain, and return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=120)

    def resident(self) -> float:
        """Return MiB of its memory."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """Return the seconds of processor time that it has taken."""
        assert self.process is not None
        fields: list[Any] = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
