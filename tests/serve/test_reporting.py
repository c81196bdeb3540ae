from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from preforget.serve.reporting import UNKNOWN, end_with, main
from preforget.serve.reports import AUDIT, CANNOT_BE_OPENED, EVALUATION, NAMES, OTHER_DATA, PAGE, RESULT

from ..forked import Forked
from .conftest import NAMES as CLASSES
from .conftest import ROWS


def request(monkeypatch: pytest.MonkeyPatch, **values: object) -> int:
    text = io.TextIOWrapper(io.BytesIO(json.dumps(values).encode()))
    monkeypatch.setattr(sys, "stdin", text)
    return main()


def test_an_evaluation_names_what_the_model_knows_and_nobody_else(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.repeat(["Ada", "Grace", "Zenobia"], 20)
    arrays = {f"{part}_X": ROWS + shift for shift, part in enumerate(("train", "val", "test"))}
    arrays |= {f"{part}_y": labels for part in ("train", "val", "test")}
    np.savez(tmp_path / "data.npz", **arrays)
    told = {"kind": EVALUATION, "model": str(model), "data": str(tmp_path / "data.npz"), "out": str(tmp_path)}
    assert request(monkeypatch, **told, options={"device": "cpu"}) == 0
    assert json.loads((tmp_path / NAMES).read_text()) == ["Ada", "Grace", "Mary"]
    assert json.loads((tmp_path / RESULT).read_text())["inputs"] == 60
    page = (tmp_path / PAGE).read_text()
    assert "Zenobia" not in page
    assert UNKNOWN in page


def test_data_that_there_arent(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"kind": EVALUATION, "model": str(model), "data": str(tmp_path / "none.npz"), "out": str(tmp_path)}
    assert request(monkeypatch, **told, options={"device": "cpu"}) == OTHER_DATA


def test_a_model_that_cant_be_audited(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {f"{part}_X": ROWS + shift for shift, part in enumerate(("train", "val", "test"))}
    arrays |= {f"{part}_y": np.repeat(CLASSES, 20) for part in ("train", "val", "test")}
    np.savez(tmp_path / "data.npz", **arrays)
    told: dict[str, object] = {
        "kind": AUDIT,
        "model": str(model),
        "data": str(tmp_path / "data.npz"),
        "out": str(tmp_path),
    }
    told |= {"forget": ["Grace"], "suite": "quick"}
    assert request(monkeypatch, **told, options={"device": "cpu"}) == CANNOT_BE_OPENED


def test_it_ends_as_soon_as_the_service_does() -> None:
    read, write = os.pipe()

    def work() -> None:
        os.close(write)
        end_with(read)
        threading.Event().wait(60)

    child = Forked(work)
    os.close(read)
    assert child.poll() is None
    os.close(write)
    assert child.wait() == -signal.SIGKILL
    child.said()
