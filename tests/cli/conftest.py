"""Real folders of small images, a model learned once on a tiny transformer, and `main` as the terminal sees it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preforget.cli.main import main
from preforget.store import ModelFolder

from ..rights import bound_by_rights

COLOURS = {"cat": (220, 40, 40), "dog": (40, 220, 40), "owl": (40, 40, 220)}
LEARN = ("--epochs", "20", "--batch-size", "8", "--device", "cpu", "--dtype", "float32")


@dataclass(frozen=True)
class Done:
    """What one command gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        return value


Terminal = Callable[..., Done]
Keyboard = Callable[[str], None]


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Run one command in this process: `terminal("classes", model, "--json").json`."""

    def run(*args: object) -> Done:
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        return Done(code, *capsys.readouterr())

    return run


def write_images(root: Path, counts: dict[str, int]) -> Path:
    """Write noisy images, the class's colour each: `{"cat": 3}` is three images in `root/cat`."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        rng = np.random.default_rng(len(name) + ord(name[0]))
        for number in range(count):
            noise = rng.normal(0, 30, (8, 8, 3)) + COLOURS.get(name, (128, 128, 128))
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(root / name / f"{number:02}.png")
    return root


@pytest.fixture(scope="session")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 20 images, easy to tell apart."""
    return write_images(tmp_path_factory.mktemp("data") / "pets", dict.fromkeys(COLOURS, 20))


@pytest.fixture(scope="session")
def learned(pets: Path, tiny_vit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `pets`, learned once by the command; don't change it."""
    model = tmp_path_factory.mktemp("learned") / "model"
    assert main(["learn", str(pets), "--out", str(model), "--backbone", str(tiny_vit), *LEARN]) == 0
    return model


@pytest.fixture
def model(learned: Path, tmp_path: Path) -> Path:
    """A copy of the learned model that a test may change."""
    return Path(shutil.copytree(learned, tmp_path / "model"))


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    """Call it with what a person types: standard input is a real terminal from then on."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as stdin:

        def typed(text: str) -> None:
            monkeypatch.setattr("sys.stdin", stdin)
            os.write(master, text.encode())

        yield typed
    os.close(master)


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """Let every write beyond so many bytes into a file fail, as on a full disk; the kernel does it."""

    @contextlib.contextmanager
    def limit(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Take the right to write from a folder until the test ends, from root too."""
    changed: list[Path] = []

    def protect(folder: Path) -> None:
        folder.chmod(0o555)
        changed.append(folder)

    with bound_by_rights():
        yield protect
    for folder in changed:
        folder.chmod(0o755)


def with_manifest(model: Path, **changes: Any) -> None:
    """Give a model another manifest, with its ledger, as if it had been made so."""
    ModelFolder.open(model).commit("copy", {}, **changes)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def files_in() -> Callable[[Path], dict[str, bytes]]:
    return contents


@pytest.fixture
def make_images() -> Callable[[Path, dict[str, int]], Path]:
    return write_images
